import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { checkFinite, sigmoid } from './scores.ts';

/**
 * From a segmentation head's logits to the class of each pixel, row by row: at the size of a large image the logits of 150
 * classes would take gigabytes, so no resized map is ever whole. At the end mmseg's slide mode: the mean of the logits of
 * overlapping windows.
 */

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
export function labelsFrom(logits: NDArray, { steps, ...decision }: LabelOptions, image = 0): Uint8Array | Uint16Array {
  const last = steps.at(-1);
  if (!last) throw new ShapeError('segmentation: at least one size is needed to resize the logits to, got none.');
  checkCrops(steps);
  const rows = resizedSteps(rowsOfMap(logits, image), steps.slice(0, -1), decision.alignCorners);
  return labelsOfRows(rows, last, decision);
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
interface Rows extends Size {
  readonly classes: number;
  /** All classes' values of one row, `classes` × `width`; valid until the next call. Rows are asked for in ascending order. */
  row(y: number): Float32Array;
}

/** One image of a map N × classes × height × width. */
function rowsOfMap({ shape, data }: NDArray, image: number): Rows {
  const [, classes = 0, height = 0, width = 0] = shape;
  const size = classes * height * width;
  checkFinite('segmentation', `logits of image ${image}`, data.subarray(image * size, (image + 1) * size));
  const values = new Float32Array(classes * width);
  return {
    classes,
    height,
    width,
    row(y) {
      for (let c = 0; c < classes; c++) {
        const start = ((image * classes + c) * height + y) * width;
        values.set(data.subarray(start, start + width), c * width);
      }
      return values;
    },
  };
}

function resizedSteps(source: Rows, steps: readonly ResizeStep[], alignCorners: boolean): Rows {
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

/** How resized logits become classes. */
type Decision = Pick<LabelOptions, 'alignCorners' | 'threshold'>;

/** The class of each pixel of rows that are resized once more: the highest, or by the threshold. */
function labelsOfRows(source: Rows, last: ResizeStep, { alignCorners, threshold }: Decision): Uint8Array | Uint16Array {
  const { classes } = source;
  const { height, width } = last.crop ?? last.size;
  const labels = classes > 256 ? new Uint16Array(height * width) : new Uint8Array(height * width);
  const between = rowsBetween(source, last, alignCorners);
  const best = new Float32Array(width);
  for (let y = 0; y < height; y++) {
    const { upper, lower, share } = between(y);
    const row = labels.subarray(y * width, (y + 1) * width);
    if (threshold !== undefined) {
      for (let x = 0; x < width; x++) {
        row[x] = sigmoid(Math.fround(upper[x]! * (1 - share) + lower[x]! * share)) > threshold ? 1 : 0;
      }
      continue;
    }
    best.fill(-Infinity);
    for (let c = 0; c < classes; c++) {
      const at = c * width;
      for (let x = 0; x < width; x++) {
        const value = Math.fround(upper[at + x]! * (1 - share) + lower[at + x]! * share);
        if (value > best[x]!) {
          best[x] = value;
          row[x] = c;
        }
      }
    }
  }
  return labels;
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

interface Samples {
  /** The source pixel at or before each target pixel. */
  readonly low: Int32Array;
  /** The weight of the source pixel after it, 0 at the end. */
  readonly share: Float64Array;
}

/** PyTorch's source positions: half-pixel centres, or first on first and last on last. */
function bilinearSamples(from: number, to: number, alignCorners: boolean): Samples {
  const low = new Int32Array(to);
  const share = new Float64Array(to);
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  for (let i = 0; i < to; i++) {
    const position = alignCorners ? i * scale : Math.max((i + 0.5) * scale - 0.5, 0);
    const before = Math.min(Math.floor(position), from - 1);
    low[i] = before;
    share[i] = before < from - 1 ? position - before : 0;
  }
  return { low, share };
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

/** A part of the network's input. */
export interface InputWindow extends Size {
  readonly top: number;
  readonly left: number;
}

export interface Sliding {
  readonly crop: Size;
  readonly stride: Size;
}

/**
 * Returns the windows of mmseg's slide mode, row by row. The last of a row or column is moved back to end with the input.
 * An input smaller than the crop is one window of its size.
 */
export function slidingWindows(input: Size, { crop, stride }: Sliding): InputWindow[] {
  const along = (axis: 'height' | 'width') => {
    const steps = Math.floor(Math.max(input[axis] - crop[axis] + stride[axis] - 1, 0) / stride[axis]) + 1;
    return Array.from({ length: steps }, (_, i) => {
      const end = Math.min(i * stride[axis] + crop[axis], input[axis]);
      return { start: Math.max(end - crop[axis], 0), end };
    });
  };
  const columns = along('width');
  return along('height').flatMap((rows) =>
    columns.map(({ start, end }) => ({
      top: rows.start,
      left: start,
      height: rows.end - rows.start,
      width: end - start,
    })),
  );
}

/** Cuts one image's window out of a batch N×C×H×W, as a batch of one. */
export function windowOf({ shape, data }: NDArray, image: number, window: InputWindow): NDArray {
  const [, channels = 0, height = 0, width = 0] = shape;
  const out = new Float32Array(channels * window.height * window.width);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < window.height; y++, at += window.width) {
      const start = ((image * channels + c) * height + window.top + y) * width + window.left;
      out.set(data.subarray(start, start + window.width), at);
    }
  }
  return { shape: [1, channels, window.height, window.width], data: out };
}

export interface WindowLogits {
  readonly window: InputWindow;
  /** 1 × classes × height × width, at the stride of the head. */
  readonly logits: NDArray;
}

/**
 * Returns the class of each pixel of the original image. Every window's logits are resized to the window; where windows
 * overlap, the mean counts; that is resized to the original size, row by row as in `labelsFrom`.
 *
 * @param windows together they cover the input
 * @param sizes `resized` is the part of the input that shows the image
 * @param threshold of one channel, see `LabelOptions`
 * @throws ShapeError without a window
 */
export function labelsFromWindows(
  windows: readonly WindowLogits[],
  { resized, original }: { readonly resized: Size; readonly original: Size },
  alignCorners: boolean,
  threshold?: number,
): Uint8Array | Uint16Array {
  const sources = windows.map(({ window, logits }) => ({
    ...window,
    ...resizedRows(rowsOfMap(logits, 0), { size: window }, alignCorners),
  }));
  const [first] = sources;
  if (!first) throw new ShapeError('segmentation: sliding needs at least one window, got none.');
  const { classes } = first;
  const { height, width } = resized;
  const sum = new Float32Array(classes * width);
  const count = new Uint8Array(width);
  const row = (y: number): Float32Array => {
    sum.fill(0);
    count.fill(0);
    for (const source of sources) {
      if (y < source.top || y >= source.top + source.height) continue;
      const values = source.row(y - source.top);
      const shown = Math.min(source.width, width - source.left); // the padding of a batch is not shown
      for (let x = 0; x < shown; x++) count[source.left + x]!++;
      for (let c = 0; c < classes; c++) {
        const [from, to] = [c * source.width, c * width + source.left];
        for (let x = 0; x < shown; x++) sum[to + x]! += values[from + x]!;
      }
    }
    for (let i = 0; i < sum.length; i++) sum[i]! /= count[i % width]!;
    return sum;
  };
  return labelsOfRows({ classes, height, width, row }, { size: original }, { alignCorners, threshold });
}
