import * as z from 'zod/mini';
import { conv2d, convTranspose2d, module, relu, type Scope, type Value } from '../src/nn/index.ts';
import { regionConfig } from './box.ts';
import { convModule } from './head.ts';

/** The mask branch of Mask R-CNN (arXiv 1703.06870), mmdet's FCNMaskHead: convolutions, ×2 upsampling, one map per class. */
export const maskConfig = z.strictObject({
  convs: z._default(z.int().check(z.nonnegative()), 4),
  channels: z.int().check(z.positive()),
  /** Gives one mask for all classes instead of one each. */
  classAgnostic: z._default(z.boolean(), false),
  region: regionConfig,
});
export type MaskConfig = z.output<typeof maskConfig>;

/**
 * Records the mask head on n pooled regions, n × channels × size × size.
 *
 * @returns logits n × classes × 2·size × 2·size, one channel if they are class-agnostic
 */
export const maskHead = module((scope: Scope, x: Value, config: MaskConfig, classes: number): Value => {
  let y = x;
  for (let i = 0; i < config.convs; i++) {
    y = convModule(scope.at('convs').at(i), y, config.channels, { kernel: 3, norm: false });
  }
  y = relu(scope.at('relu'), convTranspose2d(scope.at('upsample'), y, config.channels, { kernel: 2, stride: 2 }));
  return conv2d(scope.at('conv_logits'), y, config.classAgnostic ? 1 : classes, { kernel: 1 });
});
