import { type CocoMatching, outcomes } from './coco_matching.ts';
import { spacing } from './numpy_sum.ts';

/** Precision and recall as COCO accumulates them; -1 where there is no object to find. All in C order. */
export interface CocoArrays {
  /** Thresholds, recalls, classes, areas, limits of detections. */
  readonly counts: readonly [t: number, r: number, k: number, a: number, m: number];
  readonly precision: Float64Array; // (T, R, K, A, M)
  readonly recall: Float64Array; // (T, K, A, M)
  /** The score of the detection at which each recall is reached. */
  readonly scores: Float64Array; // (T, R, K, A, M)
}

/**
 * Accumulates a matching as pycocotools' `accumulate` does. May be called again with a choice of images, for bootstraps:
 * nothing is matched anew.
 *
 * @param imageCounts how many times each image of `parameters.imageIds` counts; by default each once. An image that counts
 *   twice is two images side by side.
 */
export function accumulate(matching: CocoMatching, imageCounts?: ArrayLike<number>): CocoArrays {
  const { parameters, classStart, detectionStart, truthStart, groupImage } = matching;
  const { iouThresholds, recallThresholds, areaRanges, maxDetections } = parameters;
  const [T, R, A, M] = [iouThresholds.length, recallThresholds.length, areaRanges.length, maxDetections.length];
  const K = classStart.length - 1;
  const precision = new Float64Array(T * R * K * A * M).fill(-1);
  const scores = new Float64Array(T * R * K * A * M).fill(-1);
  const recall = new Float64Array(T * K * A * M).fill(-1);
  for (let k = 0; k < K; k++) {
    const [from, to] = [classStart[k]!, classStart[k + 1]!];
    const byScore = matching.byScore.subarray(detectionStart[from], detectionStart[to]);
    const order = imageCounts ? drawn(matching, byScore, imageCounts) : byScore;
    const counting = matching.truthIgnored.map((ignored) => {
      let count = 0;
      for (let group = from; group < to; group++) {
        const times = imageCounts ? imageCounts[groupImage[group]!]! : 1;
        for (let at = truthStart[group]!; at < truthStart[group + 1]!; at++) if (!ignored[at]) count += times;
      }
      return count;
    });
    const curve = curveOf(order.length, recallThresholds);
    for (let m = 0; m < M; m++) {
      const kept = order.filter((d) => d - detectionStart[matching.detectionGroup[d]!]! < maxDetections[m]!);
      for (let a = 0; a < A; a++) {
        if (counting[a] === 0) continue;
        for (let t = 0; t < T; t++) {
          const at = (r: number) => (((t * R + r) * K + k) * A + a) * M + m;
          const found = curve(matching, kept, a, t, counting[a]!, (r, value, score) => {
            precision[at(r)] = value;
            scores[at(r)] = score;
          });
          recall[((t * K + k) * A + a) * M + m] = found / counting[a]!;
        }
      }
    }
  }
  return { counts: [T, R, K, A, M], precision, recall, scores };
}

/** Repeats the detections of images that count several times. Copies of an image follow each other, score by score. */
function drawn({ scores, detectionGroup, groupImage }: CocoMatching, order: Int32Array, counts: ArrayLike<number>) {
  const repeated: number[] = [];
  for (let at = 0; at < order.length; ) {
    const group = detectionGroup[order[at]!]!;
    const score = scores[order[at]!]!;
    let end = at + 1;
    while (end < order.length && scores[order[end]!] === score && detectionGroup[order[end]!] === group) end++;
    for (let copy = 0; copy < counts[groupImage[group]!]!; copy++) {
      for (let i = at; i < end; i++) repeated.push(order[i]!);
    }
    at = end;
  }
  return Int32Array.from(repeated);
}

type OnPoint = (r: number, precision: number, score: number) => void;

/**
 * Returns a function that calls `visit` with the precision and score at each recall threshold, and returns the number of
 * objects that are found. Precision only rises at true positives, so that only they are kept.
 */
function curveOf(most: number, recallThresholds: readonly number[]) {
  const precision = new Float64Array(most);
  const scores = new Float64Array(most);
  return (matching: CocoMatching, order: Int32Array, area: number, t: number, counting: number, visit: OnPoint) => {
    const results = matching.outcomes[area]!;
    const row = t * matching.scores.length;
    let [found, counted] = [0, 0];
    for (let i = 0; i < order.length; i++) {
      const d = order[i]!;
      const outcome = results[row + d];
      if (outcome === outcomes.ignored) continue;
      counted++;
      if (outcome !== outcomes.truePositive) continue;
      scores[found] = matching.scores[d]!;
      precision[found] = ++found / (counted + spacing);
    }
    for (let i = found - 1; i > 0; i--) if (precision[i]! > precision[i - 1]!) precision[i - 1] = precision[i]!;
    // like numpy's searchsorted, and like pycocotools, which stops at the first recall that is not reached
    let isReached = true;
    for (const [r, threshold] of recallThresholds.entries()) {
      const at = firstReaching(threshold, found, counting);
      isReached &&= threshold <= 0 ? order.length > 0 : at < found;
      if (!isReached) visit(r, 0, 0);
      else if (threshold <= 0) visit(r, found > 0 ? precision[0]! : 0, matching.scores[order[0]!]!);
      else visit(r, precision[at]!, scores[at]!);
    }
    return found;
  };
}

/** Returns the first i with (i + 1) / counting >= threshold, or `found`. */
function firstReaching(threshold: number, found: number, counting: number): number {
  let [low, high] = [0, found];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((middle + 1) / counting < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}
