import { expect } from 'chai';
import { moganet } from '../../../src/backbones/moganet.ts';
import { conv2d, F, map, programOf, recordPart, type Scope, type Value } from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { wholeMaps } from '../../../src/nn/optimise/whole_maps.ts';
import { comparison, countOf, operationsOf, record, seeded } from '../../harness/optimised.ts';
import { seededInput } from '../../harness/seeded.ts';

describe('wholeMaps', () => {
  const expectSameOutputs = comparison();
  const depthwise = (scope: Scope, x: Value, options: { kernel: number; dilation?: number; bias?: boolean }) =>
    conv2d(scope, x, x.channels, { ...options, groups: x.channels });
  const operationsAfter = async (forward: (scope: Scope, x: Value) => Value) =>
    operationsOf(
      await expectSameOutputs(
        record((s, x) => ({ y: forward(s, x) }), 8),
        [wholeMaps],
        seededInput('x', [2, 8, 6, 5]),
        undefined,
        0,
      ),
    );

  it('turns slices, dilated convolutions and their concatenation into a sum, to the bit', async () => {
    const graph = await operationsAfter((s, x) =>
      F.concat([
        F.slice(x, 0, 1),
        depthwise(s.at('middle'), F.slice(x, 1, 4), { kernel: 5, dilation: 2 }),
        depthwise(s.at('high'), F.slice(x, 4), { kernel: 3, dilation: 3, bias: false }),
      ]),
    );
    expect(graph).to.deep.equal(['conv2d', 'conv2d', 'add']);
  });

  it('passes on parts that are not convolved, wherever they are', async () => {
    const graph = await operationsAfter((s, x) =>
      F.concat([F.slice(x, 0, 2), depthwise(s.at('middle'), F.slice(x, 2, 6), { kernel: 3 }), F.slice(x, 6)]),
    );
    expect(graph).to.deep.equal(['conv2d']);
  });

  const kept: readonly [string, (scope: Scope, x: Value) => Value][] = [
    [
      'parts in another order',
      (s, x) => F.concat([F.slice(x, 4), depthwise(s.at('c'), F.slice(x, 0, 4), { kernel: 3 })]),
    ],
    [
      'a map of which channels are left out',
      (s, x) => F.concat([F.slice(x, 1, 4), depthwise(s.at('c'), F.slice(x, 4), { kernel: 3 })]),
    ],
    [
      'parts of two maps',
      (s, x) => F.concat([F.slice(F.relu(x), 0, 4), depthwise(s.at('c'), F.slice(x, 4), { kernel: 3 })]),
    ],
    [
      'a convolution of few channels',
      (s, x) => F.concat([F.slice(x, 0, 6), depthwise(s.at('c'), F.slice(x, 6), { kernel: 3 })]),
    ],
    [
      'a convolution across channels',
      (s, x) => F.concat([F.slice(x, 0, 4), conv2d(s.at('c'), F.slice(x, 4), 4, { kernel: 3 })]),
    ],
    ['slices alone', (_, x) => F.concat([F.slice(x, 0, 4), F.slice(x, 4)])],
    [
      'a convolution that something else reads',
      (s, x) => {
        const y = depthwise(s.at('c'), F.slice(x, 4), { kernel: 3 });
        return F.add(F.concat([F.slice(x, 0, 4), y]), F.concat([y, y]));
      },
    ],
  ];
  for (const [what, forward] of kept) {
    it(`keeps the concatenation for ${what}`, async () => {
      expect(await operationsAfter(forward)).to.include('concat');
    });
  }

  it('leaves no slice in MogaNet, behind the other passes', async () => {
    const net = moganet({
      type: 'moganet',
      arch: { dims: [16, 16, 16, 32], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] },
    });
    const graph = recordPart({
      name: 'nano',
      inputs: { x: map(3) },
      forward: (scope, { x }) => Object.fromEntries(net.forward(scope, x).map((y, i) => [`stage${i}`, y])),
    });
    const before = programOf('nano', graph, seeded(graph), passes).graph;
    const after = programOf('nano', graph, seeded(graph), [...passes, wholeMaps]).graph;
    expect(countOf(before, 'slice')).to.equal(4 * 3);
    expect(countOf(after, 'slice') + countOf(after, 'concat')).to.equal(0);
    expect(countOf(after, 'conv2d')).to.equal(countOf(before, 'conv2d'));
  });
});
