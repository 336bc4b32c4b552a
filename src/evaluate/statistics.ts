/** Plain statistics of lists of numbers. Sums go from left to right, in double. */

/** Returns the sum; 0 of nothing. */
export const sumOf = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Returns the mean of what is not NaN; NaN if there is nothing. */
export function meanOf(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return sumOf(numbers) / numbers.length;
}

/** Returns the mean of what exists, in COCO's figures: what is not -1; -1 if there is nothing. */
export function meanOfKnown(values: readonly number[]): number {
  const known = values.filter((value) => value > -1);
  return known.length === 0 ? -1 : sumOf(known) / known.length;
}

/** Returns the standard deviation of a sample, by n - 1; NaN for fewer than two values. */
export function sampleDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const mean = sumOf(values) / values.length;
  return Math.sqrt(sumOf(values.map((value) => (value - mean) ** 2)) / (values.length - 1));
}

/**
 * Returns numpy's `quantile` by its default method (linear): between two values it interpolates from the nearer one.
 *
 * @param sorted in ascending order; NaN if there is nothing
 * @param share from 0 (the smallest) to 1 (the largest)
 */
export function quantileOf(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const part = position - below;
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}
