import * as z from 'zod';
import { ConfigError, UnsupportedError, unknownName } from '../errors.ts';
import { batchNorm, conv2d, F, gelu, groupNorm, module, relu, type Scope, silu, type Value } from '../nn/index.ts';
import type { ClassifierBackbone, Layout } from './backbone.ts';
import { contextAggregation, type MacroStage, macroNetwork, type Step } from './macro_network.ts';

/**
 * MogaNet (arXiv 2211.03295): multi-order gated aggregation. Module names follow the official models/moganet.py, whose
 * code differs from the paper's figure: the shortcut of the spatial block is its *normed* input, feature decomposition is
 * followed by the activation, and `norm{i}` feeds both the pyramid and the next stage.
 */

const counts = z.array(z.int().positive()).min(1);
const three = z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]);
const norm = z.enum(['BN', 'SyncBN', 'GN', 'LN2d']);

export const archRecord = z.strictObject({
  dims: counts,
  depths: counts,
  /** Hidden channels of the channel mixer, as a multiple of the stage's. */
  ratios: z.array(z.number().positive()).min(1),
});
/** Channels, number of blocks and hidden ratio of each stage. */
export type MogaNetArch = z.output<typeof archRecord>;

/** The published sizes, extra tiny to extra large. */
export const archs = {
  xt: { dims: [32, 64, 96, 192], depths: [3, 3, 10, 2], ratios: [8, 8, 4, 4] },
  t: { dims: [32, 64, 128, 256], depths: [3, 3, 12, 2], ratios: [8, 8, 4, 4] },
  s: { dims: [64, 128, 320, 512], depths: [2, 3, 12, 2], ratios: [8, 8, 4, 4] },
  b: { dims: [64, 160, 320, 512], depths: [4, 6, 22, 3], ratios: [8, 8, 4, 4] },
  l: { dims: [64, 160, 320, 640], depths: [4, 6, 44, 4], ratios: [8, 8, 4, 4] },
  xl: { dims: [96, 192, 480, 960], depths: [6, 6, 44, 4], ratios: [8, 8, 4, 4] },
} as const satisfies Record<string, MogaNetArch>;

/** Every constructor argument of the official class that changes the network. */
export const mogaNetConfig = z.strictObject({
  type: z.literal('moganet'),
  arch: z.union([z.enum(Object.keys(archs) as (keyof typeof archs)[]), archRecord]),
  inChannels: z.int().positive().optional(),
  patchSizes: counts.optional(),
  /** `ConvEmbed` (two convolutions) counts in the first stage only; elsewhere it means `Conv`. */
  patchEmbedTypes: z.array(z.enum(['ConvEmbed', 'Conv'])).optional(),
  dilations: three.optional(),
  channelSplit: three.optional(),
  /** Of gate and value; null for none. */
  activation: z.enum(['SiLU', 'GELU', 'ReLU']).nullable().optional(),
  /** Norm of the stage outputs. */
  stemNorm: norm.optional(),
  /** Norm of patch embeddings and blocks. */
  convNorm: norm.optional(),
  /** When false the last stage uses dilations 1, 2, 1. */
  finalDilation: z.boolean().optional(),
  /** Trained with `attn_force_fp32` (OpenMixup's weights): the gate's activation is applied twice. */
  doubleActivation: z.boolean().optional(),
});
/** The backbone in a configuration: `arch` by name or as a record, and what the official class may be told. */
export type MogaNetConfig = z.input<typeof mogaNetConfig>;
export type MogaNetOptions = Omit<MogaNetConfig, 'type' | 'arch'>;
type Activation = keyof typeof activations | null;

/** Of the official class; the published networks have them in common. */
export const officialDefaults = {
  dilations: [1, 2, 3],
  channelSplit: [1, 3, 4],
  activation: 'SiLU',
} as const;

const sizeNames: Readonly<Record<string, keyof typeof archs>> = {
  xt: 'xt',
  xtiny: 'xt',
  t: 't',
  tiny: 't',
  s: 's',
  small: 's',
  b: 'b',
  base: 'b',
  l: 'l',
  large: 'l',
  xl: 'xl',
  xlarge: 'xl',
};

/** The arch of an official spelling (`x-tiny`, `moganet_xtiny`, …), or undefined. */
export function mogaNetSize(name: string): keyof typeof archs | undefined {
  const bare = name
    .toLowerCase()
    .replace(/^moganet[_-]?/, '')
    .replace(/[-_]/g, '');
  return Object.hasOwn(sizeNames, bare) ? sizeNames[bare] : undefined;
}

/** Where others publish it: OpenMixup and mmpretrain put the backbone and the classifier under names of their own. */
export const mogaNetLayouts: readonly Layout[] = [
  {
    has: 'backbone.patch_embed1.projection.0.weight',
    whole: (keys) => keys.every((key) => /^(backbone|head)\./.test(key)),
    rules: [
      [/^backbone\./, ''],
      [/^head\.fc\./, 'head.'],
    ],
  },
];

const activations = { SiLU: silu, GELU: gelu, ReLU: relu } as const;
const activate = (type: Activation, scope: Scope, x: Value): Value => (type ? activations[type](scope, x) : x);

const norms = {
  BN: batchNorm,
  SyncBN: batchNorm,
  /** As many groups as channels: every channel by itself. */
  GN: (scope: Scope, x: Value) => groupNorm(scope, x, x.channels),
} as const;

const elementScale = module((scope: Scope, x: Value) =>
  F.scale(x, scope.parameter('scale', [1, x.channels, 1, 1]), scope),
);

/** FD(x) = x + σ (x − common): the features that the common part hides are weighed up (eq. 4, and eq. 7 for channels). */
const decomposed = (scope: Scope, x: Value, common: Value) => F.add(x, elementScale(scope, F.sub(x, common)));

/** DW 5×5 on all channels, then 5×5 and 7×7 dilated on parts of them: low, middle and high order (eq. 5). */
export const multiOrderDWConv = module(
  (scope: Scope, x: Value, { channelSplit }: Pick<Resolved, 'channelSplit'>, dilations: readonly number[]) => {
    const total = channelSplit.reduce((sum, part) => sum + part, 0);
    const middle = Math.floor((channelSplit[1] / total) * x.channels);
    const high = Math.floor((channelSplit[2] / total) * x.channels);
    const low = x.channels - middle - high;
    const depthwise = (name: string, y: Value, kernel: number, dilation: number) =>
      conv2d(scope.at(name), y, y.channels, { kernel, dilation, groups: y.channels });
    const x0 = depthwise('DW_conv0', x, 5, dilations[0]!);
    const x1 = depthwise('DW_conv1', F.slice(x0, low, low + middle), 5, dilations[1]!);
    const x2 = depthwise('DW_conv2', F.slice(x0, low + middle), 7, dilations[2]!);
    return conv2d(scope.at('PW_conv'), F.concat([F.slice(x0, 0, low), x1, x2]), x.channels, { kernel: 1 });
  },
);

/** Conv1×1 with as many channels as there are: `proj_1`, `gate` and `proj_2` of the spatial block. */
export const projection =
  (name: string): Step =>
  (scope, x) =>
    conv2d(scope.at(name), x, x.channels, { kernel: 1 });

/** Z = act(FD(Conv1×1(x))), what is common to a channel being its mean (eq. 4); the article's ablation leaves FD out. */
export const regionalityPerception =
  (activation: Activation, decompose = true): Step =>
  (scope, x) => {
    const y = projection('proj_1')(scope, x);
    const regional = decompose ? decomposed(scope.at('sigma'), y, F.globalAvgPool(y)) : y;
    return activate(activation, scope.at('act_value'), regional);
  };

/** The activation of gate and value, which are one module in the official code. */
export const gateActivation =
  (activation: Activation): Step =>
  (scope, x) =>
    activate(activation, scope.at('act_gate'), x);

/** out = Conv1×1(act(gate(Z)) ⊙ act(multiOrder(Z))) + x with Z = act(FD(Conv1×1(x))) (eq. 3 to 6). */
const multiOrderGatedAggregation = module((scope: Scope, x: Value, o: Resolved, dilations: readonly number[]) => {
  const act = gateActivation(o.activation);
  const aggregated = contextAggregation(scope, x, {
    perceive: regionalityPerception(o.activation),
    aggregate: projection('gate'),
    context: (at, z) => multiOrderDWConv(at.at('value'), z, o, dilations),
    activations: o.doubleActivation ? [act, act] : [act],
    project: projection('proj_2'),
  });
  return F.add(aggregated, x);
});

interface ChannelSteps {
  /** A depthwise 3×3 on the hidden channels; MogaNet has it. */
  readonly depthwise?: boolean;
  /** What weighs the hidden channels; nothing in a plain MLP. */
  readonly weigh?: Step | undefined;
}

/** The channel mixer, an inverted bottleneck: Conv1×1(A(GELU(DW3×3(Conv1×1(x))))), where A weighs the hidden channels. */
export const channelFFN = module((scope: Scope, x: Value, ratio: number, { depthwise = true, weigh }: ChannelSteps) => {
  const hidden = Math.floor(x.channels * ratio);
  let y = conv2d(scope.at('fc1'), x, hidden, { kernel: 1 });
  if (depthwise) y = conv2d(scope.at('dwconv'), y, hidden, { kernel: 3, groups: hidden });
  y = gelu(scope.at('act'), y);
  return conv2d(scope.at('fc2'), weigh ? weigh(scope, y) : y, x.channels, { kernel: 1 });
});

/** CA(y) = y + σ (y − act(Conv1×1(y))), what is common to all channels being one map (eq. 7). */
export const channelAggregation: Step = (scope, y) => {
  const common = gelu(scope.at('decompose_act'), conv2d(scope.at('decompose'), y, 1, { kernel: 1 }));
  return decomposed(scope.at('sigma'), y, common);
};

type Embedding = Pick<Resolved, 'convNorm'>;

/** The stem: two strided convolutions. */
export const stackConvPatchEmbed = module((scope: Scope, x: Value, o: Embedding, channels: number, kernel: number) => {
  const at = (i: number) => scope.at('projection').at(i);
  const options = { kernel, stride: strideOf(kernel), padding: kernel >> 1 };
  let y = norms[o.convNorm](at(1), conv2d(at(0), x, channels >> 1, options));
  y = conv2d(at(3), gelu(at(2), y), channels, options);
  return norms[o.convNorm](at(4), y);
});

export const convPatchEmbed = module((scope: Scope, x: Value, o: Embedding, channels: number, kernel: number) => {
  const options = { kernel, stride: strideOf(kernel), padding: kernel >> 1 };
  return norms[o.convNorm](scope.at('norm'), conv2d(scope.at('projection'), x, channels, options));
});

const strideOf = (patchSize: number): number => (patchSize >> 1) + 1;

/** @throws ConfigError or UnsupportedError where the record contradicts itself or names what the official class refuses */
export function moganet(config: MogaNetConfig): ClassifierBackbone {
  const o = resolve(config);
  const { dims, depths, ratios } = o.arch;
  let stride = 1;
  const stages = dims.map((channels, i): MacroStage => {
    const stacked = i === 0 && o.patchEmbedTypes[0] === 'ConvEmbed';
    const embed = stacked ? stackConvPatchEmbed : convPatchEmbed;
    stride *= strideOf(o.patchSizes[i]!) ** (stacked ? 2 : 1);
    const dilations = i === dims.length - 1 && !o.finalDilation ? [1, 2, 1] : o.dilations;
    return {
      channels,
      stride,
      depth: depths[i]!,
      embed: (scope, x) => embed(scope, x, o, channels, o.patchSizes[i]!),
      spatial: (scope, x) => multiOrderGatedAggregation(scope, x, o, dilations),
      channel: (scope, x) => channelFFN(scope, x, ratios[i]!, { weigh: channelAggregation }),
    };
  });
  return macroNetwork({
    imageChannels: config.inChannels ?? 3,
    stages,
    norm: norms[o.convNorm],
    outputNorm: norms[o.stemNorm],
  });
}

interface Resolved extends Required<Omit<MogaNetOptions, 'inChannels' | 'stemNorm' | 'convNorm'>> {
  readonly arch: MogaNetArch;
  readonly stemNorm: keyof typeof norms;
  readonly convNorm: keyof typeof norms;
}

function resolve(config: MogaNetConfig): Resolved {
  const arch: MogaNetArch | undefined = typeof config.arch === 'string' ? archs[config.arch] : config.arch;
  if (!arch) throw new ConfigError(unknownName('MogaNet arch', `${config.arch}`, Object.keys(archs)));
  const stages = arch.dims.length;
  const o: Resolved = {
    arch,
    patchSizes: config.patchSizes ?? arch.dims.map(() => 3),
    patchEmbedTypes: config.patchEmbedTypes ?? arch.dims.map((_, i) => (i === 0 ? 'ConvEmbed' : 'Conv')),
    dilations: config.dilations ?? [...officialDefaults.dilations],
    channelSplit: config.channelSplit ?? [...officialDefaults.channelSplit],
    activation: config.activation === undefined ? officialDefaults.activation : config.activation,
    stemNorm: supportedNorm('stemNorm', config.stemNorm ?? 'BN'),
    convNorm: supportedNorm('convNorm', config.convNorm ?? 'BN'),
    finalDilation: config.finalDilation ?? true,
    doubleActivation: config.doubleActivation ?? false,
  };
  for (const [name, list] of Object.entries({
    depths: arch.depths,
    ratios: arch.ratios,
    patchSizes: o.patchSizes,
    patchEmbedTypes: o.patchEmbedTypes,
  })) {
    if (list.length !== stages)
      throw new ConfigError(`MogaNet: ${name} has ${list.length} entries, dims has ${stages}.`);
  }
  const total = o.channelSplit.reduce((sum, part) => sum + part, 0);
  for (const channels of arch.dims) {
    if (channels % total !== 0) {
      throw new ConfigError(
        `MogaNet: ${channels} channels do not divide into ${o.channelSplit.join(' : ')} (${total} parts).`,
      );
    }
  }
  if (o.patchEmbedTypes[0] === 'ConvEmbed' && o.patchSizes[0]! > 3) {
    throw new ConfigError(`MogaNet: a ConvEmbed stem takes a patch size of at most 3, got ${o.patchSizes[0]}.`);
  }
  return o;
}

function supportedNorm(field: string, name: string): keyof typeof norms {
  if (Object.hasOwn(norms, name)) return name as keyof typeof norms;
  throw new UnsupportedError(`MogaNet: the norm "${name}" is not supported as ${field}. Use BN, SyncBN or GN.`);
}
