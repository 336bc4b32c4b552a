import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import type { KeypointNames } from '../data/image_set.ts';
import { DataError } from '../errors.ts';
import { calibrationFigures } from './calibration.ts';
import { type CocoEvaluation, cocoStatNames, evaluateCoco } from './coco.ts';
import type { CocoType } from './coco_parameters.ts';
import { confusionMatrix } from './confusion.ts';
import type { MatchCounts, NotMeasured, ObjectFigures } from './evaluation.ts';
import { imageCounts } from './image_counts.ts';
import { keypointFigures } from './keypoint_figures.ts';
import {
  classesWithKeypoints,
  type LabelledKeypoints,
  noticeOfCocoSigmas,
  type Sigmas,
  sigmasFor,
  withKeypoints,
} from './keypoint_sets.ts';
import { classFigures, precisionCurves } from './objects.ts';
import { type TideLabel, tideErrors } from './tide.ts';

/** Measures instances by COCO's metrics, each as boxes, masks or keypoints, with what explains the figures. */

/** One type of COCO's, measured. */
export interface ObjectMeasure {
  readonly type: CocoType;
  readonly evaluation: CocoEvaluation;
  readonly figures: ObjectFigures;
  /** By the ids of the truth's images. */
  readonly rows: ReadonlyMap<number, MatchCounts>;
  /** What TIDE makes of each detection. */
  readonly errors: readonly TideLabel[] | undefined;
}

/** All types that could be measured. */
export interface ObjectMeasures {
  readonly measures: readonly ObjectMeasure[];
  /** What the labels or the detections cannot be compared by. */
  readonly notMeasured: readonly NotMeasured[];
  readonly notices: readonly string[];
}

/** The keypoints that are compared. */
export interface MeasuredKeypoints extends LabelledKeypoints {
  /** By default COCO's, if there are as many. */
  readonly sigmas: Sigmas | undefined;
  /** As they are drawn, if not as the data set has them. */
  readonly drawn?: KeypointNames | undefined;
}

/** The detections that are measured, and the labels that they are compared with. */
export interface MeasuredObjects {
  readonly truth: CocoFile;
  readonly found: readonly CocoDetection[];
  readonly types: readonly CocoType[];
  readonly keypoints?: MeasuredKeypoints | undefined;
}

/** How messages name the files of the truth and of the results. */
interface FileNames {
  readonly truth: string;
  readonly results?: string | undefined;
}

/**
 * Measures each type that can be: a type that the labels or the detections lack is among `notMeasured`.
 *
 * @throws ConfigError for sigmas that are not one for each keypoint
 */
export function measureObjects(objects: MeasuredObjects, names: FileNames): ObjectMeasures {
  const { types } = objects;
  const measures: ObjectMeasure[] = [];
  const notMeasured: NotMeasured[] = [];
  const notices = new Set<string>();
  for (const type of types) {
    const { value, fault } = attempt(() => evaluated(objects, type, names));
    if (fault !== undefined) notMeasured.push({ what: type, why: fault });
    if (!value) continue;
    measures.push(measureOf(objects, value, (notice) => notices.add(notice)));
    for (const notice of value.notices) notices.add(notice);
  }
  return { measures, notMeasured, notices: [...notices] };
}

function evaluated({ truth, found, keypoints }: MeasuredObjects, type: CocoType, names: FileNames): CocoEvaluation {
  if (type !== 'keypoints' || !keypoints) return evaluateCoco(truth, found, { type, names });
  const sigmas = sigmasFor(keypoints.sigmas, keypoints.count);
  const notice = keypoints.sigmas === undefined ? noticeOfCocoSigmas(keypoints, names.truth) : undefined;
  const labels = withKeypoints(truth, keypoints.count);
  const evaluation = evaluateCoco(labels, found, { type, names, sigmas, categoryIds: classesWithKeypoints(truth) });
  return notice === undefined ? evaluation : { ...evaluation, notices: [notice, ...evaluation.notices] };
}

/** Some measures cannot be taken of all data: there are objects without a mask, or scores above 1. The others still can. */
function attempt<T>(measure: () => T): { readonly value?: T; readonly fault?: string } {
  try {
    return { value: measure() };
  } catch (error) {
    if (error instanceof DataError) return { fault: error.message };
    throw error;
  }
}

function measureOf(
  { truth, found, keypoints }: MeasuredObjects,
  evaluation: CocoEvaluation,
  say: (notice: string) => void,
): ObjectMeasure {
  const { parameters, stats, matching } = evaluation;
  const { type } = parameters;
  const tried = <T>(measure: () => T): T | undefined => {
    const { value, fault } = attempt(measure);
    if (fault !== undefined) say(`${type}: ${fault}`);
    return value;
  };
  const regions = type === 'keypoints' ? undefined : tried(() => regionFigures(truth, found, type));
  const counts = imageCounts(matching);
  return {
    type,
    evaluation,
    rows: new Map(parameters.imageIds.map((id, i) => [id, counts[i]!])),
    errors: regions?.labels,
    figures: {
      type,
      stats,
      statNames: cocoStatNames(parameters),
      perClass: classFigures(evaluation, truth, found),
      iouThresholds: parameters.iouThresholds,
      recallThresholds: parameters.recallThresholds,
      maxDetections: parameters.maxDetections,
      sigmas: type === 'keypoints' ? parameters.sigmas : undefined,
      perKeypoint: type === 'keypoints' ? keypointFigures(evaluation, truth, found, keypoints?.names) : undefined,
      curves: precisionCurves(evaluation),
      errors: regions?.errors,
      calibration: isOfPeaks(evaluation) ? undefined : tried(() => calibrationFigures(evaluation)),
      confusion: regions?.confusion,
    },
  };
}

/** Tells if scores are those of poses, which come from the peaks of heatmaps: these may be above 1, and are not probabilities then. */
const isOfPeaks = ({ parameters, matching }: CocoEvaluation): boolean =>
  parameters.type === 'keypoints' && matching.scores.some((score) => score > 1);

/** What is measured of boxes and masks only. */
function regionFigures(truth: CocoFile, found: readonly CocoDetection[], type: 'bbox' | 'segm') {
  const { ap, foreground, background, gain, count, labels } = tideErrors(truth, found, { type });
  const { iou, score, matrix, categoryIds } = confusionMatrix(truth, found, { type });
  const names = new Map(truth.categories.map(({ id, name }) => [id, name]));
  return {
    labels,
    errors: { ap, foreground, background, gain, count },
    confusion: { iou, score, matrix, classes: categoryIds.map((id) => names.get(id) ?? `class ${id}`) },
  };
}
