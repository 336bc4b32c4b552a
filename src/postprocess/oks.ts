import { ShapeError } from '../errors.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { checkFinite } from './scores.ts';

/**
 * Object keypoint similarity (OKS) between predicted poses, suppression by it, and the score of a pose, as mmpose 0.29
 * has them (`mmpose/core/post_processing/nms.py`, `topdown_coco_dataset.py`). The similarity with labelled poses is in `evaluate`.
 */

/** The predicted poses of one image. */
export interface ComparedPoses {
  /** n × keypoints × (x, y) in pixels of the image. */
  readonly points: Float32Array;
  /** n: areas in pixels, of the crops (`cropPlaces`) rather than of the boxes. */
  readonly areas: ArrayLike<number>;
}

const f32 = Math.fround;

/** numpy's spacing(1): keeps poses of area 0 from dividing by it. */
const epsilon = 2 ** -52;

/**
 * Returns the OKS of every pose with every other, n × n: the mean over all keypoints of exp(-d² / (2 s)² / area / 2), where the area is
 * the mean of both. The keypoints' scores play no part.
 *
 * @param sigmas the standard deviation of each keypoint, as a share of the object's size
 * @throws ShapeError if the arrays do not fit; RangeError for a point that is not finite
 */
export function oksMatrix(poses: ComparedPoses, sigmas: readonly number[]): Float64Array {
  const similarity = similarityOf(poses, sigmas);
  const count = poses.areas.length;
  const matrix = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) matrix[i * count + j] = matrix[j * count + i] = similarity(i, j);
  }
  return matrix;
}

/** Returns what computes the OKS of two poses, which is the same in both orders. @throws as `oksMatrix` */
function similarityOf({ points, areas }: ComparedPoses, sigmas: readonly number[]): (i: number, j: number) => number {
  const count = areas.length;
  const keypoints = sigmas.length;
  if (keypoints === 0 || points.length !== 2 * count * keypoints) {
    throw new ShapeError(
      `OKS: ${count} poses of ${keypoints} keypoints need ${2 * count * keypoints} coordinates, got ${points.length}.`,
    );
  }
  checkFinite('OKS', 'points', points);
  checkFinite('OKS', 'areas', Float32Array.from(areas));
  const variances = sigmas.map((sigma) => (sigma * 2) ** 2);
  return (i, j) => {
    const area = (areas[i]! + areas[j]!) / 2 + epsilon;
    let sum = 0;
    for (let k = 0; k < keypoints; k++) {
      const a = 2 * (i * keypoints + k);
      const b = 2 * (j * keypoints + k);
      const distance = (points[a]! - points[b]!) ** 2 + (points[a + 1]! - points[b + 1]!) ** 2;
      sum += Math.exp(-(distance / variances[k]! / area / 2));
    }
    return sum / keypoints;
  };
}

/** How poses that are found twice are suppressed. */
export interface OksOptions {
  /** The OKS above which two poses are one. */
  readonly threshold: number;
  /** The standard deviation of each keypoint, as a share of the size of the object. */
  readonly sigmas: readonly number[];
}

/**
 * Suppresses poses that are found twice: in the order of the scores, a pose is dropped if its OKS with one that stays is greater than
 * `threshold` (not equal).
 *
 * @param scores n; of equal scores the lower index comes first
 * @returns the indices of the poses that stay, best first
 */
export function oksNms(poses: ComparedPoses, scores: ArrayLike<number>, suppression: OksOptions): Uint32Array {
  return atOnce(oksNmsSlices(poses, scores, suppression));
}

/** Does what `oksNms` does, in slices. A pose is compared with those that stay only: there is no matrix, which grows with the square. */
export function* oksNmsSlices(
  poses: ComparedPoses,
  scores: ArrayLike<number>,
  { threshold, sigmas }: OksOptions,
): Sliced<Uint32Array> {
  checkScores(poses, scores, threshold);
  const similarity = similarityOf(poses, sigmas);
  const order = Uint32Array.from(poses.areas, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  for (const i of order) {
    // the reference's similarities are float32
    if (!kept.some((other) => f32(similarity(other, i)) > f32(threshold))) kept.push(i);
    yield;
  }
  return Uint32Array.from(kept);
}

/**
 * Soft suppression: the best pose is taken, the scores of all others sink by exp(-OKS² / threshold), and so on until `max` are
 * taken. The scores only give the order: those of before stay with the poses.
 *
 * @param scores n; of equal scores the lower index comes first
 * @returns the indices of the poses that are taken, in that order
 */
export function softOksNms(
  poses: ComparedPoses,
  scores: ArrayLike<number>,
  { threshold, sigmas, max = 20 }: OksOptions & { readonly max?: number | undefined },
): Uint32Array {
  checkScores(poses, scores, threshold);
  const count = scores.length;
  const matrix = oksMatrix(poses, sigmas);
  const sinking = Float64Array.from(scores);
  const left = new Set(sinking.keys());
  const kept: number[] = [];
  while (left.size > 0 && kept.length < max) {
    let best = -1;
    for (const i of left) if (best < 0 || sinking[i]! > sinking[best]!) best = i;
    left.delete(best);
    kept.push(best);
    for (const i of left) sinking[i]! *= Math.exp(-(matrix[best * count + i]! ** 2) / threshold);
  }
  return Uint32Array.from(kept);
}

function checkScores({ areas }: ComparedPoses, scores: ArrayLike<number>, threshold: number): void {
  if (scores.length !== areas.length) {
    throw new ShapeError(`OKS suppression: ${areas.length} poses have ${scores.length} scores. Give one per pose.`);
  }
  if (!(threshold > 0)) throw new RangeError(`OKS suppression: the threshold is ${threshold}. It must be above 0.`);
  checkFinite('OKS suppression', 'scores', Float32Array.from(scores));
}

/** How a pose's score is made of those of its box and its keypoints. */
export interface PoseScoring {
  /**
   * `mean`: box × the mean of the keypoints above `visible`, 0 if there is none; the published figures use it.
   * `rle`: box + the mean + the maximum of all keypoints, in float32, as models trained with residual log-likelihood are scored.
   */
  readonly method?: 'mean' | 'rle' | undefined;
  /** Keypoints with a score above it count in `mean`. By default 0.2. */
  readonly visible?: number | undefined;
}

/**
 * Returns the score of each pose.
 *
 * @param pointScores n × keypoints
 * @param boxScores n
 */
export function poseScores(
  pointScores: Float32Array,
  boxScores: ArrayLike<number>,
  { method = 'mean', visible = 0.2 }: PoseScoring = {},
): Float64Array {
  const keypoints = pointScores.length / boxScores.length;
  if (boxScores.length > 0 ? !(Number.isInteger(keypoints) && keypoints > 0) : pointScores.length > 0) {
    throw new ShapeError(
      `poseScores: ${pointScores.length} scores of keypoints do not belong to ${boxScores.length} poses. Give as many for each.`,
    );
  }
  checkFinite('poseScores', 'pointScores', pointScores);
  checkFinite('poseScores', 'boxScores', Float32Array.from(boxScores));
  return Float64Array.from(boxScores, (box, i) => {
    const scores = pointScores.subarray(i * keypoints, (i + 1) * keypoints);
    if (method === 'rle') return f32(f32(box + f32(meanOf(scores))) + Math.max(...scores));
    const seen = scores.filter((score) => score > visible);
    return seen.length > 0 ? meanOf(seen) * box : 0;
  });
}

/** The mean, added up in double in the order of the keypoints. */
function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
