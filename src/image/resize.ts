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

/** The destination pixels of an axis. */
interface Taps {
  /** The left (upper) source pixel of each, which may lie outside. */
  readonly index: Int32Array;
  /** The weight of that pixel. */
  readonly near: Int32Array;
  /** The weight of the next one. */
  readonly next: Int32Array;
}

/** A part of a raster or of a network's input, in its pixels. */
export interface RasterPart extends Size {
  readonly top: number;
  readonly left: number;
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
function tapsFor(source: number, target: number, clamp: boolean): Taps {
  const scale = 1 / (target / source);
  const [indices, nears, nexts] = [new Int32Array(target), new Int32Array(target), new Int32Array(target)];
  for (let d = 0; d < target; d++) {
    const position = Math.fround((d + 0.5) * scale - 0.5);
    let index = Math.floor(position);
    let fraction = Math.fround(position - index);
    if (clamp && (index < 0 || index >= source - 1)) {
      index = index < 0 ? 0 : source - 1;
      fraction = 0;
    }
    indices[d] = index;
    nears[d] = roundHalfEven(Math.fround(Math.fround(1 - fraction) * ONE));
    nexts[d] = roundHalfEven(Math.fround(fraction * ONE));
  }
  return { index: indices, near: nears, next: nexts };
}

/** The taps of some of the destination pixels. */
const tapsOf = ({ index, near, next }: Taps, start: number, length: number): Taps => ({
  index: index.subarray(start, start + length),
  near: near.subarray(start, start + length),
  next: next.subarray(start, start + length),
});

/** Stretches one source row to the target's width: integers with 7 fractional bits (OpenCV's 11, shifted by the 4 it drops). */
function stretchRow(
  pixels: Raster['data'],
  rowStart: number,
  last: number,
  { index, near, next }: Taps,
  channels: 3 | 4,
  out: Int32Array,
) {
  for (let d = 0, o = 0; d < index.length; d++) {
    const left = index[d]!;
    const p = rowStart + left * 4;
    const q = left < last ? p + 4 : p;
    const a = near[d]!;
    const b = next[d]!;
    out[o++] = (pixels[p]! * a + pixels[q]! * b) >> 4;
    out[o++] = (pixels[p + 1]! * a + pixels[q + 1]! * b) >> 4;
    out[o++] = (pixels[p + 2]! * a + pixels[q + 2]! * b) >> 4;
    if (channels === 4) out[o++] = (pixels[p + 3]! * a + pixels[q + 3]! * b) >> 4;
  }
}

/** Mixes two stretched rows to bytes. */
function mixRows(upper: Int32Array, lower: Int32Array, near: number, next: number, row: Uint8Array): void {
  for (let i = 0; i < row.length; i++) {
    row[i] = (((near * upper[i]!) >> 16) + ((next * lower[i]!) >> 16) + 2) >> 2;
  }
}

/**
 * Resizes with `cv2.INTER_LINEAR` and hands out the result row by row, so that what follows (normalising, copying) works
 * on a row in cache and no whole image is written in between.
 *
 * @param channels 3 leaves alpha out, 4 treats it as a fourth colour
 * @param emit receives the row's index in the part and its interleaved bytes; the array is used again for the next row
 * @param part of the result that is computed; by default all of it
 */
export function* resizeRows(
  source: Raster,
  size: Size,
  channels: 3 | 4,
  emit: (y: number, row: Uint8Array) => void,
  part: RasterPart = { top: 0, left: 0, ...size },
): Sliced<void> {
  const rows = rowsPerSlice(part.width);
  const across = tapsOf(tapsFor(source.width, size.width, true), part.left, part.width);
  const down = tapsOf(tapsFor(source.height, size.height, false), part.top, part.height);
  const values = part.width * channels;
  const row = new Uint8Array(values);
  // the two stretched rows between which the result lies; on the way down, the lower becomes the upper
  let upper = new Int32Array(values);
  let lower = new Int32Array(values);
  let upperIndex = -1;
  let lowerIndex = -1;
  const stretch = (y: number, out: Int32Array) =>
    stretchRow(source.data, y * source.width * 4, source.width - 1, across, channels, out);
  const clampRow = (y: number) => Math.min(Math.max(y, 0), source.height - 1);

  for (let y = 0; y < part.height; y++) {
    const index = down.index[y]!;
    const next = down.next[y]!;
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
    mixRows(upper, lower, down.near[y]!, next, row);
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
