import * as z from 'zod/mini';
import { itemAt } from '../src/arrays.ts';
import type { Stage } from '../src/backbones/backbone.ts';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import { convModule, normEps, type SegmentationHead } from './head.ts';

/**
 * The head of Semantic FPN (arXiv 1901.02446), mmseg's FPNHead. It convolves and doubles every level of a feature pyramid until it is as
 * large as the finest one, then adds all.
 */
export const semanticFpnConfig = z.strictObject({
  type: z.literal('semantic_fpn_head'),
  channels: z.int().check(z.positive()),
  alignCorners: z._default(z.boolean(), false),
  normEps,
});
export type SemanticFpnConfig = z.output<typeof semanticFpnConfig>;

/** Makes the head. Its logits have the resolution of the finest level. */
export function semanticFpnHead(
  config: SemanticFpnConfig,
  classes: number,
  stages: readonly Stage[],
): SegmentationHead {
  const { channels, alignCorners, normEps } = config;
  const finest = itemAt(stages, 0).stride;

  const upsampled = (scope: Scope, level: Value, stride: number): Value => {
    const doublings = Math.round(Math.log2(stride / finest));
    let x = level;
    for (let i = 0; i < Math.max(1, doublings); i++) {
      // convolutions and doublings alternate in one Sequential; the finest level has no doubling
      const at = doublings > 0 ? 2 * i : i;
      x = convModule(scope.at(at), x, channels, { kernel: 3, norm: true, normEps });
      if (doublings > 0) x = F.resize(x, { factor: 2 }, { alignCorners }, scope.at(at + 1));
    }
    return x;
  };

  const forward = module((scope: Scope, pyramid: readonly Value[]): Value => {
    const levels = pyramid.map((level, i) => upsampled(scope.at('scale_heads').at(i), level, itemAt(stages, i).stride));
    const first = itemAt(levels, 0);
    // the double of an odd level is one pixel larger than the next finer one
    const sum = levels.slice(1).reduce((x, y) => F.add(x, F.resize(y, { like: first }, { alignCorners })), first);
    return conv2d(scope.at('conv_seg'), sum, classes, { kernel: 1 });
  });
  return { alignCorners, forward };
}
