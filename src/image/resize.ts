import type { Size } from '../arrays.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { type LabelMap, type Raster, sameSize } from './raster.ts';

/**
 * `cv2.resize` for bytes, bit for bit: detection and segmentation models were trained on its rounding, and a floating
 * point bilinear differs from it by one in about every eighth byte.
 */

/** OpenCV keeps its interpolation weights as integers of 11 fractional bits. */
const ONE = 2048;

/** How many rows of this width are computed in a slice: a few milliseconds. */
export const rowsPerSlice = (width: number): number => Math.max(1, Math.floor(65_536 / width));

/** One destination pixel of an axis: the left (upper) source index, the weight of that pixel and of the next one. */
interface Tap {
  readonly index: number;
  readonly near: number;
  readonly next: number;
}

/** `rint`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Returns the taps of an axis. Horizontally the index and weight are clamped at the border; vertically OpenCV keeps the
 * weight and clamps the two rows instead, which rounds differently.
 */
function tapsFor(source: number, target: number, clamp: boolean): Tap[] {
  const scale = 1 / (target / source);
  return Array.from({ length: target }, (_, d) => {
    const position = Math.fround((d + 0.5) * scale - 0.5);
    let index = Math.floor(position);
    let fraction = Math.fround(position - index);
    if (clamp && (index < 0 || index >= source - 1)) {
      index = index < 0 ? 0 : source - 1;
      fraction = 0;
    }
    const near = roundHalfEven(Math.fround(Math.fround(1 - fraction) * ONE));
    return { index, near, next: roundHalfEven(Math.fround(fraction * ONE)) };
  });
}

/** Stretches one source row to the target's width: integers with 7 fractional bits (OpenCV's 11, shifted by the 4 it drops). */
function stretchRow(
  pixels: Raster['data'],
  rowStart: number,
  last: number,
  taps: readonly Tap[],
  channels: 3 | 4,
  out: Int32Array,
) {
  let o = 0;
  for (const { index, near, next } of taps) {
    const p = rowStart + index * 4;
    const q = index < last ? p + 4 : p;
    out[o++] = (pixels[p]! * near + pixels[q]! * next) >> 4;
    out[o++] = (pixels[p + 1]! * near + pixels[q + 1]! * next) >> 4;
    out[o++] = (pixels[p + 2]! * near + pixels[q + 2]! * next) >> 4;
    if (channels === 4) out[o++] = (pixels[p + 3]! * near + pixels[q + 3]! * next) >> 4;
  }
}

/**
 * Resizes with `cv2.INTER_LINEAR` and hands out the result row by row, so that what follows (normalising, copying) works
 * on a row in cache and no whole image is written in between.
 *
 * @param channels 3 leaves alpha out, 4 treats it as a fourth colour
 * @param emit receives the row's index and its interleaved bytes; the array is used again for the next row
 */
export function* resizeRows(
  source: Raster,
  size: Size,
  channels: 3 | 4,
  emit: (y: number, row: Uint8Array) => void,
): Sliced<void> {
  const rows = rowsPerSlice(size.width);
  const across = tapsFor(source.width, size.width, true);
  const down = tapsFor(source.height, size.height, false);
  const values = size.width * channels;
  const row = new Uint8Array(values);
  // the two stretched rows between which the result lies; on the way down, the lower becomes the upper
  let upper = new Int32Array(values);
  let lower = new Int32Array(values);
  let upperIndex = -1;
  let lowerIndex = -1;
  const stretch = (y: number, out: Int32Array) =>
    stretchRow(source.data, y * source.width * 4, source.width - 1, across, channels, out);
  const clampRow = (y: number) => Math.min(Math.max(y, 0), source.height - 1);

  for (const [y, { index, near, next }] of down.entries()) {
    const first = clampRow(index);
    const second = clampRow(index + 1);
    if (first !== upperIndex) {
      if (first === lowerIndex) {
        [upper, lower] = [lower, upper];
        lowerIndex = upperIndex;
      } else stretch(first, upper);
      upperIndex = first;
    }
    if (second !== lowerIndex && next !== 0) {
      if (second === upperIndex) lower.set(upper);
      else stretch(second, lower);
      lowerIndex = second;
    }
    for (let i = 0; i < values; i++) {
      row[i] = (((near * upper[i]!) >> 16) + ((next * lower[i]!) >> 16) + 2) >> 2;
    }
    emit(y, row);
    if (y % rows === rows - 1) yield;
  }
}

/** `cv2.resize(image, INTER_LINEAR)` of an RGBA raster; equal sizes give a copy. */
export const resizeLinear = (source: Raster, size: Size): Raster => atOnce(linearRaster(source, size));

/** `resizeLinear` in slices. */
export function* linearRaster(source: Raster, size: Size): Sliced<Raster> {
  const data = new Uint8ClampedArray(size.width * size.height * 4);
  if (sameSize(source, size)) data.set(source.data);
  else yield* resizeRows(source, size, 4, (y, row) => data.set(row, y * row.length));
  return { width: size.width, height: size.height, data };
}

/** `cv2.resize(labels, INTER_NEAREST)`: pixel x comes from floor(x · source / target). */
export function resizeNearest<T extends Uint8Array | Uint16Array>(source: LabelMap<T>, size: Size): LabelMap<T> {
  const { width, height } = size;
  const labels = new (source.labels.constructor as new (length: number) => T)(width * height);
  const indices = (from: number, to: number) =>
    Int32Array.from({ length: to }, (_, d) => Math.min(Math.floor(d * (1 / (to / from))), from - 1));
  const columns = indices(source.width, width);
  for (const [y, row] of indices(source.height, height).entries()) {
    for (const [x, column] of columns.entries()) labels[y * width + x] = source.labels[row * source.width + column]!;
  }
  return { width, height, labels };
}
