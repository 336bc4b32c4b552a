import * as z from 'zod/mini';
import { batchNorm, conv2d, F, linear, module, type Scope, silu, type Value } from '../nn/index.ts';
import { archOf, type ClassifierBackbone, type Family, type Stage, stageRows } from './backbone.ts';

/**
 * ParC-Net (arXiv 2203.03952): circular convolutions as long as the map, with position embeddings. Module names follow the
 * official cvnets/models/classification/edgeformer.py and cvnets/modules/edgeformer_block.py. Kernels and embeddings are made
 * for 256×256 and resized for other maps. The official code uses the height for both axes, so it takes square maps only; in
 * this package each axis has its own extent.
 */

const three = z.tuple([z.int().check(z.positive()), z.int().check(z.positive()), z.int().check(z.positive())]);

const archRecord = z.strictObject({
  /** Channels of `layer_1` and `layer_2`, which are inverted residuals. */
  local: z.tuple([z.int().check(z.positive()), z.int().check(z.positive())]),
  /** Channels of `layer_3` to `layer_5`, and of the circular convolutions in them. */
  dims: three,
  widths: three,
  depths: three,
});
/** Channels of the local stages, and channels, widths and depths of those with circular convolutions. */
export type ParCNetArch = z.output<typeof archRecord>;

/** The published sizes. */
export const archs = {
  xs: { local: [32, 64], dims: [96, 128, 160], widths: [96, 128, 160], depths: [2, 3, 2] },
  s: { local: [32, 64], dims: [96, 128, 160], widths: [192, 256, 320], depths: [2, 4, 3] },
} as const satisfies Record<string, ParCNetArch>;

export const parCNetConfig = z.strictObject({
  type: z.literal('parcnet'),
  arch: z.union([z.enum(Object.keys(archs) as (keyof typeof archs)[]), archRecord]),
  inChannels: z.optional(z.int().check(z.positive())),
});
/** The backbone in a configuration: `arch` by name or as a record. */
export type ParCNetConfig = z.input<typeof parCNetConfig>;

interface ConvLayerOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly norm?: boolean;
  readonly act?: boolean;
}

const convLayer = module((scope: Scope, x: Value, channels: number, options: ConvLayerOptions) => {
  const { norm = true, act = true, ...convolution } = options;
  const at = scope.at('block');
  let y = conv2d(at.at('conv'), x, channels, { ...convolution, bias: false });
  if (norm) y = batchNorm(at.at('norm'), y);
  return act ? silu(at.at('act'), y) : y;
});

/** MobileNetV2's block (arXiv 1801.04381), with four times the channels inside. */
const invertedResidual = module((scope: Scope, x: Value, channels: number, stride: number) => {
  const at = scope.at('block');
  const hidden = 4 * x.channels;
  let y = convLayer(at.at('exp_1x1'), x, hidden, { kernel: 1 });
  y = convLayer(at.at('conv_3x3'), y, hidden, { kernel: 3, stride, groups: hidden });
  y = convLayer(at.at('red_1x1'), y, channels, { kernel: 1, act: false });
  return stride === 1 && x.channels === channels ? F.add(x, y) : y;
});

/** x ⊙ σ(FC(GAP(x))): a weight per channel and image. */
const channelAttention = module((scope: Scope, x: Value) => {
  const fc = scope.at('fc');
  const project = (i: number, y: Value, channels: number) =>
    batchNorm(fc.at(i + 1), conv2d(fc.at(i), y, channels, { kernel: 1, bias: false }));
  const squeezed = project(0, F.globalAvgPool(x, scope.at('gap')), x.channels >> 4);
  return F.mul(x, F.hardsigmoid(project(3, F.hardswish(squeezed, fc.at(2)), x.channels), fc.at(5)));
});

const ffn = module((scope: Scope, x: Value, hidden: number) => {
  const y = conv2d(scope.at(1), batchNorm(scope.at(0), x), hidden, { kernel: 1 });
  return conv2d(scope.at(4), F.hardswish(y, scope.at(2)), x.channels, { kernel: 1 });
});

type Axis = 'H' | 'W';
const axes = { H: 'height', W: 'width' } as const;

/**
 * Convolves one half of the channels along the height, then the width, and the other half in the other order. In the first
 * block of a layer, position embeddings are added before each convolution.
 */
const parcBlock = module((scope: Scope, x: Value, kernel: number, embedded: boolean) => {
  const channels = x.channels >> 1;
  const extent = (axis: Axis) => (axis === 'H' ? [kernel, 1] : [1, kernel]);
  const convolve = (y: Value, step: 1 | 2, axis: Axis) =>
    F.circularConv2d(y, scope.parameter(`meta_kernel_${step}_${axis}`, [channels, 1, ...extent(axis)]), axes[axis]);
  const embed = (y: Value, step: 1 | 2, axis: Axis) =>
    embedded
      ? F.addAlongAxis(y, scope.parameter(`meta_pe_${step}_${axis}`, [1, channels, ...extent(axis)]), axes[axis])
      : y;
  const half = (start: number, norm: string, first: Axis, second: Axis) => {
    const part = F.slice(x, start, start + channels);
    const y = convolve(batchNorm(scope.at(norm), embed(part, 1, first)), 1, first);
    return F.add(part, convolve(embed(y, 2, second), 2, second));
  };
  const y = F.concat([half(0, 'pre_Norm_1', 'H', 'W'), half(channels, 'pre_Norm_2', 'W', 'H')]);
  return F.add(y, channelAttention(scope.at('ca'), ffn(scope.at('ffn'), y, 2 * x.channels)));
});

const globalRepresentation = module((scope: Scope, x: Value, depth: number, kernel: number) => {
  let y = x;
  for (let j = 0; j < depth; j++) y = parcBlock(scope.at(j), y, kernel, j === 0);
  return batchNorm(scope.at(depth), y);
});

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

const dimAdaptive = module((scope: Scope, x: Value, width: number) => {
  const y = convLayer(scope.at(0), x, width, { kernel: 3, groups: greatestCommonDivisor(width, x.channels) });
  return convLayer(scope.at(1), y, width, { kernel: 1, norm: false, act: false });
});

/** Local features beside global ones, as in MobileViT. */
const outerFrame = module((scope: Scope, x: Value, width: number, depth: number, kernel: number) => {
  const { channels } = x;
  const local = dimAdaptive(scope.at('dim_adaptive'), x, width);
  const global = globalRepresentation(scope.at('spatial_global_rep'), local, depth, kernel);
  const groups = greatestCommonDivisor(width, channels);
  const adapted = convLayer(scope.at('channel_adaptive'), global, channels, { kernel: 1, groups });
  return convLayer(scope.at('local_global_fusion'), F.concat([adapted, x]), channels, { kernel: 3 });
});

const localLayer = module((scope: Scope, x: Value, channels: number, depth: number, stride: number) => {
  let y = x;
  for (let j = 0; j < depth; j++) y = invertedResidual(scope.at(j), y, channels, j === 0 ? stride : 1);
  return y;
});

const globalLayer = module((scope: Scope, x: Value, channels: number, width: number, depth: number, kernel: number) =>
  outerFrame(scope.at(1), invertedResidual(scope.at(0), x, channels, 2), width, depth, kernel),
);

/** Channels of the stem, and the most that the last convolution has. */
const stem = 16;
const widest = 960;
/** Extents of the maps of an image of 256×256. */
const kernels = [32, 16, 8];

/** ParC-Net: inverted residuals, then circular convolutions. Four stages of strides 4, 8, 16, 32. */
export function parcnet({ arch, inChannels = 3 }: ParCNetConfig): ClassifierBackbone {
  const { local, ...global } = archOf<ParCNetArch>('ParC-Net', archs, arch);
  const rows = stageRows('ParC-Net', { ...global, kernels });
  const stages: Stage[] = [local[1], ...global.dims].map((channels, i) => ({ channels, stride: 4 * 2 ** i }));

  const forward = (scope: Scope, image: Value): Value[] => {
    const first = convLayer(scope.at('conv_1'), image, stem, { kernel: 3, stride: 2 });
    let x = localLayer(scope.at('layer_1'), first, local[0], 1, 1);
    x = localLayer(scope.at('layer_2'), x, local[1], 3, 2);
    const pyramid = [x];
    for (const [i, { dims: channels, widths: width, depths: depth, kernels: kernel }] of rows.entries()) {
      x = globalLayer(scope.at(`layer_${i + 3}`), x, channels, width, depth, kernel);
      pyramid.push(x);
    }
    // the official class keeps the first module of its last layer under a second name
    scope.at('residual').alias(scope.at('layer_5').at(0));
    return pyramid;
  };
  const classify = (scope: Scope, image: Value, classes: number) => {
    const pyramid = forward(scope, image);
    const last = pyramid.at(-1)!;
    const expanded = convLayer(scope.at('conv_1x1_exp'), last, Math.min(4 * last.channels, widest), { kernel: 1 });
    return { pyramid, logits: linear(scope.at('classifier').at('fc'), F.globalAvgPool(expanded), classes) };
  };
  return { stages, imageChannels: inChannels, forward, classify };
}

export const parCNetFamily = {
  title: 'ParC-Net',
  config: parCNetConfig,
  make: parcnet,
  keyLayouts: [],
  small: { type: 'parcnet', arch: { local: [8, 16], dims: [16, 24, 32], widths: [16, 24, 32], depths: [1, 1, 1] } },
  medium: { type: 'parcnet', arch: 's' },
} satisfies Family<typeof parCNetConfig>;
