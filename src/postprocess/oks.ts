import { ShapeError } from '../errors.ts';
import { checkFinite } from './scores.ts';

/**
 * Object keypoint similarity (OKS) between predicted persons, suppression by it, and the score of a person, as mmpose 0.29
 * has them (`mmpose/core/post_processing/nms.py`, `topdown_coco_dataset.py`). The similarity with labelled persons is in `evaluate`.
 */

/** The predicted persons of one image. */
export interface Persons {
  /** n × joints × (x, y) in pixels of the image. */
  readonly points: Float32Array;
  /** n: areas in pixels, of the crops (`cropPlaces`) rather than of the boxes. */
  readonly areas: ArrayLike<number>;
}

const f32 = Math.fround;

/** numpy's spacing(1): keeps persons of area 0 from dividing by it. */
const epsilon = 2 ** -52;

/**
 * Returns the OKS of every person with every other, n × n: the mean over all joints of exp(-d² / (2 s)² / area / 2), where the area is
 * the mean of both. The joints' scores play no part.
 *
 * @param sigmas the standard deviation of each joint, as a share of the person's size
 * @throws ShapeError if the arrays do not fit; RangeError for a point that is not finite
 */
export function oksMatrix({ points, areas }: Persons, sigmas: readonly number[]): Float64Array {
  const count = areas.length;
  const joints = sigmas.length;
  if (joints === 0 || points.length !== 2 * count * joints) {
    throw new ShapeError(
      `oksMatrix: ${count} persons of ${joints} joints need ${2 * count * joints} coordinates, got ${points.length}.`,
    );
  }
  checkFinite('oksMatrix', 'points', points);
  checkFinite('oksMatrix', 'areas', Float32Array.from(areas));
  const variances = sigmas.map((sigma) => (sigma * 2) ** 2);
  const matrix = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      const area = (areas[i]! + areas[j]!) / 2 + epsilon;
      let sum = 0;
      for (let k = 0; k < joints; k++) {
        const a = 2 * (i * joints + k);
        const b = 2 * (j * joints + k);
        const distance = (points[a]! - points[b]!) ** 2 + (points[a + 1]! - points[b + 1]!) ** 2;
        sum += Math.exp(-(distance / variances[k]! / area / 2));
      }
      matrix[i * count + j] = matrix[j * count + i] = sum / joints;
    }
  }
  return matrix;
}

/**
 * Suppresses persons that are found twice: in the order of the scores, a person is dropped if its OKS with one that stays is greater than
 * `threshold` (not equal).
 *
 * @param scores n; of equal scores the lower index comes first
 * @returns the indices of the persons that stay, best first
 */
export function oksNms(
  persons: Persons,
  scores: ArrayLike<number>,
  { threshold, sigmas }: { readonly threshold: number; readonly sigmas: readonly number[] },
): Uint32Array {
  const count = checkedScores(persons, scores, threshold);
  const matrix = oksMatrix(persons, sigmas);
  const order = Uint32Array.from(persons.areas, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  for (const i of order) {
    // the reference's similarities are float32
    if (!kept.some((other) => f32(matrix[other * count + i]!) > f32(threshold))) kept.push(i);
  }
  return Uint32Array.from(kept);
}

/**
 * Soft suppression: the best person is taken, the scores of all others sink by exp(-OKS² / threshold), and so on until `max` are
 * taken. The scores only give the order: those of before stay with the persons.
 *
 * @param scores n; of equal scores the lower index comes first
 * @returns the indices of the persons that are taken, in that order
 */
export function softOksNms(
  persons: Persons,
  scores: ArrayLike<number>,
  {
    threshold,
    sigmas,
    max = 20,
  }: { readonly threshold: number; readonly sigmas: readonly number[]; readonly max?: number | undefined },
): Uint32Array {
  const count = checkedScores(persons, scores, threshold);
  const matrix = oksMatrix(persons, sigmas);
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

function checkedScores({ areas }: Persons, scores: ArrayLike<number>, threshold: number): number {
  if (scores.length !== areas.length) {
    throw new ShapeError(`OKS suppression: ${areas.length} persons have ${scores.length} scores. Give one per person.`);
  }
  if (!(threshold > 0)) throw new RangeError(`OKS suppression: the threshold is ${threshold}. It must be above 0.`);
  checkFinite('OKS suppression', 'scores', Float32Array.from(scores));
  return areas.length;
}

/** How a person's score is made of those of its box and its joints. */
export interface PersonScoring {
  /**
   * `mean`: box × the mean of the joints above `visible`, 0 if there is none; the published figures use it.
   * `rle`: box + the mean + the maximum of all joints, in float32, as models trained with residual log-likelihood are scored.
   */
  readonly method?: 'mean' | 'rle' | undefined;
  /** Joints with a score above it count in `mean`. By default 0.2. */
  readonly visible?: number | undefined;
}

/**
 * Returns the score of each person.
 *
 * @param jointScores n × joints
 * @param boxScores n
 */
export function personScores(
  jointScores: Float32Array,
  boxScores: ArrayLike<number>,
  { method = 'mean', visible = 0.2 }: PersonScoring = {},
): Float64Array {
  const joints = jointScores.length / boxScores.length;
  if (boxScores.length > 0 ? !(Number.isInteger(joints) && joints > 0) : jointScores.length > 0) {
    throw new ShapeError(
      `personScores: ${jointScores.length} scores of joints do not belong to ${boxScores.length} persons. Give as many for each.`,
    );
  }
  checkFinite('personScores', 'jointScores', jointScores);
  checkFinite('personScores', 'boxScores', Float32Array.from(boxScores));
  return Float64Array.from(boxScores, (box, i) => {
    const scores = jointScores.subarray(i * joints, (i + 1) * joints);
    if (method === 'rle') return f32(f32(box + f32(meanOf(scores))) + Math.max(...scores));
    const seen = scores.filter((score) => score > visible);
    return seen.length > 0 ? meanOf(seen) * box : 0;
  });
}

/** The mean, added up in double in the order of the joints. */
function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
