/** How good results are: the metrics of detection, segmentation and classification, on typed arrays, in Node and in browsers. */

import '../no_eval.ts';

export type { NamedResults } from '../data/coco_file.ts';

export { type BoundaryIou, boundaryIou, boundaryOf, boundarySimilarity, boundaryWidth } from './boundary.ts';
export type { BoundaryScores } from './boundary_maps.ts';
export {
  type Calibration,
  type CalibrationOptions,
  calibrationFigures,
  calibrationOf,
  type DetectionCalibration,
} from './calibration.ts';
export {
  accumulate,
  type CocoArrays,
  type CocoClassFigures,
  type CocoEvaluation,
  cocoStatNames,
  cocoStats,
  evaluateCoco,
} from './coco.ts';
export { type CocoMatching, outcomes, takenBy } from './coco_matching.ts';
export type { AreaRange, CocoOptions, CocoParameters, CocoType, MasksOfImage } from './coco_parameters.ts';
export {
  type CompareOptions,
  type Comparison,
  compareEvaluations,
  type ResampleReading,
} from './compare.ts';
export { type ComparedResults, type CompareResultsOptions, compareResults } from './compare_results.ts';
export {
  type ConfusionMatrix,
  type ConfusionOptions,
  type ConfusionPair,
  confusionMatrix,
  rowShares,
} from './confusion.ts';
export type * from './evaluation.ts';
export { type EvaluationJson, evaluationJson } from './evaluation_json.ts';
export { imageCounts } from './image_counts.ts';
export type { Sigmas } from './keypoint_sets.ts';
export {
  type ImageLabelScores,
  type LabelMapAreas,
  type LabelMapEvaluator,
  type LabelMapOptions,
  type LabelMapScoreOptions,
  type LabelMapScores,
  labelMapEvaluator,
} from './label_maps.ts';
export type { LabelRules } from './label_values.ts';
export type { Observation, Observer } from './observe.ts';
export type { RegionType } from './regions.ts';
export { type EvaluateResultsOptions, evaluateResults } from './results_file.ts';
export {
  type EvaluatedModel,
  type EvaluatedOptions,
  type EvaluateModelOptions,
  type EvaluateOptions,
  type EvaluationProgress,
  evaluateModel,
} from './run.ts';
export { type TideErrors, type TideLabel, type TideOptions, tideErrors } from './tide.ts';
export {
  type RankedLabel,
  type TopKClass,
  type TopKEvaluator,
  type TopKOptions,
  type TopKScores,
  topKEvaluator,
} from './top_k.ts';
