import { takeBoxes } from './boxes.ts';

/** The poses of one image as parallel arrays: what a pose model gives, a result holds and a worker sends. */
export interface FoundPoses {
  /** n × (x1, y1, x2, y2) in pixels of the image: where the poses were looked for, as the boxes were given. */
  readonly boxes: Float32Array;
  /** n: the score of the box, times the mean of the keypoints that are certain. */
  readonly scores: Float32Array;
  /**
   * n × keypoints × (x, y) in pixels of the image. The middle of the first pixel is (0, 0). They may lie outside of the box, and of the
   * image.
   */
  readonly points: Float32Array;
  /** n × keypoints: the peak of each heatmap. It is not a probability: it may be above 1 or below 0. */
  readonly pointScores: Float32Array;
}

/** Returns the poses with the given indices, in that order. */
export function takePoses({ boxes, scores, points, pointScores }: FoundPoses, indices: readonly number[]): FoundPoses {
  const perPose = scores.length === 0 ? 0 : pointScores.length / scores.length;
  const rows = (values: Float32Array, length: number): Float32Array => {
    const taken = new Float32Array(indices.length * length);
    for (const [to, i] of indices.entries()) taken.set(values.subarray(i * length, (i + 1) * length), to * length);
    return taken;
  };
  return {
    boxes: takeBoxes(boxes, Uint32Array.from(indices)),
    scores: rows(scores, 1),
    points: rows(points, 2 * perPose),
    pointScores: rows(pointScores, perPose),
  };
}
