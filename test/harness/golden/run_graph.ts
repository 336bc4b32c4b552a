import type { Named, NDArray, TypedArray, Weights } from '../../../src/arrays.ts';
import { readAll } from '../../../src/models/task.ts';
import {
  type DeviceTensor,
  type Engine,
  type Graph,
  type Part,
  type Pass,
  programOf,
  recordPart,
} from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { type Difference, expectTensor, type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Runs parts on an engine and compares the outputs with a golden case. */

export type EngineRunner = (golden: GoldenCase, engine: Engine) => Promise<void>;

/** Runs a graph and returns its outputs; nothing stays on the device. */
export async function runGraph(
  engine: Engine,
  graph: Graph,
  weights: Weights,
  inputs: Named<NDArray>,
  chosen: readonly Pass[],
): Promise<Named<NDArray>> {
  const runner = await engine.load(programOf('golden', graph, weights, chosen));
  try {
    return await readOnce(await runner.run(inputs));
  } finally {
    runner.dispose();
  }
}

/** Reads tensors and frees them. */
export async function readOnce(tensors: Named<DeviceTensor>): Promise<Named<NDArray>> {
  const arrays = await readAll(tensors);
  for (const tensor of Object.values(tensors)) tensor.dispose();
  return arrays;
}

/** Names a tensor of a case: an output of the part, a module by its path, or a step that is not a module. */
export type Position = string | ((graph: Graph) => number | undefined);

function idAt(graph: Graph, position: Position, tensor: string): number {
  const id = typeof position === 'function' ? position(graph) : (graph.outputs[position] ?? graph.taps[position]);
  if (id === undefined) throw new GoldenMismatch(`${tensor}: the model has no module "${position}"`);
  return id;
}

/**
 * Runs a part twice: as recorded, with taps, so that the first module that differs is named; then optimised, compared
 * at its outputs.
 *
 * @param positions by tensor of the case, in the order of the forward pass
 */
export async function expectPart(
  golden: GoldenCase,
  engine: Engine,
  { part, weights, inputs }: { part: Part; weights: Weights; inputs: Named<NDArray> },
  positions: ReadonlyMap<string, Position>,
): Promise<void> {
  const graph = recordPart(part);
  const outputs = Object.fromEntries(
    [...positions].map(([tensor, position]) => [tensor, idAt(graph, position, tensor)]),
  );
  const tapped = await runGraph(engine, { ...graph, outputs }, weights, inputs, []);
  for (const [tensor, value] of Object.entries(tapped)) await expectMap(golden, tensor, value);
  const optimised = await runGraph(engine, graph, weights, inputs, passes);
  for (const [tensor, position] of positions) {
    const output = typeof position === 'string' ? optimised[position] : undefined;
    if (output) await expectMap(golden, tensor, output);
  }
}

/** Compares an output. Logits and deltas are N × channels in the cases, and maps of one pixel in this package. */
export function expectMap(golden: GoldenCase, tensor: string, actual: NDArray<TypedArray>): Promise<Difference> {
  const rank = golden.tensors.get(tensor)?.shape.length;
  const flat = rank === 2 && actual.shape.length === 4 && actual.shape.slice(2).every((extent) => extent === 1);
  return expectTensor(golden, tensor, flat ? { ...actual, shape: actual.shape.slice(0, 2) } : actual);
}
