import type { CocoParameters } from './coco_parameters.ts';

/**
 * What was matched to what, for every class, image, area range and IoU threshold. A group is one image and class (with
 * `useCategories` false: one image) that has an object or a detection. Groups are ordered by class, then by image.
 * Detections and objects of all groups stand in flat arrays, group by group.
 */
export interface CocoMatching {
  readonly parameters: CocoParameters;
  /** The groups of class k are `classStart[k]` up to `classStart[k + 1]`. */
  readonly classStart: Int32Array; // (classes + 1)
  /** Position of each group's image in `parameters.imageIds`. */
  readonly groupImage: Int32Array; // (groups)
  readonly detectionStart: Int32Array; // (groups + 1)
  readonly truthStart: Int32Array; // (groups + 1)

  /** Place of each detection in the list of results, from 0. COCO's id is one more. Within a group by falling score. */
  readonly detectionIndex: Int32Array; // (detections)
  readonly scores: Float64Array; // (detections)
  /** Detections of each class over all images by falling score; equal scores by image, then by place in the group. */
  readonly byScore: Int32Array; // (detections)

  /** Place of each object in the list of annotations, from 0. Within a group in the order of the file. */
  readonly truthIndex: Int32Array; // (truths)
  readonly truthIds: Float64Array; // (truths)
  /** 1 for a crowd. */
  readonly truthCrowd: Uint8Array; // (truths)
  /** 1 for an object that does not count in the area range: a crowd, or of another size. */
  readonly truthIgnored: readonly Uint8Array[]; // areas × (truths)

  /**
   * For each area range, threshold by threshold, detection by detection: the object that the detection took, as its place
   * in the flat arrays, or -1.
   */
  readonly matches: readonly Int32Array[]; // areas × (thresholds, detections)
  /** The same, what each detection counts as: see `outcomes`. */
  readonly outcomes: readonly Uint8Array[]; // areas × (thresholds, detections)
}

/** The values of `CocoMatching.outcomes`. */
export const outcomes = { falsePositive: 0, truePositive: 1, ignored: 2 } as const;
