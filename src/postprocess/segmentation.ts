import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { bilinearSamples, type Samples } from './bilinear.ts';
import { decisionOf, highestClasses } from './highest_class.ts';
import { checkFinite } from './scores.ts';

/**
 * From a segmentation head's logits to the class of each pixel, part by part: at the size of a large image the logits of 150
 * classes would take gigabytes, so no resized map is ever whole.
 */

/** How many values are read in a slice: a few milliseconds. */
const valuesPerSlice = 1 << 20;

/** Class indices of every pixel, row by row. Bytes up to 256 classes. */
type Labels = Uint8Array | Uint16Array;

/** A resize of the logits, and what of its result goes on. */
export interface ResizeStep {
  readonly size: Size;
  /** The part, from the upper left corner, that goes on: what of a padded image shows the image. By default all. */
  readonly crop?: Size | undefined;
}

/** How logits are resized before each pixel takes its highest class. */
export interface LabelOptions {
  /** The resizes that the reference does one after another: to the network's input, then to the original. */
  readonly steps: readonly ResizeStep[];
  readonly alignCorners: boolean;
  /** The logits have one channel: a pixel has class 1 if the sigmoid of its resized logit is greater than this, else class 0. */
  readonly threshold?: number | undefined;
}

/**
 * Returns the class of each pixel at the size of the last step: the highest of its bilinearly resized logits (PyTorch's
 * `interpolate`, float32 between the steps); of equal ones the lowest class.
 *
 * @param logits N × classes × height × width
 * @returns height × width of the last step; bytes up to 256 classes
 * @throws ShapeError without a step, or if a crop is larger than what it is cut from
 */
export const labelsFrom = (logits: NDArray, options: LabelOptions, image = 0): Labels =>
  atOnce(labelSlices(logits, options, image));

/** Does what `labelsFrom` does in slices. */
export function* labelSlices(
  logits: NDArray,
  { steps, alignCorners, threshold }: LabelOptions,
  image = 0,
): Sliced<Labels> {
  if (steps.length === 0)
    throw new ShapeError('segmentation: at least one size is needed to resize the logits to, got none.');
  checkCrops(steps);
  const largest = yield* largestOf(logits, image);
  const { classes, map, data } = imageOf(logits, image);
  const source = { top: 0, left: 0, ...map, data, map, steps: [] };
  return yield* highestClasses(source, decisionOf(classes, threshold), steps.map(cropped), alignCorners, largest);
}

export const cropped = ({ size, crop = size }: ResizeStep) => ({ size, crop });

/** Returns the largest magnitude of one image's logits. @throws RangeError for one that is not finite */
export function* largestOf(logits: NDArray, image: number): Sliced<number> {
  const { data } = imageOf(logits, image);
  let largest = 0;
  for (let start = 0; start < data.length; start += valuesPerSlice) {
    const end = Math.min(start + valuesPerSlice, data.length);
    const one = largestIn(data, start, end);
    if (!(one < Infinity)) checkFinite('segmentation', `logits of image ${image}`, data); // throws: it names the value
    largest = Math.max(largest, one);
    yield;
  }
  return largest;
}

/** The largest magnitude of some values, or NaN if any is not finite. A function of its own: loops in generators run slower. */
function largestIn(data: Float32Array, start: number, end: number): number {
  let least = 0;
  let most = 0;
  let i = start;
  // four at a time: a sum of one after another would wait for each addition
  let sum = 0;
  for (; i + 3 < end; i += 4) {
    const a = data[i]!;
    const b = data[i + 1]!;
    const c = data[i + 2]!;
    const d = data[i + 3]!;
    sum += (a + b + c + d) * 0;
    if (a > most) most = a;
    if (b > most) most = b;
    if (c > most) most = c;
    if (d > most) most = d;
    if (a < least) least = a;
    if (b < least) least = b;
    if (c < least) least = c;
    if (d < least) least = d;
  }
  for (; i < end; i++) {
    sum += data[i]! * 0;
    most = Math.max(most, data[i]!);
    least = Math.min(least, data[i]!);
  }
  return Math.max(most, -least) + sum;
}

/** One image of a map N × classes × height × width. */
export function imageOf({ shape, data }: NDArray, image: number) {
  const [, classes = 0, height = 0, width = 0] = shape;
  const size = classes * height * width;
  return { classes, map: { height, width }, data: data.subarray(image * size, (image + 1) * size) };
}

/**
 * Returns the resized logits themselves, for a map small enough to be whole: classes × height × width of the last step,
 * from which `labelsFrom` takes the highest.
 *
 * @throws ShapeError if a crop is larger than what it is cut from
 */
export function resizedLogits(logits: NDArray, { steps, alignCorners }: LabelOptions, image = 0): NDArray {
  checkCrops(steps);
  const { classes, height, width, row } = resizedSteps(rowsOfMap(logits, image), steps, alignCorners);
  const data = new Float32Array(classes * height * width);
  for (let y = 0; y < height; y++) {
    const values = row(y);
    for (let c = 0; c < classes; c++) {
      data.set(values.subarray(c * width, (c + 1) * width), (c * height + y) * width);
    }
  }
  return { shape: [classes, height, width], data };
}

function checkCrops(steps: readonly ResizeStep[]) {
  for (const { size, crop = size } of steps) {
    if (crop.height > size.height || crop.width > size.width) {
      throw new ShapeError(
        `segmentation: cannot cut ${crop.height}×${crop.width} out of logits resized to ${size.height}×${size.width}.`,
      );
    }
  }
}

/** A map of logits that is computed row by row. */
export interface Rows extends Size {
  readonly classes: number;
  /** All classes' values of one row, `classes` × `width`; valid until the next call. Rows are asked for in ascending order; some may be left out. */
  row(y: number): Float32Array;
}

/** One image of a map N × classes × height × width. */
export function rowsOfMap(logits: NDArray, image: number): Rows {
  const { classes, map, data } = imageOf(logits, image);
  const { height, width } = map;
  const values = new Float32Array(classes * width);
  return {
    classes,
    height,
    width,
    row(y) {
      for (let c = 0; c < classes; c++) {
        const start = (c * height + y) * width;
        values.set(data.subarray(start, start + width), c * width);
      }
      return values;
    },
  };
}

export function resizedSteps(source: Rows, steps: readonly ResizeStep[], alignCorners: boolean): Rows {
  return steps.reduce((rows, step) => resizedRows(rows, step, alignCorners), source);
}

function resizedRows(source: Rows, step: ResizeStep, alignCorners: boolean): Rows {
  const { classes } = source;
  const { height, width } = step.crop ?? step.size;
  const between = rowsBetween(source, step, alignCorners);
  const values = new Float32Array(classes * width);
  return {
    classes,
    height,
    width,
    row(y) {
      const { upper, lower, share } = between(y);
      for (let i = 0; i < values.length; i++) values[i] = upper[i]! * (1 - share) + lower[i]! * share;
      return values;
    },
  };
}

/**
 * Returns, for a row of the resized map, the two rows of the source that it lies between, already stretched to the new
 * width. Each source row is read and stretched once: rows come in ascending order, so two are remembered.
 */
function rowsBetween(source: Rows, { size, crop = size }: ResizeStep, alignCorners: boolean) {
  const vertical = bilinearSamples(source.height, size.height, alignCorners);
  const horizontal = bilinearSamples(source.width, size.width, alignCorners);
  const slot = () => ({ y: -1, values: new Float32Array(source.classes * crop.width) });
  const [even, odd] = [slot(), slot()];
  const stretched = (y: number): Float32Array => {
    const remembered = y % 2 === 0 ? even : odd;
    if (remembered.y !== y) {
      stretchRow(source.row(y), source.width, remembered.values, crop.width, horizontal);
      remembered.y = y;
    }
    return remembered.values;
  };
  return (y: number) => {
    const low = vertical.low[y]!;
    const share = vertical.share[y]!;
    const upper = stretched(low);
    return { upper, lower: share > 0 ? stretched(low + 1) : upper, share };
  };
}

function stretchRow(from: Float32Array, fromWidth: number, to: Float32Array, toWidth: number, samples: Samples): void {
  for (let start = 0, at = 0; at < to.length; start += fromWidth, at += toWidth) {
    for (let x = 0; x < toWidth; x++) {
      const low = start + samples.low[x]!;
      const share = samples.share[x]!;
      const a = from[low]!;
      // at the last pixel the share is 0 and the next value does not matter
      to[at + x] = share > 0 ? a + (from[low + 1]! - a) * share : a;
    }
  }
}

/** Returns the resized logits of one image row by row, for a map that is too large to be whole. @throws as `labelsFrom` */
export function resizedLogitRows(logits: NDArray, { steps, alignCorners }: LabelOptions, image = 0): Rows {
  checkCrops(steps);
  return resizedSteps(rowsOfMap(logits, image), steps, alignCorners);
}

/**
 * Resizes a label map by nearest neighbour, as OpenCV's `INTER_NEAREST` does: floor(target / (new / old)) per axis.
 *
 * @param labels from.height × from.width
 */
export function resizeLabels<T extends Uint8Array | Uint16Array>(labels: T, from: Size, to: Size): T {
  const nearest = (old: number, target: number) => {
    const step = 1 / (target / old);
    return Int32Array.from({ length: target }, (_, i) => Math.min(Math.floor(i * step), old - 1));
  };
  const columns = nearest(from.width, to.width);
  const resized = new (labels.constructor as new (length: number) => T)(to.height * to.width);
  for (const [y, row] of nearest(from.height, to.height).entries()) {
    for (let x = 0; x < to.width; x++) resized[y * to.width + x] = labels[row * from.width + columns[x]!]!;
  }
  return resized;
}
