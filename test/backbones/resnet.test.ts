import { expect } from 'chai';
import { sizeOf } from '../../src/arrays.ts';
import { resNetKeyLayouts } from '../../src/backbones/key_layouts.ts';
import { type ResNetConfig, resnet } from '../../src/backbones/resnet.ts';
import { renamedKey } from '../../src/loading/layouts.ts';
import { parametersOf } from '../../src/nn/index.ts';
import { classifierGraph } from '../harness/backbone_graphs.ts';

const graphOf = (config: ResNetConfig) => classifierGraph(resnet(config), 1000);
const strideOf = (config: ResNetConfig, path: string) =>
  graphOf(config).nodes.flatMap((node) =>
    node.op === 'conv2d' && node.path === path ? [node.attributes.stride.height] : [],
  )[0];

describe('ResNet', () => {
  // torchvision's documentation of each model
  const published = { 18: 11689512, 34: 21797672, 50: 25557032, 101: 44549160, 152: 60192808 } as const;
  for (const [depth, count] of Object.entries(published)) {
    it(`${depth} has the ${count} parameters that torchvision states`, () => {
      const trained = parametersOf(graphOf({ type: 'resnet', depth: Number(depth) as ResNetConfig['depth'] }));
      const parameters = trained.filter(({ kind }) => kind === 'parameter');
      expect(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).to.equal(count);
    });
  }

  it('strides in the 3×3 convolution of a bottleneck, or in its first in Caffe’s style', () => {
    expect(['conv1', 'conv2'].map((name) => strideOf({ type: 'resnet', depth: 50 }, `layer2.0.${name}`))).to.deep.equal(
      [1, 2],
    );
    const caffe: ResNetConfig = { type: 'resnet', depth: 50, style: 'caffe' };
    expect(['conv1', 'conv2'].map((name) => strideOf(caffe, `layer2.0.${name}`))).to.deep.equal([2, 1]);
  });

  it('projects the shortcut at the beginning of a stage, except the first stage of basic blocks', () => {
    const projected = (depth: ResNetConfig['depth']) =>
      parametersOf(graphOf({ type: 'resnet', depth }))
        .map(({ key }) => /^(layer\d\.\d+)\.downsample\.0\.weight$/.exec(key)?.[1])
        .filter(Boolean);
    expect(projected(18)).to.deep.equal(['layer2.0', 'layer3.0', 'layer4.0']);
    expect(projected(50)).to.deep.equal(['layer1.0', 'layer2.0', 'layer3.0', 'layer4.0']);
  });

  it('has three small convolutions in the stem of V1c, the rest unchanged', () => {
    const keys = (config: ResNetConfig) => parametersOf(graphOf(config)).map(({ key }) => key);
    const deep = keys({ type: 'resnet', depth: 18, stem: '3x3' });
    expect(deep.filter((key) => /^stem.*\.weight$/.test(key))).to.deep.equal(
      [0, 1, 3, 4, 6, 7].map((i) => `stem.${i}.weight`),
    );
    const rest = (all: string[]) => all.filter((key) => !/^(stem\.|conv1\.|bn1\.)/.test(key));
    expect(rest(deep)).to.deep.equal(rest(keys({ type: 'resnet', depth: 18 })));
  });

  it('is taken out of the mm libraries’ models and classifiers', () => {
    const [{ rules }] = resNetKeyLayouts as [(typeof resNetKeyLayouts)[number]];
    expect(renamedKey('backbone.layer1.0.conv1.weight', rules)).to.equal('layer1.0.conv1.weight');
    expect(renamedKey('head.fc.weight', rules)).to.equal('fc.weight');
  });
});
