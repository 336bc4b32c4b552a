import type { Size } from '../arrays.ts';
import {
  bilinearSamples,
  firstThrough,
  lastRead,
  type MapPart,
  mixRows,
  type Samples,
  stretchRows,
} from './bilinear.ts';

/**
 * Logits that lie on a part of a larger map, the base map: each is resized to its part, and where parts overlap, the weighted mean counts.
 * No mean is ever whole: it is computed for a class and a small part of the base map at a time.
 */

/** A resize of a map, and what of its result goes on. */
export interface Step {
  readonly size: Size;
  readonly crop: Size;
}

/** The weight of a value of a source is the product of those of its row and its column. All are above 0. */
export interface Weights {
  readonly rows: Float32Array;
  readonly columns: Float32Array;
}

/** Logits of a part of the base map. */
export interface LogitSource extends Size {
  readonly top: number;
  readonly left: number;
  /** The planes of the classes, one after another. */
  readonly data: Float32Array;
  readonly map: Size;
  /** Resizes of the map one after another; what goes on of the last has the source's size. None if the map has it. */
  readonly steps: readonly Step[];
  /** By default 1. */
  readonly weights?: Weights | undefined;
}

/** A source whose resizes are prepared. */
export interface PlacedSource extends Omit<LogitSource, 'steps'>, Resizes {}

/** Resizes of both axes, one after another. */
export interface Resizes {
  readonly downs: readonly Samples[];
  readonly acrosses: readonly Samples[];
}

/** Prepares the resizes of a map. A resize to the same size changes nothing, and is left out. */
export function resizesOf(map: Size, steps: readonly Step[], alignCorners: boolean): Resizes {
  const downs: Samples[] = [];
  const acrosses: Samples[] = [];
  let { height, width } = map;
  for (const { size, crop } of steps) {
    if (size.height !== height || size.width !== width) {
      downs.push(bilinearSamples(height, size.height, alignCorners));
      acrosses.push(bilinearSamples(width, size.width, alignCorners));
    }
    ({ height, width } = crop);
  }
  return { downs, acrosses };
}

/** Prepares the resizes of a source. */
export const placed = ({ steps, ...source }: LogitSource, alignCorners: boolean): PlacedSource => ({
  ...source,
  ...resizesOf(source.map, steps, alignCorners),
});

/** Drops the rows of a source that the base map does not read from row `first` on. Undefined if it reads none. */
export function trimmed(source: PlacedSource, first: number, classes: number): PlacedSource | undefined {
  const row = Math.max(first - source.top, 0);
  if (row >= source.height) return undefined;
  const { downs, data, map } = source;
  const cut = firstThrough(downs, row);
  if (cut === 0) return source;
  const plane = map.height * map.width;
  const rest = (map.height - cut) * map.width;
  const kept = new Float32Array(classes * rest);
  for (let c = 0; c < classes; c++) kept.set(data.subarray((c + 1) * plane - rest, (c + 1) * plane), c * rest);
  const common = { ...source, data: kept, map: { height: map.height - cut, width: map.width } };
  const [down, ...others] = downs;
  if (down) return { ...common, downs: [{ low: down.low.map((low) => low - cut), share: down.share }, ...others] };
  const weights = source.weights && { ...source.weights, rows: source.weights.rows.subarray(cut) };
  return { ...common, top: source.top + cut, height: source.height - cut, weights };
}

/**
 * Returns class `c` of the mean of sources on a part of the base map, row by row; valid until the next call. The sources are those that
 * reach into the part, or more.
 */
type MeanOnPart = (sources: readonly PlacedSource[], c: number, part: MapPart) => Float32Array;

/** Returns a function that has its own buffers. */
export function meanOnPart(): MeanOnPart {
  let sum = new Float32Array(0);
  let total = new Float32Array(0);
  const resized = resizedOnPart();
  const part: MapPart = { top: 0, bottom: 0, left: 0, right: 0 };
  return (sources, c, { top: y0, bottom: y1, left: x0, right: x1 }) => {
    const width = x1 - x0;
    const size = width * (y1 - y0);
    if (size > sum.length) [sum, total] = [new Float32Array(size), new Float32Array(size)];
    sum.fill(0, 0, size);
    total.fill(0, 0, size);
    for (const source of sources) {
      const { top, left, weights } = source;
      part.top = Math.max(y0, top) - top;
      part.bottom = Math.min(y1, top + source.height) - top;
      part.left = Math.max(x0, left) - left;
      part.right = Math.min(x1, left + source.width) - left;
      if (part.top >= part.bottom || part.left >= part.right) continue;
      const { values, origin, stride } = resized(source, c, part);
      for (let y = part.top; y < part.bottom; y++) {
        let at = (y + top - y0) * width + part.left + left - x0;
        let from = origin + y * stride + part.left;
        if (weights) {
          const ofRow = weights.rows[y]!;
          for (let x = part.left; x < part.right; x++, at++, from++) {
            const weight = ofRow * weights.columns[x]!;
            sum[at]! += values[from]! * weight;
            total[at]! += weight;
          }
        } else {
          for (let x = part.left; x < part.right; x++, at++, from++) {
            sum[at]! += values[from]!;
            total[at]!++;
          }
        }
      }
    }
    for (let i = 0; i < size; i++) sum[i]! /= total[i]!;
    return sum;
  };
}

/** Where the values of a part are: that of row y and column x at `origin + y * stride + x`. */
interface PartValues {
  values: Float32Array;
  origin: number;
  stride: number;
}

/** Returns a function that resizes one class of a source, on a part of it. */
function resizedOnPart() {
  const found: PartValues = { values: new Float32Array(0), origin: 0, stride: 0 };
  const parts: MapPart[] = [];
  let stretched: Float32Array = new Float32Array(0);
  let outs: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  const withRoom = (array: Float32Array, size: number) => (size > array.length ? new Float32Array(2 * size) : array);

  return ({ data, map, downs, acrosses }: PlacedSource, c: number, last: MapPart): PartValues => {
    found.values = data;
    found.origin = c * map.height * map.width;
    found.stride = map.width;
    let needed = last;
    for (let step = downs.length - 1; step >= 0; step--) {
      parts[step] = needed;
      const [down, across] = [downs[step]!, acrosses[step]!];
      needed = {
        top: down.low[needed.top]!,
        bottom: lastRead(down, needed.bottom - 1) + 1,
        left: across.low[needed.left]!,
        right: lastRead(across, needed.right - 1) + 1,
      };
      const columns = parts[step]!.right - parts[step]!.left;
      stretched = withRoom(stretched, columns * (needed.bottom - needed.top));
      const size = columns * (parts[step]!.bottom - parts[step]!.top);
      outs = [withRoom(outs[0], size), withRoom(outs[1], size)];
    }
    for (let step = 0; step < downs.length; step++) {
      const part = parts[step]!;
      const out = outs[step % 2]!;
      stretchRows(found.values, found.origin, found.stride, acrosses[step]!, downs[step]!, part, stretched);
      mixRows(stretched, downs[step]!, part, out);
      found.values = out;
      found.stride = part.right - part.left;
      found.origin = -part.top * found.stride - part.left;
    }
    return found;
  };
}
