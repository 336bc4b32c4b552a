import { ConfigError } from '../errors.ts';
import { type CocoMatching, outcomes } from './coco_matching.ts';
import type { CocoParameters } from './coco_parameters.ts';
import type { MatchCounts } from './evaluation.ts';
import { numpyMean, spacing } from './numpy_sum.ts';

/** The figures of single images, read from a matching: nothing is matched anew. */

/**
 * Returns the position of a threshold in `parameters.iouThresholds`, which are sums such as 0.6000000000000001.
 *
 * @throws ConfigError if it was not evaluated
 */
export function thresholdAt({ iouThresholds }: CocoParameters, iou: number): number {
  const at = iouThresholds.findIndex((threshold) => Math.abs(threshold - iou) < 1e-9);
  if (at >= 0) return at;
  throw new ConfigError(
    `the IoU ${iou} was not evaluated. Evaluated: ${iouThresholds.map((one) => Number(one.toFixed(9))).join(', ')}.`,
  );
}

/**
 * Counts the hits, false alarms and misses of every image at one threshold, at the first area range and the largest number
 * of detections. What is ignored counts as none of them.
 *
 * @param iou one of the evaluation's thresholds. Default 0.5
 * @returns one per image, in the order of `parameters.imageIds`
 */
export function imageCounts(matching: CocoMatching, iou = 0.5): MatchCounts[] {
  const { parameters, groupImage, detectionStart, truthStart, truthIgnored } = matching;
  const row = thresholdAt(parameters, iou) * matching.scores.length;
  const [results, ignored] = [matching.outcomes[0]!, truthIgnored[0]!];
  const images = parameters.imageIds.map(() => ({ truths: 0, detections: [] as number[] }));
  for (const [group, image] of groupImage.entries()) {
    const own = images[image]!;
    for (let at = truthStart[group]!; at < truthStart[group + 1]!; at++) if (!ignored[at]) own.truths++;
    for (let d = detectionStart[group]!; d < detectionStart[group + 1]!; d++) {
      if (results[row + d] !== outcomes.ignored) own.detections.push(d);
    }
  }
  return images.map(({ truths, detections }) => {
    // classes together; equal scores stay in the order of the classes
    const order = detections.sort((a, b) => matching.scores[b]! - matching.scores[a]!);
    const hits = order.map((d) => results[row + d] === outcomes.truePositive);
    const tp = hits.filter(Boolean).length;
    const [fp, fn] = [hits.length - tp, truths - tp];
    const whole = 2 * tp + fp + fn;
    return {
      tp,
      fp,
      fn,
      f1: whole === 0 ? 1 : (2 * tp) / whole,
      ap: whole === 0 ? 1 : pooledAp(hits, truths, parameters.recallThresholds),
    };
  });
}

/** Returns COCO's AP of one curve: the mean over the recalls of the best precision from there on. 0 without a truth. */
function pooledAp(hits: readonly boolean[], truths: number, recalls: readonly number[]): number {
  if (truths === 0) return 0;
  let found = 0;
  const points = hits.map((hit, i) => {
    if (hit) found++;
    return { recall: found / truths, precision: found / (i + 1 + spacing) };
  });
  const envelope = points.map(({ precision }) => precision);
  for (let i = envelope.length - 2; i >= 0; i--) envelope[i] = Math.max(envelope[i]!, envelope[i + 1]!);
  return numpyMean(
    recalls.map((least) => {
      const at = points.findIndex(({ recall }) => recall >= least);
      return at < 0 ? 0 : envelope[at]!;
    }),
  );
}
