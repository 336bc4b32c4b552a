import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type MogaNetConfig, mogaNetArchs, moganet } from '../../src/backbones/index.ts';
import { ConfigError, UnsupportedError } from '../../src/errors.ts';
import { parameterCount, parametersOf, shapesOf } from '../../src/nn/index.ts';
import { classifierGraph, pyramidGraph } from '../harness/backbone_graphs.ts';

const arch = { dims: [8, 16, 24, 32], depths: [1, 1, 1, 1], ratios: [4, 4, 2, 2] };
const config = (options: Partial<MogaNetConfig> = {}): MogaNetConfig => ({ type: 'moganet', arch, ...options });

const graphOf = (options: MogaNetConfig) => pyramidGraph(moganet(options));
const keysOf = (options: MogaNetConfig) => parametersOf(graphOf(options)).map(({ key }) => key);

describe('MogaNet', () => {
  for (const stages of [1, 2, 3, 4, 5]) {
    it(`may have ${stages} stage${stages > 1 ? 's' : ''}, each half the size of the one before`, () => {
      const dims = [8, 16, 24, 32, 40].slice(0, stages);
      const options = config({ arch: { dims, depths: dims.map(() => 1), ratios: dims.map(() => 2) } });
      const graph = graphOf(options);
      const shapes = shapesOf(graph, { image: { batch: 2, height: 64, width: 128 } });
      const found = Object.values(graph.outputs).map((id) => shapes[id]);
      expect(found).to.deep.equal(dims.map((channels, i) => ({ batch: 2, channels, height: 16 >> i, width: 32 >> i })));
      expect(moganet(options).stages).to.deep.equal(dims.map((channels, i) => ({ channels, stride: 4 << i })));
    });
  }

  it('takes sizes that no stride divides', () => {
    const graph = graphOf(config());
    const shapes = shapesOf(graph, { image: { batch: 1, height: 75, width: 93 } });
    const sizes = Object.values(graph.outputs).map((id) => [shapes[id]?.height, shapes[id]?.width]);
    // each stride-2 convolution rounds up: 75 → 38 → 19 → 10 → 5 → 3
    expect(sizes).to.deep.equal([
      [19, 24],
      [10, 12],
      [5, 6],
      [3, 3],
    ]);
  });

  it('multiplies patch strides into those of its stages', () => {
    const { stages } = moganet(config({ patchSizes: [3, 5, 3, 3] }));
    expect(stages.map(({ stride }) => stride)).to.deep.equal([4, 12, 24, 48]);
    const plain = moganet(config({ patchEmbedTypes: ['Conv', 'Conv', 'Conv', 'Conv'] }));
    expect(plain.stages.map(({ stride }) => stride)).to.deep.equal([2, 4, 8, 16]);
  });

  it('reads images of any number of channels', () => {
    const [first] = parametersOf(graphOf(config({ inChannels: 1 })));
    expect(first?.shape).to.deep.equal([4, 1, 3, 3]);
  });

  it('has the parameters of BatchNorm with SyncBN, and with GN no running statistics', () => {
    expect(keysOf(config({ convNorm: 'SyncBN', stemNorm: 'SyncBN' }))).to.deep.equal(keysOf(config()));
    const grouped = keysOf(config({ convNorm: 'GN', stemNorm: 'GN' }));
    expect(grouped).to.deep.equal(keysOf(config()).filter((key) => !/running_|num_batches/.test(key)));
    const groups = graphOf(config({ convNorm: 'GN' })).nodes.flatMap((node) =>
      node.op === 'groupNorm' && node.path === 'blocks2.0.norm1' ? [node.attributes.groups] : [],
    );
    // one channel to a group, as the official code has it
    expect(groups).to.deep.equal([16]);
  });

  it('refuses the norm LN2d by name', () => {
    expect(() => moganet(config({ convNorm: 'LN2d' }))).to.throw(
      UnsupportedError,
      'MogaNet: the norm "LN2d" is not supported as convNorm. Use BN, SyncBN or GN.',
    );
    expect(() => moganet(config({ stemNorm: 'LN2d' }))).to.throw(UnsupportedError, 'as stemNorm');
  });

  it('applies the activation of gate and value twice if it was trained so', () => {
    const silus = (options?: Partial<MogaNetConfig>) =>
      graphOf(config(options)).nodes.filter(({ op, path }) => op === 'silu' && path.endsWith('act_gate')).length;
    expect(silus()).to.equal(8); // gate and value of four blocks
    expect(silus({ doubleActivation: true })).to.equal(16);
  });

  it('has no activation in the gate if it is null', () => {
    expect(graphOf(config({ activation: null })).nodes.some(({ op }) => op === 'silu')).to.equal(false);
    const gated = graphOf(config({ activation: 'ReLU' })).nodes.filter(({ op }) => op === 'relu');
    expect(gated.length).to.be.greaterThan(0);
  });

  it('gives the last stage dilations 1, 2, 1 without final dilation', () => {
    const dilations = (stage: number, options?: Partial<MogaNetConfig>) =>
      graphOf(config(options)).nodes.flatMap((node) =>
        node.op === 'conv2d' && new RegExp(`^blocks${stage}\\.0\\.attn\\.value\\.DW`).test(node.path)
          ? [node.attributes.dilation.height]
          : [],
      );
    expect(dilations(4)).to.deep.equal([1, 2, 3]);
    expect(dilations(4, { finalDilation: false })).to.deep.equal([1, 2, 1]);
    expect(dilations(3, { finalDilation: false })).to.deep.equal([1, 2, 3]);
  });

  it('classifies with a linear layer on the mean of the last map', () => {
    const graph = classifierGraph(moganet(config()), 5);
    const shapes = shapesOf(graph, { image: { batch: 3, height: 32, width: 48 } });
    expect(shapes[graph.outputs.logits!]).to.deep.equal({ batch: 3, channels: 5, height: 1, width: 1 });
    expect(parameterCount(graph, 'head')).to.equal(32 * 5 + 5);
  });

  it('has six published sizes', () => {
    expect(Object.keys(mogaNetArchs)).to.deep.equal(['xt', 't', 's', 'b', 'l', 'xl']);
  });

  it('is built like the macro framework, but does not import it', () => {
    const source = readFileSync(new URL('../../src/backbones/moganet.ts', import.meta.url), 'utf8');
    expect(source).not.to.include('macro');
  });

  describe('refuses', () => {
    it('lists of unequal length', () => {
      expect(() => moganet(config({ arch: { ...arch, depths: [1, 1, 1] } }))).to.throw(
        ConfigError,
        'MogaNet: depths has 3 entries, dims has 4.',
      );
      expect(() => moganet(config({ patchSizes: [3, 3] }))).to.throw(ConfigError, 'patchSizes has 2 entries');
    });

    it('channels that do not divide into the parts of the split', () => {
      expect(() => moganet(config({ channelSplit: [1, 1, 3] }))).to.throw(
        ConfigError,
        'MogaNet: 8 channels do not divide into 1 : 1 : 3 (5 parts).',
      );
    });

    it('a stacked stem of larger patches', () => {
      expect(() => moganet(config({ patchSizes: [5, 3, 3, 3] }))).to.throw(ConfigError, /ConvEmbed.*at most 3, got 5/);
    });
  });
});
