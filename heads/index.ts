import { fcnHead, fcnHeadConfig } from './fcn.ts';
import { fpn, fpnConfig } from './fpn.ts';
import { uperHead, uperHeadConfig } from './upernet.ts';

/** Necks by their `type` in a config. */
export const necks = { fpn } as const;
export const neckConfigs = [fpnConfig] as const;

/** Segmentation heads by their `type` in a config. */
export const segmentationHeads = { uper_head: uperHead, fcn_head: fcnHead } as const;
export const segmentationHeadConfigs = [uperHeadConfig, fcnHeadConfig] as const;
