import { checkDetection } from '../results/fields.ts';
import type { RleText } from '../results/mask.ts';
import type { Result } from '../results/result.ts';

/** The shape of mmdet 3's `DetInferencer`. */

/** An entry of `predictions`. */
export interface DetPrediction {
  /** x1, y1, x2, y2 in pixels of the image. */
  bboxes: number[][];
  /** Indices of classes. */
  labels: number[];
  scores: number[];
  /** COCO's compressed run lengths over the whole image; absent for a detector without masks. */
  masks?: RleText[];
}

/**
 * Returns the instances of a result as an entry of the `predictions` of mmdet's `DetInferencer`.
 *
 * @throws RangeError if detection did not run
 */
export function toDetPrediction(result: Result): DetPrediction {
  checkDetection(result);
  const bboxes = [...result].map(({ box }) => [...box]);
  const prediction: DetPrediction = { bboxes, labels: [...result.labels], scores: [...result.scores] };
  if (result.masks) prediction.masks = result.masks.map((mask) => mask.toRle());
  return prediction;
}
