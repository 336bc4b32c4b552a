import { expect } from 'chai';
import { conv2d, F, type Graph, type Scope, type Value } from '../../../src/nn/index.ts';
import { carryScales } from '../../../src/nn/optimise/carry_scales.ts';
import { comparison, countOf, operationsOf, record, seeded, twoImages } from '../../harness/optimised.ts';

const scaled = (scope: Scope, x: Value): Value => F.scale(x, scope.parameter('scale', [1, x.channels, 1, 1]));
const projected = (scope: Scope, x: Value): Value => conv2d(scope, F.gelu(x), x.channels, { kernel: 1 });
/** a·x + W·gelu(V·x) */
const block = (scope: Scope, x: Value): Value =>
  F.add(scaled(scope, x), projected(scope.at('W'), conv2d(scope.at('V'), x, 4, { kernel: 3 })));
const point = (scope: Scope, x: Value): Value => conv2d(scope, x, 4, { kernel: 1 });

describe('carryScales', () => {
  const expectSameOutputs = comparison();
  const four = (graph: Graph, change = (value: number): number => value) => {
    const weights = new Map(
      [...seeded(graph)].map(([key, { shape, data }]) => [
        key,
        { shape, data: key.endsWith('scale') ? data.map((value, i) => change(0.5 + Math.abs(value) + i / 4)) : data },
      ]),
    );
    return expectSameOutputs(graph, [carryScales], twoImages, weights);
  };

  it('leaves plain sums of a stage of blocks, whose readers take the factor', async () => {
    const graph = record((s, x) => {
      let y = conv2d(s.at('stem'), x, 4, { kernel: 3 });
      for (const name of ['0', '1', '2']) y = block(s.at(name), y);
      return { y: conv2d(s.at('last'), y, 2, { kernel: 3 }), mean: point(s.at('mean'), F.globalAvgPool(y)) };
    });
    expect(countOf(await four(graph), 'scale')).to.equal(0);
  });

  it('leaves one scale before an output of it', async () => {
    const graph = record((s, x) => {
      const y = block(s.at('1'), block(s.at('0'), conv2d(s.at('stem'), x, 4, { kernel: 3 })));
      return { y: scaled(s.at('norm'), y) };
    });
    expect(countOf(await four(graph), 'scale')).to.equal(1);
  });

  it('leaves a sum that is an output, or that an activation or another kind of sum reads', async () => {
    const readers: Readonly<Record<string, (y: Value, x: Value) => Value>> = {
      output: (y) => y,
      gelu: (y) => F.gelu(y),
      sum: (y, x) => F.add(y, F.gelu(x)),
      mean: (y) => F.gelu(F.globalAvgPool(y)),
    };
    for (const [name, reader] of Object.entries(readers)) {
      const graph = record((s, x) => {
        const stem = conv2d(s.at('stem'), x, 4, { kernel: 3 });
        const y = block(s, stem);
        return { a: point(s.at('last'), y), b: reader(y, stem) };
      });
      expect(operationsOf(await four(graph)), name).to.deep.equal(operationsOf(graph));
    }
  });

  it('leaves a convolution that something else reads, and factors next to nothing', async () => {
    const shared = record((s, x) => {
      const stem = conv2d(s.at('stem'), x, 4, { kernel: 3 });
      const made = projected(s.at('W'), stem);
      return { a: point(s.at('last'), F.add(scaled(s, stem), made)), b: F.relu(made) };
    });
    expect(countOf(await four(shared), 'scale')).to.equal(1);
    const small = record((s, x) => ({ y: point(s.at('last'), block(s, conv2d(s.at('stem'), x, 4, { kernel: 3 }))) }));
    expect(countOf(await four(small), 'scale')).to.equal(0);
    expect(countOf(await four(small, (value) => value / 1000), 'scale')).to.equal(1);
  });

  it('gives no name to a sum without its factor', async () => {
    const graph = record((s, x) => ({ y: point(s.at('last'), block(s, conv2d(s.at('stem'), x, 4, { kernel: 3 }))) }));
    const { taps } = await four({
      ...graph,
      taps: { ...graph.taps, sum: graph.nodes.findLast(({ op }) => op === 'add')?.id ?? -1 },
    });
    expect(taps).to.include.keys('last', 'stem');
    expect(taps).not.to.include.keys('sum');
  });
});
