import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { CompactMask, Rle } from './detections.ts';
import { sigmoid } from './proposals.ts';
import { forEachColumnStretch, rleArea, rleBoxXywh, runCollector } from './rle.ts';

/** Readings of a mask that is kept as crop and runs, and the way there from a mask of the whole image. */

/** The crop around what is set; an empty mask has an empty crop. */
export function compactMask(rle: Rle): CompactMask {
  const [left, top, width, height] = rleBoxXywh(rle);
  const runs = runCollector({ height, width });
  forEachColumnStretch(rle, (x, from, to) => {
    runs.add((x - left) * height + from - top, (x - left) * height + to - top);
  });
  return { imageSize: { height: rle.height, width: rle.width }, left, top, rle: runs.finish() };
}

/** The mask as runs over the whole image, as COCO wants it. */
export function fullRle({ imageSize, left, top, rle }: CompactMask): Rle {
  const runs = runCollector(imageSize);
  forEachColumnStretch(rle, (x, from, to) => {
    const column = (left + x) * imageSize.height + top;
    runs.add(column + from, column + to);
  });
  return runs.finish();
}

/** The mask over the whole image: height × width values, 0 or 1. */
export function maskBitmap({ imageSize, left, top, rle }: CompactMask): Uint8Array {
  const bitmap = new Uint8Array(imageSize.height * imageSize.width);
  forEachColumnStretch(rle, (x, from, to) => {
    for (let y = from; y < to; y++) bitmap[(top + y) * imageSize.width + left + x] = 1;
  });
  return bitmap;
}

/** How many pixels are set. */
export function maskArea({ rle }: CompactMask): number {
  return rleArea(rle);
}

/** The smallest box around what is set, x1, y1, x2, y2; all 0 for an empty mask. */
export function maskBox({ left, top, rle }: CompactMask): [x1: number, y1: number, x2: number, y2: number] {
  const [x, y, width, height] = rleBoxXywh(rle);
  return width === 0 ? [0, 0, 0, 0] : [left + x, top + y, left + x + width, top + y + height];
}

/** The mask with nothing set. */
export function emptyMask(imageSize: Size): CompactMask {
  return { imageSize, left: 0, top: 0, rle: { height: 0, width: 0, counts: new Uint32Array(0) } };
}

/**
 * Pasting a mask head's small maps into the image, as mmdet does on the CPU: column by column, never a dense map of the
 * image.
 */

/** A map of probabilities, row by row. */
export interface ProbabilityMap extends Size {
  readonly data: ArrayLike<number>;
}

/**
 * The masks of n detections.
 *
 * @param logits n × classes × height × width, or n × 1 × … of a class-agnostic head; several such arrays (Cascade's
 *   stages) are averaged after the sigmoid
 * @param boxes n × xyxy in the image's pixels, fractional
 * @param threshold set is where the pasted probability is at least this
 * @throws ShapeError where the arrays do not fit together
 */
export function pasteMasks(
  logits: NDArray | readonly NDArray[],
  boxes: Float32Array,
  labels: Int32Array,
  imageSize: Size,
  threshold: number,
): CompactMask[] {
  const stages = 'shape' in logits ? [logits] : logits;
  return Array.from(labels, (label, i) =>
    pasteMask(meanProbabilities(stages, i, label), boxes.subarray(4 * i, 4 * i + 4), imageSize, threshold),
  );
}

/** Detection `i`'s map of its own class: the mean of the stages' sigmoids. */
function meanProbabilities(stages: readonly NDArray[], i: number, label: number): ProbabilityMap {
  const [, classes = 0, height = 0, width = 0] = stages[0]!.shape;
  const cells = height * width;
  const channel = classes === 1 ? 0 : label;
  if (stages.some(({ shape }) => i >= shape[0]! || channel >= shape[1]! || shape[2] !== height || shape[3] !== width)) {
    throw new ShapeError(
      `mask head: detection ${i} of class ${label} has no map in logits ` +
        `${stages.map(({ shape }) => shape.join('×')).join(', ')}.`,
    );
  }
  const data = new Float64Array(cells);
  for (const { data: values, shape } of stages) {
    const plane = (i * shape[1]! + channel) * cells;
    for (let cell = 0; cell < cells; cell++) data[cell]! += sigmoid(values[plane + cell]!) / stages.length;
  }
  return { height, width, data };
}

/** One mask, cut to what is set. `box` is x1, y1, x2, y2 in the image's pixels. */
export function pasteMask(
  map: ProbabilityMap,
  box: ArrayLike<number>,
  imageSize: Size,
  threshold: number,
): CompactMask {
  const stretches: number[] = []; // x, from, to
  let [top, bottom] = [imageSize.height, 0];
  forEachPastedColumn(map, box, imageSize, (x, first, values) => {
    for (let i = 0; i < values.length; ) {
      while (i < values.length && !(values[i]! >= threshold)) i++;
      const from = i;
      while (i < values.length && values[i]! >= threshold) i++;
      if (i === from) continue;
      stretches.push(x, first + from, first + i);
      top = Math.min(top, first + from);
      bottom = Math.max(bottom, first + i);
    }
  });
  if (stretches.length === 0) return emptyMask(imageSize);
  const left = stretches[0]!;
  const height = bottom - top;
  const runs = runCollector({ height, width: stretches.at(-3)! - left + 1 });
  for (let i = 0; i < stretches.length; i += 3) {
    const column = (stretches[i]! - left) * height - top;
    runs.add(column + stretches[i + 1]!, column + stretches[i + 2]!);
  }
  return { imageSize, left, top, rle: runs.finish() };
}

/**
 * The pasted probabilities, column by column from left to right: `visit(x, top, values)` gets those of rows `top` and
 * below (a buffer that is used again). Columns and rows further than a pixel from the box are left out: the reference
 * does not look there either.
 */
export function forEachPastedColumn(
  map: ProbabilityMap,
  box: ArrayLike<number>,
  imageSize: Size,
  visit: (x: number, top: number, values: Float64Array) => void,
): void {
  const columns = samplesOf(box[0]!, box[2]!, map.width, imageSize.width);
  const rows = samplesOf(box[1]!, box[3]!, map.height, imageSize.height);
  const values = new Float64Array(rows.low.length);
  // one zero before the first row and one after the last: what is outside of the map counts 0
  const column = new Float64Array(map.height + 2);
  for (let i = 0; i < columns.low.length; i++) {
    const low = columns.low[i]!;
    const high = columns.high[i]!;
    for (let y = 0; y < map.height; y++) {
      const row = y * map.width;
      // the map's own column -1 and column `width` are outside, too
      const a = low >= 0 ? map.data[row + low]! : 0;
      const b = low + 1 < map.width ? map.data[row + low + 1]! : 0;
      column[y + 1] = a * (1 - high) + b * high;
    }
    for (let y = 0; y < values.length; y++) {
      const at = rows.low[y]! + 1;
      const share = rows.high[y]!;
      values[y] = column[at]! * (1 - share) + column[at + 1]! * share;
    }
    visit(columns.first + i, rows.first, values);
  }
}

/**
 * Where the pixel centres of one axis lie on the map's `cells`: between cell `low` and the next, `high` is the next
 * one's share. Rounded to float32 after each step as the reference is: positions carry its rounding errors, which steep
 * edges of a map make visible in the sixth decimal.
 */
function samplesOf(from: number, to: number, cells: number, extent: number) {
  const first = Math.max(Math.floor(from) - 1, 0);
  const count = Math.max(Math.min(Math.ceil(to) + 1, extent) - first, 0);
  const low = new Int32Array(count);
  const high = new Float64Array(count);
  const { fround } = Math;
  const boxExtent = fround(to - from);
  for (let i = 0; i < count; i++) {
    let grid = fround(fround(fround(fround(first + i + 0.5 - from) / boxExtent) * 2) - 1);
    // a box without extent divides by zero; the reference then takes the middle of the map
    if (Math.abs(grid) === Infinity) grid = 0;
    const position = fround(fround(fround(grid + 1) * (cells / 2)) - 0.5);
    // from a whole cell outside on all is 0; beyond that the distance does not matter
    const clamped = Math.min(Math.max(position, -1), cells);
    low[i] = Math.min(Math.floor(clamped), cells - 1);
    high[i] = clamped - low[i]!;
  }
  return { first, low, high };
}
