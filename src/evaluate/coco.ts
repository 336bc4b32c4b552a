import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import { UnsupportedError } from '../errors.ts';
import type { CocoMatching } from './coco_matching.ts';
import type { CocoOptions, CocoParameters } from './coco_parameters.ts';

/** Precision and recall as COCO accumulates them; -1 where there is no object to find. All in C order. */
export interface CocoArrays {
  /** Thresholds, recalls, classes, areas, limits of detections. */
  readonly counts: readonly [t: number, r: number, k: number, a: number, m: number];
  readonly precision: Float64Array; // (T, R, K, A, M)
  readonly recall: Float64Array; // (T, K, A, M)
  /** The score of the detection at which each recall is reached. */
  readonly scores: Float64Array; // (T, R, K, A, M)
}

/** Means over the thresholds of one class; -1 without an object. */
export interface CocoClassFigures {
  /** -1 for all classes together. */
  readonly categoryId: number;
  readonly name: string;
  /** At the first area range and the largest number of detections. */
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  /** For each area range, in the order of `areaLabels`. */
  readonly apByArea: readonly number[];
  /** For each limit of detections, at the first area range. */
  readonly arByMax: readonly number[];
}

export interface CocoEvaluation extends CocoArrays {
  readonly parameters: CocoParameters;
  /** COCO's 12 figures (keypoints: 10), in its order. */
  readonly stats: readonly number[];
  readonly perClass: readonly CocoClassFigures[];
  readonly matching: CocoMatching;
  /** What is surprising in the data: ids of 0, duplicate ids, detections of unknown classes, … */
  readonly notices: readonly string[];
}

/**
 * Evaluates detections against labels as pycocotools does, bit for bit.
 *
 * @throws DataError for detections of unknown images and for objects without what `type` compares
 */
export function evaluateCoco(
  _truth: CocoFile,
  _detections: readonly CocoDetection[],
  _options: CocoOptions,
): CocoEvaluation {
  throw new UnsupportedError('COCO evaluation is being written.');
}

/**
 * Accumulates a matching again over a choice of images, without matching anew.
 *
 * @param imageCounts how many times each image of `parameters.imageIds` counts; by default each once. An image that counts
 *   twice is two images side by side.
 */
export function accumulate(_matching: CocoMatching, _imageCounts?: ArrayLike<number>): CocoArrays {
  throw new UnsupportedError('COCO evaluation is being written.');
}

/** Returns COCO's 12 figures (keypoints: 10) of accumulated arrays. */
export function cocoStats(_arrays: CocoArrays, _parameters: CocoParameters): number[] {
  throw new UnsupportedError('COCO evaluation is being written.');
}
