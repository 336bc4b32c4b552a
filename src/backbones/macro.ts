import * as z from 'zod/mini';
import { ConfigError, unknownName } from '../errors.ts';
import type { ConvOptions, Scope, Value } from '../nn/index.ts';
import { batchNorm, conv2d, F, gelu, linear, mixPositions, module, relu, silu } from '../nn/index.ts';
import { archOf, type ClassifierBackbone, checkSplit, type Family, stageRows } from './backbone.ts';
import {
  archRecord,
  archs,
  channelAggregation,
  convPatchEmbed,
  featureDecomposition,
  type MogaNetArch,
  multiOrderDWConv,
  stackConvPatchEmbed,
} from './moganet.ts';

/**
 * The macro framework of the MogaNet article (arXiv 2211.03295, section 4.1; MetaFormer, 2111.11418): a stage is an embedding
 * stem, then residual blocks of a spatial mixer and a channel mixer. Stems and mixers are chosen by name or described as data.
 * With those of MogaNet, which are the defaults, the network is MogaNet, key by key. Module names are those of the official
 * models/moganet.py.
 */

/** A step of a network: a map to a map, with its parameters under the scope. */
type Step = (scope: Scope, x: Value) => Value;

const namesOf = <K extends string>(table: Readonly<Record<K, unknown>>) => Object.keys(table) as K[];

/** s = σ(W₂ ReLU(W₁ GAP(X))) with C/16 channels inside: a weight per channel and image, N×C×1×1 (SE-Net, arXiv 1709.01507). */
const squeezeExcite = module((scope: Scope, x: Value) => {
  const squeezed = Math.max(1, Math.floor(x.channels / 16));
  const y = relu(scope.at('act'), conv2d(scope.at('fc1'), F.globalAvgPool(x), squeezed, { kernel: 1 }));
  return F.sigmoid(conv2d(scope.at('fc2'), y, x.channels, { kernel: 1 }));
});

const projection = (scope: Scope, x: Value): Value => conv2d(scope, x, x.channels, { kernel: 1 });

/*
 * Context branches G(Z): how a pixel learns of the others. They take maps of every size.
 */

/** G(Z) = Conv1×1(DW7×7(Z)): one order of interaction (the large kernel of ConvNeXt, arXiv 2201.03545). */
const depthwise7x7 = module((scope: Scope, z: Value) =>
  projection(scope.at('PW_conv'), conv2d(scope.at('DW_conv'), z, z.channels, { kernel: 7, groups: z.channels })),
);

const channelSplit: [number, number, number] = [1, 3, 4];

/** MogaNet's three orders (arXiv 2211.03295, eq. 5). */
const multiOrder: Step = (scope, z) => multiOrderDWConv(scope, z, channelSplit, [1, 2, 3]);

/** Returns the number of attention heads: at least 32 channels each, as many as divide the map's channels. */
export function headsOf(channels: number): number {
  let heads = Math.max(1, Math.floor(channels / 32));
  while (channels % heads !== 0) heads--;
  return heads;
}

const queriesKeysValues = (scope: Scope, z: Value): Value => conv2d(scope.at('qkv'), z, 3 * z.channels, { kernel: 1 });

/**
 * G(Z) = softmax(QKᵀ / √d) V, with Q, K, V = Conv1×1(Z), among all pixels (arXiv 2010.11929). It has no position embedding.
 * Its scores grow with the square of the pixels: it is for maps of a few thousand at most.
 */
const selfAttention = module((scope: Scope, z: Value) => F.attention(queriesKeysValues(scope, z), headsOf(z.channels)));

/** G(Z) = φ(Q)(φ(K)ᵀV) / (φ(Q) Σφ(K)) with φ = elu + 1, among all pixels, at a cost linear in them (arXiv 2006.16236). */
const linearAttention = module((scope: Scope, z: Value) =>
  F.linearAttention(queriesKeysValues(scope, z), headsOf(z.channels)),
);

/** G(Z) = AvgPool3×3(Z) − Z; padding does not count. No parameters (PoolFormer, arXiv 2111.11418). */
const pooling: Step = (_, z) => F.sub(F.avgPool(z, { kernel: 3, stride: 1, padding: 1 }), z);

const directions = [{ columns: -1 }, { columns: 1 }, { rows: -1 }, { rows: 1 }] as const;

/** G(Z): a twelfth of the channels moves by one pixel to each of four sides, the rest stays. No parameters (arXiv 2201.10801). */
const shift: Step = (_, z) => {
  const count = Math.max(1, Math.floor(z.channels / 12));
  const moved = directions.map((by, i) => F.shift(F.slice(z, i * count, (i + 1) * count), by));
  const start = moved.length * count;
  return F.concat(start < z.channels ? [...moved, F.slice(z, start)] : moved);
};

/**
 * G(Z) = up(W₂ GELU(W₁ pool₇ₓ₇(Z))): MLP-Mixer's layers over positions (arXiv 2105.01601), the same for every channel, with
 * twice the positions inside. They have a weight per pair of positions, so a map is first pooled to 7×7, as PVT v2 does before
 * attention (arXiv 2106.13797), and the result is resized back.
 */
const spatialMLP = module((scope: Scope, z: Value) => {
  const [grid, hidden] = [7, { height: 14, width: 7 }] as const;
  const pooled = F.adaptiveAvgPool(z, grid);
  const y = gelu(scope.at('act'), mixPositions(scope.at('fc1'), pooled, grid, hidden));
  return F.resize(mixPositions(scope.at('fc2'), y, hidden, grid), { like: z });
});

const contexts = {
  dw7x7: depthwise7x7,
  multi_order: multiOrder,
  self_attention: selfAttention,
  linear_attention: linearAttention,
  pooling,
  shift,
  spatial_mlp: spatialMLP,
} as const satisfies Record<string, Step>;

/*
 * Spatial mixers. Their general form is regionality perception, then context aggregation,
 *
 *     Z = R(X),   SMixer(X) = P(φ F(Z) ⊙ φ G(Z)),
 *
 * with an aggregation branch F that weighs the context G, an activation φ = SiLU, and an output projection P. Each of them is
 * optional except the context.
 */

/** R. */
const perceptions = {
  /** Z = X. */
  none: (_, x) => x,
  /** Z = φ(Conv1×1(X)). */
  projection: (scope, x) => silu(scope.at('act_value'), projection(scope.at('proj_1'), x)),
  /** Z = φ(FD(Conv1×1(X))), FD(Y) = Y + σ (Y − GAP(Y)) (arXiv 2211.03295, eq. 4). */
  decomposition: (scope, x) =>
    silu(scope.at('act_value'), featureDecomposition(scope, projection(scope.at('proj_1'), x))),
} as const satisfies Record<string, Step>;

/** F. */
const aggregations = {
  /** F(Z) = 1. */
  none: undefined,
  /** F(Z) = Conv1×1(Z). */
  gate: (scope, z) => projection(scope.at('gate'), z),
  /** F(Z) = σ(Conv1×1(Z)): a gated linear unit (arXiv 1612.08083). */
  glu: (scope, z) => F.sigmoid(projection(scope.at('gate'), z)),
  /** F(Z) = σ(W₂ ReLU(W₁ GAP(Z))): a weight per channel (arXiv 1709.01507). */
  se: (scope, z) => squeezeExcite(scope.at('se'), z),
} as const satisfies Record<string, Step | undefined>;

const spatialForm = z.strictObject({
  perception: z.optional(z.enum(namesOf(perceptions))),
  aggregation: z.optional(z.enum(namesOf(aggregations))),
  context: z.enum(namesOf(contexts)),
  /** Applies SiLU to both branches. */
  activated: z.optional(z.boolean()),
  /** P = Conv1×1. */
  projected: z.optional(z.boolean()),
  /** Adds X, which is normed here, as the official code of MogaNet does beside the block's shortcut. */
  shortcut: z.optional(z.boolean()),
});
/** The parts of a spatial mixer, as fields that can be set one by one. */
export type SpatialForm = z.output<typeof spatialForm>;

/** What all steps of the article's ablation have in common. */
const frame = { activated: true, projected: true, shortcut: true } as const;

/** The spatial mixers by name, each with its SMixer(X). */
export const spatialMixers = {
  /** MogaNet's: Conv1×1(φ(Conv1×1(Z)) ⊙ φ(multiOrder(Z))) + X, Z = φ(FD(Conv1×1(X))). */
  moga: { perception: 'decomposition', aggregation: 'gate', context: 'multi_order', ...frame },
  /** Conv1×1(φ(Conv1×1(DW7×7(Z)))) + X, Z = φ(Conv1×1(X)): the start of the article's ablation. */
  dw7x7: { perception: 'projection', context: 'dw7x7', ...frame },
  /** Conv1×1(φ(multiOrder(Z))) + X, Z = φ(Conv1×1(X)): without gate and feature decomposition. */
  multi_order: { perception: 'projection', context: 'multi_order', ...frame },
  /** Conv1×1(softmax(QKᵀ / √d) V), Q, K, V = Conv1×1(X). */
  self_attention: { context: 'self_attention', projected: true },
  /** Conv1×1(φ'(Q)(φ'(K)ᵀV) / (φ'(Q) Σφ'(K))), Q, K, V = Conv1×1(X), φ' = elu + 1. */
  linear_attention: { context: 'linear_attention', projected: true },
  /** Conv1×1(σ(Conv1×1(X)) ⊙ Conv1×1(DW7×7(X))). */
  glu: { aggregation: 'glu', context: 'dw7x7', projected: true },
  /** Conv1×1(σ(W₂ ReLU(W₁ GAP(X))) ⊙ Conv1×1(DW7×7(X))). */
  se: { aggregation: 'se', context: 'dw7x7', projected: true },
  /** AvgPool3×3(X) − X. */
  pooling: { context: 'pooling' },
  /** A twelfth of the channels of X, moved to each of four sides. */
  shift: { context: 'shift' },
  /** up(W₂ GELU(W₁ pool₇ₓ₇(X))), over positions. */
  spatial_mlp: { context: 'spatial_mlp' },
} as const satisfies Record<string, SpatialForm>;

export const spatialMixer = module((scope: Scope, x: Value, form: SpatialForm) => {
  const { perception = 'none', aggregation = 'none', context, activated, projected, shortcut } = form;
  const act = (y: Value) => (activated ? silu(scope.at('act_gate'), y) : y);
  const z = perceptions[perception](scope, x);
  const weights = aggregations[aggregation]?.(scope, z);
  const branch = contexts[context](scope.at('value'), z);
  let y = weights ? F.mul(act(weights), act(branch)) : act(branch);
  if (projected) y = projection(scope.at('proj_2'), y);
  return shortcut ? F.add(y, x) : y;
});

/*
 * Channel mixers. Their general form is an inverted bottleneck whose hidden channels are weighed,
 *
 *     CMixer(X) = Conv1×1(A(GELU(DW3×3(Conv1×1(X))))).
 */

/** A: how the hidden channels Y are weighed. */
const weighings = {
  /** A(Y) = Y. */
  none: (_, y) => y,
  /** A(Y) = σ(W₂ ReLU(W₁ GAP(Y))) ⊙ Y: by their means (arXiv 1709.01507). */
  se: (scope, y) => F.mul(squeezeExcite(scope.at('se'), y), y),
  /** A(Y) = Y + σ (Y − GELU(Conv1×1(Y))): by one map that they have in common (arXiv 2211.03295, eq. 7). */
  ca: channelAggregation,
} as const satisfies Record<string, Step>;

const channelForm = z.strictObject({
  /** If false, the depthwise 3×3 is left out: the MLP of transformers. */
  depthwise: z.optional(z.boolean()),
  weighing: z.optional(z.enum(namesOf(weighings))),
});
/** The parts of a channel mixer, as fields that can be set one by one. */
export type ChannelForm = z.output<typeof channelForm>;

/** The channel mixers by name. As everywhere in MogaNet, the MLP that the others are compared with has the depthwise 3×3. */
export const channelMixers = {
  /** Conv1×1(GELU(DW3×3(Conv1×1(X)))). */
  mlp: { weighing: 'none' },
  /** The same, with squeeze and excitation on the hidden channels. */
  mlp_se: { weighing: 'se' },
  /** MogaNet's channel aggregation. */
  ca: { weighing: 'ca' },
} as const satisfies Record<string, ChannelForm>;

/** @param ratio hidden channels as a multiple of the map's */
export const channelMixer = module((scope: Scope, x: Value, form: ChannelForm, ratio: number) => {
  const { depthwise = true, weighing = 'none' } = form;
  const hidden = Math.floor(x.channels * ratio);
  let y = conv2d(scope.at('fc1'), x, hidden, { kernel: 1 });
  if (depthwise) y = conv2d(scope.at('dwconv'), y, hidden, { kernel: 3, groups: hidden });
  y = weighings[weighing](scope, gelu(scope.at('act'), y));
  return conv2d(scope.at('fc2'), y, x.channels, { kernel: 1 });
});

/*
 * Stems: the embedding of the image, and the embeddings between stages.
 */

/** `first` says that the map is the image. The strides are 4 on the image and 2 between stages. */
type Stem = (scope: Scope, x: Value, channels: number, first: boolean) => Value;

const patches = module((scope: Scope, x: Value, channels: number, options: ConvOptions) =>
  batchNorm(scope.at('norm'), conv2d(scope.at('projection'), x, channels, options)),
);

const stems = {
  /** MogaNet's: two strided 3×3 on the image, one between stages. */
  conv: (scope, x, channels, first) => (first ? stackConvPatchEmbed : convPatchEmbed)(scope, x, channels, 3, batchNorm),
  /** Patches that touch: 4×4 on the image, 2×2 between stages (Swin, arXiv 2103.14030; ConvNeXt, 2201.03545). */
  patch: (scope, x, channels, first) => {
    const side = first ? 4 : 2;
    return patches(scope, x, channels, { kernel: side, stride: side, padding: 0 });
  },
  /** Patches that overlap: 7×7 with stride 4 on the image, 3×3 with stride 2 between stages (PVT v2, arXiv 2106.13797). */
  overlap: (scope, x, channels, first) =>
    patches(scope, x, channels, first ? { kernel: 7, stride: 4, padding: 3 } : { kernel: 3, stride: 2, padding: 1 }),
} as const satisfies Record<string, Stem>;

export const macroConfig = z.strictObject({
  type: z.literal('macro'),
  /** Channels, depths and ratios of the stages, or those of a MogaNet by its name. */
  arch: z.union([z.enum(namesOf(archs)), archRecord]),
  inChannels: z.optional(z.int().check(z.positive())),
  stem: z.optional(z.enum(namesOf(stems))),
  /** A mixer by name, or its form. */
  spatial: z.optional(z.union([z.enum(namesOf(spatialMixers)), spatialForm])),
  channel: z.optional(z.union([z.enum(namesOf(channelMixers)), channelForm])),
});
/** The backbone in a configuration: stem, spatial mixer and channel mixer by name. */
export type MacroConfig = z.input<typeof macroConfig>;

/** Y = X + γ₁ · SMixer(Norm(X)),   Z = Y + γ₂ · CMixer(Norm(Y)). */
const block = module((scope: Scope, x: Value, spatial: SpatialForm, channel: ChannelForm, ratio: number) => {
  const scaled = (name: string, y: Value) => F.scale(y, scope.parameter(name, [1, x.channels, 1, 1]));
  const mixed = spatialMixer(scope.at('attn'), batchNorm(scope.at('norm1'), x), spatial);
  const y = F.add(x, scaled('layer_scale_1', mixed));
  const fed = channelMixer(scope.at('mlp'), batchNorm(scope.at('norm2'), y), channel, ratio);
  return F.add(y, scaled('layer_scale_2', fed));
});

/**
 * The macro framework of the MogaNet article: strides 4, 8, 16, 32 and on.
 *
 * @throws ConfigError if a name is unknown, lists of the arch differ in length, or channels do not divide into the orders of a
 *   multi-order context
 */
export function macro(config: MacroConfig): ClassifierBackbone {
  const { arch = 'xt', inChannels = 3, stem = 'conv', spatial = 'moga', channel = 'ca' } = config;
  const lists: MogaNetArch = archOf('macro', archs, arch);
  const embed = known('stem', stems, stem);
  const mixing: SpatialForm = typeof spatial === 'string' ? known('spatial mixer', spatialMixers, spatial) : spatial;
  const feeding: ChannelForm = typeof channel === 'string' ? known('channel mixer', channelMixers, channel) : channel;
  const rows = stageRows('macro', lists);
  if (mixing.context === 'multi_order') checkSplit('macro', lists.dims, channelSplit);

  const forward = (scope: Scope, image: Value): Value[] => {
    let x = image;
    return rows.map(({ dims: channels, depths: depth, ratios: ratio }, i) => {
      x = embed(scope.at(`patch_embed${i + 1}`), x, channels, i === 0);
      for (let j = 0; j < depth; j++) x = block(scope.at(`blocks${i + 1}`).at(j), x, mixing, feeding, ratio);
      x = batchNorm(scope.at(`norm${i + 1}`), x);
      return x;
    });
  };
  const classify = (scope: Scope, image: Value, classes: number) => {
    const pyramid = forward(scope, image);
    return { pyramid, logits: linear(scope.at('head'), F.globalAvgPool(pyramid.at(-1)!), classes) };
  };
  const stages = rows.map(({ dims: channels }, i) => ({ channels, stride: 4 * 2 ** i }));
  return { stages, imageChannels: inChannels, forward, classify };
}

/** @throws ConfigError with the known names */
function known<K extends string, V>(what: string, table: Readonly<Record<K, V>>, name: K): V {
  if (Object.hasOwn(table, name)) return table[name];
  throw new ConfigError(`macro: ${unknownName(what, name, Object.keys(table))}`);
}

export const macroFamily = {
  title: 'Macro framework',
  config: macroConfig,
  make: macro,
  keyLayouts: [],
  small: {
    type: 'macro',
    arch: { dims: [8, 16, 24, 32], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] },
    stem: 'overlap',
    spatial: 'linear_attention',
    channel: 'mlp_se',
  },
  medium: { type: 'macro', arch: 's', spatial: 'dw7x7', channel: 'mlp' },
} satisfies Family<typeof macroConfig>;
