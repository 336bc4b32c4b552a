import type { ErrorType } from './evaluation.ts';

/** TIDE's AP, and what it becomes if errors are mended. Precision has no epsilon, unlike COCO's. */

/** A detection of the curve, in the order of entry: image by image, by score. */
export interface CurvePoint {
  readonly score: number;
  readonly category: number;
  readonly type: 'hit' | Exclude<ErrorType, 'miss'>;
  /** It is no point of the curve, unless it is mended. */
  readonly ignored?: boolean | undefined;
  /** The class in which it becomes a hit if errors of its type are mended; else it vanishes. */
  readonly becomes?: number | undefined;
}

/** Objects of a class, without crowds. */
export interface ClassCounts {
  truths: number;
  /** Those that are missed: neither found nor named by an error. */
  missed: number;
  /** Those that are not found. */
  unmatched: number;
}

/** What is mended: one type of error, or all of one side. */
export type Fix = ErrorType | 'falsePositive' | 'falseNegative';

/** AP from 0 to 1; NaN without a class. */
export interface TideAp {
  readonly ap: number;
  readonly perClass: readonly { readonly categoryId: number; readonly ap: number }[];
  /**
   * The gain in AP: at least 0 for one type of error. Over all types it may fall below 0, because mended curves order equal
   * scores otherwise; dbolya/tide leaves it so.
   */
  gainOf(fix: Fix): number;
}

/** A hit or a false alarm of a class; undefined: no point. */
type Reading = (point: CurvePoint) => { readonly category: number; readonly hit: boolean } | undefined;

const asTheyAre: Reading = ({ category, type, ignored }) => (ignored ? undefined : { category, hit: type === 'hit' });

/** Computes AP as it is, and prepares the gains. @param classes the objects of each class by its id */
export function tideAp(points: readonly CurvePoint[], classes: ReadonlyMap<number, ClassCounts>): TideAp {
  const byScore = [...points].sort((a, b) => b.score - a.score);
  // mended curves list the errors first, then the hits: it shows among equal scores
  const errorsFirst = [...points].sort(
    (a, b) => b.score - a.score || Number(a.type === 'hit') - Number(b.type === 'hit'),
  );
  const truthsOf = (left: (counts: ClassCounts) => number) =>
    new Map([...classes].map(([id, counts]) => [id, left(counts)]));
  const all = truthsOf(({ truths }) => truths);
  const before = apOf(byScore, asTheyAre, all);
  const ap = meanAp(before);

  const after = (fix: Fix): Map<number, number> => {
    if (fix === 'miss')
      return apOf(
        errorsFirst,
        asTheyAre,
        truthsOf(({ truths, missed }) => truths - missed),
      );
    if (fix === 'falseNegative') {
      return apOf(
        errorsFirst,
        asTheyAre,
        truthsOf(({ truths, unmatched }) => truths - unmatched),
      );
    }
    if (fix === 'falsePositive') {
      const isHit = ({ type }: CurvePoint) => type === 'hit';
      return apOf([...points.filter(isHit), ...points.filter((point) => !isHit(point))], asTheyAre, all);
    }
    const mended: Reading = (point) => {
      if (point.type !== fix) return asTheyAre(point);
      return point.becomes === undefined ? undefined : { category: point.becomes, hit: true };
    };
    return apOf(errorsFirst, mended, all);
  };

  return {
    ap,
    perClass: [...before]
      .map(([categoryId, value]) => ({ categoryId, ap: value }))
      .sort((a, b) => a.categoryId - b.categoryId),
    gainOf: (fix) => {
      const mended = after(fix);
      if (mended.size === 0) return 0;
      const gain = meanAp(mended) - ap;
      return fix === 'falsePositive' || fix === 'falseNegative' ? gain : Math.max(0, gain);
    },
  };
}

/** Returns the AP of each class that has a point or an object. */
function apOf(ordered: readonly CurvePoint[], read: Reading, truths: ReadonlyMap<number, number>): Map<number, number> {
  // of each class: its false alarms so far, and how many there were at each hit
  const curves = new Map<number, { alarms: number; readonly alarmsAtHit: number[] }>();
  for (const [category, count] of truths) if (count > 0) curves.set(category, { alarms: 0, alarmsAtHit: [] });
  for (const point of ordered) {
    const { category, hit } = read(point) ?? {};
    if (category === undefined) continue;
    const curve = curves.get(category) ?? { alarms: 0, alarmsAtHit: [] };
    curves.set(category, curve);
    if (hit) curve.alarmsAtHit.push(curve.alarms);
    else curve.alarms++;
  }
  return new Map(
    [...curves].map(([category, { alarmsAtHit }]) => [category, areaUnder(alarmsAtHit, truths.get(category) ?? 0)]),
  );
}

/**
 * Returns the mean over 101 recalls of the best precision from there on. Recall grows at hits only, so precision elsewhere
 * does not matter.
 */
function areaUnder(alarmsAtHit: readonly number[], truths: number): number {
  if (truths === 0) return 0;
  const precision = alarmsAtHit.map((alarms, i) => (i + 1) / (i + 1 + alarms));
  for (let i = precision.length - 2; i >= 0; i--) precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  let [sum, hit] = [0, 0];
  for (let step = 0; step <= 100; step++) {
    while (hit < precision.length && (hit + 1) / truths < step / 100) hit++;
    sum += precision[hit] ?? 0;
  }
  return sum / 101;
}

function meanAp(aps: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const ap of aps.values()) sum += ap;
  return sum / aps.size;
}
