import * as z from 'zod';
import type { Stage } from '../src/backbones/backbone.ts';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import { convModule, type SegmentationHead } from './head.ts';

/**
 * The head of Semantic FPN (arXiv 1901.02446), mmseg's FPNHead: every level is convolved and doubled until it is as
 * large as the finest one, then all are added. It reads the levels of a feature pyramid.
 */
export const semanticFpnConfig = z.strictObject({
  type: z.literal('semantic_fpn_head'),
  channels: z.int().positive(),
  alignCorners: z.boolean().default(false),
});
export type SemanticFpnConfig = z.output<typeof semanticFpnConfig>;

export function semanticFpnHead(
  config: SemanticFpnConfig,
  classes: number,
  stages: readonly Stage[],
): SegmentationHead {
  const { channels, alignCorners } = config;
  const finest = stages[0]!.stride;

  const upsampled = (scope: Scope, level: Value, stride: number): Value => {
    const doublings = Math.round(Math.log2(stride / finest));
    let x = level;
    for (let i = 0; i < Math.max(1, doublings); i++) {
      // convolutions and doublings take turns in one Sequential; the finest level has no doubling
      const at = doublings > 0 ? 2 * i : i;
      x = convModule(scope.at(at), x, channels, { kernel: 3, norm: true });
      if (doublings > 0) x = F.resize(x, { factor: 2 }, { alignCorners }, scope.at(at + 1));
    }
    return x;
  };

  const forward = module((scope: Scope, pyramid: readonly Value[]): Value => {
    const [first, ...coarser] = pyramid.map((level, i) =>
      upsampled(scope.at('scale_heads').at(i), level, stages[i]!.stride),
    );
    // an odd level's double is not the size of the one below
    const sum = coarser.reduce((x, y) => F.add(x, F.resize(y, { like: first! }, { alignCorners })), first!);
    return conv2d(scope.at('conv_seg'), sum, classes, { kernel: 1 });
  });
  return { alignCorners, forward };
}
