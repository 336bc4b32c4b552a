import * as z from 'zod';
import { ConfigError, unknownName } from '../errors.ts';
import { batchNorm, conv2d, F, gelu, linear, mixPositions, module, relu, type Scope, type Value } from '../nn/index.ts';
import type { ClassifierBackbone } from './backbone.ts';
import { contextAggregation, type MacroStage, macroNetwork, type Step } from './macro_network.ts';
import {
  archRecord,
  archs,
  channelAggregation,
  channelFFN,
  convPatchEmbed,
  gateActivation,
  type MogaNetArch,
  multiOrderDWConv,
  officialDefaults,
  projection,
  regionalityPerception,
  stackConvPatchEmbed,
} from './moganet.ts';

/** s = σ(W₂ ReLU(W₁ GAP(X))) with C/16 channels between: a weight per channel and image, N×C×1×1 (SE-Net, arXiv 1709.01507). */
export const squeezeExcite = module((scope: Scope, x: Value, reduction = 16) => {
  const squeezed = Math.max(1, Math.floor(x.channels / reduction));
  const y = relu(scope.at('act'), conv2d(scope.at('fc1'), F.globalAvgPool(x), squeezed, { kernel: 1 }));
  return F.sigmoid(conv2d(scope.at('fc2'), y, x.channels, { kernel: 1 }));
});

/** Context branches G(Z): how a pixel learns of the others. They serve maps of every size. */

/** G(Z) = Conv1×1(DW7×7(Z)): one order of interaction (the large kernel of ConvNeXt, arXiv 2201.03545). */
const depthwise7x7 = module((scope: Scope, z: Value) => {
  const y = conv2d(scope.at('DW_conv'), z, z.channels, { kernel: 7, groups: z.channels });
  return conv2d(scope.at('PW_conv'), y, z.channels, { kernel: 1 });
});

const channelsOfAHead = 32;

/** Heads of at least 32 channels, as many as divide the map's. */
export function headsOf(channels: number): number {
  let heads = Math.max(1, Math.floor(channels / channelsOfAHead));
  while (channels % heads !== 0) heads--;
  return heads;
}

const queriesKeysValues = (scope: Scope, z: Value): Value => conv2d(scope.at('qkv'), z, 3 * z.channels, { kernel: 1 });

/**
 * G(Z) = softmax(QKᵀ / √d) V, with Q, K, V = Conv1×1(Z), among all pixels (arXiv 2010.11929). Nothing in it knows places, and
 * its scores are the square of the pixels: for maps of a few thousand at most.
 */
const selfAttention = module((scope: Scope, z: Value) => F.attention(queriesKeysValues(scope, z), headsOf(z.channels)));

/** G(Z) = φ(Q)(φ(K)ᵀV) / (φ(Q) Σφ(K)) with φ = elu + 1, among all pixels, at a price linear in them (arXiv 2006.16236). */
const linearAttention = module((scope: Scope, z: Value) =>
  F.linearAttention(queriesKeysValues(scope, z), headsOf(z.channels)),
);

/** G(Z) = AvgPool3×3(Z) − Z, padding not counted: no parameters (PoolFormer, arXiv 2111.11418). */
const pooling: Step = (_, z) => F.sub(F.avgPool(z, { kernel: 3, stride: 1, padding: 1 }), z);

const shiftedShare = 12;
const directions = [{ columns: -1 }, { columns: 1 }, { rows: -1 }, { rows: 1 }] as const;

/** G(Z): a twelfth of the channels moved by one pixel to each of four sides, the rest left: no parameters (arXiv 2201.10801). */
const shift: Step = (_, z) => {
  const count = Math.max(1, Math.floor(z.channels / shiftedShare));
  const moved = directions.map((by, i) => F.shift(F.slice(z, i * count, (i + 1) * count), by));
  const rest = z.channels - moved.length * count;
  return F.concat(rest > 0 ? [...moved, F.slice(z, moved.length * count)] : moved);
};

/** Side of the grid that the spatial MLP works on. */
const grid = 7;

/**
 * G(Z) = up(W₂ GELU(W₁ pool(Z))): MLP-Mixer's layers over positions (arXiv 2105.01601), the same for every channel. They have a
 * weight per pair of positions, so a map of any size is first pooled to 7×7, as PVT v2 does before attention (arXiv 2106.13797),
 * and what they give is resized back. Twice the positions inside.
 */
const spatialMLP = module((scope: Scope, z: Value) => {
  const hidden = { height: 2 * grid, width: grid };
  const pooled = F.adaptiveAvgPool(z, grid);
  const y = gelu(scope.at('act'), mixPositions(scope.at('fc1'), pooled, grid, hidden));
  return F.resize(mixPositions(scope.at('fc2'), y, hidden, grid), { like: z });
});

export const contexts = {
  dw7x7: depthwise7x7,
  /** MogaNet's three orders (arXiv 2211.03295, eq. 5). */
  multi_order: (scope: Scope, z: Value) =>
    multiOrderDWConv(scope, z, { channelSplit: [...officialDefaults.channelSplit] }, officialDefaults.dilations),
  self_attention: selfAttention,
  linear_attention: linearAttention,
  pooling,
  shift,
  spatial_mlp: spatialMLP,
} as const satisfies Record<string, Step>;

/**
 * Spatial mixers of the MogaNet article, as data. Their general form is regionality perception and context aggregation,
 *
 *     Z = R(X),   SMixer(X) = P(act F(Z) ⊙ act G(Z)),
 *
 * with an aggregation branch F that weighs the context G, and an output projection P where there is one.
 */

/** R. */
const perceptions = {
  /** Z = X. */
  none: undefined,
  /** Z = SiLU(Conv1×1(X)). */
  projection: regionalityPerception(officialDefaults.activation, false),
  /** Z = SiLU(FD(Conv1×1(X))), FD(Y) = Y + σ (Y − GAP(Y)) (arXiv 2211.03295, eq. 4). */
  decomposition: regionalityPerception(officialDefaults.activation),
} as const satisfies Record<string, Step | undefined>;

/** F. */
const aggregations = {
  /** F(Z) = 1. */
  none: undefined,
  /** F(Z) = Conv1×1(Z), activated as the context is. */
  gate: projection('gate'),
  /** F(Z) = σ(Conv1×1(Z)): a gated linear unit (arXiv 1612.08083). */
  glu: (scope, z) => F.sigmoid(projection('gate')(scope, z)),
  /** F(Z) = σ(W₂ ReLU(W₁ GAP(Z))): a weight per channel (arXiv 1709.01507). */
  se: (scope, z) => squeezeExcite(scope.at('se'), z),
} as const satisfies Record<string, Step | undefined>;

const namesIn = <K extends string>(table: Readonly<Record<K, unknown>>) => Object.keys(table) as K[];

export const spatialForm = z.strictObject({
  perception: z.enum(namesIn(perceptions)).optional(),
  aggregation: z.enum(namesIn(aggregations)).optional(),
  context: z.enum(namesIn(contexts)),
  /** SiLU on the branches. */
  activated: z.boolean().optional(),
  /** P = Conv1×1. */
  projected: z.boolean().optional(),
  /** X is added, as the official code of MogaNet does beside the block's own shortcut: X is normed here. */
  shortcut: z.boolean().optional(),
});
/** What is in a spatial mixer, as fields that may be set one by one. */
export type SpatialForm = z.output<typeof spatialForm>;

/** What the steps of the article's ablation leave alone. */
const frame = { activated: true, projected: true, shortcut: true } as const;

/** The forms by name. What follows a mixer's name is SMixer(X), and φ is SiLU. */
export const spatialMixers = {
  /** Conv1×1(φ(Conv1×1(Z)) ⊙ φ(multiOrder(Z))) + X, Z = φ(FD(Conv1×1(X))): MogaNet's own. */
  moga: { perception: 'decomposition', aggregation: 'gate', context: 'multi_order', ...frame },
  /** Conv1×1(φ(Conv1×1(DW7×7(Z)))) + X, Z = φ(Conv1×1(X)): where the article's ablation begins. */
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
  /** A twelfth of the channels of X moved to each of four sides. */
  shift: { context: 'shift' },
  /** up(W₂ GELU(W₁ pool₇ₓ₇(X))), over positions. */
  spatial_mlp: { context: 'spatial_mlp' },
} as const satisfies Record<string, SpatialForm>;

export type SpatialMixer = keyof typeof spatialMixers;

export const spatialMixer = module((scope: Scope, x: Value, form: SpatialForm) => {
  const { perception = 'none', aggregation = 'none', context, activated, projected, shortcut } = form;
  const y = contextAggregation(scope, x, {
    perceive: perceptions[perception],
    aggregate: aggregations[aggregation],
    context: (at, z) => contexts[context](at.at('value'), z),
    activations: activated ? [gateActivation(officialDefaults.activation)] : [],
    project: projected ? projection('proj_2') : undefined,
  });
  return shortcut ? F.add(y, x) : y;
});

/**
 * Channel mixers of the MogaNet article, as data. Their general form is an inverted bottleneck whose hidden channels are
 * weighed,
 *
 *     CMixer(X) = Conv1×1(A(GELU(DW3×3(Conv1×1(X))))),
 *
 * with r times the channels inside.
 */

/** A: how the hidden channels Y are weighed. */
const weighings = {
  /** A(Y) = Y. */
  none: undefined,
  /** A(Y) = σ(W₂ ReLU(W₁ GAP(Y))) ⊙ Y: by their means (arXiv 1709.01507). */
  se: (scope, y) => F.mul(squeezeExcite(scope.at('se'), y), y),
  /** A(Y) = Y + σ (Y − GELU(Conv1×1(Y))): by one map that they have in common (arXiv 2211.03295, eq. 7). */
  ca: channelAggregation,
} as const satisfies Record<string, Step | undefined>;

const weighingNames = Object.keys(weighings) as (keyof typeof weighings)[];

export const channelForm = z.strictObject({
  /** Without the depthwise 3×3 it is the MLP of transformers. */
  depthwise: z.boolean().optional(),
  weighing: z.enum(weighingNames).optional(),
});
/** What is in a channel mixer, as fields that may be set one by one. */
export type ChannelForm = z.output<typeof channelForm>;

/** The forms by name. As everywhere in MogaNet, the MLP that the others are compared with has the depthwise 3×3. */
export const channelMixers = {
  /** Conv1×1(GELU(DW3×3(Conv1×1(X)))). */
  mlp: { weighing: 'none' },
  /** The same, with squeeze and excitation on the hidden channels. */
  mlp_se: { weighing: 'se' },
  /** MogaNet's channel aggregation. */
  ca: { weighing: 'ca' },
} as const satisfies Record<string, ChannelForm>;

export type ChannelMixer = keyof typeof channelMixers;

/** @param ratio hidden channels as a multiple of the map's */
export function channelMixer({ depthwise = true, weighing = 'none' }: ChannelForm, ratio: number): Step {
  return (scope, x) => channelFFN(scope, x, ratio, { depthwise, weigh: weighings[weighing] });
}

/**
 * A network of the macro framework of the MogaNet article (arXiv 2211.03295) from parts by name: embedding stem, spatial mixer,
 * channel mixer. With those of MogaNet, which are the defaults, it is MogaNet, key by key.
 */

const namesOf = <K extends string>(table: Readonly<Record<K, unknown>>) => Object.keys(table) as K[];

/** The embedding of a stage; `first` reads the image. */
type Stem = (channels: number, first: boolean) => { readonly embed: Step; readonly stride: number };

const norm = { convNorm: 'BN' } as const;

const patch = module((scope: Scope, x: Value, channels: number, kernel: number, stride: number, padding: number) =>
  batchNorm(scope.at('norm'), conv2d(scope.at('projection'), x, channels, { kernel, stride, padding })),
);

const stems = {
  /** MogaNet's: two strided 3×3 on the image, one between stages. */
  conv: (channels, first) =>
    first
      ? { embed: (scope, x) => stackConvPatchEmbed(scope, x, norm, channels, 3), stride: 4 }
      : { embed: (scope, x) => convPatchEmbed(scope, x, norm, channels, 3), stride: 2 },
  /** Patches that touch: 4×4 on the image, 2×2 between stages (Swin, arXiv 2103.14030; ConvNeXt, 2201.03545). */
  patch: (channels, first) => {
    const side = first ? 4 : 2;
    return { embed: (scope, x) => patch(scope, x, channels, side, side, 0), stride: side };
  },
  /** Patches that overlap: 7×7 by 4 on the image, 3×3 by 2 between stages (PVT v2, arXiv 2106.13797). */
  overlap: (channels, first) => {
    const [kernel, stride] = first ? [7, 4] : [3, 2];
    return { embed: (scope, x) => patch(scope, x, channels, kernel, stride, kernel >> 1), stride };
  },
} as const satisfies Record<string, Stem>;

export const macroConfig = z.strictObject({
  type: z.literal('macro'),
  /** Channels, depths and ratios of the stages, or those of a MogaNet by its name. */
  arch: z.union([z.enum(namesOf(archs)), archRecord]),
  inChannels: z.int().positive().optional(),
  stem: z.enum(namesOf(stems)).optional(),
  /** A mixer by name, or its form. */
  spatial: z.union([z.enum(namesOf(spatialMixers)), spatialForm]).optional(),
  channel: z.union([z.enum(namesOf(channelMixers)), channelForm]).optional(),
});
/** The backbone in a configuration: stem, spatial mixer and channel mixer by name. */
export type MacroConfig = z.input<typeof macroConfig>;

/**
 * The macro framework of the MogaNet article: a stage embeds, then mixes among pixels and among channels in turn.
 *
 * @throws ConfigError where a name is unknown, lists of the arch differ in length, or channels do not divide into the orders of a
 *   multi-order context
 */
export function macro(config: MacroConfig): ClassifierBackbone {
  const { arch = 'xt', inChannels = 3, stem = 'conv', spatial = 'moga', channel = 'ca' } = config;
  const { dims, depths, ratios } = typeof arch === 'string' ? known('arch', archs, arch) : arch;
  const embedding: Stem = known('stem', stems, stem);
  const mixing = typeof spatial === 'string' ? known('spatial mixer', spatialMixers, spatial) : spatial;
  const feeding = typeof channel === 'string' ? known('channel mixer', channelMixers, channel) : channel;
  checkArch({ dims, depths, ratios }, mixing.context === 'multi_order');
  let stride = 1;
  const stages = dims.map((channels, i): MacroStage => {
    const { embed, stride: step } = embedding(channels, i === 0);
    stride *= step;
    return {
      channels,
      stride,
      depth: depths[i]!,
      embed,
      spatial: (scope, x) => spatialMixer(scope, x, mixing),
      channel: channelMixer(feeding, ratios[i]!),
    };
  });
  return macroNetwork({ imageChannels: inChannels, stages, norm: batchNorm, outputNorm: batchNorm });
}

function known<K extends string, V>(what: string, table: Readonly<Record<K, V>>, name: K): V {
  if (Object.hasOwn(table, name)) return table[name];
  throw new ConfigError(`macro: ${unknownName(what, name, Object.keys(table))}`);
}

function checkArch(
  { dims, depths, ratios }: Readonly<Record<keyof MogaNetArch, readonly number[]>>,
  multiOrder: boolean,
): void {
  for (const [name, list] of Object.entries({ depths, ratios })) {
    if (list.length !== dims.length) {
      throw new ConfigError(`macro: ${name} has ${list.length} entries, dims has ${dims.length}.`);
    }
  }
  const orders = officialDefaults.channelSplit;
  const parts = orders.reduce((sum, part) => sum + part, 0);
  const odd = multiOrder && dims.find((channels) => channels % parts !== 0);
  if (odd) throw new ConfigError(`macro: ${odd} channels do not divide into ${orders.join(' : ')} (${parts} parts).`);
}
