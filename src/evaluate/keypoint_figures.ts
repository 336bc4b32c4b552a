import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import type { CocoEvaluation } from './coco.ts';
import { outcomes } from './coco_matching.ts';
import type { KeypointFigures } from './evaluation.ts';
import { thresholdAt } from './image_counts.ts';
import { spacing } from './numpy_sum.ts';

/** Measures how well each keypoint is placed: OKS is a mean over them, and hides the one that is always wrong. */

/**
 * Returns the mean similarity of each keypoint, over the objects that are found at OKS 0.5 (or the first threshold) and have it labelled.
 *
 * @param truth the labels that were evaluated
 */
export function keypointFigures(
  { matching, parameters }: CocoEvaluation,
  { annotations }: CocoFile,
  found: readonly CocoDetection[],
  names: readonly string[] | undefined,
): KeypointFigures[] {
  const { sigmas, iouThresholds } = parameters;
  const { detectionIndex, truthIndex, truthAreas } = matching;
  const at = iouThresholds.some((one) => Math.abs(one - 0.5) < 1e-9) ? thresholdAt(parameters, 0.5) : 0;
  const offset = at * detectionIndex.length;
  const sums = new Float64Array(sigmas.length);
  const counts = new Uint32Array(sigmas.length);
  for (const [i, index] of detectionIndex.entries()) {
    const match = matching.matches[0]?.[offset + i] ?? -1;
    if (matching.outcomes[0]?.[offset + i] !== outcomes.truePositive || match < 0) continue;
    const [labelled = [], placed = []] = [annotations[truthIndex[match]!]?.keypoints, found[index]?.keypoints];
    for (const [k, sigma] of sigmas.entries()) {
      if (!(labelled[3 * k + 2]! > 0)) continue;
      const distance = (placed[3 * k]! - labelled[3 * k]!) ** 2 + (placed[3 * k + 1]! - labelled[3 * k + 1]!) ** 2;
      sums[k]! += Math.exp(-(distance / (sigma * 2) ** 2 / (truthAreas[match]! + spacing) / 2));
      counts[k]!++;
    }
  }
  return sigmas.map((_, k) => ({
    name: names?.[k] ?? `${k}`,
    labelled: counts[k]!,
    similarity: counts[k]! > 0 ? sums[k]! / counts[k]! : -1,
  }));
}
