import { expect } from 'chai';
import { conv2d, F, parametersOf } from '../../../src/nn/index.ts';
import { mergeEqual } from '../../../src/nn/optimise/merge_equal.ts';
import { comparison, operationsOf, record } from '../../harness/optimised.ts';

describe('mergeEqual', () => {
  const expectSameOutputs = comparison();

  it('computes once what is computed twice, and keeps both outputs', async () => {
    const graph = record((s, x) => {
      const made = () => F.relu(conv2d(s.at('c'), x, 3, { kernel: 1 }));
      return { a: made(), b: F.add(made(), x) };
    });
    const merged = await expectSameOutputs(graph, [mergeEqual]);
    expect(operationsOf(merged)).to.deep.equal(['conv2d', 'relu', 'add']);
    expect(parametersOf(merged)).to.have.length(2);
  });

  it('tells other attributes, other parameters and the order of operands apart', async () => {
    const graph = record((s, x) => {
      const [a, b] = [F.relu(x), F.sigmoid(x)];
      return {
        conv: F.add(conv2d(s.at('c'), x, 3, { kernel: 1 }), conv2d(s.at('d'), x, 3, { kernel: 1 })),
        sub: F.add(F.sub(a, b), F.sub(b, a)),
        slice: F.add(F.slice(x, 0, 1), F.slice(x, 1, 2)),
      };
    });
    const merged = await expectSameOutputs(graph, [mergeEqual]);
    expect(operationsOf(merged)).to.deep.equal(operationsOf(graph));
  });
});
