import { GoldenMismatch } from '../golden.ts';

/** A number, null for NaN, or lists and objects of these, as a golden file has them. */
export type Numbers = number | null | boolean | string | readonly Numbers[] | { readonly [name: string]: Numbers };

/**
 * Compares values with those of a golden, within `tolerance`. null stands for NaN. Fields of `actual` that the golden
 * lacks are not looked at.
 *
 * @throws GoldenMismatch with the place of the first difference
 */
export function expectNumbers(place: string, actual: unknown, expected: Numbers, tolerance = 0): void {
  if (typeof expected === 'object' && expected !== null) {
    if (Array.isArray(expected) && (actual as readonly unknown[] | undefined)?.length !== expected.length) {
      throw new GoldenMismatch(
        `${place}: ${(actual as readonly unknown[] | undefined)?.length} entries, expected ${expected.length}`,
      );
    }
    for (const [name, value] of Object.entries(expected)) {
      const found = (actual as Readonly<Record<string, unknown>> | undefined)?.[name];
      expectNumbers(Array.isArray(expected) ? `${place}[${name}]` : `${place}.${name}`, found, value, tolerance);
    }
    return;
  }
  const same =
    typeof expected === 'number'
      ? typeof actual === 'number' && Math.abs(actual - expected) <= tolerance
      : expected === null
        ? Number.isNaN(actual)
        : actual === expected;
  if (!same) throw new GoldenMismatch(`${place}: ${actual}, expected ${expected} (tolerance ${tolerance})`);
}
