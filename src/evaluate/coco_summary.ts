import type { CocoCategory } from '../data/coco_file.ts';
import type { CocoArrays } from './coco_accumulate.ts';
import type { CocoParameters, CocoType } from './coco_parameters.ts';
import { numpyMean } from './numpy_sum.ts';

/** Single figures from accumulated arrays, as pycocotools' `summarize` computes them. */

/** Means over the thresholds of one class; -1 without an object. */
export interface CocoClassFigures {
  /** -1 for all classes together. */
  readonly categoryId: number;
  readonly name: string;
  /** At the first area range and the largest number of detections. */
  readonly ap: number;
  /** -1 as well if 0.5 is not among the thresholds. */
  readonly ap50: number;
  readonly ap75: number;
  /** For each area range, in the order of `areaLabels`. */
  readonly apByArea: readonly number[];
  /** For each limit of detections, at the first area range. */
  readonly arByMax: readonly number[];
}

/** What one of COCO's figures is a mean of. `max` is a position in the list of limits, or the limit itself. */
export interface CocoFigure {
  readonly of: 'precision' | 'recall';
  readonly iou?: number;
  readonly area?: string;
  readonly max: { readonly at: number } | { readonly limit: number };
}

const third = { at: 2 };
const twenty = { limit: 20 };

const figures: { readonly [type in 'objects' | 'keypoints']: readonly CocoFigure[] } = {
  objects: [
    { of: 'precision', max: { limit: 100 } },
    { of: 'precision', iou: 0.5, max: third },
    { of: 'precision', iou: 0.75, max: third },
    { of: 'precision', area: 'small', max: third },
    { of: 'precision', area: 'medium', max: third },
    { of: 'precision', area: 'large', max: third },
    { of: 'recall', max: { at: 0 } },
    { of: 'recall', max: { at: 1 } },
    { of: 'recall', max: third },
    { of: 'recall', area: 'small', max: third },
    { of: 'recall', area: 'medium', max: third },
    { of: 'recall', area: 'large', max: third },
  ],
  keypoints: (['precision', 'recall'] as const).flatMap((of): CocoFigure[] => [
    { of, max: twenty },
    { of, iou: 0.5, max: twenty },
    { of, iou: 0.75, max: twenty },
    { of, area: 'medium', max: twenty },
    { of, area: 'large', max: twenty },
  ]),
};

/**
 * Returns COCO's 12 figures (keypoints: 10). What the lists of `parameters` lack gives -1: the first figure asks for 100
 * detections, figures 2 to 6 and 9 to 12 for the third limit, keypoints for 20; areas go by their names.
 */
export function cocoStats(arrays: CocoArrays, parameters: CocoParameters): number[] {
  return figuresOf(parameters.type).map(({ of, iou, area = 'all', max }) => {
    const limit = 'limit' in max ? max.limit : parameters.maxDetections[max.at];
    return meanOf(arrays, of, {
      t: placesOf(parameters.iouThresholds, iou),
      a: placesOf(parameters.areaLabels, area),
      m: limit === undefined ? [] : placesOf(parameters.maxDetections, limit),
    });
  });
}

/** Returns what COCO's figures are means of, in its order. */
export const figuresOf = (type: CocoType): readonly CocoFigure[] =>
  figures[type === 'keypoints' ? 'keypoints' : 'objects'];

/** Returns the names of the figures: AP, AP50, AP small, …, AR1, …, AR large. */
export function cocoStatNames({ type, maxDetections }: CocoParameters): string[] {
  return figuresOf(type).map(({ of, iou, area, max }) => {
    const name = of === 'precision' ? 'AP' : 'AR';
    if (area) return `${name} ${area}`;
    if (iou) return `${name}${100 * iou}`;
    return of === 'precision' || type === 'keypoints'
      ? name
      : `${name}${'at' in max ? (maxDetections[max.at] ?? '') : ''}`;
  });
}

/** Returns the figures of each class, in the order of `parameters.categoryIds`. */
export function cocoClassFigures(
  arrays: CocoArrays,
  parameters: CocoParameters,
  categories: readonly CocoCategory[],
): CocoClassFigures[] {
  const names = new Map(categories.map(({ id, name }) => [id, name]));
  const ids = parameters.useCategories ? parameters.categoryIds : [-1];
  const last = parameters.maxDetections.length - 1;
  return ids.map((categoryId, k) => {
    const ap = (a: number, iou?: number) =>
      meanOf(arrays, 'precision', { t: placesOf(parameters.iouThresholds, iou), k: [k], a: [a], m: [last] });
    return {
      categoryId,
      name: parameters.useCategories ? (names.get(categoryId) ?? '') : 'all classes',
      ap: ap(0),
      ap50: ap(0, 0.5),
      ap75: ap(0, 0.75),
      apByArea: parameters.areaRanges.map((_, a) => ap(a)),
      arByMax: parameters.maxDetections.map((_, m) => meanOf(arrays, 'recall', { k: [k], a: [0], m: [m] })),
    };
  });
}

/** Positions of a value in a list; undefined, which stands for all, if no value is asked for. */
export function placesOf<T>(list: readonly T[], value: T | undefined): number[] | undefined {
  return value === undefined ? undefined : [...list.keys()].filter((i) => list[i] === value);
}

interface Choice {
  readonly t?: readonly number[] | undefined;
  readonly k?: readonly number[] | undefined;
  readonly a: readonly number[] | undefined;
  readonly m: readonly number[] | undefined;
}

/** Returns numpy's mean of the entries above -1, in C order; -1 if there are none. All thresholds and classes by default. */
function meanOf(arrays: CocoArrays, of: 'precision' | 'recall', choice: Choice): number {
  const [T, R, K, A, M] = arrays.counts;
  const values = arrays[of];
  const all = (count: number) => [...Array(count).keys()];
  const { t: thresholds = all(T), k: classes = all(K), a: areas = all(A), m: limits = all(M) } = choice;
  const recalls = of === 'precision' ? R : 1;
  const sizes = pairsOf(areas, limits);
  const chosen: number[] = [];
  for (const t of thresholds) {
    for (let r = 0; r < recalls; r++) {
      for (const k of classes) {
        for (const [a, m] of sizes) {
          const value = values[(((t * recalls + r) * K + k) * A + a) * M + m]!;
          if (value > -1) chosen.push(value);
        }
      }
    }
  }
  return chosen.length === 0 ? -1 : numpyMean(chosen);
}

/** numpy reads two lists of indices side by side, and repeats a list of one. */
export function pairsOf(areas: readonly number[], limits: readonly number[]): (readonly [number, number])[] {
  if (areas.length === 0 || limits.length === 0) return [];
  const count = Math.max(areas.length, limits.length);
  return Array.from({ length: count }, (_, i) => [areas[i % areas.length]!, limits[i % limits.length]!] as const);
}
