import { withoutTask } from '../results/fields.ts';
import type { Result } from '../results/result.ts';

/** The shape of mmpose 1's `MMPoseInferencer`. */

/** One pose of an entry of `predictions`. */
export interface PosePrediction {
  /** x, y of each keypoint in pixels of the image. */
  keypoints: number[][];
  keypoint_scores: number[];
  /** x1, y1, x2, y2 in pixels of the image, in a list of one as there. */
  bbox: number[][];
}

/**
 * Returns the poses of a result as an entry of the `predictions` of mmpose's `MMPoseInferencer`. There is no `bbox_score`: a result has the
 * score of the pose, which the one of the box is a factor of.
 *
 * @throws RangeError if pose did not run
 */
export function toPosePredictions(result: Result): PosePrediction[] {
  if (!result.poses) throw withoutTask('pose');
  return Array.from(result.poses, ({ keypoints, box }) => ({
    keypoints: keypoints.map(({ x, y }) => [x, y]),
    keypoint_scores: keypoints.map(({ score }) => score),
    bbox: [[...box]],
  }));
}
