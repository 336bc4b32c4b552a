/** Bilinear resizing along one axis, as PyTorch's `interpolate` does it. */

/** Where the pixels of a resized axis lie on its source. */
export interface Samples {
  /** The source pixel at or before each target pixel. */
  readonly low: Int32Array;
  /** The weight of the source pixel after it, 0 at the end. */
  readonly share: Float64Array;
}

/** PyTorch's source positions: half-pixel centres, or first on first and last on last. */
export function bilinearSamples(from: number, to: number, alignCorners: boolean): Samples {
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

/** The last source pixel that the target pixel `i` reads. */
export const lastRead = ({ low, share }: Samples, i: number): number => low[i]! + (share[i]! > 0 ? 1 : 0);

/** The first source pixel that a pixel reads through all resizes of an axis, one after another. */
export function firstThrough(steps: readonly Samples[], i: number): number {
  for (let step = steps.length - 1; step >= 0; step--) i = steps[step]!.low[i]!;
  return i;
}

/** The last source pixel that a pixel reads through all resizes of an axis. */
export function lastThrough(steps: readonly Samples[], i: number): number {
  for (let step = steps.length - 1; step >= 0; step--) i = lastRead(steps[step]!, i);
  return i;
}

/** A part of a resized map: rows `top` up to `bottom`, columns `left` up to `right`. */
export interface MapPart {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/**
 * Stretches the rows of a map that a part of its resized map reads, to the columns of the part.
 *
 * @param from the value of column x of row y is at `origin + y * width + x`
 * @param out the rows one after another; the first is `down.low[top]`
 */
export function stretchRows(
  from: Float32Array,
  origin: number,
  width: number,
  { low, share }: Samples,
  down: Samples,
  { top, bottom, left, right }: MapPart,
  out: Float32Array,
): void {
  const last = lastRead(down, bottom - 1);
  for (let y = down.low[top]!, at = 0; y <= last; y++) {
    const row = origin + y * width;
    for (let x = left; x < right; x++, at++) {
      const index = row + low[x]!;
      const part = share[x]!;
      const a = from[index]!;
      // at the last pixel the share is 0 and the next value does not matter
      out[at] = part > 0 ? a + (from[index + 1]! - a) * part : a;
    }
  }
}

/** Mixes stretched rows to the rows of a part, which is written row by row. */
export function mixRows(
  stretched: Float32Array,
  { low, share }: Samples,
  { top, bottom, left, right }: MapPart,
  out: Float32Array,
): void {
  const columns = right - left;
  const first = low[top]!;
  for (let y = top, i = 0; y < bottom; y++) {
    const part = share[y]!;
    let upper = (low[y]! - first) * columns;
    // at the last row the share is 0 and the next row does not matter
    let lower = part > 0 ? upper + columns : upper;
    for (const end = i + columns; i < end; i++, upper++, lower++) {
      out[i] = stretched[upper]! * (1 - part) + stretched[lower]! * part;
    }
  }
}
