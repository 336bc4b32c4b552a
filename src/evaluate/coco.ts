import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import { accumulate, type CocoArrays } from './coco_accumulate.ts';
import { type CocoMatching, matchCoco } from './coco_matching.ts';
import { type CocoOptions, type CocoParameters, cocoParameters } from './coco_parameters.ts';
import { type CocoClassFigures, cocoClassFigures, cocoStats } from './coco_summary.ts';

export { accumulate, type CocoArrays } from './coco_accumulate.ts';
export { type CocoClassFigures, cocoStatNames, cocoStats } from './coco_summary.ts';

/** What `evaluateCoco` returns. */
export interface CocoEvaluation extends CocoArrays {
  readonly parameters: CocoParameters;
  /** COCO's 12 figures (keypoints: 10), in its order; -1 without an object. */
  readonly stats: readonly number[];
  readonly perClass: readonly CocoClassFigures[];
  readonly matching: CocoMatching;
  /** Sentences about what is surprising: ids of 0, duplicate ids, detections of unknown classes, … */
  readonly notices: readonly string[];
}

/**
 * Evaluates detections against labels as pycocotools' COCOeval (2.0.11) does, to the bit. Ids and their order matter as
 * they do there. What pycocotools fails on and others write is evaluated: no results, no `area` (the mask's, else the
 * box's), no `bbox` (the mask's), no `iscrowd` (0), runs that are not compressed. The first result decides how all are
 * measured: with a box by their boxes, else by masks, else by the box around their keypoints.
 *
 * @throws ConfigError for an unknown type and for parameters that cannot be used
 * @throws DataError for detections of images that are not listed, and for entries without what `type` compares
 */
export function evaluateCoco(
  truth: CocoFile,
  detections: readonly CocoDetection[],
  options: CocoOptions,
): CocoEvaluation {
  const parameters = cocoParameters(options, truth);
  const names = { truth: options.names?.truth ?? 'labels', results: options.names?.results ?? 'results' };
  const notices = parameterNotices(parameters);
  const matching = matchCoco({ truth, detections, parameters, names, maskSimilarity: options.maskSimilarity }, notices);
  const arrays = accumulate(matching);
  return {
    ...arrays,
    parameters,
    stats: cocoStats(arrays, parameters),
    perClass: cocoClassFigures(arrays, parameters, truth.categories),
    matching,
    notices,
  };
}

function parameterNotices({ type, maxDetections, useCategories }: CocoParameters): string[] {
  const notices: string[] = [];
  const asked = type === 'keypoints' ? 20 : 100;
  const what = type === 'keypoints' ? 'All figures are' : 'The first figure is';
  if (!maxDetections.includes(asked)) {
    notices.push(`${what} -1: COCO reads it at ${asked} detections, which maxDetections does not have.`);
  }
  if (type === 'keypoints' && !useCategories) {
    notices.push('Keypoints without classes: as in pycocotools, no detection finds an object.');
  }
  return notices;
}
