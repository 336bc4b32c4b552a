import { ConfigError, DataError } from '../errors.ts';
import type { CocoEvaluation } from './coco.ts';
import { outcomes } from './coco_matching.ts';
import type { CalibrationBin, CalibrationFigures } from './evaluation.ts';
import { thresholdAt } from './image_counts.ts';

/** Calibration: whether detections with a score of 0.8 are right in 8 of 10 cases. */

/** How far scores are from the share that is right. */
export interface Calibration {
  /** All bins, ascending, of equal width. */
  readonly bins: readonly CalibrationBin[];
  /** The mean over the scores of the distance between a bin's mean score and its share that is right; 0 without scores. */
  readonly ece: number;
  /** The largest of these distances. */
  readonly mce: number;
  readonly count: number;
}

/**
 * Sorts scores into bins: score s falls into bin floor(s × bins), 1 into the last.
 *
 * @param correct for each score, if what it belongs to is right
 * @param bins how many. Default 10
 * @throws DataError that names the first score that is not from 0 to 1; ConfigError for a number of bins that is not whole
 */
export function calibrationOf(scores: ArrayLike<number>, correct: ArrayLike<boolean>, bins = 10): Calibration {
  if (!Number.isInteger(bins) || bins < 1 || bins > 2 ** 16) {
    throw new ConfigError(`calibration: the number of bins must be a whole number from 1 to 65536, got ${bins}.`);
  }
  if (scores.length !== correct.length) {
    throw new DataError(`calibration: ${scores.length} scores, but ${correct.length} values of what is right.`);
  }
  const counts = new Float64Array(bins);
  const sums = new Float64Array(bins);
  const right = new Float64Array(bins);
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (!(score >= 0 && score <= 1)) {
      throw new DataError(
        `calibration: score ${i} is ${score}. Scores must be probabilities, from 0 to 1: apply sigmoid or softmax to logits.`,
      );
    }
    const bin = Math.min(Math.floor(score * bins), bins - 1);
    counts[bin]!++;
    sums[bin]! += score;
    if (correct[i]) right[bin]!++;
  }
  let [ece, mce] = [0, 0];
  const filled = Array.from(counts, (count, bin): CalibrationBin => {
    const [meanScore, accuracy] = count === 0 ? [0, 0] : [sums[bin]! / count, right[bin]! / count];
    if (count > 0) {
      const gap = Math.abs(accuracy - meanScore);
      ece += (count / scores.length) * gap;
      mce = Math.max(mce, gap);
    }
    return { from: bin / bins, to: (bin + 1) / bins, count, meanScore, accuracy };
  });
  return { bins: filled, ece, mce, count: scores.length };
}

/** Options of `calibrationFigures`. */
export interface CalibrationOptions {
  /** One of the evaluation's thresholds. Default 0.5. */
  readonly iou?: number | undefined;
  /** How many bins. Default 10. */
  readonly bins?: number | undefined;
}

/** Calibration of detections; `perClass` in the order of the evaluation's classes. */
export interface DetectionCalibration extends CalibrationFigures {
  /** The detections that count. */
  readonly count: number;
}

/**
 * Returns how well the scores of detections say if they are right. Those count that do not lie on ignored objects, at the
 * first area range and the largest number of detections.
 *
 * @throws DataError for scores that are not from 0 to 1; ConfigError for a threshold that was not evaluated
 */
export function calibrationFigures(
  { matching, perClass }: CocoEvaluation,
  { iou = 0.5, bins = 10 }: CalibrationOptions = {},
): DetectionCalibration {
  const row = thresholdAt(matching.parameters, iou) * matching.scores.length;
  const [results] = matching.outcomes;
  const ofRange = (from: number, to: number) => {
    const scores: number[] = [];
    const correct: boolean[] = [];
    for (let d = from; d < to; d++) {
      const outcome = results?.[row + d];
      if (outcome === outcomes.ignored) continue;
      scores.push(matching.scores[d]!);
      correct.push(outcome === outcomes.truePositive);
    }
    return calibrationOf(scores, correct, bins);
  };
  const { detectionStart, classStart } = matching;
  const all = ofRange(0, matching.scores.length);
  return {
    iou,
    ...all,
    perClass: perClass.map(({ name }, k) => {
      const { ece, count } = ofRange(detectionStart[classStart[k]!]!, detectionStart[classStart[k + 1]!]!);
      return { name, ece, count };
    }),
  };
}
