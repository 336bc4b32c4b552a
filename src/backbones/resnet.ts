import * as z from 'zod';
import { batchNorm, conv2d, F, linear, module, relu, type Scope, type Value } from '../nn/index.ts';
import type { ClassifierBackbone, Layout, Stage } from './backbone.ts';

/**
 * ResNet (arXiv 1512.03385). Module names follow torchvision's models/resnet.py, whose residual stages mmdet and mmseg have
 * letter for letter; the three-convolution stem is mmseg's ResNetV1c.
 */

const archs = {
  18: { block: 'basic', depths: [2, 2, 2, 2] },
  34: { block: 'basic', depths: [3, 4, 6, 3] },
  50: { block: 'bottleneck', depths: [3, 4, 6, 3] },
  101: { block: 'bottleneck', depths: [3, 4, 23, 3] },
  152: { block: 'bottleneck', depths: [3, 8, 36, 3] },
} as const;

export const resNetConfig = z.strictObject({
  type: z.literal('resnet'),
  depth: z.union([z.literal(18), z.literal(34), z.literal(50), z.literal(101), z.literal(152)]),
  inChannels: z.int().positive().optional(),
  /** One 7×7 convolution (default), or three 3×3 ones (V1c). */
  stem: z.enum(['7x7', '3x3']).optional(),
  /** Of a bottleneck: whether its 3×3 convolution strides (`pytorch`, the default) or its first 1×1 (`caffe`). */
  style: z.enum(['pytorch', 'caffe']).optional(),
});
/** The backbone in a configuration: its depth, and the form of stem and bottleneck. */
export type ResNetConfig = z.input<typeof resNetConfig>;

/** As mmdet, mmseg and mmpretrain have it, with the backbone below a name of its own. */
export const resNetLayouts: readonly Layout[] = [
  {
    has: 'backbone.layer1.0.conv1.weight',
    whole: (keys) => keys.every((key) => /^backbone\.|^head\.fc\./.test(key)),
    rules: [
      [/^backbone\./, ''],
      [/^head\.fc\./, 'fc.'],
    ],
  },
];

type Style = NonNullable<ResNetConfig['style']>;
type Block = (scope: Scope, x: Value, width: number, stride: number, style: Style) => Value;

/** A convolution and the norm after it, which lie side by side in the module tree. */
const convolve = (scope: Scope, i: number, x: Value, channels: number, kernel: number, stride = 1): Value =>
  batchNorm(scope.at(`bn${i}`), conv2d(scope.at(`conv${i}`), x, channels, { kernel, stride, bias: false }));

const downsample = module((scope: Scope, x: Value, channels: number, stride: number) =>
  batchNorm(scope.at(1), conv2d(scope.at(0), x, channels, { kernel: 1, stride, bias: false })),
);

/** The input, projected where the block changes its shape. */
const shortcut = (scope: Scope, x: Value, channels: number, stride: number): Value =>
  stride !== 1 || x.channels !== channels ? downsample(scope.at('downsample'), x, channels, stride) : x;

const basic: Block = module((scope: Scope, x: Value, width: number, stride: number) => {
  const y = relu(scope.at('relu'), convolve(scope, 1, x, width, 3, stride));
  return relu(scope.at('relu'), F.add(convolve(scope, 2, y, width, 3), shortcut(scope, x, width, stride)));
});

const bottleneck: Block = module((scope: Scope, x: Value, width: number, stride: number, style: Style) => {
  const [first, second] = style === 'caffe' ? [stride, 1] : [1, stride];
  let y = relu(scope.at('relu'), convolve(scope, 1, x, width, 1, first));
  y = relu(scope.at('relu'), convolve(scope, 2, y, width, 3, second));
  return relu(scope.at('relu'), F.add(convolve(scope, 3, y, 4 * width, 1), shortcut(scope, x, 4 * width, stride)));
});

const blocks = { basic: { block: basic, expansion: 1 }, bottleneck: { block: bottleneck, expansion: 4 } } as const;

const stage = module(
  (scope: Scope, x: Value, depth: number, block: Block, width: number, stride: number, style: Style) =>
    Array.from({ length: depth }).reduce<Value>(
      (y, _, j) => block(scope.at(j), y, width, j === 0 ? stride : 1, style),
      x,
    ),
);

const deepStem = module((scope: Scope, x: Value) =>
  [32, 32, 64].reduce((y, channels, i) => {
    const options = { kernel: 3, stride: i === 0 ? 2 : 1, bias: false };
    const convolved = conv2d(scope.at(3 * i), y, channels, options);
    return relu(scope.at(3 * i + 2), batchNorm(scope.at(3 * i + 1), convolved));
  }, x),
);

const stems = {
  '7x7': (scope: Scope, image: Value) => relu(scope.at('relu'), convolve(scope, 1, image, 64, 7, 2)),
  '3x3': (scope: Scope, image: Value) => deepStem(scope.at('stem'), image),
} as const;

const maxPool = module((scope: Scope, x: Value) => F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }, scope));
const avgPool = module((scope: Scope, x: Value) => F.globalAvgPool(x, scope));

/** ResNet (arXiv 1512.03385): four stages of strides 4, 8, 16, 32. */
export function resnet({ depth, inChannels = 3, stem = '7x7', style = 'pytorch' }: ResNetConfig): ClassifierBackbone {
  const { depths } = archs[depth];
  const { block, expansion } = blocks[archs[depth].block];
  const widths = [64, 128, 256, 512];
  const stages: Stage[] = widths.map((width, i) => ({ channels: width * expansion, stride: 4 * 2 ** i }));
  const forward = (scope: Scope, image: Value): Value[] => {
    let x = maxPool(scope.at('maxpool'), stems[stem](scope, image));
    return widths.map((width, i) => {
      x = stage(scope.at(`layer${i + 1}`), x, depths[i]!, block, width, i === 0 ? 1 : 2, style);
      return x;
    });
  };
  return {
    stages,
    imageChannels: inChannels,
    forward,
    classify: (scope, image, classes) => {
      const pyramid = forward(scope, image);
      return { pyramid, logits: linear(scope.at('fc'), avgPool(scope.at('avgpool'), pyramid.at(-1)!), classes) };
    },
  };
}
