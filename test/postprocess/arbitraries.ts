import fc from 'fast-check';
import type { Size } from '../../src/arrays.ts';

/** Arbitrary values for the property tests of this room. */

export const boxCoordinates = fc
  .tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 24 })))
  .map(([x = 0, y = 0, width = 0, height = 0]) => [x, y, x + width, y + height]);

/** n × xyxy on a small grid, so that equal boxes, exact thresholds and boxes without area do occur. */
export const boxes = (constraints: { minLength?: number; maxLength: number }) =>
  fc.array(boxCoordinates, constraints).map((list) => Float32Array.from(list.flat()));

/** Few different values, so that ties occur. */
export const scoresOf = (count: number) =>
  fc
    .array(fc.integer({ min: -4, max: 4 }), { minLength: count, maxLength: count })
    .map((list) => Float32Array.from(list, (score) => score / 4));

export interface Bitmap {
  readonly size: Size;
  readonly bits: Uint8Array;
}

export const bitmaps: fc.Arbitrary<Bitmap> = fc
  .record({ height: fc.integer({ min: 1, max: 9 }), width: fc.integer({ min: 1, max: 9 }) })
  .chain((size) =>
    fc
      .array(fc.boolean(), { minLength: size.height * size.width, maxLength: size.height * size.width })
      .map((bits) => ({ size, bits: Uint8Array.from(bits, Number) })),
  );

/** Values between -1 and 1 from a seed: the same on every run, without a long list to shrink. */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
