import type { CocoEvaluation } from './coco.ts';
import { type CocoMatching, outcomes } from './coco_matching.ts';
import { type CocoFigure, figuresOf, pairsOf, placesOf } from './coco_summary.ts';
import { pairwiseSum } from './numpy_sum.ts';

/**
 * COCO's figures over a choice of images, thousands of times. Gives the same bits as `accumulate` and `cocoStats`, but
 * computes only the area ranges and limits that a figure reads, and keeps no score of a recall.
 */

/** COCO's figures of one resample; -1 without a truth. */
export interface ResampledFigures {
  readonly stats: readonly number[];
  /** AP of each class. */
  readonly classAps: readonly number[];
}

/** Precision and recall of one area range and limit of detections. */
interface Curves {
  readonly area: number;
  readonly limit: number;
  /** False if only recall is read. */
  isPrecise: boolean;
  readonly precision: Float64Array; // (T, R, K)
  readonly recall: Float64Array; // (T, K)
}

/** Returns a function from the number of times that each image counts to the figures. Reads the matching; matches nothing. */
export function resampledFigures({
  matching,
  parameters,
}: CocoEvaluation): (imageCounts: ArrayLike<number>) => ResampledFigures {
  const { iouThresholds, recallThresholds, areaLabels, maxDetections } = parameters;
  const [T, R, K] = [iouThresholds.length, recallThresholds.length, matching.classStart.length - 1];
  const known = new Map<string, Curves>();
  const curvesOf = (area: number, m: number, isPrecise: boolean): Curves => {
    const key = `${area} ${m}`;
    const curves = known.get(key) ?? {
      area,
      limit: maxDetections[m]!,
      isPrecise,
      precision: new Float64Array(T * R * K),
      recall: new Float64Array(T * K),
    };
    curves.isPrecise ||= isPrecise;
    known.set(key, curves);
    return curves;
  };
  const read = figuresOf(parameters.type).map(({ of, iou, area = 'all', max }: CocoFigure) => {
    const limit = 'limit' in max ? max.limit : maxDetections[max.at];
    const [areas, limits] = [placesOf(areaLabels, area), limit === undefined ? [] : placesOf(maxDetections, limit)];
    const isPrecise = of === 'precision';
    const curves = pairsOf(areas ?? [], limits ?? []).map(([a, m]) => curvesOf(a, m, isPrecise));
    return { isPrecise, thresholds: placesOf(iouThresholds, iou) ?? [...iouThresholds.keys()], curves };
  });
  const ofClasses = curvesOf(0, maxDetections.length - 1, true);
  const fill = filler(matching, T, R, K);
  const chosen = new Float64Array(T * R * Math.max(K, 1) * Math.max(1, ...read.map(({ curves }) => curves.length)));
  const meanOfChosen = (count: number) => (count === 0 ? -1 : pairwiseSum(chosen, 0, count) / count);

  return (imageCounts) => {
    fill([...known.values()], imageCounts);
    const stats = read.map(({ isPrecise, thresholds, curves }) => {
      let count = 0;
      const row = (isPrecise ? R : 1) * K;
      for (const t of thresholds) {
        for (let at = t * row; at < (t + 1) * row; at++) {
          for (const { precision, recall } of curves) {
            const value = isPrecise ? precision[at]! : recall[at]!;
            if (value > -1) chosen[count++] = value;
          }
        }
      }
      return meanOfChosen(count);
    });
    const classAps = Array.from({ length: K }, (_, k) => {
      let count = 0;
      for (let at = k; at < ofClasses.precision.length; at += K) {
        const value = ofClasses.precision[at]!;
        if (value > -1) chosen[count++] = value;
      }
      return meanOfChosen(count);
    });
    return { stats, classAps };
  };
}

/** numpy's spacing(1), which COCO adds to every denominator. */
const epsilon = 2 ** -52;

/** Returns a function that fills curves for a choice of images. What does not depend on the choice is computed once. */
function filler(matching: CocoMatching, T: number, R: number, K: number) {
  const { parameters, classStart, groupImage, detectionStart, truthStart, scores, byScore } = matching;
  const { recallThresholds } = parameters;
  const total = scores.length;
  const imageOf = new Int32Array(total);
  const placeInGroup = new Int32Array(total);
  const groupOf = new Int32Array(total);
  for (const [group, image] of groupImage.entries()) {
    for (let d = detectionStart[group]!; d < detectionStart[group + 1]!; d++) {
      imageOf[d] = image;
      groupOf[d] = group;
      placeInGroup[d] = d - detectionStart[group]!;
    }
  }
  const isTied = (i: number) => {
    const [d, next] = [byScore[i]!, byScore[i + 1]!];
    return i + 1 < total && groupOf[d] === groupOf[next] && scores[d] === scores[next];
  };
  // where detections of one group and one score begin, and where they end
  const blockEnd = new Int32Array(total);
  for (let i = total - 1; i >= 0; i--) blockEnd[i] = isTied(i) ? blockEnd[i + 1]! : i + 1;
  let precision = new Float64Array(1024);

  return (list: readonly Curves[], imageCounts: ArrayLike<number>): void => {
    for (let k = 0; k < K; k++) {
      const [from, to] = [classStart[k]!, classStart[k + 1]!];
      const [first, end] = [detectionStart[from]!, detectionStart[to]!];
      for (const curves of list) {
        const truths = countTruths(matching, from, to, curves.area, imageCounts);
        if (truths > precision.length) precision = new Float64Array(2 * truths);
        for (let t = 0; t < T; t++) {
          const found = truths === 0 ? 0 : walk(curves, t, first, end, imageCounts);
          curves.recall[t * K + k] = truths === 0 ? -1 : found / truths;
          if (curves.isPrecise) write(curves.precision, t, k, found, truths);
        }
      }
    }
  };

  /** Writes the precision at each hit, and returns the number of hits. Copies of an image follow each other. */
  function walk({ area, limit }: Curves, t: number, first: number, end: number, counts: ArrayLike<number>): number {
    const results = matching.outcomes[area]!;
    const row = t * total;
    let [found, counted] = [0, 0];
    for (let i = first; i < end; ) {
      const last = blockEnd[i]!;
      for (let copies = counts[imageOf[byScore[i]!]!]!; copies > 0; copies--) {
        for (let at = i; at < last; at++) {
          const d = byScore[at]!;
          if (placeInGroup[d]! >= limit) continue;
          const outcome = results[row + d];
          if (outcome === outcomes.ignored) continue;
          counted++;
          if (outcome === outcomes.truePositive) precision[found] = ++found / (counted + epsilon);
        }
      }
      i = last;
    }
    return found;
  }

  /** Writes the best precision from each recall on; -1 without a truth. */
  function write(to: Float64Array, t: number, k: number, found: number, truths: number): void {
    for (let i = found - 1; i > 0; i--) if (precision[i]! > precision[i - 1]!) precision[i - 1] = precision[i]!;
    let hit = 0;
    let before = -Infinity;
    // pycocotools stops at the first recall that is not reached
    let isReached = true;
    for (let r = 0; r < R; r++) {
      const least = recallThresholds[r]!;
      if (least < before) hit = 0;
      before = least;
      while (hit < found && (hit + 1) / truths < least) hit++;
      isReached &&= hit < found || least <= 0;
      to[(t * R + r) * K + k] = truths === 0 ? -1 : isReached && hit < found ? precision[hit]! : 0;
    }
  }

  function countTruths(
    { truthIgnored }: CocoMatching,
    from: number,
    to: number,
    area: number,
    counts: ArrayLike<number>,
  ): number {
    const ignored = truthIgnored[area]!;
    let count = 0;
    for (let group = from; group < to; group++) {
      const times = counts[groupImage[group]!]!;
      if (times === 0) continue;
      for (let at = truthStart[group]!; at < truthStart[group + 1]!; at++) if (!ignored[at]) count += times;
    }
    return count;
  }
}
