import type { Rle } from '../postprocess/rle.ts';

/** What a COCO evaluation can be told, and what it was done with. */

/** What is compared: boxes, masks or keypoints. */
export const cocoTypes = ['bbox', 'segm', 'keypoints'] as const;
export type CocoType = (typeof cocoTypes)[number];

/** An area range in square pixels; both limits belong to it. */
export type AreaRange = readonly [least: number, most: number];

/** The parameters of an evaluation, as COCO's `Params`. Everything has COCO's value by default. */
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
  readonly areaLabels: readonly string[];
  /** Whether a detection must have the class of the object. */
  readonly useCategories: boolean;
  /** The images that are evaluated, ascending. By default all. */
  readonly imageIds: readonly number[];
  /** The classes that are evaluated, ascending (in the order given if classes do not matter). By default all. */
  readonly categoryIds: readonly number[];
  /** The standard deviation of each keypoint's labels, relative to the object's size. By default COCO's 17. */
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
