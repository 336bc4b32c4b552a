import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import type { KeyLayout } from '../../src/backbones/backbone.ts';
import { swinKeyLayouts } from '../../src/backbones/key_layouts.ts';
import { type SwinConfig, swin } from '../../src/backbones/swin.ts';
import { ConfigError } from '../../src/errors.ts';
import { renamedKey } from '../../src/loading/layouts.ts';
import { type Graph, parametersOf } from '../../src/nn/index.ts';
import { classifierGraph, pyramidGraph } from '../harness/backbone_graphs.ts';

const small: SwinConfig = { type: 'swin', arch: { dim: 8, depths: [2, 2, 2, 2], heads: [1, 2, 4, 8] } };

const windows = ({ nodes }: Graph) => nodes.flatMap((node) => (node.op === 'windowAttention' ? [node.attributes] : []));
const dense = (config: SwinConfig) => windows(pyramidGraph(swin(config)));
const classifying = (config: SwinConfig) => windows(classifierGraph(swin(config), 2));

describe('Swin', () => {
  it('shifts every second block, and pads first, in dense models', () => {
    const found = dense(small).map(({ shift, padding }) => [shift, padding]);
    expect(found).to.deep.equal(Array.from({ length: 8 }, (_, i) => [i % 2 === 0 ? 0 : 3, 'first']));
  });

  it('does not shift the stage of a classifier that has one window', () => {
    // 224 pixels are 7 × 7 in the last stage
    const shifts = classifying(small).map(({ shift }) => shift);
    expect(shifts).to.deep.equal([0, 3, 0, 3, 0, 3, 0, 0]);
  });

  it('has smaller windows if the map of a classifier is smaller', () => {
    // 96 pixels are 24, 12, 6 and 3 in the stages
    const sizes = classifying({ ...small, imageSize: 96 }).map(({ window }) => window);
    expect(sizes).to.deep.equal([7, 7, 7, 7, 6, 6, 3, 3]);
  });

  it('knows the buffers that Microsoft’s classifiers keep, and needs none', () => {
    const keys = parametersOf(classifierGraph(swin({ ...small, outputNorms: false }), 2));
    const masks = keys.filter(({ key }) => key.endsWith('attn_mask'));
    expect(masks.map(({ key, shape, kind }) => [key, shape, kind])).to.deep.equal([
      ['layers.0.blocks.1.attn_mask', [64, 49, 49], 'ignored'],
      ['layers.1.blocks.1.attn_mask', [16, 49, 49], 'ignored'],
      ['layers.2.blocks.1.attn_mask', [4, 49, 49], 'ignored'],
    ]);
    expect(parametersOf(pyramidGraph(swin(small))).some(({ key }) => key.endsWith('attn_mask'))).to.equal(false);
  });

  it('norms every map of the pyramid, none, or the named ones', () => {
    const norms = (outputNorms: SwinConfig['outputNorms']) =>
      parametersOf(pyramidGraph(swin({ ...small, outputNorms }))).flatMap(
        ({ key }) => /^(norm\d)\.weight$/.exec(key)?.[1] ?? [],
      );
    expect(norms(undefined)).to.deep.equal(['norm0', 'norm1', 'norm2', 'norm3']);
    expect(norms(false)).to.deep.equal([]);
    expect(norms([1, 3])).to.deep.equal(['norm1', 'norm3']);
  });

  it('refuses heads that do not divide the channels', () => {
    expect(() => swin({ ...small, arch: { dim: 8, depths: [2, 2, 2, 2], heads: [1, 3, 4, 8] } })).to.throw(
      ConfigError,
      'Swin: 3 heads do not divide the 16 channels of stage 1.',
    );
  });
});

describe('the key layouts of Swin', () => {
  const layoutWith = (key: string): KeyLayout => {
    const found = swinKeyLayouts.find(({ has }) => has === key);
    if (!found) throw new Error(`no key layout has ${key}`);
    return found;
  };
  const timm = layoutWith('layers.3.downsample.norm.weight');
  const torchvision = layoutWith('features.1.0.attn.qkv.weight');
  const mm = layoutWith('stages.0.blocks.0.attn.w_msa.qkv.weight');
  const mmpretrain = layoutWith('backbone.stages.0.blocks.0.attn.w_msa.qkv.weight');
  const mmDense = layoutWith('backbone.norm0.weight');

  const cases: readonly [KeyLayout, string, string | null][] = [
    [timm, 'layers.1.downsample.reduction.weight', 'layers.0.downsample.reduction.weight'],
    [timm, 'layers.3.blocks.1.mlp.fc1.bias', 'layers.3.blocks.1.mlp.fc1.bias'],
    [timm, 'head.fc.weight', 'head.weight'],
    [torchvision, 'features.0.0.bias', 'patch_embed.proj.bias'],
    [torchvision, 'features.0.2.bias', 'patch_embed.norm.bias'],
    [
      torchvision,
      'features.5.17.attn.relative_position_bias_table',
      'layers.2.blocks.17.attn.relative_position_bias_table',
    ],
    [torchvision, 'features.5.17.attn.relative_position_index', null],
    [torchvision, 'features.7.1.mlp.3.weight', 'layers.3.blocks.1.mlp.fc2.weight'],
    [torchvision, 'features.1.0.norm2.weight', 'layers.0.blocks.0.norm2.weight'],
    [torchvision, 'features.6.reduction.weight', 'layers.2.downsample.reduction.weight'],
    [mm, 'patch_embed.projection.weight', 'patch_embed.proj.weight'],
    [mm, 'stages.2.blocks.5.attn.w_msa.proj.bias', 'layers.2.blocks.5.attn.proj.bias'],
    [mm, 'stages.2.blocks.5.ffn.layers.0.0.weight', 'layers.2.blocks.5.mlp.fc1.weight'],
    [mm, 'stages.2.blocks.5.ffn.layers.1.weight', 'layers.2.blocks.5.mlp.fc2.weight'],
    [mm, 'stages.2.downsample.norm.bias', 'layers.2.downsample.norm.bias'],
    [mm, 'norm3.weight', 'norm3.weight'],
    [mmpretrain, 'backbone.norm3.weight', 'norm.weight'],
    [mmpretrain, 'head.fc.bias', 'head.bias'],
    [mmDense, 'backbone.norm3.weight', 'norm3.weight'],
    [mmDense, 'backbone.stages.0.blocks.1.norm1.bias', 'layers.0.blocks.1.norm1.bias'],
  ];
  for (const [layout, from, to] of cases) {
    it(`${from} is ${to ?? 'left out'}`, () => expect(renamedKey(from, layout.rules)).to.equal(to));
  }

  it('merge patches position by position; the mm libraries go channel by channel', () => {
    const [transform] = mm.transforms ?? [];
    expect('layers.0.downsample.reduction.weight').to.match(transform?.pattern ?? /^$/);
    expect('layers.0.blocks.0.norm1.weight').not.to.match(transform?.pattern ?? /./);
    // two channels a and b; 1 2 / 3 4 are the pixels of a patch, row by row
    const theirs: NDArray = { shape: [8], data: Float32Array.of(...[1, 2, 3, 4], ...[10, 20, 30, 40]) };
    // top left, bottom left, top right, bottom right
    expect([...(transform?.data(theirs).data ?? [])]).to.deep.equal([...[1, 10], ...[3, 30], ...[2, 20], ...[4, 40]]);
  });
});
