import { expect } from 'chai';
import { channelAggregation } from '../../../src/backbones/moganet.ts';
import { batchNorm, conv2d, F, type Scope, type Value } from '../../../src/nn/index.ts';
import { splitProjection } from '../../../src/nn/optimise/split_projection.ts';
import { comparison, operationsOf, record } from '../../harness/optimised.ts';

describe('splitProjection', () => {
  const expectSameOutputs = comparison();
  const operationsAfter = async (forward: (scope: Scope, x: Value) => Readonly<Record<string, Value>>) =>
    operationsOf(await expectSameOutputs(record(forward), [splitProjection]));

  it('widens the common map of channel aggregation to the outputs only', async () => {
    const graph = await operationsAfter((s, x) => ({
      y: conv2d(s.at('fc2'), channelAggregation(s, F.relu(x)), 2, { kernel: 1 }),
    }));
    expect(graph).to.deep.equal(['relu', 'conv2d', 'gelu', 'conv2d', 'conv2d', 'add']);
  });

  it('takes what is added to every pixel into the bias', async () => {
    const graph = await operationsAfter((s, x) => {
      const common = conv2d(s.at('common'), x, 1, { kernel: 1 });
      return {
        y: conv2d(s.at('fc2'), F.sub(batchNorm(s.at('n'), F.relu(x)), F.relu(common)), 3, { kernel: 1, bias: false }),
      };
    });
    expect(graph).to.deep.equal(['conv2d', 'relu', 'relu', 'conv2d', 'conv2d', 'add']);
  });

  it('leaves sums that are read twice, windows, more outputs than inputs, two wide maps, and a single sum', async () => {
    const sum = (s: Scope, x: Value) => F.sub(F.relu(x), F.gelu(conv2d(s.at('common'), x, 1, { kernel: 1 })));
    const aggregated = (s: Scope, x: Value) => channelAggregation(s, F.relu(x));
    const left: Readonly<Record<string, (s: Scope, x: Value) => Readonly<Record<string, Value>>>> = {
      twice: (s, x) => {
        const y = aggregated(s, x);
        return { y: conv2d(s.at('fc2'), y, 3, { kernel: 1 }), z: F.relu(y) };
      },
      windows: (s, x) => ({ y: conv2d(s.at('fc2'), aggregated(s, x), 3, { kernel: 3 }) }),
      more: (s, x) => ({ y: conv2d(s.at('fc2'), aggregated(s, x), 4, { kernel: 1 }) }),
      single: (s, x) => ({ y: conv2d(s.at('fc2'), sum(s, x), 3, { kernel: 1 }) }),
      wide: (s, x) => ({ y: conv2d(s.at('fc2'), F.add(aggregated(s, x), F.sigmoid(x)), 3, { kernel: 1 }) }),
    };
    for (const [name, forward] of Object.entries(left)) {
      expect(
        (await operationsAfter(forward)).filter((op) => op === 'conv2d'),
        name,
      ).to.have.length(2);
    }
  });
});
