import * as z from 'zod/mini';
import { linear, module, relu, type Scope, type Value } from '../src/nn/index.ts';
import { convModule, normEps } from './head.ts';
import { deltaConfig } from './rpn.ts';

/** The pooling of regions from the pyramid: mmdet's SingleRoIExtractor with RoIAlign (arXiv 1703.06870). */
export const regionConfig = z.strictObject({
  /** Bins per axis. */
  size: z.int().check(z.positive()),
  /** Samples per bin and axis. 0 takes as many as the region has pixels per bin. */
  samplingRatio: z.int().check(z.nonnegative()),
  /** Shifts coordinates by half a pixel, so that pixel centres are at .5. */
  aligned: z.boolean(),
  /** Edge in pixels of the input (square root of the area). Regions smaller than twice this edge are pooled from the finest level. */
  finestScale: z.number().check(z.positive()),
  /** Strides of the levels to pool from, finest first. The pyramid may have more levels. */
  strides: z.array(z.number().check(z.positive())).check(z.minLength(1)),
});
export type RegionConfig = z.output<typeof regionConfig>;

/** The box head of Faster R-CNN (arXiv 1506.01497), mmdet's ConvFCBBoxHead: `convs` 3×3 convolutions, then `fcs` linear layers. */
export const boxConfig = z.strictObject({
  convs: z._default(z.int().check(z.nonnegative()), 0),
  convChannels: z._default(z.int().check(z.positive()), 256),
  /** Puts BatchNorm into the convolutions. */
  convNorm: z._default(z.boolean(), false),
  normEps,
  fcs: z._default(z.int().check(z.positive()), 2),
  channels: z.int().check(z.positive()),
  /** Gives one box for all classes instead of one each. */
  classAgnostic: z._default(z.boolean(), false),
  deltas: deltaConfig,
  region: regionConfig,
});
export type BoxConfig = z.output<typeof boxConfig>;

/**
 * Records the box head on n pooled regions, n × channels × size × size.
 *
 * @returns logits n × (classes + 1), the background last, and deltas n × (4 · classes), or n × 4 if they are class-agnostic
 */
export const boxHead = module(
  (scope: Scope, x: Value, config: BoxConfig, classes: number): { scores: Value; deltas: Value } => {
    let y = x;
    for (let i = 0; i < config.convs; i++) {
      y = convModule(scope.at('shared_convs').at(i), y, config.convChannels, {
        kernel: 3,
        norm: config.convNorm,
        normEps: config.normEps,
      });
    }
    for (let i = 0; i < config.fcs; i++) {
      const size = i === 0 ? config.region.size : 1;
      y = relu(scope.at('relu'), linear(scope.at('shared_fcs').at(i), y, config.channels, size));
    }
    return {
      scores: linear(scope.at('fc_cls'), y, classes + 1),
      deltas: linear(scope.at('fc_reg'), y, config.classAgnostic ? 4 : 4 * classes),
    };
  },
);
