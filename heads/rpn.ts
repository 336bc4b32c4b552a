import * as z from 'zod/mini';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';

/** The anchors of all positions of all levels, as mmdet's AnchorGenerator makes them. */
export const anchorConfig = z.strictObject({
  /** Multiples of the base size. */
  scales: z.array(z.number().check(z.positive())).check(z.minLength(1)),
  /** Height divided by width. */
  ratios: z.array(z.number().check(z.positive())).check(z.minLength(1)),
  /** Pixels of the input from anchor to anchor, per level. */
  strides: z.array(z.number().check(z.positive())).check(z.minLength(1)),
  /** Edge in pixels of an anchor of scale 1, per level. By default the stride. */
  baseSizes: z.optional(z.array(z.number().check(z.positive()))),
  /** The centre of the anchors of position (0, 0), in base sizes. By default 0. */
  centerOffset: z.optional(z.number().check(z.minimum(0), z.maximum(1))),
  /** That centre as x and y in pixels, per level. It replaces `centerOffset`. */
  centers: z.optional(z.array(z.tuple([z.number(), z.number()]))),
});
export type AnchorConfig = z.output<typeof anchorConfig>;

const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const positive = z.number().check(z.positive());
const fourPositive = z.tuple([positive, positive, positive, positive]);

/** The normalisation of deltas (dx, dy, dw, dh): a head predicts (delta − mean) / std. mmdet's DeltaXYWHBBoxCoder. */
export const deltaConfig = z.strictObject({
  means: z._default(four, [0, 0, 0, 0]),
  stds: z._default(fourPositive, [1, 1, 1, 1]),
});
export type DeltaConfig = z.output<typeof deltaConfig>;

/** The region proposal network (arXiv 1506.01497), mmdet's RPNHead: one small head on every level. */
export const rpnConfig = z.strictObject({
  channels: z.int().check(z.positive()),
  anchors: anchorConfig,
  deltas: z._default(deltaConfig, { means: [0, 0, 0, 0], stds: [1, 1, 1, 1] }),
  /** The most anchors kept per level before NMS, by score. */
  nmsPre: z._default(z.int().check(z.positive()), 1000),
  /** The most proposals kept per image. */
  max: z._default(z.int().check(z.positive()), 1000),
  iou: z._default(z.number().check(z.minimum(0), z.maximum(1)), 0.7),
  /** Drops the worse of two proposals whatever their levels. By default only within a level. */
  acrossLevels: z.optional(z.boolean()),
  /** Proposals whose edge is at most this are dropped, in pixels of the input. */
  minSize: z._default(z.number().check(z.nonnegative()), 0),
  /** Keeps boxes of any size, even those without an area. */
  keepEmpty: z.optional(z.boolean()),
});
export type RpnConfig = z.output<typeof rpnConfig>;

/** The outputs of one level, with A anchors per position: logits (A channels per class) and deltas (4A channels, four per anchor). */
export interface LevelOutputs {
  readonly scores: Value;
  readonly deltas: Value;
}

/** Records the head on every level of the neck. The logits (A channels) say how likely an anchor has an object. */
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
