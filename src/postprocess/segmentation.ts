import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';

/**
 * From a segmentation head's logits to classes, row by row: at the size of a large photo the logits of 150 classes
 * would take gigabytes, so no resized map is ever whole.
 */

export interface ResizeStep {
  readonly size: Size;
  /** The part, from the upper left corner, that goes on: what of a padded image shows the image. */
  readonly crop?: Size;
}

/** How logits are resized before each pixel takes its greatest. */
export interface LabelOptions {
  /** The resizes that the reference does one after another: to the network's input, then to the original. */
  readonly steps: readonly ResizeStep[];
  readonly alignCorners: boolean;
}

/**
 * All classes' values of one row, `classes` × `width`; valid until the next call. Rows are asked for in ascending
 * order.
 */
export interface RowSource extends Size {
  row(y: number): Float32Array;
}

/**
 * The class of each pixel at the size of the last step: the highest of its bilinearly resized logits (PyTorch's
 * `interpolate`, float32 between the steps); of equal ones the lowest class.
 *
 * @param logits N × classes × height × width
 * @returns height × width of the last step; bytes up to 256 classes
 * @throws ShapeError without a step, or where a crop is larger than what it cuts
 */
export function labelsFrom(logits: NDArray, options: LabelOptions, image = 0): Uint8Array | Uint16Array {
  const [, classes = 0, height = 0, width = 0] = logits.shape;
  const { steps, alignCorners } = options;
  const last = steps.at(-1);
  if (!last) throw new ShapeError('segmentation: at least one size is needed to resize the logits to, got none.');
  checkCrops(steps);
  let source = rowsOfMap(logits.data, image, { classes, height, width });
  for (const step of steps.slice(0, -1)) source = resizedRows(source, classes, step, alignCorners);
  return labelsOfRows(source, classes, last, alignCorners);
}

/** The class of each pixel of rows that are resized once more. */
export function labelsOfRows(
  source: RowSource,
  classes: number,
  last: ResizeStep,
  alignCorners: boolean,
): Uint8Array | Uint16Array {
  const { height: rows, width: columns } = last.crop ?? last.size;
  const labels = classes > 256 ? new Uint16Array(rows * columns) : new Uint8Array(rows * columns);
  const blend = rowBlender(source, classes, last, alignCorners);
  const best = new Float32Array(columns);
  for (let y = 0; y < rows; y++) {
    const { upper, lower, share } = blend(y);
    const row = labels.subarray(y * columns, (y + 1) * columns);
    best.fill(-Infinity);
    for (let c = 0; c < classes; c++) {
      const at = c * columns;
      for (let x = 0; x < columns; x++) {
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
 * The resized logits themselves, for a map small enough to be whole: classes × height × width of the last step, from
 * which `labelsFrom` takes the highest.
 *
 * @throws ShapeError where a crop is larger than what it cuts
 */
export function resizedLogits(logits: NDArray, { steps, alignCorners }: LabelOptions, image = 0): NDArray {
  const [, classes = 0, height = 0, width = 0] = logits.shape;
  checkCrops(steps);
  let source = rowsOfMap(logits.data, image, { classes, height, width });
  for (const step of steps) source = resizedRows(source, classes, step, alignCorners);
  const plane = source.height * source.width;
  const data = new Float32Array(classes * plane);
  for (let y = 0; y < source.height; y++) {
    const row = source.row(y);
    for (let c = 0; c < classes; c++) {
      data.set(row.subarray(c * source.width, (c + 1) * source.width), c * plane + y * source.width);
    }
  }
  return { shape: [classes, source.height, source.width], data };
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

export function rowsOfMap(data: Float32Array, image: number, shape: Size & { classes: number }): RowSource {
  const { classes, height, width } = shape;
  const first = image * classes * height * width;
  const values = new Float32Array(classes * width);
  return {
    height,
    width,
    row(y) {
      for (let c = 0; c < classes; c++) {
        const start = first + (c * height + y) * width;
        values.set(data.subarray(start, start + width), c * width);
      }
      return values;
    },
  };
}

export function resizedRows(source: RowSource, classes: number, step: ResizeStep, alignCorners: boolean): RowSource {
  const { height, width } = step.crop ?? step.size;
  const blend = rowBlender(source, classes, step, alignCorners);
  const values = new Float32Array(classes * width);
  return {
    height,
    width,
    row(y) {
      const { upper, lower, share } = blend(y);
      for (let i = 0; i < values.length; i++) values[i] = upper[i]! * (1 - share) + lower[i]! * share;
      return values;
    },
  };
}

/**
 * For a row of the resized map the two rows of the source that it lies between, already stretched to the new width.
 * Each source row is read and stretched once: rows come in ascending order, so two are remembered.
 */
function rowBlender(source: RowSource, classes: number, { size, crop = size }: ResizeStep, alignCorners: boolean) {
  const vertical = bilinearSamples(source.height, size.height, alignCorners);
  const horizontal = bilinearSamples(source.width, size.width, alignCorners);
  const remembered = [0, 1].map(() => ({ y: -1, values: new Float32Array(classes * crop.width) }));
  const stretched = (y: number): Float32Array => {
    const slot = remembered[y % 2]!;
    if (slot.y !== y) {
      stretchRow(source.row(y), source.width, slot.values, crop.width, horizontal);
      slot.y = y;
    }
    return slot.values;
  };
  return (y: number) => {
    const low = vertical.low[y]!;
    const share = vertical.share[y]!;
    const upper = stretched(low);
    return { upper, lower: share > 0 ? stretched(low + 1) : upper, share };
  };
}

function stretchRow(from: Float32Array, fromWidth: number, to: Float32Array, toWidth: number, samples: Samples): void {
  const { low, share } = samples;
  for (let start = 0, at = 0; at < to.length; start += fromWidth, at += toWidth) {
    for (let x = 0; x < toWidth; x++) {
      const a = from[start + low[x]!]!;
      // at the last pixel the share is 0 and the next value does not matter
      to[at + x] = share[x]! > 0 ? a + (from[start + low[x]! + 1]! - a) * share[x]! : a;
    }
  }
}

interface Samples {
  /** The source pixel at or before each target pixel. */
  readonly low: Int32Array;
  /** What the source pixel after it weighs, 0 at the end. */
  readonly share: Float64Array;
}

/** PyTorch's source positions: half-pixel centres, or first on first and last on last. */
function bilinearSamples(from: number, to: number, alignCorners: boolean): Samples {
  const low = new Int32Array(to);
  const share = new Float64Array(to);
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  for (let i = 0; i < to; i++) {
    const position = alignCorners ? i * scale : Math.max((i + 0.5) * scale - 0.5, 0);
    low[i] = Math.min(Math.floor(position), from - 1);
    share[i] = low[i]! < from - 1 ? position - low[i]! : 0;
  }
  return { low, share };
}

/**
 * A label map at another size: nearest as OpenCV's `INTER_NEAREST` takes it, floor(target / (new / old)) per axis.
 *
 * @param labels from.height × from.width
 */
export function resizeLabels<T extends Uint8Array | Uint16Array>(labels: T, from: Size, to: Size): T {
  const nearest = (old: number, target: number) => {
    const step = 1 / (target / old);
    return Int32Array.from({ length: target }, (_, i) => Math.min(Math.floor(i * step), old - 1));
  };
  const rows = nearest(from.height, to.height);
  const columns = nearest(from.width, to.width);
  const resized = new (labels.constructor as new (length: number) => T)(to.height * to.width);
  for (let y = 0; y < to.height; y++) {
    const source = rows[y]! * from.width;
    for (let x = 0; x < to.width; x++) resized[y * to.width + x] = labels[source + columns[x]!]!;
  }
  return resized;
}

/** mmseg's slide mode: a network looks at windows of its input that overlap, and the mean of their logits counts. */

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
 * Windows row by row. The last of a row or column is moved back to end with the input; an input smaller than the crop is
 * one window of its own size.
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

/** One image's window of a batch N×C×H×W, as a batch of one. */
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
  /** 1 × classes × height × width, at whatever stride the head has. */
  readonly logits: NDArray;
}

/**
 * The class of each pixel of the original image. Every window's logits are resized to the window, their mean is taken
 * where windows overlap, and that is resized to the original size: row by row, as in `labelsFrom`.
 *
 * @param windows together they cover the input
 * @param resized the part of the input that shows the image
 */
export function labelsFromWindows(
  windows: readonly WindowLogits[],
  { resized, original }: { readonly resized: Size; readonly original: Size },
  alignCorners: boolean,
): Uint8Array | Uint16Array {
  const classes = windows[0]?.logits.shape[1];
  if (classes === undefined) throw new ShapeError('segmentation: sliding needs at least one window, got none.');
  const mean = meanRows(windows, classes, resized, alignCorners);
  return labelsOfRows(mean, classes, { size: original }, alignCorners);
}

function meanRows(
  windows: readonly WindowLogits[],
  classes: number,
  { height, width }: Size,
  alignCorners: boolean,
): RowSource {
  const sources = windows.map(({ window, logits }) => {
    const [, , rows = 0, columns = 0] = logits.shape;
    const map = rowsOfMap(logits.data, 0, { classes, height: rows, width: columns });
    return { ...window, rows: resizedRows(map, classes, { size: window }, alignCorners) };
  });
  const sum = new Float32Array(classes * width);
  const count = new Uint8Array(width);
  return {
    height,
    width,
    row(y) {
      sum.fill(0);
      count.fill(0);
      for (const { top, left, rows } of sources) {
        if (y < top || y >= top + rows.height) continue;
        const values = rows.row(y - top);
        const shown = Math.min(rows.width, width - left); // a batch's padding is not shown
        for (let x = 0; x < shown; x++) count[left + x]!++;
        for (let c = 0; c < classes; c++) {
          const [from, to] = [c * rows.width, c * width + left];
          for (let x = 0; x < shown; x++) sum[to + x]! += values[from + x]!;
        }
      }
      for (let i = 0; i < sum.length; i++) sum[i]! /= count[i % width]!;
      return sum;
    },
  };
}
