import { expect } from 'chai';
import type { NDArray } from '../../../src/arrays.ts';
import {
  batchNorm,
  conv2d,
  convTranspose2d,
  F,
  parametersOf,
  programOf,
  recordPart,
  type Value,
} from '../../../src/nn/index.ts';
import { collectTerms } from '../../../src/nn/optimise/collect_terms.ts';
import { networkOf } from '../../harness/golden/networks.ts';
import { comparison, countOf, record, seeded, twoImages as x } from '../../harness/optimised.ts';
import { seededInput } from '../../harness/seeded.ts';

describe('collectTerms', () => {
  const expectSame = comparison();
  const expectSameOutputs = (graph: ReturnType<typeof record>, input: NDArray) =>
    expectSame(graph, [collectTerms], input);

  it('makes weight w · γ / √(σ² + ε) and bias (b − μ) · γ / √(σ² + ε) + β', () => {
    const graph = record((s, y) => ({ y: batchNorm(s.at('bn'), conv2d(s.at('conv'), y, 1, { kernel: 1 }), 0) }));
    const of = (...values: number[]): NDArray => ({ shape: [values.length], data: Float32Array.from(values) });
    const { weights } = collectTerms(
      graph,
      new Map([
        ['conv.weight', { shape: [1, 3, 1, 1], data: Float32Array.of(1, 2, 4) }],
        ['conv.bias', of(5)],
        ['bn.weight', of(6)],
        ['bn.bias', of(7)],
        ['bn.running_mean', of(1)],
        ['bn.running_var', of(4)],
      ]),
    );
    // γ / σ = 3
    expect([...weights].map(([, { data }]) => [...data])).to.deep.equal([[3, 6, 12], [(5 - 1) * 3 + 7]]);
  });

  it('gives a convolution without bias one', async () => {
    const graph = record((s, y) => ({
      y: batchNorm(s.at('bn'), conv2d(s.at('conv'), y, 4, { kernel: 3, bias: false })),
    }));
    const folded = await expectSameOutputs(graph, x);
    expect(folded.nodes.map(({ op }) => op)).to.deep.equal(['input', 'param', 'param', 'conv2d']);
  });

  it('folds into depthwise convolutions', async () => {
    const graph = record((s, y) => ({
      y: batchNorm(s.at('bn'), conv2d(s.at('conv'), y, 3, { kernel: 3, groups: 3 })),
    }));
    expect(countOf(await expectSameOutputs(graph, x), 'batchNorm')).to.equal(0);
  });

  it('folds into transposed convolutions, whose outputs are not the first axis of the weight', async () => {
    for (const bias of [false, true]) {
      const graph = record((s, y) => ({
        y: F.relu(batchNorm(s.at('bn'), convTranspose2d(s.at('up'), y, 5, { kernel: 4, stride: 2, padding: 1, bias }))),
      }));
      const folded = await expectSameOutputs(graph, x);
      expect(countOf(folded, 'batchNorm')).to.equal(0);
      expect(countOf(folded, 'convTranspose2d')).to.equal(1);
    }
  });

  it('leaves a convolution alone that another node reads, or that is an output', async () => {
    const shared = record((s, y) => {
      const convolved = conv2d(s.at('conv'), y, 4, { kernel: 1 });
      return { y: F.add(F.relu(convolved), batchNorm(s.at('bn'), convolved)) };
    });
    expect(countOf(await expectSameOutputs(shared, x), 'batchNorm')).to.equal(1);
    const given = record((s, y) => {
      const convolved = conv2d(s.at('conv'), y, 4, { kernel: 1 });
      return { convolved, y: batchNorm(s.at('bn'), convolved) };
    });
    expect(countOf(await expectSameOutputs(given, x), 'batchNorm')).to.equal(1);
  });

  it('leaves a BatchNorm before a convolution alone', async () => {
    const graph = record((s, y) => ({ y: conv2d(s.at('conv'), batchNorm(s.at('bn'), y), 4, { kernel: 3 }) }));
    expect(countOf(await expectSameOutputs(graph, x), 'batchNorm')).to.equal(1);
  });

  it('folds one convolution’s weights for each norm if a module is called twice', async () => {
    const graph = record((s, y) => ({
      a: batchNorm(s.at('bn0'), conv2d(s.at('conv'), y, 4, { kernel: 1 })),
      b: batchNorm(s.at('bn1'), conv2d(s.at('conv'), F.relu(y), 4, { kernel: 1 })),
    }));
    expect(countOf(await expectSameOutputs(graph, x), 'batchNorm')).to.equal(0);
  });

  it('folds a norm that is called after two convolutions into each of them', async () => {
    const graph = record((s, y) => {
      const norm = s.at('bn');
      const normed = (name: string) => batchNorm(norm, conv2d(s.at(name), y, 4, { kernel: 1, bias: false }));
      return { a: normed('conv0'), b: normed('conv1') };
    });
    const folded = await expectSameOutputs(graph, x);
    expect(countOf(folded, 'batchNorm')).to.equal(0);
    expect(parametersOf(folded).map(({ key }) => key)).to.deep.equal([
      'conv0:folded.weight',
      'conv0:folded.bias', // without a bias of the convolution that of both is the same
      'conv1:folded.weight',
    ]);
  });

  it('shares the folded weights of a convolution and a norm that are called twice', async () => {
    const graph = record((s, y) => {
      const both = (value: Value) => batchNorm(s.at('bn'), conv2d(s.at('conv'), value, 3, { kernel: 1 }));
      return { y: both(both(y)) };
    });
    const folded = await expectSameOutputs(graph, x);
    expect(folded.nodes.map(({ op }) => op)).to.deep.equal(['input', 'param', 'param', 'conv2d', 'conv2d']);
  });

  // every way to share two convolutions and two norms: each call takes one of either, on x or on an earlier result
  const calls = [0, 1].flatMap((conv) =>
    [0, 1].flatMap((norm) => [true, false].map((nested) => ({ conv, norm, nested }))),
  );
  for (const [i, first] of calls.entries()) {
    it(`keeps the outputs however modules are shared (${JSON.stringify(first)} and each other call)`, async () => {
      for (const second of calls.slice(i)) {
        const graph = record((s, y) => {
          const outputs: Record<string, Value> = {};
          let last = y;
          for (const [n, { conv, norm, nested }] of [first, second, first, second].entries()) {
            const convolved = conv2d(s.at(`conv${conv}`), nested ? last : y, 3, { kernel: 3, bias: conv === 0 });
            last = batchNorm(s.at(`bn${norm}`), convolved);
            outputs[`y${n}`] = last;
          }
          return outputs;
        });
        expect(countOf(await expectSameOutputs(graph, x), 'batchNorm')).to.equal(0);
      }
    });
  }

  it('keeps MogaNet’s outputs, and leaves the norms that something else reads as well', async () => {
    const arch = { embed_dims: [8, 16], depths: [1, 1], ffn_ratios: [4, 2] };
    const kwargs = { num_classes: 3, patch_sizes: [3, 3], patchembed_types: ['ConvEmbed', 'Conv'] };
    const graph = recordPart(networkOf({ kind: 'moganet', arch, kwargs }));
    const folded = await expectSameOutputs(graph, seededInput('input', [1, 3, 17, 20]));
    // of the stem's two, the second embedding's, two a block and one a stage, the two of each block stay
    expect(countOf(graph, 'batchNorm')).to.equal(9);
    expect(countOf(folded, 'batchNorm')).to.equal(4);
    expect(folded.nodes.length).to.be.below(programOf('plain', graph, seeded(graph)).graph.nodes.length);
  });

  it('leaves its arguments unchanged', () => {
    const graph = record((s, y) => ({ y: batchNorm(s.at('bn'), conv2d(s.at('conv'), y, 4, { kernel: 1 })) }));
    const weights = seeded(graph);
    const before = JSON.stringify([graph, [...weights]]);
    collectTerms(graph, weights);
    expect(JSON.stringify([graph, [...weights]])).to.equal(before);
  });
});
