import { iouXywh } from '../postprocess/boxes.ts';
import { type Rle, rleBoxXywh, rleIou } from '../postprocess/rle.ts';
import type { CocoGroups } from './coco_groups.ts';
import { keypointSimilarity } from './coco_keypoints.ts';
import { type CocoInput, type Measured, measuredDetections, measuredTruths } from './coco_measures.ts';
import type { MasksOfImage } from './coco_parameters.ts';

/** Compares the detections of a group with its objects, and measures both. Masks exist for one group at a time. */

/** Areas by position in the flat arrays of the groups, filled group by group. */
export interface Areas {
  readonly truths: Float64Array;
  readonly detections: Float64Array;
}

/**
 * Returns the similarities of a group, detection by detection, and writes the areas of both sides. Undefined if there is
 * nothing to compare.
 */
export type CompareGroup = (group: number) => Float64Array | undefined;

/** Prepares the comparison of groups. @throws DataError from the function for entries without what is compared */
export function groupComparison(input: CocoInput, groups: CocoGroups, areas: Areas): CompareGroup {
  const truths = measuredTruths(input, groups.truthIndex);
  const detections = measuredDetections(input, groups.detectionIndex);
  const compare = comparisonOf(input, truths, detections);
  const { type, useCategories } = input.parameters;
  return (group) => {
    const ofTruths: Range = [groups.truthStart[group]!, groups.truthStart[group + 1]!];
    const ofDetections: Range = [groups.detectionStart[group]!, groups.detectionStart[group + 1]!];
    for (let at = ofTruths[0]; at < ofTruths[1]; at++) areas.truths[at] = truths.area(at);
    for (let at = ofDetections[0]; at < ofDetections[1]; at++) areas.detections[at] = detections.area(at);
    if (ofTruths[0] === ofTruths[1] || ofDetections[0] === ofDetections[1]) return undefined;
    // pycocotools looks the OKS up under another class and finds none
    if (type === 'keypoints' && !useCategories) return undefined;
    return compare(ofDetections, ofTruths);
  };
}

/** Positions in the flat arrays, the end exclusive. */
type Range = readonly [from: number, to: number];

const over = <T>([from, to]: Range, at: (place: number) => T): T[] =>
  Array.from({ length: to - from }, (_, i) => at(from + i));

type Compare = (detections: Range, truths: Range) => Float64Array;

function comparisonOf(input: CocoInput, truths: Measured, detections: Measured): Compare {
  const { parameters, maskSimilarity = maskIou } = input;
  const isCrowd = (at: number) => truths.isCrowd(at);
  switch (parameters.type) {
    case 'bbox':
      return (found, objects) => iouXywh(boxesIn(found, detections), boxesIn(objects, truths), over(objects, isCrowd));
    case 'segm':
      return (found, objects) =>
        maskSimilarity({
          detections: over(found, detections.mask),
          truths: over(objects, truths.mask),
          crowd: over(objects, isCrowd),
        });
    case 'keypoints':
      return (found, objects) =>
        keypointSimilarity(
          over(found, detections.keypoints),
          over(objects, (at) => ({
            keypoints: truths.keypoints(at),
            box: () => truths.box(at),
            area: truths.area(at),
          })),
          parameters.sigmas,
        );
  }
}

function boxesIn([from, to]: Range, side: Measured): Float64Array {
  const boxes = new Float64Array(4 * (to - from));
  for (let at = from; at < to; at++) {
    const [x, y, width, height] = side.box(at);
    const row = 4 * (at - from);
    boxes[row] = x;
    boxes[row + 1] = y;
    boxes[row + 2] = width;
    boxes[row + 3] = height;
  }
  return boxes;
}

/** COCO's IoU of masks. Of different sizes: -1 if their boxes overlap, else 0. */
export function maskIou({ detections, truths, crowd }: MasksOfImage): Float64Array {
  const [first] = truths;
  const fits = ({ height, width }: Rle) => height === first?.height && width === first.width;
  if (detections.every(fits) && truths.every(fits)) return rleIou(detections, truths, crowd);
  const pairs = detections.flatMap((detection) =>
    truths.map((truth, j) => pairIou(detection, truth, crowd[j] === true)),
  );
  return Float64Array.from(pairs);
}

function pairIou(detection: Rle, truth: Rle, crowd: boolean): number {
  const isSame = detection.height === truth.height && detection.width === truth.width;
  if (isSame) return rleIou([detection], [truth], [crowd])[0]!;
  return iouXywh(rleBoxXywh(detection), rleBoxXywh(truth), [crowd])[0]! > 0 ? -1 : 0;
}
