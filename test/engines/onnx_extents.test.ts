import { expect } from 'chai';
import { type Extents, extentsOf } from '../../src/engines/onnx/extents.ts';
import {
  batchNorm,
  conv2d,
  convTranspose2d,
  F,
  type Graph,
  groupNorm,
  type InputExtent,
  layerNorm,
  linear,
  map,
  mixPositions,
  recordPart,
  regions,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import type { Operation } from '../../src/nn/ops.ts';
import { networkOf } from '../harness/golden/networks.ts';

/** The names of extents that an ONNX file has for sizes that only a run knows. */

type Apply = (scope: Scope, x: Value, boxes: Value) => Value;

const parameter = (scope: Scope, ...shape: number[]) => scope.parameter('weight', shape);
const align = { outputSize: { height: 7, width: 5 }, spatialScale: 1, samplingRatio: 2, aligned: true };
const bins = { height: 3, width: 4 };

const cases: { readonly [K in Operation]: readonly Apply[] } = {
  conv2d: [
    (s, x) => conv2d(s, x, 4, { kernel: 1 }),
    (s, x) => conv2d(s, x, 4, { kernel: 1, stride: 2 }),
    (s, x) => conv2d(s, x, 4, { kernel: 3, padding: 0 }),
    (s, x) => conv2d(s, x, 4, { kernel: 3, padding: 1, stride: 2 }),
    (s, x) => conv2d(s, x, 4, { kernel: 7, padding: 3, stride: 4 }),
    (s, x) => conv2d(s, x, 4, { kernel: 1, padding: 2, stride: 3 }),
    (s, x) => conv2d(s, x, 12, { kernel: { height: 5, width: 3 }, dilation: 3, groups: 12 }),
  ],
  convTranspose2d: [
    (s, x) => convTranspose2d(s, x, 4, { kernel: 2, stride: 2 }),
    (s, x) => convTranspose2d(s, x, 4, { kernel: 3, stride: 2, padding: 1 }),
    (s, x) => convTranspose2d(s, x, 4, { kernel: 4, stride: 1 }),
    (s, x) => convTranspose2d(s, x, 4, { kernel: 3, stride: 2, padding: 1, outputPadding: 1, bias: false }),
    (s, x) => convTranspose2d(s, F.adaptiveAvgPool(x, bins), 4, { kernel: 3, stride: 2, padding: 1 }),
  ],
  linear: [(s, x) => linear(s, F.globalAvgPool(x), 50)],
  batchNorm: [(s, x) => batchNorm(s, x)],
  groupNorm: [(s, x) => groupNorm(s, x, 3)],
  layerNorm: [(s, x) => layerNorm(s, x)],
  relu: [(_, x) => F.relu(x)],
  silu: [(_, x) => F.silu(x)],
  sigmoid: [(_, x) => F.sigmoid(x)],
  gelu: [(_, x) => F.gelu(x)],
  hardsigmoid: [(_, x) => F.hardsigmoid(x)],
  hardswish: [(_, x) => F.hardswish(x)],
  scale: [(s, x) => F.scale(x, parameter(s, 1, 12, 1, 1))],
  add: [(_, x) => F.add(x, F.relu(x)), (_, x) => F.add(F.globalAvgPool(x), x)],
  sub: [(_, x) => F.sub(x, F.globalAvgPool(x))],
  mul: [(_, x) => F.mul(F.sigmoid(F.globalAvgPool(x)), x)],
  concat: [(_, x) => F.concat([x, F.relu(x)]), (_, x) => F.concat([x, x], 'batch')],
  slice: [(_, x) => F.slice(x, 2, 9)],
  globalAvgPool: [(_, x) => F.globalAvgPool(x)],
  adaptiveAvgPool: [(_, x) => F.adaptiveAvgPool(x, bins)],
  maxPool: [
    (_, x) => F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }),
    (_, x) => F.maxPool(x, { kernel: 1, stride: 2 }),
  ],
  avgPool: [(_, x) => F.avgPool(x, { kernel: 3, stride: 2, padding: 1 }), (_, x) => F.avgPool(x, { kernel: 2 })],
  resize: [
    (_, x) => F.resize(x, { factor: 2 }),
    (_, x) => F.resize(x, { factor: 1 }),
    (_, x) => F.resize(F.maxPool(x, { kernel: 2, stride: 2 }), { like: x }),
  ],
  roiAlign: [(_, x, boxes) => F.roiAlign(x, boxes, align)],
  padToMultiple: [(_, x) => F.padToMultiple(x, 7)],
  mergePatches: [(_, x) => F.mergePatches(x), (_, x) => F.mergePatches(F.adaptiveAvgPool(x, bins))],
  windowAttention: [
    (s, x) =>
      F.windowAttention(x, { table: parameter(s, 13 ** 2, 2) }, { heads: 2, window: 7, shift: 3, padding: 'last' }),
  ],
  attention: [(_, x) => F.attention(x, 2)],
  linearAttention: [(_, x) => F.linearAttention(x, 2)],
  mixPositions: [(s, x) => mixPositions(s, F.adaptiveAvgPool(x, bins), bins, 6)],
  shift: [(_, x) => F.shift(x, { rows: 1, columns: -2 })],
  circularConv2d: [(s, x) => F.circularConv2d(x, parameter(s, 12, 1, 9, 1), 'height')],
  addAlongAxis: [(s, x) => F.addAlongAxis(x, parameter(s, 1, 12, 9, 1), 'height')],
};

const sizes: readonly Readonly<Record<string, InputExtent>>[] = [
  { x: { batch: 2, height: 40, width: 36 }, boxes: { batch: 5 } },
  { x: { batch: 3, height: 61, width: 47 }, boxes: { batch: 1 } },
];

describe('the extents of an ONNX file', () => {
  for (const [operation, applies] of Object.entries(cases)) {
    it(`of ${operation} are those of a run`, () => {
      for (const apply of applies) {
        const graph = recordPart({
          name: operation,
          inputs: { x: map(12), boxes: regions },
          forward: (scope, { x, boxes }) => ({ y: apply(scope, x, boxes) }),
        });
        expect(graph.nodes.map(({ op }) => op)).to.include(operation);
        for (const inputs of sizes) expectAgreement(graph, inputs, operation === 'concat' ? ['batch'] : []);
      }
    });
  }

  it('of a whole network are those of a run', () => {
    const graph = recordPart(
      networkOf({
        kind: 'moganet',
        arch: { embed_dims: [8, 16], depths: [1, 1], ffn_ratios: [4, 2] },
        kwargs: { num_classes: 3, patch_sizes: [3, 3], patchembed_types: ['ConvEmbed', 'Conv'] },
      }),
    );
    for (const { x } of sizes) if (x) expectAgreement(graph, { input: x });
  });

  it('have equal names if they are computed alike, by whatever operations', () => {
    const { first, second, third } = extentsOfOutputs((scope, x) => ({
      first: F.relu(conv2d(scope.at('a'), x, 4, { kernel: 3, stride: 2, padding: 1 })),
      second: F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }),
      third: F.mergePatches(x),
    }));
    expect(first).to.deep.equal({ batch: 'x.batch', height: 'ceil(x.height/2)', width: 'ceil(x.width/2)' });
    expect(second).to.deep.equal(first);
    expect(third).to.deep.equal(first);
  });

  it('have other names if a run may make them differ', () => {
    const { whole, cut, halves, grown, other } = extentsOfOutputs((scope, x, y) => ({
      whole: F.relu(x),
      cut: conv2d(scope.at('a'), x, 4, { kernel: 3, padding: 0 }),
      halves: F.resize(F.maxPool(x, { kernel: 2, stride: 2 }), { factor: 2 }),
      grown: F.resize(F.mergePatches(x), { factor: 2 }),
      other: F.relu(y),
    }));
    const heights = [whole, cut, halves, grown, other].map((each) => each?.height);
    expect(heights).to.deep.equal([
      'x.height',
      '(x.height-2)',
      '2*ceil((x.height-1)/2)', // without the last row of an odd height
      '2*ceil(x.height/2)', // with one row more
      'y.height',
    ]);
  });

  it('have no name if the extents of a sum may be either', () => {
    const { sum } = extentsOfOutputs((_, x, y) => ({ sum: F.add(x, y) }));
    expect(sum).to.deep.equal({ batch: undefined, height: undefined, width: undefined });
  });
});

/** Expects that names stand for what a run has, at every map. Only the axes of `unnamed` may have no name. */
function expectAgreement(
  graph: Graph,
  inputs: Readonly<Record<string, InputExtent>>,
  unnamed: readonly string[] = [],
): void {
  const shapes = shapesOf(graph, inputs);
  const numbers = new Map<string, number>();
  for (const [input, { batch, height, width }] of Object.entries(inputs)) {
    numbers.set(height === undefined ? `${input}.count` : `${input}.batch`, batch);
    if (height !== undefined) numbers.set(`${input}.height`, height);
    if (width !== undefined) numbers.set(`${input}.width`, width);
  }
  const extents = extentsOf(graph);
  expect(extents).to.have.length(graph.nodes.length);
  for (const [id, found] of extents.entries()) {
    const { batch, height, width } = shapes[id] ?? {};
    for (const [axis, real] of Object.entries({ batch, height, width })) {
      const extent = found?.[axis as keyof Extents];
      if (extent === undefined && unnamed.includes(axis)) continue;
      const what = `${graph.nodes[id]?.op} ${id}: ${axis} ${extent}`;
      expect(extent === undefined ? undefined : numberOf(extent, numbers), what).to.equal(real);
    }
  }
}

/** Computes what a name says. */
function numberOf(extent: number | string, numbers: ReadonlyMap<string, number>): number {
  if (typeof extent === 'number') return extent;
  const [, divided, divisor] = /^ceil\((.*)\/(\d+)\)$/.exec(extent) ?? [];
  if (divided !== undefined) return Math.ceil(numberOf(divided, numbers) / Number(divisor));
  const [, factor, multiplied] = /^(\d+)\*(.*)$/.exec(extent) ?? [];
  if (multiplied !== undefined) return Number(factor) * numberOf(multiplied, numbers);
  const [, increased, more] = /^\((.*)([+-]\d+)\)$/.exec(extent) ?? [];
  if (increased !== undefined) return numberOf(increased, numbers) + Number(more);
  const value = numbers.get(extent);
  if (value === undefined) throw new Error(`no input has the extent ${extent}`);
  return value;
}

function extentsOfOutputs(
  forward: (scope: Scope, x: Value, y: Value) => Readonly<Record<string, Value>>,
): Readonly<Record<string, Extents | undefined>> {
  const graph = recordPart({
    name: 'outputs',
    inputs: { x: map(12), y: map(12) },
    forward: (scope, { x, y }) => forward(scope, x, y),
  });
  const extents = extentsOf(graph);
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, extents[id]]));
}
