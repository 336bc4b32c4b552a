import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import { DataError } from '../errors.ts';
import { type CocoEvaluation, cocoStatNames, evaluateCoco } from './coco.ts';
import type { CocoType } from './coco_parameters.ts';
import { confusionMatrix } from './confusion.ts';
import type { MatchCounts, NotMeasured, ObjectFigures } from './evaluation.ts';
import { classFigures, precisionCurves } from './objects.ts';
import { type TideLabel, tideErrors } from './tide.ts';

/** Measures instances by COCO's metrics, each as boxes, masks or keypoints, with what explains the figures. */

export interface ObjectMeasure {
  readonly type: CocoType;
  readonly evaluation: CocoEvaluation;
  readonly figures: ObjectFigures;
  /** By the ids of the truth's images. */
  readonly rows: ReadonlyMap<number, MatchCounts>;
  /** What TIDE makes of each detection. */
  readonly errors: readonly TideLabel[] | undefined;
}

export interface ObjectMeasures {
  readonly measures: readonly ObjectMeasure[];
  /** What the labels or the detections cannot be compared by. */
  readonly notMeasured: readonly NotMeasured[];
  readonly notices: readonly string[];
}

/** @param names how messages name the files of the truth and of the results */
export function measureObjects(
  truth: CocoFile,
  found: readonly CocoDetection[],
  types: readonly CocoType[],
  names: { readonly truth: string; readonly results?: string | undefined },
): ObjectMeasures {
  const measures: ObjectMeasure[] = [];
  const notMeasured: NotMeasured[] = [];
  for (const type of types) {
    try {
      measures.push(measureOf(truth, found, evaluateCoco(truth, found, { type, names })));
    } catch (error) {
      // some of the objects have no mask, say; boxes can still be compared
      if (!(error instanceof DataError)) throw error;
      notMeasured.push({ what: type, why: error.message });
    }
  }
  const notices = [...new Set(measures.flatMap(({ evaluation }) => evaluation.notices))];
  return { measures, notMeasured, notices };
}

function measureOf(truth: CocoFile, found: readonly CocoDetection[], evaluation: CocoEvaluation): ObjectMeasure {
  const { parameters, stats } = evaluation;
  const { type } = parameters;
  const regions = type === 'keypoints' ? undefined : regionFigures(truth, found, type);
  return {
    type,
    evaluation,
    rows: new Map(),
    errors: regions?.tide.labels,
    figures: {
      type,
      stats,
      statNames: cocoStatNames(parameters),
      perClass: classFigures(evaluation, truth, found),
      iouThresholds: parameters.iouThresholds,
      recallThresholds: parameters.recallThresholds,
      maxDetections: parameters.maxDetections,
      curves: precisionCurves(evaluation),
      errors: regions?.errors,
      confusion: regions?.confusion,
    },
  };
}

/** What is measured of boxes and masks only. */
function regionFigures(truth: CocoFile, found: readonly CocoDetection[], type: 'bbox' | 'segm') {
  const tide = tideErrors(truth, found, { type });
  const { ap, foreground, background, gain, count } = tide;
  const { iou, score, matrix, categoryIds } = confusionMatrix(truth, found, { type });
  const names = new Map(truth.categories.map(({ id, name }) => [id, name]));
  return {
    tide,
    errors: { ap, foreground, background, gain, count },
    confusion: { iou, score, matrix, classes: categoryIds.map((id) => names.get(id) ?? `class ${id}`) },
  };
}
