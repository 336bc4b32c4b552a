import * as z from 'zod/mini';
import { ConfigError, UnsupportedError } from '../errors.ts';
import type { Scope, Value } from '../nn/index.ts';
import { batchNorm, conv2d, F, gelu, groupNorm, linear, module, relu, silu } from '../nn/index.ts';
import { archOf, type ClassifierBackbone, checkSplit, type Family, stageRows } from './backbone.ts';
import { mogaNetKeyLayouts } from './key_layouts.ts';

/**
 * MogaNet (arXiv 2211.03295). Module names follow the official models/moganet.py, whose code differs from the paper's
 * figure: the shortcut of the spatial block is its *normed* input, the activation follows feature decomposition, and
 * `norm{i}` feeds both the pyramid and the next stage.
 */

/** The published sizes, extra tiny to extra large: channels, blocks and hidden ratio of each stage. */
export const archs = {
  xt: { dims: [32, 64, 96, 192], depths: [3, 3, 10, 2], ratios: [8, 8, 4, 4] },
  t: { dims: [32, 64, 128, 256], depths: [3, 3, 12, 2], ratios: [8, 8, 4, 4] },
  s: { dims: [64, 128, 320, 512], depths: [2, 3, 12, 2], ratios: [8, 8, 4, 4] },
  b: { dims: [64, 160, 320, 512], depths: [4, 6, 22, 3], ratios: [8, 8, 4, 4] },
  l: { dims: [64, 160, 320, 640], depths: [4, 6, 44, 4], ratios: [8, 8, 4, 4] },
  xl: { dims: [96, 192, 480, 960], depths: [6, 6, 44, 4], ratios: [8, 8, 4, 4] },
} as const satisfies Record<string, MogaNetArch>;

const counts = z.array(z.int().check(z.positive())).check(z.minLength(1));
const three = z.tuple([z.int().check(z.positive()), z.int().check(z.positive()), z.int().check(z.positive())]);
const norm = z.enum(['BN', 'SyncBN', 'GN', 'LN2d']);

export const archRecord = z.strictObject({
  dims: counts,
  depths: counts,
  ratios: z.array(z.number().check(z.positive())).check(z.minLength(1)),
});
/** Channels and blocks of each stage, and hidden channels of its channel mixer as a multiple (`ratios`). */
export type MogaNetArch = z.output<typeof archRecord>;

/** Every constructor argument of the official class that changes the network. */
export const mogaNetConfig = z.strictObject({
  type: z.literal('moganet'),
  arch: z.union([z.enum(Object.keys(archs) as (keyof typeof archs)[]), archRecord]),
  inChannels: z.optional(z.int().check(z.positive())),
  patchSizes: z.optional(counts),
  /** `ConvEmbed` (two convolutions) counts in the first stage only; in the others it means `Conv`. */
  patchEmbedTypes: z.optional(z.array(z.enum(['ConvEmbed', 'Conv']))),
  dilations: z.optional(three),
  channelSplit: z.optional(three),
  /** The activation of gate and value; null for none. */
  activation: z.optional(z.nullable(z.enum(['SiLU', 'GELU', 'ReLU']))),
  /** Norms of the stage outputs, and of patch embeddings and blocks. */
  stemNorm: z.optional(norm),
  convNorm: z.optional(norm),
  /** If false, the last stage uses dilations 1, 2, 1. */
  finalDilation: z.optional(z.boolean()),
  /** Applies the gate's activation twice, as OpenMixup's weights were trained (`attn_force_fp32`). */
  doubleActivation: z.optional(z.boolean()),
});
/** The backbone in a configuration: `arch` by name or as a record, and the options of the official class. */
export type MogaNetConfig = z.input<typeof mogaNetConfig>;

type Layer = (scope: Scope, x: Value) => Value;
type Three = z.output<typeof three>;
type GateOptions = Required<Pick<MogaNetConfig, 'activation' | 'doubleActivation' | 'channelSplit' | 'dilations'>>;

const activations = { SiLU: silu, GELU: gelu, ReLU: relu, none: (_: Scope, x: Value) => x } as const;
/** GN has as many groups as channels. */
const norms = { BN: batchNorm, SyncBN: batchNorm, GN: (scope: Scope, x: Value) => groupNorm(scope, x, x.channels) };

/** y + σ (y − common): reweighs what differs from the common part, with one weight σ per channel. */
const elementScale = module((scope: Scope, x: Value) =>
  F.scale(x, scope.parameter('scale', [1, x.channels, 1, 1]), scope),
);

/** FD(y) = y + σ (y − GAP(y)): the common part of a channel is its mean (eq. 4). */
export const featureDecomposition = (scope: Scope, y: Value): Value =>
  F.add(y, elementScale(scope.at('sigma'), F.sub(y, F.globalAvgPool(y))));

/** CA(y) = y + σ (y − GELU(Conv1×1(y))): the common part of all channels is one map (eq. 7). */
export const channelAggregation = (scope: Scope, y: Value): Value => {
  const common = gelu(scope.at('decompose_act'), conv2d(scope.at('decompose'), y, 1, { kernel: 1 }));
  return F.add(y, elementScale(scope.at('sigma'), F.sub(y, common)));
};

/** DW 5×5 on all channels, then 5×5 and 7×7 dilated on parts of them: low, middle and high order (eq. 5). */
export const multiOrderDWConv = module((scope: Scope, x: Value, split: Three, dilations: Three) => {
  const parts = split[0] + split[1] + split[2];
  const middle = Math.floor((split[1] / parts) * x.channels);
  const high = Math.floor((split[2] / parts) * x.channels);
  const low = x.channels - middle - high;
  const depthwise = (name: string, y: Value, kernel: number, dilation: number) =>
    conv2d(scope.at(name), y, y.channels, { kernel, dilation, groups: y.channels });
  const x0 = depthwise('DW_conv0', x, 5, dilations[0]);
  const x1 = depthwise('DW_conv1', F.slice(x0, low, low + middle), 5, dilations[1]);
  const x2 = depthwise('DW_conv2', F.slice(x0, low + middle), 7, dilations[2]);
  return conv2d(scope.at('PW_conv'), F.concat([F.slice(x0, 0, low), x1, x2]), x.channels, { kernel: 1 });
});

/** The spatial mixer: Conv1×1(act(gate(z)) ⊙ act(multiOrder(z))) + x, with z = act(FD(Conv1×1(x))) (eq. 3 to 6). */
const multiOrderGatedAggregation = module((scope: Scope, x: Value, o: GateOptions) => {
  const project = (name: string, y: Value) => conv2d(scope.at(name), y, x.channels, { kernel: 1 });
  const act = activations[o.activation ?? 'none'];
  const z = act(scope.at('act_value'), featureDecomposition(scope, project('proj_1', x)));
  let gate = project('gate', z);
  let value = multiOrderDWConv(scope.at('value'), z, o.channelSplit, o.dilations);
  for (let times = o.doubleActivation ? 2 : 1; times > 0; times--) {
    [gate, value] = [act(scope.at('act_gate'), gate), act(scope.at('act_gate'), value)];
  }
  return F.add(project('proj_2', F.mul(gate, value)), x);
});

/** The channel mixer, an inverted bottleneck: Conv1×1(CA(GELU(DW3×3(Conv1×1(x))))). */
const channelAggregationFFN = module((scope: Scope, x: Value, ratio: number) => {
  const hidden = Math.floor(x.channels * ratio);
  let y = conv2d(scope.at('fc1'), x, hidden, { kernel: 1 });
  y = conv2d(scope.at('dwconv'), y, hidden, { kernel: 3, groups: hidden });
  y = channelAggregation(scope, gelu(scope.at('act'), y));
  return conv2d(scope.at('fc2'), y, x.channels, { kernel: 1 });
});

const block = module((scope: Scope, x: Value, norm: Layer, ratio: number, o: GateOptions) => {
  const scaled = (name: string, y: Value) => F.scale(y, scope.parameter(name, [1, x.channels, 1, 1]));
  const spatial = multiOrderGatedAggregation(scope.at('attn'), norm(scope.at('norm1'), x), o);
  const y = F.add(x, scaled('layer_scale_1', spatial));
  const channel = channelAggregationFFN(scope.at('mlp'), norm(scope.at('norm2'), y), ratio);
  return F.add(y, scaled('layer_scale_2', channel));
});

const strideOf = (patchSize: number): number => (patchSize >> 1) + 1;
const patches = (size: number) => ({ kernel: size, stride: strideOf(size), padding: size >> 1 });

/** `ConvEmbed`, the embedding of the image: two strided convolutions. */
export const stackConvPatchEmbed = module((scope: Scope, x: Value, channels: number, size: number, norm: Layer) => {
  const at = scope.at('projection');
  const y = norm(at.at(1), conv2d(at.at(0), x, channels >> 1, patches(size)));
  return norm(at.at(4), conv2d(at.at(3), gelu(at.at(2), y), channels, patches(size)));
});

export const convPatchEmbed = module((scope: Scope, x: Value, channels: number, size: number, norm: Layer) =>
  norm(scope.at('norm'), conv2d(scope.at('projection'), x, channels, patches(size))),
);

function normOf(field: string, name = 'BN'): Layer {
  if (Object.hasOwn(norms, name)) return norms[name as keyof typeof norms];
  throw new UnsupportedError(`MogaNet: the norm "${name}" is not supported as ${field}. Use BN, SyncBN or GN.`);
}

/** @throws ConfigError if fields contradict each other, UnsupportedError for a norm that is not in this package */
export function moganet(config: MogaNetConfig): ClassifierBackbone {
  const arch: MogaNetArch = archOf('MogaNet', archs, config.arch);
  const { inChannels = 3, activation = 'SiLU', channelSplit = [1, 3, 4], dilations = [1, 2, 3] } = config;
  const { patchSizes = arch.dims.map(() => 3), patchEmbedTypes = arch.dims.map(() => 'ConvEmbed') } = config;
  const { finalDilation = true, doubleActivation = false } = config;
  const gate = { activation, doubleActivation, channelSplit };
  const [stemNorm, norm] = [normOf('stemNorm', config.stemNorm), normOf('convNorm', config.convNorm)];
  const rows = stageRows('MogaNet', { ...arch, patchSizes, patchEmbedTypes });
  checkSplit('MogaNet', arch.dims, channelSplit);
  const isStacked = patchEmbedTypes[0] === 'ConvEmbed';
  if (isStacked && (patchSizes[0] ?? 0) > 3) {
    throw new ConfigError(`MogaNet: a ConvEmbed stem takes a patch size of at most 3, got ${patchSizes[0]}.`);
  }
  let stride = 1;
  const stages = rows.map(({ dims: channels, patchSizes: size }, i) => {
    stride *= strideOf(size) ** (i === 0 && isStacked ? 2 : 1);
    return { channels, stride };
  });
  const forward = (scope: Scope, image: Value): Value[] => {
    let x = image;
    return rows.map(({ dims: channels, depths: depth, ratios: ratio, patchSizes: size }, i) => {
      const embed = i === 0 && isStacked ? stackConvPatchEmbed : convPatchEmbed;
      const isDilated = finalDilation || i < rows.length - 1;
      const options: GateOptions = { ...gate, dilations: isDilated ? dilations : [1, 2, 1] };
      x = embed(scope.at(`patch_embed${i + 1}`), x, channels, size, norm);
      for (let j = 0; j < depth; j++) x = block(scope.at(`blocks${i + 1}`).at(j), x, norm, ratio, options);
      x = stemNorm(scope.at(`norm${i + 1}`), x);
      return x;
    });
  };
  const classify = (scope: Scope, image: Value, classes: number) => {
    const pyramid = forward(scope, image);
    return { pyramid, logits: linear(scope.at('head'), F.globalAvgPool(pyramid.at(-1)!), classes) };
  };
  return { stages, imageChannels: inChannels, forward, classify };
}

export const mogaNetFamily = {
  title: 'MogaNet',
  config: mogaNetConfig,
  make: moganet,
  keyLayouts: mogaNetKeyLayouts,
  small: { type: 'moganet', arch: { dims: [8, 16, 24, 32], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] } },
  medium: { type: 'moganet', arch: 's' },
} satisfies Family<typeof mogaNetConfig>;

type Size = keyof typeof archs;

const spellings: Readonly<Record<string, Size>> = {
  xtiny: 'xt',
  tiny: 't',
  small: 's',
  base: 'b',
  large: 'l',
  xlarge: 'xl',
};
const isSize = (name: string): name is Size => Object.hasOwn(archs, name);

/** Returns the size that an official spelling means (`x-tiny`, `moganet_xtiny`, …), or undefined. */
export function mogaNetSize(name: string): Size | undefined {
  const bare = name
    .toLowerCase()
    .replace(/^moganet[_-]?/, '')
    .replace(/[-_]/g, '');
  if (isSize(bare)) return bare;
  return Object.hasOwn(spellings, bare) ? spellings[bare] : undefined;
}
