import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';
import type { Scope, Value, WindowAttention } from '../nn/index.ts';
import { conv2d, F, gelu, layerNorm, linear, module, pointwise } from '../nn/index.ts';
import { archOf, type ClassifierBackbone, type Family, type Stage, stageRows } from './backbone.ts';
import { swinKeyLayouts } from './key_layouts.ts';

/**
 * Swin Transformer (arXiv 2103.14030). Module names follow Microsoft's models/swin_transformer.py; the norms of the outputs
 * follow its detection repository. Tokens stay maps: a linear layer works on every position, and windows exist only inside
 * `windowAttention`.
 *
 * Two forms are published, with the same weights and different results. Detection and segmentation models take any
 * size: in every stage, maps are padded to whole windows, then shifted. Classifiers are made for one size, at which a
 * stage of a single window is not shifted; timm runs them at other sizes, and there shifts before it pads.
 */

const four = z.tuple([
  z.int().check(z.positive()),
  z.int().check(z.positive()),
  z.int().check(z.positive()),
  z.int().check(z.positive()),
]);

const archRecord = z.strictObject({
  /** Channels of the first stage; each of the others has twice those of the one before. */
  dim: z.int().check(z.positive()),
  depths: four,
  heads: four,
});
/** Channels of the first stage (each has twice those of the one before), and blocks and heads of each. */
export type SwinArch = z.output<typeof archRecord>;

/** The published sizes, tiny to large. */
export const archs = {
  t: { dim: 96, depths: [2, 2, 6, 2], heads: [3, 6, 12, 24] },
  s: { dim: 96, depths: [2, 2, 18, 2], heads: [3, 6, 12, 24] },
  b: { dim: 128, depths: [2, 2, 18, 2], heads: [4, 8, 16, 32] },
  l: { dim: 192, depths: [2, 2, 18, 2], heads: [6, 12, 24, 48] },
} as const satisfies Record<string, SwinArch>;

export const swinConfig = z.strictObject({
  type: z.literal('swin'),
  arch: z.union([z.enum(Object.keys(archs) as (keyof typeof archs)[]), archRecord]),
  inChannels: z.optional(z.int().check(z.positive())),
  /** Side of the windows. 7 by default. */
  window: z.optional(z.int().check(z.positive())),
  /** The image size of the classifier, 224 by default. Stages whose map is then no larger than a window are not shifted. */
  imageSize: z.optional(z.int().check(z.positive())),
  mlpRatio: z.optional(z.number().check(z.positive())),
  qkvBias: z.optional(z.boolean()),
  patchNorm: z.optional(z.boolean()),
  /** Gives each stage of the pyramid, or those listed, a norm (`norm0` … `norm3`), as dense models have it. True by default. */
  outputNorms: z.optional(
    z.union([z.boolean(), z.array(z.int().check(z.minimum(0), z.maximum(3))).check(z.minLength(1))]),
  ),
  /** The form of the pyramid, `dense` by default. Logits always have the form of a classifier. */
  form: z.optional(z.enum(['dense', 'classifier'])),
});
/** The backbone in a configuration: `arch` by name or as a record, and the form in which it was published. */
export type SwinConfig = z.input<typeof swinConfig>;

interface BlockOptions {
  readonly attention: WindowAttention;
  readonly qkvBias: boolean;
  /** Hidden channels of the MLP. */
  readonly hidden: number;
  /** The windows of a shifted block in a classifier's state dict, which keeps an attention mask of each. */
  readonly masks: number;
}

/** (S)W-MSA: softmax(q·kᵀ / √d + B) · v within a window (eq. 4). */
const windowMsa = module((scope: Scope, x: Value, attention: WindowAttention, qkvBias: boolean) => {
  const { heads, window } = attention;
  const qkv = pointwise(scope.at('qkv'), x, 3 * x.channels, { bias: qkvBias });
  const table = scope.parameter('relative_position_bias_table', [(2 * window - 1) ** 2, heads]);
  scope.parameter('relative_position_index', [window ** 2, window ** 2], 'ignored');
  const bias = qkvBias ? scope.at('qkv').parameter('bias', [3 * x.channels]) : undefined;
  return pointwise(scope.at('proj'), F.windowAttention(qkv, { table, bias }, attention), x.channels);
});

const mlp = module((scope: Scope, x: Value, hidden: number) =>
  pointwise(scope.at('fc2'), gelu(scope.at('act'), pointwise(scope.at('fc1'), x, hidden)), x.channels),
);

/** z' = (S)W-MSA(LN(z)) + z; z'' = MLP(LN(z')) + z' (eq. 3). */
const block = module((scope: Scope, x: Value, { attention, qkvBias, hidden, masks }: BlockOptions) => {
  const positions = attention.window ** 2;
  if (masks > 0) scope.parameter('attn_mask', [masks, positions, positions], 'ignored');
  const y = F.add(x, windowMsa(scope.at('attn'), layerNorm(scope.at('norm1'), x), attention, qkvBias));
  return F.add(y, mlp(scope.at('mlp'), layerNorm(scope.at('norm2'), y), hidden));
});

/** Halves the map and doubles its channels. */
const patchMerging = module((scope: Scope, x: Value) =>
  pointwise(scope.at('reduction'), layerNorm(scope.at('norm'), F.mergePatches(x)), 2 * x.channels, { bias: false }),
);

const patch = 4;

const patchEmbed = module((scope: Scope, image: Value, channels: number, norm: boolean) => {
  const padded = F.padToMultiple(image, patch);
  const embedded = conv2d(scope.at('proj'), padded, channels, { kernel: patch, stride: patch, padding: 0 });
  return norm ? layerNorm(scope.at('norm'), embedded) : embedded;
});

type Form = NonNullable<SwinConfig['form']>;

/**
 * Swin Transformer: four stages of strides 4, 8, 16, 32.
 *
 * @throws ConfigError if the heads of a stage do not divide its channels
 */
export function swin(config: SwinConfig): ClassifierBackbone {
  const { dim, depths, heads } = archOf<SwinArch>('Swin', archs, config.arch);
  const { inChannels = 3, window = 7, imageSize = 224, mlpRatio = 4, qkvBias = true, patchNorm = true } = config;
  const { outputNorms = true, form = 'dense' } = config;
  const rows = stageRows('Swin', { dims: depths.map((_, i) => dim * 2 ** i), depths, heads });
  const stages: Stage[] = rows.map(({ dims: channels }, i) => ({ channels, stride: patch * 2 ** i }));
  for (const [i, { dims: channels, heads }] of rows.entries()) {
    if (channels % heads !== 0) {
      throw new ConfigError(`Swin: ${heads} heads do not divide the ${channels} channels of stage ${i}.`);
    }
  }

  /** Returns how the blocks of a stage cut their maps, and the number of windows that a classifier keeps masks of. */
  const windowsOf = (i: number, form: Form) => {
    if (form === 'dense') return { window, shift: window >> 1, padding: 'first', masks: 0 } as const;
    const extent = Math.floor(imageSize / (patch * 2 ** i));
    return extent <= window
      ? ({ window: extent, shift: 0, padding: 'last', masks: 0 } as const)
      : ({ window, shift: window >> 1, padding: 'last', masks: Math.ceil(extent / window) ** 2 } as const);
  };

  /** Records the last map of every stage, without a norm. */
  const maps = (scope: Scope, image: Value, form: Form): Value[] => {
    let x = patchEmbed(scope.at('patch_embed'), image, dim, patchNorm);
    return rows.map(({ dims: channels, depths: depth, heads }, i) => {
      const layer = scope.at('layers').at(i);
      if (i > 0)
        x = patchMerging(
          scope
            .at('layers')
            .at(i - 1)
            .at('downsample'),
          x,
        );
      const { window, shift, padding, masks } = windowsOf(i, form);
      for (let j = 0; j < depth; j++) {
        const shifted = j % 2 === 1;
        const attention = { heads, window, shift: shifted ? shift : 0, padding };
        const hidden = Math.floor(channels * mlpRatio);
        x = block(layer.at('blocks').at(j), x, { attention, qkvBias, hidden, masks: shifted ? masks : 0 });
      }
      return x;
    });
  };

  return {
    stages,
    imageChannels: inChannels,
    forward: (scope, image) => {
      const normed = (i: number) => (Array.isArray(outputNorms) ? outputNorms.includes(i) : outputNorms);
      return maps(scope, image, form).map((x, i) => (normed(i) ? layerNorm(scope.at(`norm${i}`), x) : x));
    },
    classify: (scope, image, classes) => {
      const pyramid = maps(scope, image, 'classifier');
      const features = F.globalAvgPool(layerNorm(scope.at('norm'), pyramid.at(-1)!));
      return { pyramid, logits: linear(scope.at('head'), features, classes) };
    },
  };
}

export const swinFamily = {
  title: 'Swin',
  config: swinConfig,
  make: swin,
  keyLayouts: swinKeyLayouts,
  small: { type: 'swin', arch: { dim: 8, depths: [2, 2, 2, 2], heads: [1, 2, 4, 8] }, window: 3 },
  medium: { type: 'swin', arch: 't' },
} satisfies Family<typeof swinConfig>;
