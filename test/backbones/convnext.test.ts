import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { type ConvNextConfig, convnext } from '../../src/backbones/convnext.ts';
import { convNextKeyLayouts } from '../../src/backbones/key_layouts.ts';
import { renamedKey } from '../../src/loading/layouts.ts';
import { costOf, parametersOf, totalCost } from '../../src/nn/index.ts';
import { classifierGraph, pyramidGraph } from '../harness/backbone_graphs.ts';

const small: ConvNextConfig = { type: 'convnext', arch: { dims: [4, 8, 12, 16], depths: [1, 1, 2, 1] } };

const graphOf = (config: ConvNextConfig, classes = 0) =>
  classes > 0 ? classifierGraph(convnext(config), classes) : pyramidGraph(convnext(config));
const keysOf = (config: ConvNextConfig, classes = 0) => parametersOf(graphOf(config, classes)).map(({ key }) => key);

describe('ConvNeXt', () => {
  it('norms every map of the pyramid, which the next stage does not see', () => {
    const graph = graphOf(small);
    expect(keysOf(small).filter((key) => /^norm/.test(key))).to.deep.equal(
      [0, 1, 2, 3].flatMap((i) => [`norm${i}.weight`, `norm${i}.bias`]),
    );
    // what the norm reads is what the next stage reads
    const [normed, next] = ['norm1:in', 'downsample_layers.2:in'].map((path) => graph.taps[path]);
    expect(normed).to.equal(next);
    expect(graph.outputs.stage1).to.equal(graph.taps.norm1);
  });

  it('norms every map of the pyramid, none as a classifier, or the named ones', () => {
    expect(keysOf({ ...small, outputNorms: false }).some((key) => /^norm/.test(key))).to.equal(false);
    const last = keysOf({ ...small, outputNorms: [3] }).filter((key) => /^norm/.test(key));
    expect(last).to.deep.equal(['norm3.weight', 'norm3.bias']);
  });

  it('classifies after a norm of the mean, with and without norms of the pyramid', () => {
    const keys = keysOf(small, 5);
    expect(keys.slice(-4)).to.deep.equal(['norm.weight', 'norm.bias', 'head.weight', 'head.bias']);
    expect(keys.some((key) => /^norm\d/.test(key))).to.equal(false);
  });

  it('keeps projections and layer scales in the shapes of the official files, and hands them on as convolutions', () => {
    const parameters = new Map(parametersOf(graphOf(small)).map((parameter) => [parameter.key, parameter]));
    expect(parameters.get('stages.0.0.pwconv1.weight')).to.deep.include({ shape: [16, 4], view: [16, 4, 1, 1] });
    expect(parameters.get('stages.0.0.gamma')).to.deep.include({ shape: [4], view: [1, 4, 1, 1] });
  });

  it('counts projections as the linear layers that they are', () => {
    const rows = costOf(graphOf(small), { image: { batch: 1, height: 32, width: 32 } });
    const row = rows.find(({ path }) => path === 'stages.0.0.pwconv1');
    expect(row).to.include({ op: 'linear', macs: 8 * 8 * 4 * 16, linearBias: 8 * 8 * 16, convBias: 0 });
    expect(totalCost(rows).layerNorm).to.be.greaterThan(0);
  });
});

describe('the key layouts of ConvNeXt', () => {
  const cases: readonly [publisher: string, key: string, ours: string][] = [
    ['stages.0.blocks.0.conv_dw.weight', 'stem.1.bias', 'downsample_layers.0.1.bias'],
    ['stages.0.blocks.0.conv_dw.weight', 'stages.2.downsample.1.weight', 'downsample_layers.2.1.weight'],
    ['stages.0.blocks.0.conv_dw.weight', 'stages.2.blocks.8.mlp.fc2.bias', 'stages.2.8.pwconv2.bias'],
    ['stages.0.blocks.0.conv_dw.weight', 'head.norm.weight', 'norm.weight'],
    ['features.1.0.block.0.weight', 'features.4.1.weight', 'downsample_layers.2.1.weight'],
    ['features.1.0.block.0.weight', 'features.5.8.block.5.bias', 'stages.2.8.pwconv2.bias'],
    ['features.1.0.block.0.weight', 'features.7.2.layer_scale', 'stages.3.2.gamma'],
    ['features.1.0.block.0.weight', 'classifier.2.weight', 'head.weight'],
    ['stages.0.0.depthwise_conv.weight', 'stages.3.2.pointwise_conv1.bias', 'stages.3.2.pwconv1.bias'],
    ['stages.0.0.depthwise_conv.weight', 'norm3.weight', 'norm3.weight'],
    ['backbone.norm0.weight', 'backbone.stages.3.2.depthwise_conv.bias', 'stages.3.2.dwconv.bias'],
    ['backbone.norm0.weight', 'backbone.norm3.weight', 'norm3.weight'],
    ['backbone.stages.0.0.depthwise_conv.weight', 'backbone.norm3.weight', 'norm.weight'],
    ['backbone.stages.0.0.depthwise_conv.weight', 'backbone.stages.0.0.gamma', 'stages.0.0.gamma'],
    ['backbone.stages.0.0.depthwise_conv.weight', 'head.fc.bias', 'head.bias'],
  ];
  for (const [has, key, ours] of cases) {
    it(`take ${key} for ${ours}`, () => {
      const layout = convNextKeyLayouts.find((one) => one.has === has);
      expect(renamedKey(key, layout?.rules ?? [])).to.equal(ours);
    });
  }

  it('drop the extents of one, and nothing else', () => {
    const transforms = convNextKeyLayouts[0]?.transforms ?? [];
    const transformed = (key: string, shape: number[]) => {
      const [transform] = transforms.filter(({ pattern }) => pattern.test(key));
      const length = shape.reduce((a, b) => a * b, 1);
      const array: NDArray = { shape, data: Float32Array.from({ length }, (_, i) => i) };
      const to = transform?.shape(shape);
      expect(transform?.data(array)).to.deep.equal({ shape: to, data: array.data });
      return to;
    };
    expect(transformed('stages.0.0.gamma', [96, 1, 1])).to.deep.equal([96]);
    expect(transformed('stages.0.0.gamma', [96])).to.deep.equal([96]);
    expect(transformed('stages.0.0.pwconv1.weight', [8, 2, 1, 1])).to.deep.equal([8, 2]);
    // another network's, to be refused by its shape
    expect(transformed('stages.0.0.pwconv1.weight', [8, 2, 3, 3])).to.deep.equal([8, 2, 3, 3]);
  });
});
