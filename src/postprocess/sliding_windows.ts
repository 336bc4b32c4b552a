import { ShapeError } from '../errors.ts';
import type { NDArray, Size } from '../ndarray.ts';
import { labelsOfRows, type RowSource, resizedRows, rowsOfMap } from './segmentation.ts';

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
