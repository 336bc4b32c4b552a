/**
 * numpy's sums, to the last bit. It adds in pairs of blocks, which is more exact than from left to right, and gives other
 * last digits.
 */

/** numpy's `spacing(1)`, which COCO adds to denominators: one hit of one is 0.9999999999999998, and no area divides by 0. */
export const spacing = Number.EPSILON;

/** Returns the sum of `values[from]` up to `values[from + count]` (exclusive) as `np.add.reduce` of 64-bit floats. */
export function pairwiseSum(values: ArrayLike<number>, from: number, count: number): number {
  if (count < 8) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[from + i]!;
    return sum;
  }
  if (count > 128) {
    const half = (count >> 1) - ((count >> 1) % 8);
    return pairwiseSum(values, from, half) + pairwiseSum(values, from + half, count - half);
  }
  const whole = count - (count % 8);
  const every8th = (first: number) => {
    let sum = values[from + first]!;
    for (let i = first + 8; i < whole; i += 8) sum += values[from + i]!;
    return sum;
  };
  const quarter = (first: number) => every8th(first) + every8th(first + 1);
  let sum = quarter(0) + quarter(2) + (quarter(4) + quarter(6));
  for (let i = whole; i < count; i++) sum += values[from + i]!;
  return sum;
}

/** Returns numpy's mean. NaN without values. */
export function numpyMean(values: ArrayLike<number>): number {
  return pairwiseSum(values, 0, values.length) / values.length;
}
