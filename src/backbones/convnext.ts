import * as z from 'zod/mini';
import { conv2d, F, gelu, layerNorm, linear, module, pointwise, type Scope, type Value } from '../nn/index.ts';
import { archOf, type ClassifierBackbone, type Family, type Stage, stageRows } from './backbone.ts';
import { convNextKeyLayouts } from './key_layouts.ts';

/**
 * ConvNeXt (arXiv 2201.03545). Module names follow the official models/convnext.py; the norms of the outputs follow its
 * object_detection/…/convnext.py. Layer normalisation is over the channels of every position, with eps 1e-6.
 */

const counts = z.tuple([
  z.int().check(z.positive()),
  z.int().check(z.positive()),
  z.int().check(z.positive()),
  z.int().check(z.positive()),
]);

const archRecord = z.strictObject({ dims: counts, depths: counts });
/** Channels and number of blocks of each stage. */
export type ConvNextArch = z.output<typeof archRecord>;

/** The published sizes, tiny to extra large. */
export const archs = {
  t: { dims: [96, 192, 384, 768], depths: [3, 3, 9, 3] },
  s: { dims: [96, 192, 384, 768], depths: [3, 3, 27, 3] },
  b: { dims: [128, 256, 512, 1024], depths: [3, 3, 27, 3] },
  l: { dims: [192, 384, 768, 1536], depths: [3, 3, 27, 3] },
  xl: { dims: [256, 512, 1024, 2048], depths: [3, 3, 27, 3] },
} as const satisfies Record<string, ConvNextArch>;

export const convNextConfig = z.strictObject({
  type: z.literal('convnext'),
  arch: z.union([z.enum(Object.keys(archs) as (keyof typeof archs)[]), archRecord]),
  inChannels: z.optional(z.int().check(z.positive())),
  /**
   * Gives each stage of the pyramid, or those listed, a norm (`norm0` … `norm3`), as in the published detection and segmentation
   * models. The ImageNet classifiers have none. True by default.
   */
  outputNorms: z.optional(
    z.union([z.boolean(), z.array(z.int().check(z.minimum(0), z.maximum(3))).check(z.minLength(1))]),
  ),
});
/** The backbone in a configuration: `arch` by name or as a record. */
export type ConvNextConfig = z.input<typeof convNextConfig>;

const eps = 1e-6;

/** x + γ · MLP(LN(DW 7×7(x))): spatial and channel mixing in one residual. */
const block = module((scope: Scope, x: Value) => {
  const { channels } = x;
  let y = conv2d(scope.at('dwconv'), x, channels, { kernel: 7, groups: channels });
  y = pointwise(scope.at('pwconv1'), layerNorm(scope.at('norm'), y, eps), 4 * channels);
  y = pointwise(scope.at('pwconv2'), gelu(scope.at('act'), y), channels);
  return F.add(x, F.scale(y, scope.parameter('gamma', [channels], 'parameter', [1, channels, 1, 1])));
});

/** Embeds 4×4 patches of the image. */
const stem = module((scope: Scope, image: Value, channels: number) => {
  const patches = conv2d(scope.at(0), image, channels, { kernel: 4, stride: 4, padding: 0 });
  return layerNorm(scope.at(1), patches, eps);
});

/** Halves the map. The norm comes first, so that the last map of a stage has none. */
const downsample = module((scope: Scope, x: Value, channels: number) =>
  conv2d(scope.at(1), layerNorm(scope.at(0), x, eps), channels, { kernel: 2, stride: 2, padding: 0 }),
);

/** ConvNeXt: four stages of strides 4, 8, 16, 32. */
export function convnext({ arch, inChannels = 3, outputNorms = true }: ConvNextConfig): ClassifierBackbone {
  const rows = stageRows('ConvNeXt', archOf<ConvNextArch>('ConvNeXt', archs, arch));
  const stages: Stage[] = rows.map(({ dims: channels }, i) => ({ channels, stride: 4 * 2 ** i }));

  /** Records the last map of every stage, without a norm. */
  const maps = (scope: Scope, image: Value): Value[] => {
    let x = image;
    return rows.map(({ dims: channels, depths: depth }, i) => {
      x = (i === 0 ? stem : downsample)(scope.at('downsample_layers').at(i), x, channels);
      for (let j = 0; j < depth; j++) x = block(scope.at('stages').at(i).at(j), x);
      return x;
    });
  };

  return {
    stages,
    imageChannels: inChannels,
    forward: (scope, image) => {
      const normed = (i: number) => (Array.isArray(outputNorms) ? outputNorms.includes(i) : outputNorms);
      return maps(scope, image).map((x, i) => (normed(i) ? layerNorm(scope.at(`norm${i}`), x, eps) : x));
    },
    classify: (scope, image, classes) => {
      const pyramid = maps(scope, image);
      const features = layerNorm(scope.at('norm'), F.globalAvgPool(pyramid.at(-1)!), eps);
      return { pyramid, logits: linear(scope.at('head'), features, classes) };
    },
  };
}

export const convNextFamily = {
  title: 'ConvNeXt',
  config: convNextConfig,
  make: convnext,
  keyLayouts: convNextKeyLayouts,
  small: { type: 'convnext', arch: { dims: [8, 16, 24, 32], depths: [1, 1, 1, 1] } },
  medium: { type: 'convnext', arch: 't' },
} satisfies Family<typeof convNextConfig>;
