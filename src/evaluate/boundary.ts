import type { Size } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { forEachColumnStretch, mergeRles, type Rle, rleArea, rleIou, runCollector } from '../postprocess/rle.ts';
import type { MasksOfImage } from './coco_parameters.ts';
import { maskIou } from './coco_similarity.ts';

/**
 * Boundary IoU of masks (arXiv 2103.16562). The boundary is the mask without its erosion by a square; the outside of the
 * image counts as background.
 */

/**
 * Returns how wide boundaries are, in pixels: `ratio` of the image's diagonal, rounded (halves to the even number), at
 * least 1.
 *
 * @throws ConfigError if the ratio is not between 0 and 1
 */
export function boundaryWidth({ height, width }: Size, ratio: number): number {
  if (!(ratio > 0 && ratio <= 1)) {
    throw new ConfigError(`boundary IoU: the ratio of the diagonal must be more than 0 and at most 1, got ${ratio}.`);
  }
  return Math.max(1, roundHalfToEven(ratio * Math.sqrt(height ** 2 + width ** 2)));
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Returns the pixels of a mask that are at most `width` pixels from its outside, diagonals included. Works on runs: the
 * time goes with the pixels that are set.
 */
export function boundaryOf(mask: Rle, width: number): Rle {
  return mergeRles([mask, erosionOf(mask, width)], 'difference');
}

/**
 * Erodes by a square of side 2 `d` + 1. A row of column x stays if 2 `d` + 1 columns around it have it in a stretch that
 * goes on `d` rows further up and down.
 */
function erosionOf(mask: Rle, d: number): Rle {
  const { height } = mask;
  const runs = runCollector(mask);
  // since which column each row has been set without a gap, and up to which
  const since = new Int32Array(height);
  const until = new Int32Array(height).fill(-2);
  forEachColumnStretch(joined(mask), (x, top, bottom) => {
    const [from, to] = [top + d, bottom - d];
    for (let y = from; y < to; y++) {
      if (until[y] !== x - 1) since[y] = x;
      until[y] = x;
    }
    const column = x - d;
    if (column < d) return;
    let start = -1;
    for (let y = from; y <= to; y++) {
      const inside = y < to && x - since[y]! >= 2 * d;
      if (inside && start < 0) start = y;
      if (!inside && start >= 0) {
        runs.add(column * height + start, column * height + y);
        start = -1;
      }
    }
  });
  return runs.finish();
}

/** Joins stretches with a run of zero pixels between them, which are legal and would be eroded apart. */
const joined = (mask: Rle): Rle => (mask.counts.indexOf(0, 1) < 0 ? mask : mergeRles([mask, mask], 'union'));

/** The boundaries of two masks, counted. */
export interface BoundaryIou {
  readonly intersection: number;
  readonly union: number;
  /** NaN if neither mask has a boundary. */
  readonly iou: number;
}

/**
 * Compares the boundaries of two masks of one image.
 *
 * @param ratio width of the boundary as a share of the diagonal. Default 0.02
 * @throws ShapeError for masks of different sizes, ConfigError for a ratio that is not between 0 and 1
 */
export function boundaryIou(a: Rle, b: Rle, ratio = 0.02): BoundaryIou {
  const width = boundaryWidth(a, ratio);
  const [first, second] = [boundaryOf(a, width), boundaryOf(b, width)];
  const intersection = rleArea(mergeRles([first, second], 'intersection'));
  const union = rleArea(first) + rleArea(second) - intersection;
  return { intersection, union, iou: intersection / union };
}

/**
 * Returns the similarity of masks for `evaluateCoco` (`maskSimilarity`) that makes AP boundary AP: the smaller of IoU and
 * boundary IoU; for crowds IoU alone.
 *
 * @param ratio width of the boundary as a share of the diagonal. Default 0.02
 * @throws ConfigError for a ratio that is not between 0 and 1
 */
export function boundarySimilarity(ratio = 0.02): (masks: MasksOfImage) => Float64Array {
  boundaryWidth({ height: 1, width: 1 }, ratio); // refuses a wrong ratio before the first image
  return (masks) => {
    const similarity = maskIou(masks);
    const detection = lazyBoundaries(masks.detections, ratio);
    const truth = lazyBoundaries(masks.truths, ratio);
    const columns = masks.truths.length;
    for (const [at, overlap] of similarity.entries()) {
      const [i, j] = [Math.floor(at / columns), at % columns];
      if (overlap <= 0 || masks.crowd[j]) continue;
      const [boundary] = rleIou([detection(i)], [truth(j)], [false]);
      similarity[at] = Math.min(overlap, boundary!);
    }
    return similarity;
  };
}

/** Most pairs do not overlap, so that many boundaries are never needed. */
function lazyBoundaries(masks: readonly Rle[], ratio: number): (i: number) => Rle {
  const made: (Rle | undefined)[] = [];
  return (i) => {
    const mask = masks[i]!;
    made[i] ??= boundaryOf(mask, boundaryWidth(mask, ratio));
    return made[i];
  };
}
