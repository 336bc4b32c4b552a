import * as z from 'zod/mini';
import { itemAt } from '../src/arrays.ts';
import type { Stage } from '../src/backbones/backbone.ts';
import { ConfigError } from '../src/errors.ts';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import { convModule, normEps, type SegmentationHead } from './head.ts';

/** FCN (arXiv 1411.4038), mmseg's FCNHead on one level. It is the usual auxiliary head, which inference does not need. */
export const fcnHeadConfig = z.strictObject({
  type: z.literal('fcn_head'),
  channels: z.int().check(z.positive()),
  /** Index of the pyramid level that it reads, 0 for the finest. */
  level: z.int().check(z.nonnegative()),
  convs: z._default(z.int().check(z.nonnegative()), 2),
  kernel: z._default(z.int().check(z.positive()), 3),
  dilation: z._default(z.int().check(z.positive()), 1),
  /** Joins the input to the last convolution's output, and fuses both by another convolution. */
  concatInput: z._default(z.boolean(), true),
  alignCorners: z._default(z.boolean(), false),
  normEps,
});
export type FcnHeadConfig = z.output<typeof fcnHeadConfig>;

/** Makes the head. Its logits have the resolution of its level. @throws ConfigError if there is no such level */
export function fcnHead(config: FcnHeadConfig, classes: number, stages?: readonly Stage[]): SegmentationHead {
  if (stages && config.level >= stages.length) {
    throw new ConfigError(`FCN head: level ${config.level} is not one of the ${stages.length} levels that it reads.`);
  }
  const { channels, kernel, dilation, normEps } = config;
  const forward = module((scope: Scope, pyramid: readonly Value[]): Value => {
    const input = itemAt(pyramid, config.level);
    let x = input;
    for (let i = 0; i < config.convs; i++) {
      x = convModule(scope.at('convs').at(i), x, channels, { kernel, dilation, norm: true, normEps });
    }
    if (config.concatInput) {
      x = convModule(scope.at('conv_cat'), F.concat([input, x]), channels, { kernel, norm: true, normEps });
    }
    return conv2d(scope.at('conv_seg'), x, classes, { kernel: 1 });
  });
  return { alignCorners: config.alignCorners, forward };
}
