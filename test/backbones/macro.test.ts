import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { type MacroConfig, macro, mogaNetArchs, moganet } from '../../src/backbones/index.ts';
import {
  channelMixer,
  channelMixers,
  headsOf,
  type SpatialForm,
  spatialMixer,
  spatialMixers,
} from '../../src/backbones/macro.ts';
import { ConfigError } from '../../src/errors.ts';
import { createModel } from '../../src/models/create.ts';
import {
  type Engine,
  type Graph,
  map,
  parameterCount,
  parametersOf,
  programOf,
  recordPart,
  type Scope,
  type Value,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { classifierGraph } from '../harness/backbone_graphs.ts';
import { engines } from '../harness/engines.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

const arch = { dims: [8, 16, 24, 32], depths: [1, 1, 2, 1], ratios: [4, 3, 2, 2] };
const config = (options: Partial<MacroConfig> = {}): MacroConfig => ({ type: 'macro', arch, ...options });

const classifierOf = (options: MacroConfig, classes = 1000): Graph => classifierGraph(macro(options), classes);

const mixerGraph = (channels: number, forward: (scope: Scope, x: Value) => Value): Graph =>
  recordPart({
    name: 'mixer',
    inputs: { x: map(channels) },
    forward: (scope, { x }) => ({ y: forward(scope.at('attn'), x!) }),
  });

const spatialNames = Object.keys(spatialMixers) as (keyof typeof spatialMixers)[];
const channelNames = Object.keys(channelMixers) as (keyof typeof channelMixers)[];

describe('the macro framework', () => {
  describe('with the stem and the mixers of MogaNet', () => {
    const names = Object.keys(mogaNetArchs) as (keyof typeof mogaNetArchs)[];
    for (const name of names) {
      it(`is MogaNet-${name.toUpperCase()}: the same graph, key by key and node by node`, () => {
        const original = classifierGraph(moganet({ type: 'moganet', arch: name }), 1000);
        const same = classifierOf({ type: 'macro', arch: name, stem: 'conv', spatial: 'moga', channel: 'ca' });
        expect(parametersOf(same)).to.deep.equal(parametersOf(original));
        expect(same).to.deep.equal(original);
        expect(macro({ type: 'macro', arch: name }).stages).to.deep.equal(
          moganet({ type: 'moganet', arch: name }).stages,
        );
      });
    }

    it('has them by default, and by their forms', () => {
      const named = classifierOf(config({ stem: 'conv', spatial: 'moga', channel: 'ca' }));
      expect(classifierOf(config())).to.deep.equal(named);
      const spelled = config({ spatial: { ...spatialMixers.moga }, channel: { depthwise: true, weighing: 'ca' } });
      expect(classifierOf(spelled)).to.deep.equal(named);
    });
  });

  describe('counts parameters that can be checked by hand,', () => {
    const C = 16;
    const pointwise = C * C + C;
    const dw = (kernel: number, channels = C) => kernel * kernel * channels + channels;
    // of 16 channels 6 are of the middle order and 8 of the high one
    const multiOrder = dw(5) + dw(5, 6) + dw(7, 8) + pointwise;
    const squeeze = C * 1 + 1 + (1 * C + C); // 16 channels to one, and back
    const expected: Readonly<Record<keyof typeof spatialMixers, number>> = {
      moga: pointwise + C + pointwise + multiOrder + pointwise, // proj_1, σ, gate, value, proj_2
      dw7x7: pointwise + dw(7) + pointwise + pointwise,
      multi_order: pointwise + multiOrder + pointwise,
      self_attention: 3 * pointwise + pointwise,
      linear_attention: 3 * pointwise + pointwise,
      glu: pointwise + dw(7) + pointwise + pointwise,
      se: squeeze + dw(7) + pointwise + pointwise,
      pooling: 0,
      shift: 0,
      spatial_mlp: 49 * 98 + 98 + 98 * 49 + 49,
    };
    for (const name of spatialNames) {
      it(`${expected[name]} in ${name} of ${C} channels`, () => {
        const graph = mixerGraph(C, (scope, x) => spatialMixer(scope, x, spatialMixers[name]));
        expect(parameterCount(graph)).to.equal(expected[name]);
      });
    }

    const hidden = 4 * C;
    const mlp = C * hidden + hidden + dw(3, hidden) + hidden * C + C;
    const channels: Readonly<Record<keyof typeof channelMixers, number>> = {
      mlp,
      mlp_se: mlp + hidden * 4 + 4 + 4 * hidden + hidden, // 64 channels to 4, and back
      ca: mlp + hidden + 1 + hidden, // the common map, and σ
    };
    for (const name of channelNames) {
      it(`${channels[name]} in ${name} of ${C} channels at ratio 4`, () => {
        const graph = mixerGraph(C, (scope, x) => channelMixer(scope, x, channelMixers[name], 4));
        expect(parameterCount(graph)).to.equal(channels[name]);
      });
    }

    it('and in an MLP without its depthwise convolution', () => {
      const graph = mixerGraph(C, (scope, x) => channelMixer(scope, x, { depthwise: false }, 4));
      expect(parameterCount(graph)).to.equal(mlp - dw(3, hidden));
    });
  });

  it('has heads of at least 32 channels, as many as divide the map’s', () => {
    expect([8, 32, 96, 100, 160, 320].map(headsOf)).to.deep.equal([1, 1, 3, 2, 5, 10]);
  });

  describe('embeds', () => {
    const kernels = (stem: MacroConfig['stem']) =>
      classifierOf(config({ stem })).nodes.flatMap((node) =>
        node.op === 'conv2d' && node.path.startsWith('patch_embed')
          ? [[node.attributes.kernel.height, node.attributes.stride.height, node.attributes.padding.height]]
          : [],
      );
    const cases: readonly [MacroConfig['stem'], number[][]][] = [
      [
        'conv',
        [
          [3, 2, 1],
          [3, 2, 1],
          [3, 2, 1],
          [3, 2, 1],
          [3, 2, 1],
        ],
      ],
      [
        'patch',
        [
          [4, 4, 0],
          [2, 2, 0],
          [2, 2, 0],
          [2, 2, 0],
        ],
      ],
      [
        'overlap',
        [
          [7, 4, 3],
          [3, 2, 1],
          [3, 2, 1],
          [3, 2, 1],
        ],
      ],
    ];
    for (const [stem, expected] of cases) {
      it(`by the stem ${stem}, to strides of 4 to 32`, () => {
        expect(kernels(stem)).to.deep.equal(expected);
        expect(macro(config({ stem })).stages.map(({ stride }) => stride)).to.deep.equal([4, 8, 16, 32]);
      });
    }
  });

  describe('refuses', () => {
    it('unknown options by name', () => {
      expect(() => macro(config({ spatial: 'mogga' as 'moga' }))).to.throw(
        ConfigError,
        /unknown spatial mixer "mogga".*"moga".*moga, dw7x7, multi_order.*spatial_mlp/,
      );
      expect(() => macro(config({ channel: 'mpl' as 'mlp' }))).to.throw(ConfigError, 'unknown channel mixer "mpl"');
      expect(() => macro(config({ stem: 'patches' as 'patch' }))).to.throw(ConfigError, 'Did you mean "patch"?');
      expect(() => macro(config({ arch: 'tt' as 't' }))).to.throw(ConfigError, /unknown macro arch "tt"/);
    });

    it('lists of unequal length, and channels that the orders do not divide', () => {
      expect(() => macro(config({ arch: { ...arch, ratios: [4] } }))).to.throw(
        ConfigError,
        'macro: ratios has 1 entries, dims has 4.',
      );
      const odd = { ...arch, dims: [8, 20, 24, 32] };
      expect(() => macro(config({ arch: odd }))).to.throw(
        ConfigError,
        'macro: 20 channels do not divide into 1 : 3 : 4 (8 parts).',
      );
      expect(macro(config({ arch: odd, spatial: 'dw7x7' })).stages[1]?.channels).to.equal(20);
    });

    it('an unknown field of a form that comes from a file', () => {
      const written = { backbone: config({ spatial: { context: 'pooling', gated: true } as unknown as SpatialForm }) };
      expect(() => createModel(written)).to.throw(ConfigError, /gated/);
    });
  });

  it('is configured by JSON', () => {
    const written = JSON.parse(JSON.stringify({ backbone: config({ spatial: 'shift', channel: { weighing: 'se' } }) }));
    expect(createModel(written).stages).to.have.length(4);
  });
});

// odd in every stage: 75×93, 19×24, 10×12, 5×6, 3×3
const image = seededInput('image', [2, 3, 75, 93]);
const variants: readonly (readonly [string, MacroConfig])[] = [
  ...spatialNames.map((spatial) => [`the spatial mixer ${spatial}`, config({ spatial })] as const),
  ...channelNames.map((channel) => [`the channel mixer ${channel}`, config({ channel, spatial: 'pooling' })] as const),
  ['the stem patch', config({ stem: 'patch', spatial: 'shift', channel: 'mlp' })],
  ['the stem overlap', config({ stem: 'overlap', spatial: 'shift', channel: 'mlp' })],
  ['an MLP without a depthwise convolution', config({ spatial: 'pooling', channel: { depthwise: false } })],
];
const reference = new Map<string, NDArray>();

/** Float32 sums in another order, through five blocks. */
const relativeTolerance = 1e-4;

for (const name of ['wasm', 'onnxruntime'] as const) {
  describe(`networks of the macro framework on ${name}`, () => {
    let engine: Engine;
    before(async function () {
      const started = await engines[name]!();
      if (typeof started === 'string') this.skip();
      engine = started;
    });
    after(() => engine?.dispose());

    for (const [what, options] of variants) {
      it(`compute two images of an odd size with ${what}, as the other engine does`, async () => {
        const graph = classifierOf(options, 5);
        const weights = new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)] as const));
        const runner = await engine.load(programOf(what, graph, weights, passes));
        const outputs = await runner.run({ image });
        for (const [output, resident] of Object.entries(outputs)) {
          const found = await resident.read();
          resident.dispose();
          const peak = found.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
          expect(peak).to.be.within(1e-3, 1e3);
          const known = reference.get(`${what} ${output}`);
          if (!known) reference.set(`${what} ${output}`, found);
          else {
            expect(found.shape).to.deep.equal(known.shape);
            const error = found.data.reduce((max, value, i) => Math.max(max, Math.abs(value - known.data[i]!)), 0);
            expect(error, output).to.be.at.most(relativeTolerance * peak);
          }
        }
        runner.dispose();
      });
    }
  });
}
