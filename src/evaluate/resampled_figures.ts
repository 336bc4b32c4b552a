import type { CocoEvaluation } from './coco.ts';
import { type CocoMatching, outcomes } from './coco_matching.ts';
import { type CocoFigure, figuresOf, pairsOf, placesOf } from './coco_summary.ts';
import { pairwiseSum, spacing } from './numpy_sum.ts';

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
  const fill = filler(matching, [...known.values()], T, R, K);
  const chosen = new Float64Array(T * R * Math.max(K, 1) * Math.max(1, ...read.map(({ curves }) => curves.length)));
  const meanOfChosen = (count: number) => (count === 0 ? -1 : pairwiseSum(chosen, 0, count) / count);

  return (imageCounts) => {
    fill(imageCounts);
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

/** The detections that count at some threshold in an area range and limit, by class and score: in the order in which they are read. */
interface Reading {
  readonly classStart: Int32Array; // (K + 1)
  readonly image: Int32Array; // (detections)
  /** Where the detections of one image, class and score end: copies of an image repeat them together. */
  readonly blockEnd: Int32Array; // (detections)
  readonly outcomes: Uint8Array; // (T, detections)
  readonly weights: Int32Array; // (detections)
}

function readingOf(matching: CocoMatching, { area, limit }: Curves, T: number): Reading {
  const { classStart, detectionStart, detectionGroup, groupImage, byScore, scores } = matching;
  const results = matching.outcomes[area]!;
  const total = scores.length;
  const counts = (d: number) => {
    if (d - detectionStart[detectionGroup[d]!]! >= limit) return false;
    for (let t = 0; t < T; t++) if (results[t * total + d] !== outcomes.ignored) return true;
    return false;
  };
  const kept = byScore.filter(counts);
  const starts = new Int32Array(classStart.length);
  for (const d of kept) {
    const group = detectionGroup[d]!;
    let k = 0; // the class of the group, by halving
    for (let high = classStart.length - 1; k + 1 < high; ) {
      const middle = (k + high) >> 1;
      if (classStart[middle]! <= group) k = middle;
      else high = middle;
    }
    starts[k + 1]!++;
  }
  for (let k = 1; k < starts.length; k++) starts[k]! += starts[k - 1]!;
  const blockEnd = new Int32Array(kept.length);
  for (let i = kept.length - 1; i >= 0; i--) {
    const [d, next] = [kept[i]!, kept[i + 1]];
    const isTied = next !== undefined && detectionGroup[d] === detectionGroup[next] && scores[d] === scores[next];
    blockEnd[i] = isTied ? blockEnd[i + 1]! : i + 1;
  }
  const ordered = new Uint8Array(T * kept.length);
  for (let t = 0, at = 0; t < T; t++) for (const d of kept) ordered[at++] = results[t * total + d]!;
  return {
    classStart: starts,
    image: kept.map((d) => groupImage[detectionGroup[d]!]!),
    blockEnd,
    outcomes: ordered,
    weights: new Int32Array(kept.length),
  };
}

/** Returns a function that fills curves for a choice of images. What does not depend on the choice is computed once. */
function filler(matching: CocoMatching, curves: readonly Curves[], T: number, R: number, K: number) {
  const { recallThresholds } = matching.parameters;
  const readings = curves.map((one) => ({ curves: one, reading: readingOf(matching, one, T) }));
  let precision = new Float64Array(1024);

  return (imageCounts: ArrayLike<number>): void => {
    for (const { curves, reading } of readings) {
      const { weights, image } = reading;
      for (let i = 0; i < weights.length; i++) weights[i] = imageCounts[image[i]!]!;
      for (let k = 0; k < K; k++) {
        const truths = countTruths(matching, k, curves.area, imageCounts);
        if (truths > precision.length) precision = new Float64Array(2 * truths);
        for (let t = 0; t < T; t++) {
          const found = truths === 0 ? 0 : walk(reading, t, k);
          curves.recall[t * K + k] = truths === 0 ? -1 : found / truths;
          if (curves.isPrecise) write(curves.precision, t, k, found, truths);
        }
      }
    }
  };

  /** Writes the precision at each hit, and returns the number of hits. Copies of an image follow each other. */
  function walk({ classStart, blockEnd, outcomes: results, weights }: Reading, t: number, k: number): number {
    const row = t * weights.length;
    const end = classStart[k + 1]!;
    let [found, counted] = [0, 0];
    for (let i = classStart[k]!; i < end; ) {
      const last = blockEnd[i]!;
      for (let copies = weights[i]!; copies > 0; copies--) {
        for (let at = i; at < last; at++) {
          const outcome = results[row + at];
          if (outcome === outcomes.ignored) continue;
          counted++;
          if (outcome === outcomes.truePositive) precision[found] = ++found / (counted + spacing);
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
}

function countTruths(matching: CocoMatching, k: number, area: number, counts: ArrayLike<number>): number {
  const { classStart, groupImage, truthStart } = matching;
  const ignored = matching.truthIgnored[area]!;
  let count = 0;
  for (let group = classStart[k]!; group < classStart[k + 1]!; group++) {
    const times = counts[groupImage[group]!]!;
    if (times === 0) continue;
    for (let at = truthStart[group]!; at < truthStart[group + 1]!; at++) if (!ignored[at]) count += times;
  }
  return count;
}
