/** The arithmetic of the benchmarks: medians, ratios, and the comparison with recorded ratios. */

/** @throws RangeError for no values: a median of nothing would pass every bound */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of no values');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** @throws RangeError for no values, and for those that have no logarithm */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0 || values.some((value) => !(value > 0))) {
    throw new RangeError(`the geometric mean of [${values.join(', ')}]`);
  }
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** The longest time between two neighbours of a list of times, which need not be in order. */
export function longestGap(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted.reduce((longest, time, i) => Math.max(longest, time - (sorted[i - 1] ?? time)), 0);
}

/** A ratio that a run measured. Lower is better, unless it has a lower bound. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** The unit of a figure that is no ratio. It has a bound, but is not recorded: it depends on the machine. */
  readonly unit?: 's' | 'ms' | 'MB' | undefined;
  /** The bound that the ratio must keep. */
  readonly most?: number | undefined;
  readonly least?: number | undefined;
}

/** Tells whether a ratio keeps its bound. One without a bound does. */
export const keepsBound = ({ value, most, least }: Ratio): boolean =>
  Number.isFinite(value) && (most === undefined || value <= most) && (least === undefined || value >= least);

/** Ratios by name, as `recorded.json` has them. */
export type Recorded = Readonly<Record<string, number>>;

/** How far a ratio may fall behind the recorded one. */
export const slack = 0.1;

/**
 * Returns a line for every ratio that is more than 10 % worse than the recorded one. A ratio that nothing is recorded of is
 * new; a recorded one that was not measured was not asked for.
 */
export function fallenBehind(measured: readonly Ratio[], recorded: Recorded): string[] {
  return measured.flatMap(({ name, value, least, unit }) => {
    const before = recorded[name];
    if (before === undefined || unit !== undefined) return [];
    const isBetterHigh = least !== undefined;
    const bound = isBetterHigh ? before * (1 - slack) : before * (1 + slack);
    const keeps = isBetterHigh ? value >= bound : value <= bound;
    return keeps ? [] : [`${name}: ${value.toFixed(3)}, recorded ${before.toFixed(3)}`];
  });
}

/** Returns the recorded ratios with those of a run in their place, sorted by name. */
export function recordedWith(recorded: Recorded, measured: readonly Ratio[]): Recorded {
  const ratios = measured.filter(({ unit }) => unit === undefined);
  const all = { ...recorded, ...Object.fromEntries(ratios.map(({ name, value }) => [name, Number(value.toFixed(4))])) };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}
