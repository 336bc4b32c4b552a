import { expect } from 'chai';
import { conv2d, F, type Scope, type Value } from '../../../src/nn/index.ts';
import { separateMaps } from '../../../src/nn/optimise/separate_maps.ts';
import { comparison, operationsOf, record } from '../../harness/optimised.ts';
import { seededInput } from '../../harness/seeded.ts';

describe('separateMaps', () => {
  const expectSameOutputs = comparison();
  const operationsAfter = async (forward: (scope: Scope, x: Value) => Value) =>
    operationsOf(
      await expectSameOutputs(
        record((s, x) => ({ y: forward(s, x) }), 16),
        [separateMaps],
        seededInput('x', [2, 16, 6, 5]),
      ),
    );
  const joined = (x: Value) => F.concat([x, F.relu(x), F.slice(F.concat([x, x]), 0, 32)]);

  it('turns a convolution of joined maps into a sum of convolutions', async () => {
    for (const bias of [true, false]) {
      const graph = await operationsAfter((s, x) => conv2d(s.at('c'), joined(x), 8, { kernel: 3, stride: 2, bias }));
      expect(graph).to.deep.equal(['relu', 'concat', 'slice', 'conv2d', 'conv2d', 'conv2d', 'add', 'add']);
    }
  });

  const kept: readonly [string, (scope: Scope, x: Value) => Value][] = [
    ['single pixels', (s, x) => conv2d(s.at('c'), F.concat([x, F.relu(x)]), 8, { kernel: 1 })],
    ['groups', (s, x) => conv2d(s.at('c'), F.concat([x, F.relu(x)]), 8, { kernel: 3, groups: 2 })],
    ['maps of other than whole blocks', (s, x) => conv2d(s.at('c'), F.concat([x, F.slice(x, 0, 8)]), 8, { kernel: 3 })],
    [
      'maps that something else reads joined',
      (s, x) => {
        const both = F.concat([x, F.relu(x)]);
        return F.add(conv2d(s.at('c'), both, 32, { kernel: 3 }), both);
      },
    ],
    ['images one after another', (s, x) => conv2d(s.at('c'), F.concat([x, F.relu(x)], 'batch'), 8, { kernel: 3 })],
  ];
  for (const [what, forward] of kept) {
    it(`keeps a convolution of ${what}`, async () => {
      const graph = await operationsAfter(forward);
      expect(graph.filter((op) => op === 'conv2d')).to.have.length(1);
      expect(graph).to.include('concat');
    });
  }
});
