import type { NDArray, Shape } from '../arrays.ts';
import type { Layout } from './backbone.ts';

/** ConvNeXt as timm, torchvision and the mm libraries name it, renamed to the official layout. */

/** Layer scales are [C, 1, 1] in torchvision; projections of every position are [out, in, 1, 1] where they are convolutions. */
const transforms: NonNullable<Layout['transforms']> = [
  [/\.gamma$/, 1] as const,
  [/\.pwconv[12]\.weight$/, 2] as const,
].map(([pattern, rank]) => {
  const shape = (from: Shape) => (from.slice(rank).every((extent) => extent === 1) ? from.slice(0, rank) : from);
  return { pattern, shape, data: (array: NDArray) => ({ shape: shape(array.shape), data: array.data }) };
});

const mm: Layout['rules'] = [
  [/^stages\.(\d+)\.(\d+)\.depthwise_conv\./, 'stages.$1.$2.dwconv.'],
  [/^stages\.(\d+)\.(\d+)\.pointwise_conv([12])\./, 'stages.$1.$2.pwconv$3.'],
];

/** The same below `backbone.`, which is left out. */
const mmWithin: Layout['rules'] = [
  ...mm.map(([{ source }, to]) => [new RegExp(source.replace('^', '^backbone\\.')), to] as const),
  [/^backbone\./, ''],
];

/** Stages and what is before them take turns in torchvision's list. */
const torchvisionStages: Layout['rules'] = [0, 1, 2, 3].flatMap((stage) => {
  const [before, blocks] = [`^features\\.${2 * stage}`, `^features\\.${2 * stage + 1}\\.(\\d+)`];
  return [
    [new RegExp(`${before}\\.`), `downsample_layers.${stage}.`],
    [new RegExp(`${blocks}\\.layer_scale$`), `stages.${stage}.$1.gamma`],
    [new RegExp(`${blocks}\\.block\\.0\\.`), `stages.${stage}.$1.dwconv.`],
    [new RegExp(`${blocks}\\.block\\.2\\.`), `stages.${stage}.$1.norm.`],
    [new RegExp(`${blocks}\\.block\\.3\\.`), `stages.${stage}.$1.pwconv1.`],
    [new RegExp(`${blocks}\\.block\\.5\\.`), `stages.${stage}.$1.pwconv2.`],
  ] as const;
});

export const convNextLayouts: readonly Layout[] = [
  {
    // timm
    has: 'stages.0.blocks.0.conv_dw.weight',
    whole: (keys) => keys.every((key) => /^(stem|stages|head)\./.test(key)),
    rules: [
      [/^stem\./, 'downsample_layers.0.'],
      [/^stages\.(\d+)\.downsample\./, 'downsample_layers.$1.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.conv_dw\./, 'stages.$1.$2.dwconv.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc([12])\./, 'stages.$1.$2.pwconv$3.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\./, 'stages.$1.$2.'],
      [/^head\.norm\./, 'norm.'],
      [/^head\.fc\./, 'head.'],
    ],
    transforms,
  },
  {
    // torchvision
    has: 'features.1.0.block.0.weight',
    whole: (keys) => keys.every((key) => /^(features|classifier)\./.test(key)),
    rules: [...torchvisionStages, [/^classifier\.0\./, 'norm.'], [/^classifier\.2\./, 'head.']],
    transforms,
  },
  {
    // mmpretrain's class, as mmdet and mmseg have it below `backbone.`
    has: 'stages.0.0.depthwise_conv.weight',
    whole: (keys) => keys.every((key) => /^(downsample_layers|stages|norm\d)\./.test(key)),
    rules: mm,
    transforms,
  },
  {
    // a detector or segmentor from which only the backbone is taken: its outputs have norms
    has: 'backbone.norm0.weight',
    whole: () => false,
    rules: mmWithin,
    transforms,
  },
  {
    // mmpretrain's classifiers, whose norm after the pooling is called after the last stage
    has: 'backbone.stages.0.0.depthwise_conv.weight',
    whole: (keys) => keys.every((key) => /^(backbone|head)\./.test(key)),
    rules: [[/^backbone\.norm3\./, 'norm.'], [/^head\.fc\./, 'head.'], ...mmWithin],
    transforms,
  },
];
