import type { NDArray } from '../arrays.ts';
import type { Layout } from './backbone.ts';

/** Swin as timm, torchvision and the mm libraries name it, renamed to Microsoft's layout. */

/**
 * The mm libraries merge patches channel by channel, the positions of a patch row by row; Microsoft position by position,
 * column by column.
 */
function positionsFirst({ shape, data }: NDArray): NDArray {
  const merged = shape.at(-1)!;
  const channels = merged / 4;
  const out = new Float32Array(data.length);
  for (let row = 0; row < data.length; row += merged) {
    for (let channel = 0; channel < channels; channel++) {
      for (let position = 0; position < 4; position++) {
        const column = position & 1;
        const line = position >> 1;
        out[row + (2 * column + line) * channels + channel] = data[row + 4 * channel + position]!;
      }
    }
  }
  return { shape, data: out };
}

const merging: NonNullable<Layout['transforms']> = [
  {
    pattern: /(^|\.)downsample\.(norm\.(weight|bias)|reduction\.weight)$/,
    shape: (shape) => shape,
    data: positionsFirst,
  },
];

const mm: Layout['rules'] = [
  [/^patch_embed\.projection\./, 'patch_embed.proj.'],
  [/^stages\.(\d+)\.blocks\.(\d+)\.attn\.w_msa\./, 'layers.$1.blocks.$2.attn.'],
  [/^stages\.(\d+)\.blocks\.(\d+)\.ffn\.layers\.0\.0\./, 'layers.$1.blocks.$2.mlp.fc1.'],
  [/^stages\.(\d+)\.blocks\.(\d+)\.ffn\.layers\.1\./, 'layers.$1.blocks.$2.mlp.fc2.'],
  [/^stages\.(\d+)\./, 'layers.$1.'],
];

/** The same below `backbone.`, which is left out. */
const mmWithin: Layout['rules'] = [
  ...mm.map(([{ source }, to]) => [new RegExp(source.replace('^', '^backbone\\.')), to] as const),
  [/^backbone\./, ''],
];

/** What is before a stage and its blocks take turns in torchvision's list. */
const torchvisionStages: Layout['rules'] = [0, 1, 2, 3].flatMap((stage) => {
  const [blocks, after] = [`^features\\.${2 * stage + 1}\\.(\\d+)`, `^features\\.${2 * stage + 2}\\.`];
  return [
    [new RegExp(`${blocks}\\.mlp\\.0\\.`), `layers.${stage}.blocks.$1.mlp.fc1.`],
    [new RegExp(`${blocks}\\.mlp\\.3\\.`), `layers.${stage}.blocks.$1.mlp.fc2.`],
    [new RegExp(`${blocks}\\.`), `layers.${stage}.blocks.$1.`],
    [new RegExp(after), `layers.${stage}.downsample.`],
  ] as const;
});

export const swinLayouts: readonly Layout[] = [
  {
    // timm since 0.9, which merges patches at the beginning of a stage
    has: 'layers.3.downsample.norm.weight',
    whole: (keys) => keys.every((key) => /^(patch_embed|layers|norm|head)\./.test(key)),
    rules: [
      ...[1, 2, 3].map((i) => [new RegExp(`^layers\\.${i}\\.downsample\\.`), `layers.${i - 1}.downsample.`] as const),
      [/^head\.fc\./, 'head.'],
    ],
  },
  {
    // torchvision, whose index of positions has another shape
    has: 'features.1.0.attn.qkv.weight',
    whole: (keys) => keys.every((key) => /^(features|norm|head)\./.test(key)),
    rules: [
      [/\.relative_position_index$/, null],
      [/^features\.0\.0\./, 'patch_embed.proj.'],
      [/^features\.0\.2\./, 'patch_embed.norm.'],
      ...torchvisionStages,
    ],
  },
  {
    // mmdet and mmseg, as they have it below `backbone.`
    has: 'stages.0.blocks.0.attn.w_msa.qkv.weight',
    whole: (keys) => keys.every((key) => /^(patch_embed|stages|norm\d)\./.test(key)),
    rules: mm,
    transforms: merging,
  },
  {
    // a detector or segmentor of Microsoft's from which only the backbone is taken
    has: 'backbone.layers.0.blocks.0.attn.qkv.weight',
    whole: (keys) => keys.every((key) => key.startsWith('backbone.')),
    rules: [[/^backbone\./, '']],
  },
  {
    // and one of mmdet or mmseg, whose outputs have norms
    has: 'backbone.norm0.weight',
    whole: (keys) => keys.every((key) => key.startsWith('backbone.')),
    rules: mmWithin,
    transforms: merging,
  },
  {
    // mmpretrain's classifiers, whose norm is called after the last stage
    has: 'backbone.stages.0.blocks.0.attn.w_msa.qkv.weight',
    whole: (keys) => keys.every((key) => /^(backbone|head)\./.test(key)),
    rules: [[/^backbone\.norm3\./, 'norm.'], [/^head\.fc\./, 'head.'], ...mmWithin],
    transforms: merging,
  },
];
