import type { Size } from '../arrays.ts';
import type { Raster } from './raster.ts';

/**
 * `Image.resize` of Pillow for bytes, bit for bit: classifiers are evaluated on its rounding. Unlike OpenCV's, the
 * filter grows with the reduction (antialiasing), and each of the two passes rounds to a byte.
 */

/** Pillow keeps its weights as integers of 22 fractional bits. */
const BITS = 22;
const ONE = 1 << BITS;
const HALF = 1 << (BITS - 1);

interface Filter {
  /** Source pixels to each side. */
  readonly reach: number;
  /** What a pixel at a distance weighs. */
  readonly weigh: (distance: number) => number;
}

/** Keys' cubic with a = -0.5. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

const filters = {
  bicubic: { reach: 2, weigh: cubic },
  bilinear: { reach: 1, weigh: (distance) => Math.max(1 - Math.abs(distance), 0) },
} as const satisfies Record<string, Filter>;

export type Interpolation = keyof typeof filters;

/** For every destination index the first source index, how many follow, and their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array; // (n, stride)
  readonly stride: number;
}

/** The taps of destinations `from` to `from + length` of an axis. They are cut off at the borders and sum to 1 all the same. */
function tapsFor({ reach, weigh }: Filter, source: number, target: number, from: number, length: number): Taps {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = reach * filterScale;
  const stride = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * stride);
  const exact = new Float64Array(stride);
  const narrowing = 1 / filterScale; // multiplied, not divided by: the last bit of a weight depends on it
  for (let d = 0; d < length; d++) {
    const center = (from + d + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(center - support + 0.5));
    const taps = Math.min(source, Math.trunc(center + support + 0.5)) - begin;
    let sum = 0;
    for (let i = 0; i < taps; i++) {
      exact[i] = weigh((i + begin - center + 0.5) * narrowing);
      sum += exact[i]!;
    }
    for (let i = 0; i < taps; i++) {
      const weight = (exact[i]! / sum) * ONE;
      weights[d * stride + i] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[d] = begin;
    count[d] = taps;
  }
  return { first, count, weights, stride };
}

const byteOf = (fixed: number): number => {
  const value = fixed >> BITS;
  return value < 0 ? 0 : Math.min(value, 255);
};

/** Interleaved bytes, rows top down: red, green, blue, and with a stride of 4 a fourth that is carried along or dropped. */
interface Pixels extends Size {
  readonly data: Raster['data'];
  readonly stride: 3 | 4;
}

/** The pass along x, over the source's rows from `top` to `bottom`. */
function stretchRows({ data, width, stride: step }: Pixels, across: Taps, top: number, bottom: number): Pixels {
  const { first, count, weights, stride } = across;
  const out = new Uint8Array((bottom - top) * first.length * 3);
  for (let y = top, o = 0; y < bottom; y++) {
    for (let x = 0; x < first.length; x++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let at = (y * width + first[x]!) * step;
      for (let k = x * stride, end = k + count[x]!; k < end; k++, at += step) {
        const weight = weights[k]!;
        red += data[at]! * weight;
        green += data[at + 1]! * weight;
        blue += data[at + 2]! * weight;
      }
      out[o++] = byteOf(red);
      out[o++] = byteOf(green);
      out[o++] = byteOf(blue);
    }
  }
  return { data: out, width: first.length, height: bottom - top, stride: 3 };
}

/** The pass along y; `top` is the index of the first row that `pixels` holds. */
function stretchColumns({ data, width, stride: step }: Pixels, down: Taps, top: number): Pixels {
  const { first, count, weights, stride } = down;
  const values = width * step;
  const sums = new Int32Array(values);
  const out = new Uint8Array(first.length * values);
  for (let y = 0, o = 0; y < first.length; y++) {
    sums.fill(HALF);
    let at = (first[y]! - top) * values;
    for (let k = y * stride, end = k + count[y]!; k < end; k++) {
      const weight = weights[k]!;
      for (let i = 0; i < values; i++, at++) sums[i] = sums[i]! + data[at]! * weight;
    }
    for (let i = 0; i < values; i++) out[o++] = byteOf(sums[i]!);
  }
  return { data: out, width, height: first.length, stride: step };
}

/** A part of a picture. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

/**
 * Pillow's `resize` of a picture as RGB (alpha is dropped, the result is opaque), or only a window of the
 * result, which must lie inside `size`: then nothing else is computed.
 *
 * The pass along x comes first, but where the height shrinks by more than twice as many pixels as the width: so Pillow
 * since 13.0 (found by comparison; earlier versions always begin along x, which differs by one in some bytes).
 */
export function resizePillow(
  source: Raster,
  size: Size,
  window: Window = { left: 0, top: 0, ...size },
  interpolation: Interpolation = 'bicubic',
): Raster {
  const { left, top, width, height } = window;
  const filter = filters[interpolation];
  const across = tapsFor(filter, source.width, size.width, left, width);
  const down = tapsFor(filter, source.height, size.height, top, height);
  const pixels: Pixels = { ...source, stride: 4 };
  const shrinks = source.height - size.height;
  if (shrinks > 0 && shrinks > 2 * (source.width - size.width)) {
    return opaque(stretchRows(stretchColumns(pixels, down, 0), across, 0, height));
  }
  const begin = down.first[0]!;
  const end = down.first[height - 1]! + down.count[height - 1]!;
  return opaque(stretchColumns(stretchRows(pixels, across, begin, end), down, begin));
}

function opaque({ data, width, height, stride }: Pixels): Raster {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0, o = 0; o < rgba.length; i += stride, o += 4) {
    rgba[o] = data[i]!;
    rgba[o + 1] = data[i + 1]!;
    rgba[o + 2] = data[i + 2]!;
  }
  return { width, height, data: rgba };
}
