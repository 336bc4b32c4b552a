import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import {
  type Engine,
  type Graph,
  type InputKind,
  loadPart,
  map,
  parametersOf,
  recordPart,
  regions,
} from '../../src/nn/index.ts';
import { namedOutputs } from './engines.ts';
import type { OperationCase } from './operation_case.ts';
import { seededWeight } from './seeded.ts';

/** Runs operation cases on an engine. */

/** For float32 sums of at most a few hundred products, in any order. */
const relativeTolerance = 1e-5;

const kindOf = ({ shape: [, channels = 5, ...axes] }: NDArray): InputKind =>
  axes.length === 0 ? regions : map(channels);

export const graphOf = ({ name, inputs, forward }: OperationCase): Graph =>
  recordPart({
    name,
    inputs: Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, kindOf(value)])),
    forward: (scope, values) => ({ y: forward(scope, values) }),
  });

export async function resultOf(engine: Engine, operation: OperationCase): Promise<NDArray> {
  const graph = graphOf(operation);
  const weights = new Map(
    parametersOf(graph).map(({ key, shape }) => [key, operation.weights?.[key] ?? seededWeight(key, shape)]),
  );
  const runner = await loadPart(engine, { name: operation.name, graph }, weights);
  const { y } = await namedOutputs(runner, operation.inputs, 'y');
  const result = await y.read();
  y.dispose();
  runner.dispose();
  return result;
}

export function expectClose(actual: NDArray, expected: NDArray): void {
  expect(actual.shape, 'shape').to.deep.equal(expected.shape);
  const peak = expected.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expected.data.forEach((value, i) => {
    expect(actual.data[i], `value ${i}`).to.be.closeTo(value, relativeTolerance * peak);
  });
}
