import * as z from 'zod/mini';
import { itemAt } from '../src/arrays.ts';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import { convModule, normEps, type SegmentationHead, topDown } from './head.ts';

/** UperNet (arXiv 1807.10221), mmseg's UPerHead: pyramid pooling on the coarsest level, a feature pyramid, and one fusion. */
export const uperHeadConfig = z.strictObject({
  type: z.literal('uper_head'),
  channels: z.int().check(z.positive()),
  /** Bins per axis of each pooling. */
  poolScales: z._default(z.array(z.int().check(z.positive())).check(z.minLength(1)), [1, 2, 3, 6]),
  alignCorners: z._default(z.boolean(), false),
  normEps,
});
export type UperHeadConfig = z.output<typeof uperHeadConfig>;

/** Makes the head. Its logits have the resolution of the finest level. */
export function uperHead(config: UperHeadConfig, classes: number): SegmentationHead {
  const { channels, alignCorners, normEps } = config;
  const resizeTo = (x: Value, like: Value) => F.resize(x, { like }, { alignCorners });
  const convolve = (scope: Scope, x: Value, kernel: number) =>
    convModule(scope, x, channels, { kernel, norm: true, normEps });

  const pyramidPooling = (scope: Scope, x: Value): Value => {
    const pooled = config.poolScales.map((bins, i) => {
      const at = scope.at('psp_modules').at(i);
      return resizeTo(convolve(at.at(1), F.adaptiveAvgPool(x, bins, at.at(0)), 1), x);
    });
    return convolve(scope.at('bottleneck'), F.concat([x, ...pooled]), 3);
  };

  const forward = module((scope: Scope, pyramid: readonly Value[]): Value => {
    const laterals = pyramid.slice(0, -1).map((x, i) => convolve(scope.at('lateral_convs').at(i), x, 1));
    laterals.push(pyramidPooling(scope, itemAt(pyramid, -1)));
    const sums = topDown(laterals, resizeTo);
    const levels = sums.map((x, i) => (i < sums.length - 1 ? convolve(scope.at('fpn_convs').at(i), x, 3) : x));
    const finest = itemAt(levels, 0);
    const fused = F.concat(levels.map((x) => (x === finest ? x : resizeTo(x, finest))));
    return conv2d(scope.at('conv_seg'), convolve(scope.at('fpn_bottleneck'), fused, 3), classes, { kernel: 1 });
  });
  return { alignCorners, forward };
}
