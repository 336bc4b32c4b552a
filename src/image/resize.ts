import type { Size } from '../arrays.ts';
import type { Raster } from './raster.ts';

/**
 * `cv2.resize` for bytes, bit for bit: detectors and segmentors were trained on its rounding, and a floating point
 * bilinear differs from it by one in about every eighth byte.
 */

/** OpenCV keeps its interpolation weights as integers of 11 fractional bits. */
const ONE = 2048;

/** For every destination index the left (upper) source index and the two integer weights, interleaved. */
interface Taps {
  readonly index: Int32Array;
  readonly weights: Int32Array; // (n, 2)
}

/** `rint`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Horizontally the index and weight are clamped at the border; vertically OpenCV keeps the weight and clamps the two
 * rows instead, which rounds differently.
 */
function tapsFor(source: number, target: number, clamp: boolean): Taps {
  const scale = 1 / (target / source);
  const index = new Int32Array(target);
  const weights = new Int32Array(2 * target);
  for (let d = 0; d < target; d++) {
    const position = Math.fround((d + 0.5) * scale - 0.5);
    let s = Math.floor(position);
    let fraction = Math.fround(position - s);
    if (clamp && (s < 0 || s >= source - 1)) {
      s = s < 0 ? 0 : source - 1;
      fraction = 0;
    }
    index[d] = s;
    weights[2 * d] = roundHalfEven(Math.fround(Math.fround(1 - fraction) * ONE));
    weights[2 * d + 1] = roundHalfEven(Math.fround(fraction * ONE));
  }
  return { index, weights };
}

/** One source row at the target's width: integers with 7 fractional bits (OpenCV's 11, shifted by the 4 it drops). */
function stretchRow(
  pixels: Raster['data'],
  rowStart: number,
  last: number,
  taps: Taps,
  channels: 3 | 4,
  out: Int32Array,
) {
  const { index, weights } = taps;
  for (let x = 0, o = 0; x < index.length; x++) {
    const left = index[x]!;
    const a = weights[2 * x]!;
    const b = weights[2 * x + 1]!;
    let p = rowStart + left * 4;
    let q = left < last ? p + 4 : p;
    out[o++] = (pixels[p++]! * a + pixels[q++]! * b) >> 4;
    out[o++] = (pixels[p++]! * a + pixels[q++]! * b) >> 4;
    out[o++] = (pixels[p++]! * a + pixels[q++]! * b) >> 4;
    if (channels === 4) out[o++] = (pixels[p]! * a + pixels[q]! * b) >> 4;
  }
}

/**
 * Resizes with `cv2.INTER_LINEAR` and hands out the result row by row, so that what follows (normalising, copying) can work
 * on a row in cache and no whole image is written in between.
 * @param channels 3 leaves alpha out, 4 treats it as a fourth colour
 * @param emit receives the row's index and its interleaved bytes; the array is used again for the next row
 */
export function resizeRows(
  source: Raster,
  size: Size,
  channels: 3 | 4,
  emit: (y: number, row: Uint8Array) => void,
): void {
  const across = tapsFor(source.width, size.width, true);
  const down = tapsFor(source.height, size.height, false);
  const values = size.width * channels;
  const row = new Uint8Array(values);
  // the two stretched rows between which the result lies; when walking down, the lower becomes the upper
  let upper = new Int32Array(values);
  let lower = new Int32Array(values);
  let upperIndex = -1;
  let lowerIndex = -1;
  const stretch = (y: number, out: Int32Array) =>
    stretchRow(source.data, y * source.width * 4, source.width - 1, across, channels, out);
  const clampRow = (y: number) => Math.min(Math.max(y, 0), source.height - 1);

  for (let y = 0; y < size.height; y++) {
    const first = clampRow(down.index[y]!);
    const second = clampRow(down.index[y]! + 1);
    const a = down.weights[2 * y]!;
    const b = down.weights[2 * y + 1]!;
    if (first !== upperIndex) {
      if (first === lowerIndex) {
        [upper, lower] = [lower, upper];
        lowerIndex = upperIndex;
      } else stretch(first, upper);
      upperIndex = first;
    }
    if (second !== lowerIndex && b !== 0) {
      if (second === upperIndex) lower.set(upper);
      else stretch(second, lower);
      lowerIndex = second;
    }
    for (let i = 0; i < values; i++) {
      row[i] = (((a * upper[i]!) >> 16) + ((b * lower[i]!) >> 16) + 2) >> 2;
    }
    emit(y, row);
  }
}

/** `cv2.resize(image, INTER_LINEAR)` of an RGBA raster; equal sizes give a copy. */
export function resizeLinear(source: Raster, size: Size): Raster {
  const data = new Uint8ClampedArray(size.width * size.height * 4);
  if (size.width === source.width && size.height === source.height) data.set(source.data);
  else resizeRows(source, size, 4, (y, row) => data.set(row, y * row.length));
  return { width: size.width, height: size.height, data };
}

/** One number per pixel, rows top down: class indices. */
export interface LabelMap<T extends Uint8Array | Uint16Array | Int32Array = Uint8Array> extends Size {
  readonly data: T;
}

/** `cv2.resize(labels, INTER_NEAREST)`: pixel x comes from floor(x · source / target). */
export function resizeNearest<T extends Uint8Array | Uint16Array | Int32Array>(
  source: LabelMap<T>,
  size: Size,
): LabelMap<T> {
  const { width, height } = size;
  const data = new (source.data.constructor as new (length: number) => T)(width * height);
  const indices = (from: number, to: number) =>
    Int32Array.from({ length: to }, (_, d) => Math.min(Math.floor(d * (1 / (to / from))), from - 1));
  const columns = indices(source.width, width);
  const rows = indices(source.height, height);
  for (let y = 0, o = 0; y < height; y++) {
    const start = rows[y]! * source.width;
    for (let x = 0; x < width; x++) data[o++] = source.data[start + columns[x]!]!;
  }
  return { width, height, data };
}
