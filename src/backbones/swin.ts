import * as z from 'zod';
import { ConfigError } from '../errors.ts';
import {
  conv2d,
  F,
  gelu,
  layerNorm,
  linear,
  module,
  pointwise,
  type Scope,
  type Value,
  type WindowAttention,
} from '../nn/index.ts';
import type { ClassifierBackbone, Stage } from './backbone.ts';

/**
 * Swin Transformer (arXiv 2103.14030). Module names follow Microsoft's models/swin_transformer.py, and those of the outputs'
 * norms its detection repository. Tokens stay maps: a linear layer is one on every position, and windows are inside of
 * `windowAttention`.
 *
 * Two forms are published, with the same weights and different results. Detectors and segmentors take any size: maps are
 * filled up to whole windows, then shifted, in every stage. Classifiers are made for one size, at which a stage of a
 * single window is not shifted; timm runs them at others, and there shifts before it fills.
 */

const four = z.tuple([z.int().positive(), z.int().positive(), z.int().positive(), z.int().positive()]);

const archRecord = z.strictObject({
  /** Channels of the first stage; every other has twice those of the one before. */
  dim: z.int().positive(),
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
  inChannels: z.int().positive().optional(),
  /** Side of the windows. Default 7. */
  window: z.int().positive().optional(),
  /** The size that the classifier is made for: stages whose map there is no larger than a window are not shifted. Default 224. */
  imageSize: z.int().positive().optional(),
  mlpRatio: z.number().positive().optional(),
  qkvBias: z.boolean().optional(),
  patchNorm: z.boolean().optional(),
  /** Whether each stage of the pyramid, or which, has a norm of its own (`norm0` … `norm3`), as dense models have it. Default true. */
  outputNorms: z.union([z.boolean(), z.array(z.int().min(0).max(3)).min(1)]).optional(),
  /** The form in which the pyramid is made; logits always are made by the classifier. Default `dense`. */
  form: z.enum(['dense', 'classifier']).optional(),
});
/** The backbone in a configuration: `arch` by name or as a record, and the form in which it was published. */
export type SwinConfig = z.input<typeof swinConfig>;

interface BlockOptions extends WindowAttention {
  readonly hidden: number;
  readonly qkvBias: boolean;
  /** Windows at the size that a classifier is made for, whose masks its state dict keeps. */
  readonly keptMasks: number;
}

/** (S)W-MSA: softmax(q·kᵀ / √d + B) · v within a window (eq. 4). */
const windowMsa = module((scope: Scope, x: Value, o: BlockOptions) => {
  const { heads, window } = o;
  const qkv = pointwise(scope.at('qkv'), x, 3 * x.channels, { bias: o.qkvBias });
  const table = scope.parameter('relative_position_bias_table', [(2 * window - 1) ** 2, heads]);
  scope.parameter('relative_position_index', [window ** 2, window ** 2], 'ignored');
  const bias = o.qkvBias ? scope.at('qkv').parameter('bias', [3 * x.channels]) : undefined;
  return pointwise(scope.at('proj'), F.windowAttention(qkv, { table, bias }, attentionOf(o)), x.channels);
});

const attentionOf = ({ heads, window, shift, padding }: BlockOptions): WindowAttention => ({
  heads,
  window,
  shift,
  padding,
});

const mlp = module((scope: Scope, x: Value, hidden: number) =>
  pointwise(scope.at('fc2'), gelu(scope.at('act'), pointwise(scope.at('fc1'), x, hidden)), x.channels),
);

/** z' = (S)W-MSA(LN(z)) + z; z'' = MLP(LN(z')) + z' (eq. 3). */
const block = module((scope: Scope, x: Value, o: BlockOptions) => {
  if (o.keptMasks > 0) scope.parameter('attn_mask', [o.keptMasks, o.window ** 2, o.window ** 2], 'ignored');
  const y = F.add(x, windowMsa(scope.at('attn'), layerNorm(scope.at('norm1'), x), o));
  return F.add(y, mlp(scope.at('mlp'), layerNorm(scope.at('norm2'), y), o.hidden));
});

/** Half the size, twice the channels. */
const patchMerging = module((scope: Scope, x: Value) =>
  pointwise(scope.at('reduction'), layerNorm(scope.at('norm'), F.mergePatches(x)), 2 * x.channels, { bias: false }),
);

const patchEmbed = module((scope: Scope, image: Value, channels: number, norm: boolean) => {
  const patches = F.padToMultiple(image, patch);
  const embedded = conv2d(scope.at('proj'), patches, channels, { kernel: patch, stride: patch, padding: 0 });
  return norm ? layerNorm(scope.at('norm'), embedded) : embedded;
});

const patch = 4;

/**
 * Swin Transformer (arXiv 2103.14030): four stages of strides 4, 8, 16, 32.
 *
 * @throws ConfigError where the heads of a stage do not divide its channels
 */
export function swin(config: SwinConfig): ClassifierBackbone {
  const arch: SwinArch = typeof config.arch === 'string' ? archs[config.arch] : config.arch;
  const { window = 7, imageSize = 224, mlpRatio = 4, qkvBias = true, patchNorm = true, outputNorms = true } = config;
  const stages: Stage[] = arch.depths.map((_, i) => ({ channels: arch.dim * 2 ** i, stride: patch * 2 ** i }));
  for (const [i, { channels }] of stages.entries()) {
    if (channels % arch.heads[i]! !== 0) {
      throw new ConfigError(`Swin: ${arch.heads[i]} heads do not divide the ${channels} channels of stage ${i}.`);
    }
  }

  /** How the blocks of a stage cut their maps, and the windows that a classifier has where they are shifted. */
  const windowsOf = (stage: Stage, form: 'dense' | 'classifier') => {
    if (form === 'dense') return { window, shift: window >> 1, padding: 'first', masks: 0 } as const;
    const extent = Math.floor(imageSize / stage.stride);
    return extent <= window
      ? ({ window: extent, shift: 0, padding: 'last', masks: 0 } as const)
      : ({ window, shift: window >> 1, padding: 'last', masks: Math.ceil(extent / window) ** 2 } as const);
  };

  /** The last map of every stage, without a norm. */
  const maps = (scope: Scope, image: Value, form: 'dense' | 'classifier'): Value[] => {
    let x = patchEmbed(scope.at('patch_embed'), image, arch.dim, patchNorm);
    return stages.map((stage, i) => {
      const layer = scope.at('layers').at(i);
      const { masks, shift, ...windows } = windowsOf(stage, form);
      const fixed = { ...windows, heads: arch.heads[i]!, hidden: Math.floor(stage.channels * mlpRatio), qkvBias };
      for (let j = 0; j < arch.depths[i]!; j++) {
        const shifted = j % 2 === 1;
        x = block(layer.at('blocks').at(j), x, {
          ...fixed,
          shift: shifted ? shift : 0,
          keptMasks: shifted ? masks : 0,
        });
      }
      const last = x;
      if (i < stages.length - 1) x = patchMerging(layer.at('downsample'), x);
      return last;
    });
  };

  return {
    stages,
    imageChannels: config.inChannels ?? 3,
    forward: (scope, image) => {
      const pyramid = maps(scope, image, config.form ?? 'dense');
      const normed = (i: number) => (Array.isArray(outputNorms) ? outputNorms.includes(i) : outputNorms);
      return pyramid.map((x, i) => (normed(i) ? layerNorm(scope.at(`norm${i}`), x) : x));
    },
    classify: (scope, image, classes) => {
      const pyramid = maps(scope, image, 'classifier');
      const features = F.globalAvgPool(layerNorm(scope.at('norm'), pyramid.at(-1)!));
      return { pyramid, logits: linear(scope.at('head'), features, classes) };
    },
  };
}
