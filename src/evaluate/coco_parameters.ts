import type { CocoFile } from '../data/coco_file.ts';
import { ConfigError, unknownName } from '../errors.ts';
import type { Rle } from '../postprocess/rle.ts';
import { foundIn } from '../values.ts';

/** What a COCO evaluation can be told, and what it was done with. */

/** What is compared: boxes, masks or keypoints. */
export const cocoTypes = ['bbox', 'segm', 'keypoints'] as const;
/** One of `cocoTypes`. */
export type CocoType = (typeof cocoTypes)[number];

/** The types in sentences. */
export const cocoTypeNames: Readonly<Record<CocoType, string>> = {
  bbox: 'boxes',
  segm: 'masks',
  keypoints: 'keypoints',
};

/** An area range in square pixels; both limits belong to it. */
export type AreaRange = readonly [least: number, most: number];

/** The parameters of an evaluation, as COCO's `Params`. Everything but `type` has COCO's value by default. */
export interface CocoParameters {
  readonly type: CocoType;
  /** IoU (keypoints: OKS) from which a detection finds an object. By default 0.5, 0.55, …, 0.95. */
  readonly iouThresholds: readonly number[];
  /** Recalls at which precision is read. By default 0, 0.01, …, 1. */
  readonly recallThresholds: readonly number[];
  /** How many detections count for each image and class, ascending. By default 1, 10, 100; for keypoints 20. */
  readonly maxDetections: readonly number[];
  /** By default all, small, medium, large; for keypoints without small. */
  readonly areaRanges: readonly AreaRange[];
  /** The names of `areaRanges`. */
  readonly areaLabels: readonly string[];
  /** Whether a detection must have the class of the object. By default true. */
  readonly useCategories: boolean;
  /** The images that are evaluated, ascending. By default all. */
  readonly imageIds: readonly number[];
  /** The classes that are evaluated, ascending (in the order given if classes do not matter). By default all. */
  readonly categoryIds: readonly number[];
  /** The standard deviation of each keypoint's labels, relative to the object's size. By default those of COCO's 17. */
  readonly sigmas: readonly number[];
}

/** Masks of one image and class. */
export interface MasksOfImage {
  /** By falling score, at most the largest number of detections. */
  readonly detections: readonly Rle[];
  readonly truths: readonly Rle[];
  readonly crowd: readonly boolean[];
}

/** Options of `evaluateCoco`. `type` must be given. */
export interface CocoOptions extends Partial<Omit<CocoParameters, 'type'>> {
  readonly type: CocoType;
  /** Compares masks otherwise than by IoU: similarities, detection by detection. For `segm` only. */
  readonly maskSimilarity?: ((masks: MasksOfImage) => Float64Array) | undefined;
  /** The names of the files in messages. */
  readonly names?: { readonly truth?: string | undefined; readonly results?: string | undefined } | undefined;
}

/** numpy's linspace: the last value is exact, the others are sums. */
function linspace(start: number, stop: number, count: number): readonly number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

const huge = 1e5 ** 2;
const rangeOf: Readonly<Record<string, AreaRange>> = {
  all: [0, huge],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, huge],
};

/** From 17 annotators' clicks on 5,000 images, in COCO's order of keypoints: nose, eyes, ears, shoulders, … */
const cocoSigmas = [
  0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89,
].map((sigma) => sigma / 10);

/**
 * Returns the parameters of an evaluation: the options, with COCO's values for what is left out.
 *
 * @throws ConfigError for an unknown type and for values that cannot be used
 */
export function cocoParameters(options: CocoOptions, truth: CocoFile): CocoParameters {
  const { type } = options;
  if (!cocoTypes.includes(type)) throw new ConfigError(`evaluateCoco: ${unknownName('type', `${type}`, cocoTypes)}`);
  const labels = type === 'keypoints' ? ['all', 'medium', 'large'] : ['all', 'small', 'medium', 'large'];
  const areaRanges = options.areaRanges ?? labels.map((label) => rangeOf[label]!);
  const areaLabels = options.areaLabels ?? labelsFor(areaRanges, labels);
  const parameters: CocoParameters = {
    type,
    iouThresholds: options.iouThresholds ?? linspace(0.5, 0.95, 10),
    recallThresholds: options.recallThresholds ?? linspace(0, 1, 101),
    maxDetections: (options.maxDetections ?? (type === 'keypoints' ? [20] : [1, 10, 100])).toSorted((a, b) => a - b),
    areaRanges,
    areaLabels,
    useCategories: options.useCategories ?? true,
    imageIds: distinct(options.imageIds ?? truth.images.map(({ id }) => id)),
    categoryIds: (options.categoryIds ?? truth.categories.map(({ id }) => id)).toSorted((a, b) => a - b),
    sigmas: options.sigmas ?? cocoSigmas,
  };
  check(parameters);
  // classes that do not matter keep their order, and one that is listed twice counts twice
  if (parameters.useCategories) return { ...parameters, categoryIds: distinct(parameters.categoryIds) };
  return options.categoryIds ? { ...parameters, categoryIds: options.categoryIds } : parameters;
}

const distinct = (ids: readonly number[]): number[] => [...new Set(ids)].sort((a, b) => a - b);

/** Ranges without names have COCO's, as far as these go, or their limits. */
function labelsFor(ranges: readonly AreaRange[], labels: readonly string[]): readonly string[] {
  return ranges.map(([least, most], i) => labels[i] ?? `${least} to ${most}`);
}

function check(parameters: CocoParameters): void {
  const must = (field: keyof CocoParameters, isRight: (value: number) => boolean, what: string) => {
    const values = parameters[field] as readonly number[];
    const wrong = values.findIndex((value) => !isRight(value));
    if (wrong >= 0) {
      throw new ConfigError(`evaluateCoco: ${field}[${wrong}] must be ${what}, got ${foundIn(values[wrong])}.`);
    }
    if (values.length === 0 && field !== 'imageIds' && field !== 'categoryIds') {
      throw new ConfigError(`evaluateCoco: ${field} must have one entry or more, got none.`);
    }
  };
  must('iouThresholds', Number.isFinite, 'a number');
  must('recallThresholds', Number.isFinite, 'a number');
  must('maxDetections', (count) => Number.isSafeInteger(count) && count > 0, 'a whole number, at least 1');
  must('imageIds', Number.isSafeInteger, 'a whole number');
  must('categoryIds', Number.isSafeInteger, 'a whole number');
  must('sigmas', (sigma) => sigma > 0, 'a number above 0');
  for (const range of parameters.areaRanges) {
    if (range.length !== 2 || !range.every((limit) => typeof limit === 'number' && !Number.isNaN(limit))) {
      throw new ConfigError(`evaluateCoco: areaRanges must be pairs of numbers, got ${foundIn(range)}.`);
    }
  }
  const [ranges, labels] = [parameters.areaRanges.length, parameters.areaLabels.length];
  if (ranges === 0 || labels !== ranges) {
    throw new ConfigError(
      `evaluateCoco: areaLabels must name every one of areaRanges: ${labels} names, ${ranges} ranges.`,
    );
  }
}
