import { expect } from 'chai';
import fc from 'fast-check';
import { moganet } from '../../../src/backbones/moganet.ts';
import {
  batchNorm,
  conv2d,
  F,
  type Graph,
  map,
  parametersOf,
  programOf,
  recordPart,
  type Scope,
  shapesOf,
  type Value,
} from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { comparison, countOf, operationsOf, record, seeded } from '../../harness/optimised.ts';
import { seededInput } from '../../harness/seeded.ts';

/** All passes together, and each alone, on graphs at random and on MogaNet-XT. */

const scaled = (scope: Scope, x: Value): Value => F.scale(x, scope.parameter('layer_scale', [1, x.channels, 1, 1]));

/** A step of a random graph: an operation, its operands among the values so far, and which module it calls. */
interface Step {
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly module: number;
}

const wide = 4;
const pick = (values: readonly Value[], at: number): Value => values[at % values.length]!;

/** Applies a step to values of four channels or one, of a map or a pixel. Modules are shared by the number. */
function apply(scope: Scope, values: readonly Value[], { op, a, b, module }: Step): Value {
  const x = pick(values, a);
  const of = (name: string) => scope.at(`${name}${module}_${x.channels}`);
  const others = values.filter(({ channels }) => channels === x.channels || channels === 1 || x.channels === 1);
  const y = pick(others, b);
  const steps: readonly (() => Value)[] = [
    () => conv2d(of('point'), x, wide, { kernel: 1, bias: module > 0 }),
    () => conv2d(of('window'), x, wide, { kernel: 3 }),
    () => conv2d(of('depth'), x, x.channels, { kernel: 3, groups: x.channels, bias: false }),
    () => conv2d(of('narrow'), x, 1, { kernel: 1 }),
    () => batchNorm(of('norm'), x),
    () => scaled(of('scale'), x),
    () => F.add(x, y),
    () => F.sub(x, y),
    () => F.globalAvgPool(x),
    () => F.gelu(x),
    () => F.mul(x, y),
  ];
  return steps[op % steps.length]!();
}

const step = fc.record({ op: fc.nat(10), a: fc.nat(20), b: fc.nat(20), module: fc.nat(1) });
const graphs = fc.record({ steps: fc.array(step, { minLength: 3, maxLength: 14 }), also: fc.nat(20) }).map(
  ({ steps, also }): Graph =>
    record((scope, x) => {
      const values = [conv2d(scope.at('stem'), x, wide, { kernel: 3 })];
      for (const next of steps) values.push(apply(scope, values, next));
      return { last: values.at(-1)!, other: pick(values, also) };
    }),
);

describe('the passes', () => {
  const expectSameOutputs = comparison();

  for (const order of [...passes.map((pass) => [pass]), passes, passes.toReversed()]) {
    const name = order.length === 1 ? order[0]!.name : order.map((pass) => pass.name).join(', ');
    it(`keep the outputs of graphs at random: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(graphs, async (graph) => {
          // sums of random signs may cancel, so that the rounding of the weights is larger beside what is left
          await expectSameOutputs(graph, order, seededInput('x', [2, 3, 4, 5]), seeded(graph), 1e-4);
        }),
        { numRuns: 150 },
      );
    });
  }

  it('never add operations on whole maps', () => {
    const size = { x: { batch: 1, height: 8, width: 8 } };
    const onMaps = (graph: Graph): number => {
      const shapes = shapesOf(graph, size);
      return graph.nodes.filter(({ id, op }) => op !== 'input' && op !== 'param' && (shapes[id]?.width ?? 0) > 1)
        .length;
    };
    fc.assert(
      fc.property(graphs, (graph) => {
        const weights = seeded(graph);
        const plain = programOf('plain', graph, weights).graph;
        expect(onMaps(programOf('folded', graph, weights, passes).graph)).to.be.at.most(onMaps(plain));
      }),
      { numRuns: 300 },
    );
  });

  it('leave MogaNet-XT these operations', () => {
    const { forward } = moganet({ type: 'moganet', arch: 'xt' });
    const graph = recordPart({
      name: 'xt',
      inputs: { image: map(3) },
      forward: (scope, { image }) => Object.fromEntries(forward(scope, image).map((x, i) => [`stage${i}`, x])),
    });
    const plain = programOf('plain', graph, seeded(graph)).graph;
    const { graph: folded, weights } = programOf('folded', graph, seeded(graph), passes);
    const countsOf = (of: Graph) =>
      Object.fromEntries([...new Set(operationsOf(of))].map((op) => [op, countOf(of, op)]));
    expect(operationsOf(plain)).to.have.length(645);
    expect(countsOf(plain)).to.include({ batchNorm: 45, scale: 72, sub: 36, add: 90, conv2d: 203 });
    expect(operationsOf(folded)).to.have.length(514);
    // a block has one difference and three sums; a stage one scale, its norm
    expect(countsOf(folded)).to.deep.equal({
      conv2d: 239,
      gelu: 37,
      globalAvgPool: 18,
      sub: 18,
      silu: 54,
      slice: 54,
      concat: 18,
      mul: 18,
      scale: 4,
      add: 54,
    });
    expect([...weights.keys()].sort()).to.deep.equal(
      parametersOf(folded)
        .map(({ key }) => key)
        .sort(),
    );
  });

  it('leave their arguments unchanged', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const weights = seeded(graph);
        const before = JSON.stringify([graph, [...weights]]);
        for (const pass of passes) pass(graph, weights);
        expect(JSON.stringify([graph, [...weights]])).to.equal(before);
      }),
      { numRuns: 20 },
    );
  });
});
