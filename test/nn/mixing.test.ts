import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import {
  costOf,
  F,
  type Graph,
  map,
  mixPositions,
  recordPart,
  type Scope,
  shapesOf,
  totalCost,
  type Value,
} from '../../src/nn/index.ts';
import { receptiveFields } from '../../src/nn/receptive_field.ts';

/** The operations that mix the pixels of a map: what they cost, how far they see, what they refuse. */

const graphOf = (channels: number, forward: (scope: Scope, x: Value) => Value): Graph =>
  recordPart({
    name: 'mixing',
    inputs: { x: map(channels) },
    forward: (scope, { x }) => ({ y: forward(scope.at('mix'), x) }),
  });

const costAt = (graph: Graph, height: number, width: number) =>
  totalCost(costOf(graph, { x: { batch: 1, height, width } }));

describe('operations that mix pixels', () => {
  it('count queries by keys and weights by values in attention', () => {
    // 6 pixels, 4 channels: 6 · 6 · 4 products, twice, however many heads
    for (const heads of [1, 2]) {
      expect(
        costAt(
          graphOf(12, (_, x) => F.attention(x, heads)),
          2,
          3,
        ).macs,
      ).to.equal(2 * 6 * 6 * 4);
    }
  });

  it('count keys by values, queries by that and by the sum of keys in linear attention', () => {
    // 6 pixels, 2 heads of 2 channels: per pixel and head 2 · 2 products twice, and 2 for the sum
    expect(
      costAt(
        graphOf(12, (_, x) => F.linearAttention(x, 2)),
        2,
        3,
      ).macs,
    ).to.equal(6 * 2 * (4 + 4 + 2));
  });

  it('count a linear layer over positions once for every channel', () => {
    const { macs, linearBias } = costAt(
      graphOf(3, (scope, x) => mixPositions(scope, x, 2, { height: 1, width: 5 })),
      2,
      2,
    );
    expect({ macs, linearBias }).to.deep.equal({ macs: 3 * 4 * 5, linearBias: 3 * 5 });
  });

  it('count the inputs of a mean as pooling, and nothing for a shift', () => {
    const pooled = costAt(
      graphOf(2, (_, x) => F.avgPool(x, { kernel: 3, stride: 1, padding: 1 })),
      4,
      5,
    );
    expect(pooled.pool).to.equal(2 * 4 * 5);
    expect(
      Object.values(
        costAt(
          graphOf(2, (_, x) => F.shift(x, { rows: 1 })),
          4,
          5,
        ),
      ).every((n) => n === 0),
    ).to.equal(true);
  });

  it('see as far as their windows, or everywhere', () => {
    const fieldOf = (forward: (scope: Scope, x: Value) => Value) => receptiveFields(graphOf(6, forward)).y?.extent;
    expect(fieldOf((_, x) => F.avgPool(x, { kernel: 3, stride: 1, padding: 1 }))).to.deep.equal({
      height: 3,
      width: 3,
    });
    expect(fieldOf((_, x) => F.add(x, F.shift(x, { columns: -1 })))).to.deep.equal({ height: 1, width: 3 });
    expect(fieldOf((_, x) => F.attention(x, 1))).to.equal(undefined);
    expect(fieldOf((_, x) => F.linearAttention(x, 1))).to.equal(undefined);
  });

  it('refuse unfit maps by name', () => {
    const graph = graphOf(3, (scope, x) => mixPositions(scope, x, 7, 7));
    expect(() => shapesOf(graph, { x: { batch: 1, height: 7, width: 8 } })).to.throw(
      ShapeError,
      'mix: mixPositions takes maps of 7×7 pixels, got 3×7×8.',
    );
    expect(() => graphOf(8, (_, x) => F.attention(x, 2))).to.throw(
      ShapeError,
      'attention needs channels for queries, keys and values of 2 heads, got 8.',
    );
    expect(() => graphOf(8, (_, x) => F.linearAttention(x, 2))).to.throw(ShapeError, 'linearAttention needs channels');
  });
});
