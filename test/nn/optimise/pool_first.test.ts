import { expect } from 'chai';
import { batchNorm, conv2d, F, type Scope, type Value } from '../../../src/nn/index.ts';
import { poolFirst } from '../../../src/nn/optimise/pool_first.ts';
import { comparison, operationsOf, record } from '../../harness/optimised.ts';

describe('poolFirst', () => {
  const expectSameOutputs = comparison();
  const operationsAfter = async (forward: (scope: Scope, x: Value) => Readonly<Record<string, Value>>) =>
    operationsOf(await expectSameOutputs(record(forward), [poolFirst]));
  const point = { kernel: 1 } as const;

  it('takes the mean before a 1×1 convolution and a norm', async () => {
    const graph = await operationsAfter((s, x) => ({
      y: F.globalAvgPool(conv2d(s.at('c'), batchNorm(s.at('n'), x), 2, point)),
    }));
    expect(graph).to.deep.equal(['globalAvgPool', 'batchNorm', 'conv2d']);
  });

  it('keeps the convolution for the sums that read it', async () => {
    const graph = await operationsAfter((s, x) => {
      const y = conv2d(s.at('c'), x, 4, point);
      return { y: F.sub(y, F.globalAvgPool(y)) };
    });
    expect(graph).to.deep.equal(['conv2d', 'globalAvgPool', 'conv2d', 'sub']);
  });

  it('stays behind convolutions that pad, stride, or see more than a pixel', async () => {
    for (const options of [{ kernel: 3 }, { kernel: 1, padding: 1 }, { kernel: 1, stride: 2 }]) {
      const graph = await operationsAfter((s, x) => ({ y: F.globalAvgPool(conv2d(s.at('c'), x, 4, options)) }));
      expect(graph).to.deep.equal(['conv2d', 'globalAvgPool']);
    }
  });

  it('stays behind a convolution that reduces the channels, or that an activation or an output reads', async () => {
    const readers: readonly ((y: Value) => Value)[] = [(y) => F.relu(y), (y) => y];
    for (const reader of readers) {
      const graph = await operationsAfter((s, x) => {
        const y = conv2d(s.at('c'), x, 4, point);
        return { y: F.globalAvgPool(y), other: reader(y) };
      });
      expect(graph.filter((op) => op === 'conv2d')).to.have.length(1);
    }
    const reduced = await operationsAfter((s, x) => {
      const y = conv2d(s.at('c'), x, 2, point);
      return { y: F.sub(y, F.globalAvgPool(y)) };
    });
    expect(reduced).to.deep.equal(['conv2d', 'globalAvgPool', 'sub']);
  });
});
