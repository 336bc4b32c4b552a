import * as z from 'zod';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';

/** Region proposal network (arXiv 1506.01497): one small head on every level. */

/** Anchors of all positions of all levels, as mmdet's AnchorGenerator makes them. */
export const anchorConfig = z.strictObject({
  /** Multiples of the base size. */
  scales: z.array(z.number().positive()).min(1),
  /** Height / width. */
  ratios: z.array(z.number().positive()).min(1),
  strides: z.array(z.number().positive()).min(1),
  /** Default: the strides. */
  baseSizes: z.array(z.number().positive()).optional(),
});
export type AnchorConfig = z.output<typeof anchorConfig>;

const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const fourPositive = z.tuple([
  z.number().positive(),
  z.number().positive(),
  z.number().positive(),
  z.number().positive(),
]);

/** How boxes are written as deltas (dx, dy, dw, dh): (delta − mean) / std. */
export const deltaConfig = z.strictObject({
  means: four.default([0, 0, 0, 0]),
  stds: fourPositive.default([1, 1, 1, 1]),
});
export type DeltaConfig = z.output<typeof deltaConfig>;

export const rpnConfig = z.strictObject({
  channels: z.int().positive(),
  anchors: anchorConfig,
  deltas: deltaConfig.default({ means: [0, 0, 0, 0], stds: [1, 1, 1, 1] }),
  /** Best scores kept per level before suppression. */
  nmsPre: z.int().positive().default(1000),
  /** Proposals kept per image. */
  max: z.int().positive().default(1000),
  iou: z.number().min(0).max(1).default(0.7),
  minSize: z.number().nonnegative().default(0),
});
export type RpnConfig = z.output<typeof rpnConfig>;

/** One level's objectness logits (A channels) and deltas (4A channels, four per anchor). */
export interface LevelOutputs {
  readonly scores: Value;
  readonly deltas: Value;
}

export const rpnHead = module((scope: Scope, levels: readonly Value[], config: RpnConfig): LevelOutputs[] => {
  const anchors = config.anchors.scales.length * config.anchors.ratios.length;
  return levels.map((level) => {
    const x = F.relu(conv2d(scope.at('rpn_conv'), level, config.channels, { kernel: 3 }));
    return {
      scores: conv2d(scope.at('rpn_cls'), x, anchors, { kernel: 1 }),
      deltas: conv2d(scope.at('rpn_reg'), x, 4 * anchors, { kernel: 1 }),
    };
  });
});
