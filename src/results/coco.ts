import { checkDetection, instancesOf, type ResultFields } from './fields.ts';
import type { RleText } from './mask.ts';
import { Poses } from './poses.ts';

/** What all entries of COCO's results format have. */
interface CocoEntry {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly score: number;
}

/** An instance in COCO's results format. */
export interface CocoInstance extends CocoEntry {
  /** x, y, width, height in pixels of the image. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  /** The mask over the whole image. */
  readonly segmentation?: RleText | undefined;
  readonly keypoints?: undefined;
}

/** A pose in COCO's results format, as mmpose writes it. It has no box: pycocotools would take its area for that of the pose. */
export interface CocoPose extends CocoEntry {
  /** x, y, score of each keypoint. The middle of the first pixel is (0, 0), as in COCO's annotations. */
  readonly keypoints: readonly number[];
  readonly bbox?: undefined;
  readonly segmentation?: undefined;
}

/** One entry of COCO's results format (`loadRes` of pycocotools takes an array of them). */
export type CocoResult = CocoInstance | CocoPose;

/**
 * Returns the poses, or else the instances, in COCO's results format. Category ids are the data set's; without them they count from 1.
 *
 * @throws RangeError if neither pose nor detection ran
 */
export function cocoResults(result: ResultFields, imageId: number | string): CocoResult[] {
  if (result.poses) return cocoPoses(Poses.from(result.poses), imageId);
  checkDetection(result);
  const ids = result.dataset?.categoryIds;
  return Array.from(instancesOf(result), ({ label, score, box: [x1, y1, x2, y2], mask }) => ({
    image_id: imageId,
    category_id: ids?.[label] ?? label + 1,
    bbox: [x1, y1, x2 - x1, y2 - y1],
    score,
    segmentation: mask?.toRle(),
  }));
}

const cocoPoses = (poses: Poses, imageId: number | string): CocoPose[] =>
  Array.from(poses, ({ score, keypoints }) => ({
    image_id: imageId,
    category_id: poses.dataset.categoryIds?.[0] ?? 1,
    keypoints: keypoints.flatMap(({ x, y, score }) => [x, y, score]),
    score,
  }));
