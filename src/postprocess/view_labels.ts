import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Sliced } from '../slices.ts';
import { sigmoid } from './scores.ts';
import type { Rows } from './segmentation.ts';

/**
 * The class of each pixel from several views of an image (test-time augmentation), as mmseg 0.x's `EncoderDecoder.aug_test`: the logits of
 * each view are resized to the original image, their softmax (of one channel the sigmoid) is mirrored back, and the mean over the views
 * decides.
 */

/** What one view says of the original image. */
export interface LabelView {
  /** The view shows the image mirrored from left to right, and so do its labels and rows. */
  readonly flipped: boolean;
  /** Returns the classes that this view alone gives, height × width of the original image. */
  labels(): Sliced<Uint8Array | Uint16Array>;
  /** Returns the logits of which these are the highest. */
  rows(): Rows;
}

/** A probability below e^-25 of the highest changes no mean that float32 could tell apart. */
const negligible = -25;

/** How many values are computed in a slice: a few milliseconds. */
const valuesPerSlice = 500_000;

/**
 * Returns the class of each pixel: the highest mean probability, of equal ones the lowest class. Where all views agree on a class, it is the
 * mean's as well, so only the other pixels need probabilities. No map of probabilities is ever whole.
 *
 * @param size of the original image
 * @param threshold the logits have one channel: a pixel has class 1 if the mean of the sigmoids is greater than this, else class 0
 * @throws ShapeError without a view
 */
export function* meanLabels(
  views: readonly LabelView[],
  { height, width }: Size,
  threshold?: number,
): Sliced<Uint8Array | Uint16Array> {
  const [first, ...others] = views;
  if (!first) throw new ShapeError('segmentation: a mean needs at least one view, got none.');
  const labels = yield* upright(first, width);
  const open = new Uint8Array(height * width);
  for (const view of others) {
    const more = yield* upright(view, width);
    for (let i = 0; i < open.length; i++) if (more[i] !== labels[i]) open[i] = 1;
    yield;
  }
  const sources = views.map((view) => ({ rows: view.rows(), flipped: view.flipped }));
  const classes = sources[0]?.rows.classes ?? 1;
  const sums = new Float64Array(classes * width);
  const columns = new Int32Array(width);
  let done = 0;
  for (let y = 0; y < height; y++) {
    const at = y * width;
    let count = 0;
    for (let x = 0; x < width; x++) if (open[at + x] === 1) columns[count++] = x;
    if (count === 0) continue;
    sums.fill(0, 0, classes * count);
    for (const { rows, flipped } of sources) {
      const values = rows.row(y);
      for (let k = 0; k < count; k++) {
        const x = flipped ? width - 1 - columns[k]! : columns[k]!;
        if (threshold !== undefined) sums[k]! += sigmoid(values[x]!);
        else addSoftmax(values, x, width, classes, sums, k * classes);
      }
    }
    for (let k = 0; k < count; k++) {
      const label =
        threshold === undefined ? highestOf(sums, k * classes, classes) : Number(sums[k]! / views.length > threshold);
      labels[at + columns[k]!] = label;
    }
    done += sources.length * classes * width;
    if (done < valuesPerSlice) continue;
    done = 0;
    yield;
  }
  return labels;
}

/** Returns a view's labels as the original image shows them. */
function* upright(view: LabelView, width: number): Sliced<Uint8Array | Uint16Array> {
  const labels = yield* view.labels();
  if (!view.flipped) return labels;
  for (let start = 0; start < labels.length; start += width) labels.subarray(start, start + width).reverse();
  return labels;
}

/** Adds the softmax of one pixel to `sums[from … from + classes - 1]`. Its logits are `stride` apart. */
function addSoftmax(
  values: Float32Array,
  x: number,
  stride: number,
  classes: number,
  sums: Float64Array,
  from: number,
): void {
  let highest = -Infinity;
  for (let c = 0, i = x; c < classes; c++, i += stride) if (values[i]! > highest) highest = values[i]!;
  let total = 0;
  for (let c = 0, i = x; c < classes; c++, i += stride) {
    const below = values[i]! - highest;
    if (below > negligible) total += Math.exp(below);
  }
  for (let c = 0, i = x; c < classes; c++, i += stride) {
    const below = values[i]! - highest;
    if (below > negligible) sums[from + c]! += Math.exp(below) / total;
  }
}

/** Returns the index of the highest of some values, the lowest of equal ones. */
function highestOf(values: Float64Array, from: number, count: number): number {
  let best = 0;
  for (let c = 1; c < count; c++) if (values[from + c]! > values[from + best]!) best = c;
  return best;
}
