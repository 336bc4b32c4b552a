import * as z from 'zod';
import { linear, module, relu, type Scope, type Value } from '../src/nn/index.ts';
import { convModule } from './head.ts';
import { deltaConfig } from './rpn.ts';

/** How regions are pooled from the pyramid (mmdet's SingleRoIExtractor with RoIAlign). */
export const regionConfig = z.strictObject({
  /** Bins per axis. */
  size: z.int().positive(),
  /** Samples per bin and axis; 0: as many as the region has pixels per bin. */
  samplingRatio: z.int().nonnegative(),
  /** Coordinates shifted by half a pixel. */
  aligned: z.boolean(),
  /** Regions of this size (square root of the area) and up to twice it belong to the finest level. */
  finestScale: z.number().positive(),
  /** Levels that are pooled from; the pyramid may have more. */
  strides: z.array(z.number().positive()).min(1),
});
export type RegionConfig = z.output<typeof regionConfig>;

/** mmdet's ConvFCBBoxHead with shared layers: `convs` 3×3 convolutions, then `fcs` fully connected layers. */
export const boxConfig = z.strictObject({
  convs: z.int().nonnegative().default(0),
  convChannels: z.int().positive().default(256),
  /** BatchNorm in the convolutions. */
  convNorm: z.boolean().default(false),
  fcs: z.int().positive().default(2),
  channels: z.int().positive(),
  /** One box for all classes instead of one each. */
  classAgnostic: z.boolean().default(false),
  deltas: deltaConfig,
  region: regionConfig,
});
export type BoxConfig = z.output<typeof boxConfig>;

/** Class scores (background last) and deltas of n regions of channels × size × size. */
export const boxHead = module(
  (scope: Scope, x: Value, config: BoxConfig, classes: number): { scores: Value; deltas: Value } => {
    let y = x;
    for (let i = 0; i < config.convs; i++) {
      y = convModule(scope.at('shared_convs').at(i), y, config.convChannels, { kernel: 3, norm: config.convNorm });
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
