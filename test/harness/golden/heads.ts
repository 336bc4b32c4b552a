import { runDetector, runSegmentor } from './end_to_end.ts';
import { runModule } from './modules.ts';
import { runRoiAlign } from './pooled_regions.ts';
import type { EngineRunner } from './run_graph.ts';
import { runWholeModel } from './whole_models.ts';

/** Cases of heads and of whole models, by kind, on an engine. */
export const runners: Readonly<Record<string, EngineRunner>> = {
  module: runModule,
  full: runWholeModel,
  full_swap: runWholeModel,
  detector: runDetector,
  segmentor: runSegmentor,
  roi_align: runRoiAlign,
};
