import type { Size } from '../arrays.ts';
import type { Sliced } from '../slices.ts';
import type { Raster } from './raster.ts';
import { rowsPerSlice } from './resize.ts';

/**
 * `Image.resize` of Pillow for bytes, bit for bit: classification models are evaluated on its rounding. Unlike OpenCV's,
 * the filter grows with the reduction (antialiasing), and each of the two passes rounds to a byte.
 */

/** Pillow keeps its weights as integers of 22 fractional bits. */
const BITS = 22;
const ONE = 1 << BITS;
const HALF = 1 << (BITS - 1);

interface Filter {
  /** Source pixels to each side. */
  readonly reach: number;
  /** Returns the weight of a pixel at a distance. */
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

/** One destination pixel of an axis: the first source index, and the weights of it and those that follow. */
interface Taps {
  readonly first: number;
  readonly weights: Int32Array;
}

/** Returns the taps of destinations `from` to `from + length` of an axis. Cut off at the borders, they still sum to 1. */
function tapsFor({ reach, weigh }: Filter, source: number, target: number, from: number, length: number): Taps[] {
  const scale = source / target;
  const filterScale = Math.max(scale, 1);
  const support = reach * filterScale;
  const narrowing = 1 / filterScale; // multiplied, not divided by: the last bit of a weight depends on it
  return Array.from({ length }, (_, d) => {
    const center = (from + d + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(source, Math.trunc(center + support + 0.5));
    const exact = Float64Array.from({ length: end - first }, (__, i) => weigh((i + first - center + 0.5) * narrowing));
    const sum = exact.reduce((total, weight) => total + weight, 0);
    const weights = Int32Array.from(exact, (value) => {
      const weight = (value / sum) * ONE;
      return Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    });
    return { first, weights };
  });
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
function* stretchRows(
  { data, width, stride }: Pixels,
  across: readonly Taps[],
  top: number,
  bottom: number,
): Sliced<Pixels> {
  const rows = rowsPerSlice(width);
  const out = new Uint8Array((bottom - top) * across.length * 3);
  for (let y = top; y < bottom; y++) {
    stretchRow(data, y * width, stride, across, out, (y - top) * across.length * 3);
    if (y % rows === rows - 1) yield;
  }
  return { data: out, width: across.length, height: bottom - top, stride: 3 };
}

function stretchRow(
  data: Raster['data'],
  row: number,
  stride: 3 | 4,
  across: readonly Taps[],
  out: Uint8Array,
  o: number,
): void {
  for (const { first, weights } of across) {
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    let at = (row + first) * stride;
    for (let k = 0; k < weights.length; k++, at += stride) {
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

/** The pass along y; `top` is the source's row that `pixels` begin with. */
function* stretchColumns({ data, width, stride }: Pixels, down: readonly Taps[], top: number): Sliced<Pixels> {
  const values = width * stride;
  const sums = new Int32Array(values);
  const out = new Uint8Array(down.length * values);
  let done = 0;
  for (const [y, { first, weights }] of down.entries()) {
    mixRows(data, (first - top) * values, weights, sums, out, y * values);
    done += values * (weights.length + 1);
    if (done > 200_000) {
      done = 0;
      yield;
    }
  }
  return { data: out, width, height: down.length, stride };
}

function mixRows(
  data: Raster['data'],
  at: number,
  weights: Int32Array,
  sums: Int32Array,
  out: Uint8Array,
  o: number,
): void {
  sums.fill(HALF);
  for (const weight of weights) {
    for (let i = 0; i < sums.length; i++, at++) sums[i]! += data[at]! * weight;
  }
  for (let i = 0; i < sums.length; i++) out[o + i] = byteOf(sums[i]!);
}

/** A part of an image. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

/**
 * Pillow's `resize` of an image as RGB (alpha is dropped, the result is opaque), or only a window of the result, which
 * must lie inside `size`: then nothing else is computed.
 *
 * The pass along x comes first, unless the height shrinks by more than twice as many pixels as the width: so Pillow since
 * 13.0 (found by comparison; earlier versions always begin along x, which differs by one in some bytes).
 */
export function* resizePillow(
  source: Raster,
  size: Size,
  window: Window = { left: 0, top: 0, ...size },
  interpolation: Interpolation = 'bicubic',
): Sliced<Raster> {
  const { left, top, width, height } = window;
  const filter = filters[interpolation];
  const across = tapsFor(filter, source.width, size.width, left, width);
  const down = tapsFor(filter, source.height, size.height, top, height);
  const pixels: Pixels = { ...source, stride: 4 };
  const shrinks = source.height - size.height;
  if (shrinks > 0 && shrinks > 2 * (source.width - size.width)) {
    return opaque(yield* stretchRows(yield* stretchColumns(pixels, down, 0), across, 0, height));
  }
  const [begin, end] = [down[0]?.first ?? 0, down.at(-1)];
  const bottom = end ? end.first + end.weights.length : begin;
  return opaque(yield* stretchColumns(yield* stretchRows(pixels, across, begin, bottom), down, begin));
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
