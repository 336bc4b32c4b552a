import { expect } from 'chai';
import type { Named, NDArray, Weights } from '../../src/arrays.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import {
  type Engine,
  type Graph,
  map,
  type Pass,
  parametersOf,
  programOf,
  recordPart,
  type Scope,
  type Value,
} from '../../src/nn/index.ts';
import { seededInput, seededWeight } from './seeded.ts';

/** Compares a graph before and after passes, on the plainest engine. */

/** Records a graph of one input `x`. */
export const record = (forward: (scope: Scope, x: Value) => Named<Value>, channels = 3): Graph =>
  recordPart({ name: 'test', inputs: { x: map(channels) }, forward: (scope, { x }) => forward(scope, x) });

/** Gives every parameter of a graph a value by the formula of its key. */
export const seeded = (graph: Graph): Weights =>
  new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)]));

/** Lists the operations of a graph in order, without parameters and inputs. */
export const operationsOf = (graph: Graph): string[] =>
  graph.nodes.flatMap(({ op }) => (op === 'param' || op === 'input' ? [] : [op]));

export const countOf = (graph: Graph, op: string): number => operationsOf(graph).filter((each) => each === op).length;

/** Two images of three channels and an odd size. */
export const twoImages = seededInput('x', [2, 3, 6, 5]);

/** Starts the engine of a `describe`, and compares on it. */
export function comparison() {
  let engine: Engine;
  before(async () => {
    engine = await tfjsEngine('cpu');
  });
  after(() => engine.dispose());

  async function outputsOf(graph: Graph, weights: Weights, inputs: Named<NDArray>): Promise<Map<string, NDArray>> {
    const runner = await engine.load({ name: 'test', graph, weights });
    const outputs = new Map<string, NDArray>();
    for (const [name, tensor] of Object.entries(await runner.run(inputs))) {
      outputs.set(name, await tensor.read());
      tensor.dispose();
    }
    runner.dispose();
    return outputs;
  }

  /**
   * Expects the outputs to stay, and returns the new graph. Folding rounds each weight once more: a few float32 steps of
   * the largest value.
   */
  return async function expectSameOutputs(
    graph: Graph,
    passes: readonly Pass[],
    input = twoImages,
    weights = seeded(graph),
    tolerance = 2e-6,
  ): Promise<Graph> {
    const [name = 'x'] = Object.keys(graph.inputs);
    const plain = programOf('plain', graph, weights);
    const changed = programOf('changed', graph, weights, passes);
    const expected = await outputsOf(plain.graph, plain.weights, { [name]: input });
    const actual = await outputsOf(changed.graph, changed.weights, { [name]: input });
    expect([...actual.keys()]).to.deep.equal([...expected.keys()]);
    for (const [output, { shape, data }] of actual) {
      const wanted = expected.get(output);
      const peak = wanted?.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0) ?? 0;
      expect(shape).to.deep.equal(wanted?.shape);
      wanted?.data.forEach((value, i) => {
        expect(data[i], `${output}, value ${i}`).to.be.closeTo(value, tolerance * peak);
      });
    }
    return changed.graph;
  };
}
