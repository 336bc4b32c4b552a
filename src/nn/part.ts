import type { Named, NDArray, Shape, Weights } from '../arrays.ts';
import { freeMemory } from '../memory.ts';
import { nextTurn } from '../turn.ts';
import { type Graph, prune } from './graph.ts';
import type { Pass } from './optimise/index.ts';
import { Recording, Scope, type Value } from './scope.ts';

/** A dense part of a model, and what runs it. Between parts there is only arithmetic on typed arrays. */

export type InputKind = { readonly kind: 'map'; readonly channels: number } | { readonly kind: 'regions' };

/** Returns the kind of an input that is a map N×channels×H×W of any size: `map(3)` is an image. */
export const map = (channels: number): InputKind => ({ kind: 'map', channels });

/** n × 5: batch index, x1, y1, x2, y2 in the pixels of the network's input; n may be 0. */
export const regions: InputKind = { kind: 'regions' };

/**
 * A network between two pieces of arithmetic (`features`, `box`, `mask`): recorded, optimised and loaded once for every
 * size.
 *
 * @typeParam Input the names of its inputs, if they are known to the compiler
 */
export interface Part<Input extends string = string> {
  readonly name: string;
  readonly inputs: Readonly<Record<Input, InputKind>>;
  /** Records outputs by name from inputs by name. */
  forward(scope: Scope, inputs: Readonly<Record<Input, Value>>): Named<Value>;
}

/** A part with its graph: plain data, which serves every size. */
export interface RecordedPart {
  readonly name: string;
  readonly inputs: Named<InputKind>;
  readonly graph: Graph;
  /** Outputs by who reads them, if they have several readers. An output without a reader is always computed. */
  readonly readers?: Readers | undefined;
  /** Names of outputs that other parts take. An engine may leave them on its device until they are read. Names of no output are ignored. */
  readonly onDevice?: readonly string[] | undefined;
}

/** Names of outputs by their reader: a run wants all outputs of some readers. Each output has at most one. */
export type Readers = Named<readonly string[]>;

/** Returns the part with its graph, which is recorded when it is first asked for. */
export function recorded<Input extends string>(part: Part<Input>): RecordedPart {
  let graph: Graph | undefined;
  return {
    name: part.name,
    inputs: part.inputs,
    get graph() {
      graph ??= recordPart(part);
      return graph;
    },
  };
}

/**
 * Returns a part whose outputs have several readers, with its graph. Both are recorded when one is first asked for.
 *
 * @param forward records outputs by reader and name
 * @param onDevice see `RecordedPart`
 */
export function recordedByReader<Input extends string>(
  name: string,
  inputs: Part<Input>['inputs'],
  forward: (scope: Scope, inputs: Readonly<Record<Input, Value>>) => Named<Named<Value>>,
  onDevice?: readonly string[],
): RecordedPart & { readonly readers: Readers } {
  const readers: Record<string, readonly string[]> = {};
  const part = recorded<Input>({
    name,
    inputs,
    forward: (scope, values) => {
      const outputs = Object.entries(forward(scope, values));
      for (const [reader, theirs] of outputs) readers[reader] = Object.keys(theirs);
      return Object.assign({}, ...outputs.map(([, theirs]) => theirs));
    },
  });
  return {
    name,
    inputs,
    get graph() {
      return part.graph;
    },
    get readers() {
      void part.graph; // which fills them in
      return readers;
    },
    onDevice,
  };
}

/** Records the graph of a part, which serves every size. */
export function recordPart<Input extends string>(part: Part<Input>): Graph {
  const recording = new Recording();
  const root = new Scope(recording, '');
  const inputs = Object.fromEntries(
    Object.entries<InputKind>(part.inputs).map(([name, input]) => [
      name,
      recording.push('input', [], { name, kind: input.kind }, input.kind === 'map' ? input.channels : 5, root.at(name)),
    ]),
  ) as Record<Input, Value>;
  return recording.finish(inputs, part.forward(root, inputs));
}

/** A graph with the values of its parameters: what an engine runs. */
export interface Program {
  readonly name: string;
  readonly graph: Graph;
  readonly weights: Weights;
  /** Memory of weights that nobody reads after `load`, which may take it over. */
  readonly spare?: ReadonlySet<ArrayBuffer> | undefined;
  /** See `RecordedPart`. An engine that compiles the graph as a whole can leave a reader's part of it out of a run. */
  readonly readers?: Readers | undefined;
  /** See `RecordedPart`. */
  readonly onDevice?: readonly string[] | undefined;
}

/** Returns the program of a graph: drops what no output needs, then runs the passes in order (none by default). */
export function programOf(name: string, graph: Graph, weights: Weights, order: readonly Pass[] = []): Program {
  const start = { graph: prune(graph), weights };
  return { name, ...order.reduce((program, pass) => pass(program.graph, program.weights), start) };
}

/** A tensor that stays on the device where it was computed until it is read. */
export interface DeviceTensor {
  readonly shape: Shape;
  /** Returns the values, N×C×H×W whatever the engine's order in memory. */
  read(): Promise<NDArray>;
  /** Frees what it holds on the device; a second call does nothing. */
  dispose(): void;
}

/** A part on an engine, its weights loaded. */
export interface Runner {
  /**
   * Takes inputs by the part's names, N×C×H×W or n × 5. Outputs belong to the caller, who disposes them.
   *
   * @param wanted names of the outputs to return, all by default. What only the others need is not computed.
   * @param signal ends a run between two operations on TensorFlow.js, and at once, for the caller, on an engine with a
   *   thread of its own; other engines run to the end
   */
  run(
    inputs: Named<NDArray | DeviceTensor>,
    wanted?: readonly string[],
    signal?: AbortSignal,
  ): Promise<Named<DeviceTensor>>;
  /** Frees what it holds on the device; a second call does nothing. */
  dispose(): void;
}

/** Runs programs: TensorFlow.js, onnxruntime, or a custom one. */
export interface Engine {
  readonly name: string;
  /** The threads or the device, shown beside the name. */
  readonly detail: string;
  /** How to get a better engine, if this one stands in for it. */
  readonly hint?: string | undefined;
  /** Why another engine may be the better choice on this device: it is computed in software, or in half precision. */
  readonly weakness?: string | undefined;
  /** Whether its device is gone: every call fails. Dispose what is on it and start another engine. */
  readonly lost?: boolean | undefined;
  /**
   * Whether `run` computes on the caller's thread. TensorFlow.js gives it back between operations, about every 10 ms: timers and clicks
   * wait for that, or for the operation that runs.
   */
  readonly blocking?: boolean | undefined;
  /** Whether `load` copies the weights: their memory is free afterwards. */
  readonly copiesWeights?: boolean | undefined;
  /** Compiles once; the runner serves every size and any number of regions. */
  load(program: Program): Promise<Runner>;
  /** Frees the device, and every part that is loaded on it. */
  dispose(): Promise<void>;
}

/** Returns the passes that run before an engine compiles a program, in order. Nothing before the first engine needs them: a page loads them then. */
export async function loadPasses(): Promise<readonly Pass[]> {
  return (await import('./optimise/index.ts')).passes;
}

/** Loads a recorded part with its weights on an engine, optimised by default. Gives the thread back between two passes. */
export async function loadPart(
  engine: Engine,
  { name, graph, readers, onDevice }: Omit<RecordedPart, 'inputs'>,
  weights: Weights,
  order?: readonly Pass[],
): Promise<Runner> {
  let program = programOf(name, graph, weights);
  for (const pass of order ?? (await loadPasses())) {
    await nextTurn();
    program = { name, ...pass(program.graph, program.weights) };
  }
  await nextTurn();
  const made = memoryOf(program.weights);
  for (const buffer of memoryOf(weights)) made.delete(buffer);
  const spare = order === undefined ? made : undefined; // other passes may give arrays of the caller
  const runner = await engine.load({ ...program, spare, readers, onDevice });
  if (engine.copiesWeights && spare) freeMemory(spare);
  return runner;
}

/** Returns the memory that weights are in. Weights that were read or computed are in memory of their own. */
export const memoryOf = (weights: Weights): Set<ArrayBuffer> =>
  new Set([...weights.values()].map(({ data }) => data.buffer as ArrayBuffer));
