import type { GoldenCase } from '../golden.ts';
import { runCocoArrays, runCocoEval, runCocoRefuse, runCocoSmall } from './coco.ts';
import { runDataset } from './datasets.ts';
import { runConfusion, runTide } from './detection_metrics.ts';
import { runHealth, runHealthCodes } from './health.ts';
import { runLabelMaps, runMiou, runTopK } from './label_metrics.ts';

/** Runners of the evaluation's cases (`eval/`), by kind. Each owner of a kind adds its line. */
export const runners: Readonly<Record<string, (golden: GoldenCase) => Promise<void>>> = {
  confusion: runConfusion,
  coco_arrays: runCocoArrays,
  coco_small: runCocoSmall,
  coco_refuse: runCocoRefuse,
  coco_eval: runCocoEval,
  dataset: runDataset,
  health: runHealth,
  health_codes: runHealthCodes,
  miou: runMiou,
  miou_more: runLabelMaps,
  tide: runTide,
  topk: runTopK,
};
