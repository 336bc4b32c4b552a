import type { NDArray, Shape } from '../arrays.ts';
import type { KeyLayout } from './backbone.ts';

/** Key layouts: how other publishers name the parameters of the backbones, renamed to the official names. */

type Rules = KeyLayout['rules'];

/** The same rules for keys below `backbone.`, which is left out. */
const belowBackbone = (rules: Rules): Rules => [
  ...rules.map(([{ source }, to]) => [new RegExp(source.replace('^', '^backbone\\.')), to] as const),
  [/^backbone\./, ''],
];

/** OpenMixup and mmpretrain put backbone and classifier under names of their own. */
export const mogaNetKeyLayouts: readonly KeyLayout[] = [
  {
    has: 'backbone.patch_embed1.projection.0.weight',
    whole: /^(backbone|head)\./,
    rules: [
      [/^backbone\./, ''],
      [/^head\.fc\./, 'head.'],
    ],
  },
];

/** mmdet, mmseg and mmpretrain have the backbone below `backbone.`. */
export const resNetKeyLayouts: readonly KeyLayout[] = [
  {
    has: 'backbone.layer1.0.conv1.weight',
    whole: /^(backbone\.|head\.fc\.)/,
    rules: [
      [/^backbone\./, ''],
      [/^head\.fc\./, 'fc.'],
    ],
  },
];

/** Drops trailing extents of 1: layer scales are [C, 1, 1] in torchvision, projections may be 1×1 convolutions. */
const flattened: KeyLayout['transforms'] = [[/\.gamma$/, 1] as const, [/\.pwconv[12]\.weight$/, 2] as const].map(
  ([pattern, rank]) => {
    const shape = (from: Shape) => (from.slice(rank).every((extent) => extent === 1) ? from.slice(0, rank) : from);
    return { pattern, shape, data: (array: NDArray) => ({ shape: shape(array.shape), data: array.data }) };
  },
);

const mmConvNext: Rules = [
  [/^stages\.(\d+)\.(\d+)\.depthwise_conv\./, 'stages.$1.$2.dwconv.'],
  [/^stages\.(\d+)\.(\d+)\.pointwise_conv([12])\./, 'stages.$1.$2.pwconv$3.'],
];

/** In torchvision's list, stages alternate with what precedes them. */
const torchvisionConvNextStages: Rules = [0, 1, 2, 3].flatMap((stage) => {
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

export const convNextKeyLayouts: readonly KeyLayout[] = [
  {
    // timm
    has: 'stages.0.blocks.0.conv_dw.weight',
    whole: /^(stem|stages|head)\./,
    rules: [
      [/^stem\./, 'downsample_layers.0.'],
      [/^stages\.(\d+)\.downsample\./, 'downsample_layers.$1.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.conv_dw\./, 'stages.$1.$2.dwconv.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc([12])\./, 'stages.$1.$2.pwconv$3.'],
      [/^stages\.(\d+)\.blocks\.(\d+)\./, 'stages.$1.$2.'],
      [/^head\.norm\./, 'norm.'],
      [/^head\.fc\./, 'head.'],
    ],
    transforms: flattened,
  },
  {
    // torchvision
    has: 'features.1.0.block.0.weight',
    whole: /^(features|classifier)\./,
    rules: [...torchvisionConvNextStages, [/^classifier\.0\./, 'norm.'], [/^classifier\.2\./, 'head.']],
    transforms: flattened,
  },
  {
    // mmpretrain's class, as mmdet and mmseg have it below `backbone.`
    has: 'stages.0.0.depthwise_conv.weight',
    whole: /^(downsample_layers|stages|norm\d)\./,
    rules: mmConvNext,
    transforms: flattened,
  },
  {
    // a detection or segmentation model of which only the backbone is used; its outputs have norms
    has: 'backbone.norm0.weight',
    rules: belowBackbone(mmConvNext),
    transforms: flattened,
  },
  {
    // mmpretrain's classifiers, whose norm after the pooling is named after the last stage
    has: 'backbone.stages.0.0.depthwise_conv.weight',
    whole: /^(backbone|head)\./,
    rules: [[/^backbone\.norm3\./, 'norm.'], [/^head\.fc\./, 'head.'], ...belowBackbone(mmConvNext)],
    transforms: flattened,
  },
];

/**
 * Reorders the channels of a patch merging. The mm libraries merge patches channel by channel, the positions of a patch row
 * by row; Microsoft's code position by position, column by column.
 */
function positionsFirst({ shape, data }: NDArray): NDArray {
  const merged = shape.at(-1) ?? 0;
  const channels = merged / 4;
  const out = new Float32Array(data.length);
  for (let row = 0; row < data.length; row += merged) {
    for (let channel = 0; channel < channels; channel++) {
      const pixels = data.subarray(row + 4 * channel, row + 4 * channel + 4);
      for (const [position, value] of pixels.entries()) {
        const [line, column] = [position >> 1, position & 1];
        out[row + (2 * column + line) * channels + channel] = value;
      }
    }
  }
  return { shape, data: out };
}

const merging: KeyLayout['transforms'] = [
  {
    pattern: /(^|\.)downsample\.(norm\.(weight|bias)|reduction\.weight)$/,
    shape: (shape) => shape,
    data: positionsFirst,
  },
];

const mmSwin: Rules = [
  [/^patch_embed\.projection\./, 'patch_embed.proj.'],
  [/^stages\.(\d+)\.blocks\.(\d+)\.attn\.w_msa\./, 'layers.$1.blocks.$2.attn.'],
  [/^stages\.(\d+)\.blocks\.(\d+)\.ffn\.layers\.0\.0\./, 'layers.$1.blocks.$2.mlp.fc1.'],
  [/^stages\.(\d+)\.blocks\.(\d+)\.ffn\.layers\.1\./, 'layers.$1.blocks.$2.mlp.fc2.'],
  [/^stages\.(\d+)\./, 'layers.$1.'],
];

/** In torchvision's list, the blocks of a stage alternate with what follows them. */
const torchvisionSwinStages: Rules = [0, 1, 2, 3].flatMap((stage) => {
  const [blocks, after] = [`^features\\.${2 * stage + 1}\\.(\\d+)`, `^features\\.${2 * stage + 2}\\.`];
  return [
    [new RegExp(`${blocks}\\.mlp\\.0\\.`), `layers.${stage}.blocks.$1.mlp.fc1.`],
    [new RegExp(`${blocks}\\.mlp\\.3\\.`), `layers.${stage}.blocks.$1.mlp.fc2.`],
    [new RegExp(`${blocks}\\.`), `layers.${stage}.blocks.$1.`],
    [new RegExp(after), `layers.${stage}.downsample.`],
  ] as const;
});

export const swinKeyLayouts: readonly KeyLayout[] = [
  {
    // timm since 0.9, which merges patches at the beginning of a stage
    has: 'layers.3.downsample.norm.weight',
    whole: /^(patch_embed|layers|norm|head)\./,
    rules: [
      ...[1, 2, 3].map((i) => [new RegExp(`^layers\\.${i}\\.downsample\\.`), `layers.${i - 1}.downsample.`] as const),
      [/^head\.fc\./, 'head.'],
    ],
  },
  {
    // torchvision, whose index of positions has another shape
    has: 'features.1.0.attn.qkv.weight',
    whole: /^(features|norm|head)\./,
    rules: [
      [/\.relative_position_index$/, null],
      [/^features\.0\.0\./, 'patch_embed.proj.'],
      [/^features\.0\.2\./, 'patch_embed.norm.'],
      ...torchvisionSwinStages,
    ],
  },
  {
    // mmdet and mmseg, as they have it below `backbone.`
    has: 'stages.0.blocks.0.attn.w_msa.qkv.weight',
    whole: /^(patch_embed|stages|norm\d)\./,
    rules: mmSwin,
    transforms: merging,
  },
  {
    // a detection or segmentation model by Microsoft of which only the backbone is used
    has: 'backbone.layers.0.blocks.0.attn.qkv.weight',
    whole: /^backbone\./,
    rules: [[/^backbone\./, '']],
  },
  {
    // the same by mmdet or mmseg; its outputs have norms
    has: 'backbone.norm0.weight',
    whole: /^backbone\./,
    rules: belowBackbone(mmSwin),
    transforms: merging,
  },
  {
    // mmpretrain's classifiers, whose norm is named after the last stage
    has: 'backbone.stages.0.blocks.0.attn.w_msa.qkv.weight',
    whole: /^(backbone|head)\./,
    rules: [[/^backbone\.norm3\./, 'norm.'], [/^head\.fc\./, 'head.'], ...belowBackbone(mmSwin)],
    transforms: merging,
  },
];
