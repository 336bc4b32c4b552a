import { expect } from 'chai';
import type { NDArray } from '../../../src/arrays.ts';
import { batchNorm, conv2d, F, linear, parametersOf, type Scope, type Value } from '../../../src/nn/index.ts';
import { foldBefore } from '../../../src/nn/optimise/fold_before.ts';
import { comparison, operationsOf, record, twoImages } from '../../harness/optimised.ts';

const of = (...values: number[]): NDArray => ({ shape: [values.length], data: Float32Array.from(values) });
const scaled = (scope: Scope, x: Value): Value => F.scale(x, scope.parameter('scale', [1, x.channels, 1, 1]));
const unpadded = { kernel: 3, padding: 0 } as const;

describe('foldBefore', () => {
  const expectSameOutputs = comparison();
  const operationsAfter = async (forward: (scope: Scope, x: Value) => Readonly<Record<string, Value>>) =>
    operationsOf(await expectSameOutputs(record(forward), [foldBefore]));

  it('makes weight w · γ/σ and bias b + w · (β − μ · γ/σ)', () => {
    const graph = record((s, x) => ({ y: conv2d(s.at('conv'), batchNorm(s.at('bn'), x, 0), 1, { kernel: 1 }) }), 2);
    const { weights } = foldBefore(
      graph,
      new Map([
        ['conv.weight', { shape: [1, 2, 1, 1], data: Float32Array.of(1, 2) }],
        ['conv.bias', of(5)],
        ['bn.weight', of(6, 1)],
        ['bn.bias', of(7, 0)],
        ['bn.running_mean', of(1, 3)],
        ['bn.running_var', of(4, 1)],
      ]),
    );
    // 3x + 4 and x − 3
    expect([...weights].map(([, { data }]) => [...data])).to.deep.equal([[3, 2], [5 + 4 - 6]]);
  });

  it('folds a BatchNorm into unpadded convolutions, also depthwise, in groups and of several taps', async () => {
    for (const groups of [1, 3]) {
      expect(
        await operationsAfter((s, x) => ({
          y: conv2d(s.at('c'), batchNorm(s.at('n'), x), 6, { ...unpadded, groups }),
        })),
      ).to.deep.equal(['conv2d']);
    }
  });

  it('leaves a BatchNorm before a padded convolution alone, whose padding is not shifted', async () => {
    const graph = await operationsAfter((s, x) => ({
      y: conv2d(s.at('c'), batchNorm(s.at('n'), x), 4, { kernel: 3 }),
    }));
    expect(graph).to.deep.equal(['batchNorm', 'conv2d']);
  });

  it('folds a scale into a padded convolution, where zeros stay zeros', async () => {
    expect(await operationsAfter((s, x) => ({ y: conv2d(s.at('c'), scaled(s, x), 4, { kernel: 3 }) }))).to.deep.equal([
      'conv2d',
    ]);
  });

  it('folds several, one after the other', async () => {
    const graph = await operationsAfter((s, x) => ({
      y: conv2d(s.at('c'), batchNorm(s.at('m'), scaled(s, batchNorm(s.at('n'), x))), 4, { kernel: 1, bias: false }),
    }));
    expect(graph).to.deep.equal(['conv2d']);
  });

  it('folds into a linear layer, pixel by pixel', async () => {
    const graph = await operationsAfter((s, x) => ({
      y: linear(s.at('fc'), batchNorm(s.at('n'), F.adaptiveAvgPool(x, { height: 2, width: 3 })), 5, {
        height: 2,
        width: 3,
      }),
    }));
    expect(graph).to.deep.equal(['adaptiveAvgPool', 'linear']);
  });

  it('leaves a norm that is an output, or that something else than a sum or such a convolution reads', async () => {
    const readers: Readonly<Record<string, (scope: Scope, normed: Value) => Value>> = {
      output: (_, normed) => normed,
      relu: (_, normed) => F.relu(normed),
      padded: (s, normed) => conv2d(s.at('p'), normed, 4, { kernel: 3 }),
    };
    for (const [name, reader] of Object.entries(readers)) {
      const graph = await operationsAfter((s, x) => {
        const normed = batchNorm(s.at('n'), x);
        return { a: conv2d(s.at('c'), normed, 4, { kernel: 1 }), b: reader(s, normed) };
      });
      expect(graph, name).to.include('batchNorm');
    }
  });

  it('folds each norm into the weights of a convolution that is called twice', async () => {
    const graph = record((s, x) => {
      const both = (name: string) => conv2d(s.at('c'), batchNorm(s.at(name), x), 4, { kernel: 1 });
      return { a: both('n0'), b: both('n1') };
    });
    const folded = await expectSameOutputs(graph, [foldBefore]);
    expect(operationsOf(folded)).to.deep.equal(['conv2d', 'conv2d']);
    expect(parametersOf(folded).map(({ key }) => key)).to.deep.equal([
      'c:folded.weight',
      'c:folded.bias',
      'c#2:folded.weight',
      'c#2:folded.bias',
    ]);
  });

  it('shares the weights of calls that are folded alike', async () => {
    const graph = record((s, x) => {
      const both = (y: Value) => conv2d(s.at('c'), batchNorm(s.at('n'), y), 3, { kernel: 1 });
      return { y: both(F.relu(both(x))) };
    });
    expect(parametersOf(await expectSameOutputs(graph, [foldBefore], twoImages))).to.have.length(2);
  });
});
