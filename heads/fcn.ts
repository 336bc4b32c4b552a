import * as z from 'zod';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import { convModule, type SegmentationHead } from './head.ts';

/** mmseg's FCNHead on one level; the usual auxiliary head, which inference does not need. */
export const fcnHeadConfig = z.strictObject({
  type: z.literal('fcn_head'),
  channels: z.int().positive(),
  /** The pyramid level it reads. */
  level: z.int().nonnegative(),
  convs: z.int().nonnegative().default(2),
  kernel: z.int().positive().default(3),
  dilation: z.int().positive().default(1),
  /** The input is joined to the last convolution's output and fused by one more. */
  concatInput: z.boolean().default(true),
  alignCorners: z.boolean().default(false),
});
export type FcnHeadConfig = z.output<typeof fcnHeadConfig>;

export function fcnHead(config: FcnHeadConfig, classes: number): SegmentationHead {
  const { channels, kernel, dilation } = config;
  const forward = module((scope: Scope, pyramid: readonly Value[]): Value => {
    const input = pyramid[config.level]!;
    let x = input;
    for (let i = 0; i < config.convs; i++) {
      x = convModule(scope.at('convs').at(i), x, channels, { kernel, dilation, norm: true });
    }
    if (config.concatInput) {
      x = convModule(scope.at('conv_cat'), F.concat([input, x]), channels, { kernel, norm: true });
    }
    return conv2d(scope.at('conv_seg'), x, classes, { kernel: 1 });
  });
  return { alignCorners: config.alignCorners, forward };
}
