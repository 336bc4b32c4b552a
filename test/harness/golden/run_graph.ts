import type { Named, NDArray, TypedArray, Weights } from '../../../src/arrays.ts';
import {
  type DeviceTensor,
  type Engine,
  type Graph,
  type Part,
  type Pass,
  passes,
  programOf,
  recordPart,
} from '../../../src/nn/index.ts';
import { expectTensor, type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Runs parts on an engine and holds what comes out to a case. */

export type EngineRunner = (golden: GoldenCase, engine: Engine) => Promise<void>;

/** The engine's results, read and freed. */
export async function runGraph(
  engine: Engine,
  graph: Graph,
  weights: Weights,
  inputs: Named<NDArray>,
  chosen: readonly Pass[],
): Promise<Named<NDArray>> {
  const runner = await engine.load(programOf('golden', graph, weights, chosen));
  try {
    return await readAll(await runner.run(inputs));
  } finally {
    runner.dispose();
  }
}

export async function readAll(residents: Named<DeviceTensor>): Promise<Named<NDArray>> {
  const entries: [string, NDArray][] = [];
  for (const [name, resident] of Object.entries(residents)) {
    entries.push([name, await resident.read()]);
    resident.dispose();
  }
  return Object.fromEntries(entries);
}

/** Where a tensor of a case is found: an output of the part, a module by its path, or a step that is no module. */
export type Place = string | ((graph: Graph) => number | undefined);

function idAt(graph: Graph, place: Place, tensor: string): number {
  const id = typeof place === 'function' ? place(graph) : (graph.outputs[place] ?? graph.taps[place]);
  if (id === undefined) throw new GoldenMismatch(`${tensor}: the model has no module "${place}"`);
  return id;
}

/**
 * Runs a part twice: as it was recorded, with taps, so that the first module to differ is named; and as engines get it,
 * after all passes, compared at its outputs.
 *
 * @param places by tensor of the case, in the order of the forward pass
 */
export async function expectPart(
  golden: GoldenCase,
  engine: Engine,
  { part, weights, inputs }: { part: Part; weights: Weights; inputs: Named<NDArray> },
  places: ReadonlyMap<string, Place>,
): Promise<void> {
  const graph = recordPart(part);
  const outputs = Object.fromEntries([...places].map(([tensor, place]) => [tensor, idAt(graph, place, tensor)]));
  const tapped = await runGraph(engine, { ...graph, outputs }, weights, inputs, []);
  for (const tensor of places.keys()) await expectMap(golden, tensor, tapped[tensor]!);
  const optimised = await runGraph(engine, graph, weights, inputs, passes);
  for (const [tensor, place] of places) {
    const output = typeof place === 'string' ? optimised[place] : undefined;
    if (output) await expectMap(golden, tensor, output);
  }
}

/** Logits and deltas are N × channels in the cases, and maps of one pixel here. */
export async function expectMap(golden: GoldenCase, tensor: string, actual: NDArray<TypedArray>): Promise<void> {
  const rank = golden.tensors.get(tensor)?.shape.length;
  const flat = rank === 2 && actual.shape.length === 4 && actual.shape.slice(2).every((extent) => extent === 1);
  await expectTensor(golden, tensor, flat ? { ...actual, shape: actual.shape.slice(0, 2) } : actual);
}
