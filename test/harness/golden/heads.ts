import { runDetection, runSegmentation } from './end_to_end.ts';
import { runModule } from './modules.ts';
import { runRoiAlign } from './pooled_regions.ts';
import type { EngineRunner } from './run_graph.ts';
import { runWholeModel } from './whole_models.ts';

/** Runners of cases on an engine, for heads and whole models. The kinds are the words of the golden files. */
export const runners: Readonly<Record<string, EngineRunner>> = {
  module: runModule,
  full: runWholeModel,
  full_swap: runWholeModel,
  detector: runDetection,
  segmentor: runSegmentation,
  roi_align: runRoiAlign,
};
