import type { GoldenCase } from '../golden.ts';
import { runCocoArrays, runCocoEval, runCocoRefuse, runCocoSmall } from './coco.ts';
import { runBoundary, runCalibration, runCompare } from './comparisons.ts';
import { runDataset } from './datasets.ts';
import { runConfusion, runTide } from './detection_metrics.ts';
import { runHealth, runHealthCodes } from './health.ts';
import { runLabelMaps, runMiou, runTopK } from './label_metrics.ts';

/** Runners of the evaluation's cases (`eval/`), by kind. Each owner of a kind adds its line. */
export const runners: Readonly<Record<string, (golden: GoldenCase) => Promise<void>>> = {
  boundary: runBoundary,
  calibration: runCalibration,
  coco_arrays: runCocoArrays,
  coco_eval: runCocoEval,
  coco_refuse: runCocoRefuse,
  coco_small: runCocoSmall,
  compare: runCompare,
  confusion: runConfusion,
  dataset: runDataset,
  health: runHealth,
  health_codes: runHealthCodes,
  miou: runMiou,
  miou_more: runLabelMaps,
  tide: runTide,
  topk: runTopK,
};
