import { pairwiseSum, spacing } from './numpy_sum.ts';

/** Object keypoint similarity (OKS), COCO's IoU of keypoints. */

export interface TruthKeypoints {
  /** x, y, visibility of each keypoint. */
  readonly keypoints: readonly number[];
  /** x, y, width, height. Called if no keypoint is visible. */
  readonly box: () => readonly [number, number, number, number];
  readonly area: number;
}

/**
 * Returns the OKS of every detection with every object, detection by detection: the mean over the object's visible
 * keypoints of exp(-d² / (2 s)² / area / 2). An object without any takes the distance of all points to its box, enlarged
 * by its width and height on each side.
 *
 * @param detections x, y, score of each keypoint
 */
export function keypointSimilarity(
  detections: readonly (readonly number[])[],
  truths: readonly TruthKeypoints[],
  sigmas: readonly number[],
): Float64Array {
  const variances = sigmas.map((sigma) => (sigma * 2) ** 2);
  const matrix = new Float64Array(detections.length * truths.length);
  const terms = new Float64Array(sigmas.length);
  for (const [j, truth] of truths.entries()) {
    const visible = [...sigmas.keys()].filter((k) => truth.keypoints[3 * k + 2]! > 0);
    const counted = visible.length > 0 ? visible : [...sigmas.keys()];
    const distance = visible.length > 0 ? toKeypoints(truth) : toEnlargedBox(truth);
    for (const [i, detection] of detections.entries()) {
      for (const [at, k] of counted.entries()) {
        const { dx, dy } = distance(detection[3 * k]!, detection[3 * k + 1]!, k);
        terms[at] = Math.exp(-((dx ** 2 + dy ** 2) / variances[k]! / (truth.area + spacing) / 2));
      }
      matrix[i * truths.length + j] = pairwiseSum(terms, 0, counted.length) / counted.length;
    }
  }
  return matrix;
}

/** Returns the distance of a point to keypoint `k`. */
type Distance = (x: number, y: number, k: number) => { readonly dx: number; readonly dy: number };

const toKeypoints =
  ({ keypoints }: TruthKeypoints): Distance =>
  (x, y, k) => ({ dx: x - keypoints[3 * k]!, dy: y - keypoints[3 * k + 1]! });

function toEnlargedBox({ box }: TruthKeypoints): Distance {
  const [left, top, width, height] = box();
  const [x0, x1] = [left - width, left + width * 2];
  const [y0, y1] = [top - height, top + height * 2];
  return (x, y) => ({
    dx: Math.max(0, x0 - x) + Math.max(0, x - x1),
    dy: Math.max(0, y0 - y) + Math.max(0, y - y1),
  });
}
