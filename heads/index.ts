import { fcnHead, fcnHeadConfig } from './fcn.ts';
import { fpn, fpnConfig } from './fpn.ts';
import { semanticFpnConfig, semanticFpnHead } from './semantic_fpn.ts';
import { uperHead, uperHeadConfig } from './upernet.ts';

/** Necks by their `type` in a config. */
export const necks = { fpn } as const;
/** What may be written in a configuration for each neck, as zod schemas. */
export const neckConfigs = [fpnConfig] as const;

/** Segmentation heads by their `type` in a config. */
export const segmentationHeads = {
  uper_head: uperHead,
  semantic_fpn_head: semanticFpnHead,
  fcn_head: fcnHead,
} as const;
/** What may be written in a configuration for each segmentation head, as zod schemas. */
export const segmentationHeadConfigs = [uperHeadConfig, semanticFpnConfig, fcnHeadConfig] as const;
