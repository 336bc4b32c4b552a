import type { Evaluation, ImageRow, LabelMapFigures, ObjectFigures } from './evaluation.ts';

/**
 * Returns an evaluation as plain data for one JSON document, which docs/evaluation.md describes. NaN becomes null. A figure
 * of objects is -1 without a truth, as in COCO.
 */
export function evaluationJson(evaluation: Evaluation) {
  const { data, model, results, bbox, segm, keypoints, semseg, classification, detections, speed } = evaluation;
  const { images, failures, notMeasured, notices } = evaluation;
  const pixels = semseg && labelMapsJson(semseg);
  return {
    split: data.split ?? null,
    images: data.evaluated,
    size: longestEdge(images),
    det_scale: model && scaleOf(model.detectionScale),
    seg_scale: model && scaleOf(model.segmentationScale),
    pose_scale: model && scaleOf(model.poseScale),
    detections,
    bbox: bbox && objectsJson(bbox),
    segm: segm && objectsJson(segm),
    keypoints: keypoints && objectsJson(keypoints),
    semseg: pixels,
    // with a detector on the same backbone, the preprocessing is the detector's and the figures are others
    semseg_alone: model?.detectionScale === undefined ? pixels : undefined,
    classification,
    data: { ...data, keypoints: undefined },
    model,
    results,
    speed,
    not_measured: notMeasured,
    notices,
    failures,
    per_image: images,
  };
}

/** What `evaluationJson` returns. */
export type EvaluationJson = ReturnType<typeof evaluationJson>;

function longestEdge(images: readonly ImageRow[]): number {
  return images.reduce((longest, { size }) => Math.max(longest, size.height, size.width), 0);
}

/** One number for a square, else both edges. */
function scaleOf(scale: readonly number[] | undefined): number | readonly number[] | undefined {
  const [first, ...others] = scale ?? [];
  return others.every((edge) => edge === first) ? first : scale;
}

function objectsJson({ stats, statNames, perClass, errors, calibration, confusion, ...figures }: ObjectFigures) {
  return {
    stats,
    per_class: byName(perClass, ({ ap }) => ap),
    stat_names: statNames,
    classes: perClass,
    iou_thresholds: figures.iouThresholds,
    max_detections: figures.maxDetections,
    sigmas: figures.sigmas,
    per_keypoint: figures.perKeypoint && byName(figures.perKeypoint, ({ similarity }) => similarity),
    errors,
    calibration,
    confusion,
  };
}

function labelMapsJson({ miou, macc, aacc, mdice, boundary, perClass }: LabelMapFigures) {
  return {
    miou,
    iou: byName(perClass, ({ iou }) => iou),
    macc,
    aacc,
    mdice,
    boundary_iou: boundary,
    classes: perClass,
  };
}

/** Classes of one name are told apart by a number. Names may be those of an object's own fields. */
function byName<T extends { readonly name: string }>(list: readonly T[], value: (one: T) => number) {
  const seen = new Map<string, number>();
  const entries = list.map((one): [string, number] => {
    const times = (seen.get(one.name) ?? 0) + 1;
    seen.set(one.name, times);
    return [times > 1 ? `${one.name} (${times})` : one.name, value(one)];
  });
  return Object.fromEntries(entries);
}
