import type { NDArray, Size } from '../ndarray.ts';
import type { Axis } from '../nn/ops.ts';
import { poolingMatrix } from './pooling.ts';
import { type Windows, windowPlaces, windowRegions, windowTokens } from './windows.ts';

/**
 * What follows from the size of a map. A compiled program has no sizes in it: it takes these arrays as inputs beside its
 * own, made once for each size.
 */
export type SizedArray =
  | { readonly kind: 'pooling'; readonly axis: Axis; readonly bins: number }
  | { readonly kind: keyof typeof windowArrays; readonly windows: Windows };

const windowArrays = { windowTokens, windowPlaces, windowRegions } as const;

export function sizedArray(array: SizedArray, size: Size): NDArray<Float32Array | Int32Array> {
  if (array.kind === 'pooling') return poolingMatrix(array.bins, size[array.axis]);
  return windowArrays[array.kind](array.windows, size);
}

/** Of the array, before its size is known: the type of its values and the extents that it has for every size. */
export function sizedForm(array: SizedArray): { type: 'float32' | 'int32'; shape: readonly (number | undefined)[] } {
  if (array.kind === 'pooling') return { type: 'float32', shape: [array.bins, undefined] };
  if (array.kind === 'windowRegions') return { type: 'float32', shape: [undefined, array.windows.window ** 2] };
  return { type: 'int32', shape: [undefined] };
}
