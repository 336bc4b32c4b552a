import type * as z from 'zod/mini';
import type { Stage } from '../src/backbones/backbone.ts';
import { boxConfig, boxHead } from './box.ts';
import { fcnHead, fcnHeadConfig } from './fcn.ts';
import { fpn, fpnConfig } from './fpn.ts';
import type { SegmentationHead } from './head.ts';
import { heatmapConfig, heatmapHead } from './heatmap.ts';
import { maskConfig, maskHead } from './mask.ts';
import { retinaConfig, retinaHead } from './retina.ts';
import { rpnConfig, rpnHead } from './rpn.ts';
import { semanticFpnConfig, semanticFpnHead } from './semantic_fpn.ts';
import { uperHead, uperHeadConfig } from './upernet.ts';

/** Every neck and head, with the zod schema of its field in a configuration. To add one, write `heads/NAME.ts` and add its line here. */

export type { Neck, PoseHead, SegmentationHead } from './head.ts';

const neckTable = { fpn: { config: fpnConfig, make: fpn } } as const;

/** The content of the table of necks. */
export type Necks = typeof neckTable;
/** Necks by their `type` in a configuration. */
export const necks: Necks = neckTable;

/** A kind of segmentation head: the schema of its field in a configuration, and the function that makes it. */
export interface SegmentationHeadEntry {
  readonly config: z.core.$ZodType;
  /** Makes the head from that field, for a number of output channels (the classes, or 1 for two) and the stages that feed it. */
  readonly make: (config: never, classes: number, stages: readonly Stage[]) => SegmentationHead;
}

const segmentationTable = {
  uper_head: { config: uperHeadConfig, make: uperHead },
  semantic_fpn_head: { config: semanticFpnConfig, make: semanticFpnHead },
  fcn_head: { config: fcnHeadConfig, make: fcnHead },
} as const satisfies Readonly<Record<string, SegmentationHeadEntry>>;

/** The content of the table of segmentation heads. */
export type SegmentationHeads = typeof segmentationTable;
/** Segmentation heads by their `type` in a configuration. */
export const segmentationHeads: SegmentationHeads = segmentationTable;

const detectionTable = {
  rpn: { config: rpnConfig, forward: rpnHead },
  box: { config: boxConfig, forward: boxHead },
  mask: { config: maskConfig, forward: maskHead },
  retina: { config: retinaConfig, forward: retinaHead },
} as const;

/** The content of the table of detection heads. */
export type DetectionHeads = typeof detectionTable;
/** The heads of detection models, by their field in the configuration. */
export const detectionHeads: DetectionHeads = detectionTable;

const poseTable = { heatmap_head: { config: heatmapConfig, make: heatmapHead } } as const;

/** The content of the table of pose heads. */
export type PoseHeads = typeof poseTable;
/** Pose heads by their `type` in a configuration. */
export const poseHeads: PoseHeads = poseTable;
