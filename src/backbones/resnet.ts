import * as z from 'zod/mini';
import { batchNorm, conv2d, F, linear, module, relu, type Scope, type Value } from '../nn/index.ts';
import type { ClassifierBackbone, Family, Stage } from './backbone.ts';
import { resNetKeyLayouts } from './key_layouts.ts';

/**
 * ResNet (arXiv 1512.03385). Module names follow torchvision's models/resnet.py; the residual stages of mmdet and mmseg have
 * the same names. The three-convolution stem is mmseg's ResNetV1c.
 */

export const resNetConfig = z.strictObject({
  type: z.literal('resnet'),
  depth: z.union([z.literal(18), z.literal(34), z.literal(50), z.literal(101), z.literal(152)]),
  inChannels: z.optional(z.int().check(z.positive())),
  /** One 7×7 convolution (the default), or three 3×3 ones (V1c). */
  stem: z.optional(z.enum(['7x7', '3x3'])),
  /** The strided convolution of a bottleneck: its 3×3 (`pytorch`, the default) or its first 1×1 (`caffe`). */
  style: z.optional(z.enum(['pytorch', 'caffe'])),
  /** The ε that BatchNorm adds to the variance. By default 1e-5. */
  normEps: z.optional(z.number().check(z.positive())),
});
/** The backbone in a configuration: its depth, and the forms of stem and bottleneck. */
export type ResNetConfig = z.input<typeof resNetConfig>;

/** What all blocks of a network have in common. */
type Form = Pick<ResNetConfig, 'style' | 'normEps'>;
type Block = (scope: Scope, x: Value, width: number, stride: number, form: Form) => Value;

/** A convolution and the norm after it; in the module tree they are siblings. */
function convolve(
  scope: Scope,
  i: number,
  x: Value,
  channels: number,
  { kernel, stride = 1, normEps }: { kernel: number; stride?: number } & Form,
): Value {
  const y = conv2d(scope.at(`conv${i}`), x, channels, { kernel, stride, bias: false });
  return batchNorm(scope.at(`bn${i}`), y, normEps);
}

const downsample = module((scope: Scope, x: Value, channels: number, stride: number, { normEps }: Form) =>
  batchNorm(scope.at(1), conv2d(scope.at(0), x, channels, { kernel: 1, stride, bias: false }), normEps),
);

/** The input, projected if the block changes its shape. */
const shortcut = (scope: Scope, x: Value, channels: number, stride: number, form: Form): Value =>
  stride !== 1 || x.channels !== channels ? downsample(scope.at('downsample'), x, channels, stride, form) : x;

const basic: Block = module((scope: Scope, x: Value, width: number, stride: number, form: Form) => {
  const y = relu(scope.at('relu'), convolve(scope, 1, x, width, { kernel: 3, stride, ...form }));
  const residual = convolve(scope, 2, y, width, { kernel: 3, ...form });
  return relu(scope.at('relu'), F.add(residual, shortcut(scope, x, width, stride, form)));
});

const bottleneck: Block = module((scope: Scope, x: Value, width: number, stride: number, form: Form) => {
  const [first, second] = form.style === 'caffe' ? [stride, 1] : [1, stride];
  let y = relu(scope.at('relu'), convolve(scope, 1, x, width, { kernel: 1, stride: first, ...form }));
  y = relu(scope.at('relu'), convolve(scope, 2, y, width, { kernel: 3, stride: second, ...form }));
  const residual = convolve(scope, 3, y, 4 * width, { kernel: 1, ...form });
  return relu(scope.at('relu'), F.add(residual, shortcut(scope, x, 4 * width, stride, form)));
});

const archs = {
  18: { block: basic, expansion: 1, depths: [2, 2, 2, 2] },
  34: { block: basic, expansion: 1, depths: [3, 4, 6, 3] },
  50: { block: bottleneck, expansion: 4, depths: [3, 4, 6, 3] },
  101: { block: bottleneck, expansion: 4, depths: [3, 4, 23, 3] },
  152: { block: bottleneck, expansion: 4, depths: [3, 8, 36, 3] },
} as const;

const stage = module(
  (scope: Scope, x: Value, depth: number, block: Block, width: number, stride: number, form: Form) => {
    let y = x;
    for (let j = 0; j < depth; j++) y = block(scope.at(j), y, width, j === 0 ? stride : 1, form);
    return y;
  },
);

const deepStem = module((scope: Scope, image: Value, { normEps }: Form) => {
  let x = image;
  for (const [i, channels] of [32, 32, 64].entries()) {
    x = conv2d(scope.at(3 * i), x, channels, { kernel: 3, stride: i === 0 ? 2 : 1, bias: false });
    x = relu(scope.at(3 * i + 2), batchNorm(scope.at(3 * i + 1), x, normEps));
  }
  return x;
});

const stems = {
  '7x7': (scope: Scope, image: Value, form: Form) =>
    relu(scope.at('relu'), convolve(scope, 1, image, 64, { kernel: 7, stride: 2, ...form })),
  '3x3': (scope: Scope, image: Value, form: Form) => deepStem(scope.at('stem'), image, form),
} as const;

const maxPool = module((scope: Scope, x: Value) => F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }, scope));
const avgPool = module((scope: Scope, x: Value) => F.globalAvgPool(x, scope));

/** ResNet: four stages of strides 4, 8, 16, 32. */
export function resnet({ depth, inChannels = 3, stem = '7x7', style, normEps }: ResNetConfig): ClassifierBackbone {
  const form = { style, normEps };
  const { block, expansion, depths } = archs[depth];
  const stages: Stage[] = depths.map((_, i) => ({ channels: expansion * 64 * 2 ** i, stride: 4 * 2 ** i }));

  const forward = (scope: Scope, image: Value): Value[] => {
    let x = maxPool(scope.at('maxpool'), stems[stem](scope, image, form));
    return depths.map((count, i) => {
      x = stage(scope.at(`layer${i + 1}`), x, count, block, 64 * 2 ** i, i === 0 ? 1 : 2, form);
      return x;
    });
  };
  const classify = (scope: Scope, image: Value, classes: number) => {
    const pyramid = forward(scope, image);
    return { pyramid, logits: linear(scope.at('fc'), avgPool(scope.at('avgpool'), pyramid.at(-1)!), classes) };
  };
  return { stages, imageChannels: inChannels, forward, classify };
}

export const resNetFamily = {
  title: 'ResNet',
  config: resNetConfig,
  make: resnet,
  keyLayouts: resNetKeyLayouts,
  small: { type: 'resnet', depth: 18 },
  medium: { type: 'resnet', depth: 50 },
} satisfies Family<typeof resNetConfig>;
