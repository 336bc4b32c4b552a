import { fcnHead, fcnHeadConfig } from './fcn.ts';
import { fpn, fpnConfig } from './fpn.ts';
import { semanticFpnConfig, semanticFpnHead } from './semantic_fpn.ts';
import { uperHead, uperHeadConfig } from './upernet.ts';

/** Necks by their `type` in a config. */
export const necks = { fpn } as const;
export const neckConfigs = [fpnConfig] as const;

/** Segmentation heads by their `type` in a config. */
export const segmentationHeads = {
  uper_head: uperHead,
  semantic_fpn_head: semanticFpnHead,
  fcn_head: fcnHead,
} as const;
export const segmentationHeadConfigs = [uperHeadConfig, semanticFpnConfig, fcnHeadConfig] as const;
