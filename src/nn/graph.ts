import type { Named, NDArray, Weights } from '../arrays.ts';
import { CheckpointError } from '../errors.ts';
import type { Attributes, Op, Operands, Parameter } from './ops.ts';

/**
 * A model as plain data: nodes in topological order. No closures, no tensors and no sizes, so that one recording serves
 * every image size, and can be printed, hashed, compared or sent to a worker.
 */
export interface Graph {
  /** Node `i` has id `i`; its inputs have smaller ids. */
  readonly nodes: readonly Node[];
  readonly inputs: Named<number>;
  readonly outputs: Named<number>;
  /**
   * Points of the graph that can be read by official name (`withTaps`), for tests and summaries. Module path → the node of its output;
   * `path#2` is the module's second call, `path:in` its input.
   */
  readonly taps: Named<number>;
}

interface NodeOf<K extends Op> {
  readonly id: number;
  readonly op: K;
  /** The ids of the nodes that it reads. */
  readonly inputs: Operands<number, number>[K];
  readonly attributes: Attributes[K];
  /** The official module path; `path:op` for a step that is not a module itself, `:op` outside of all modules. */
  readonly path: string;
  readonly channels: number;
}

/** Distributes over the operations, so that testing `op` narrows `inputs` and `attributes`. */
export type Node<K extends Op = Op> = K extends Op ? NodeOf<K> : never;

/** Returns the node of an id. @throws RangeError if the graph has none */
export function nodeAt(graph: Graph, id: number): Node {
  const node = graph.nodes[id];
  if (!node) throw new RangeError(`the graph has ${graph.nodes.length} nodes, not a node ${id}`);
  return node;
}

/** Returns a node's inputs as a list. Optional inputs at the end of a tuple are absent, never undefined. */
export const inputsOf = (node: Node): readonly number[] => node.inputs as readonly number[];

/** Returns the nodes of a graph's inputs, in the order of their names. */
export function inputNodes(graph: Graph): Node<'input'>[] {
  return Object.values(graph.inputs).flatMap((id) => {
    const node = nodeAt(graph, id);
    return node.op === 'input' ? [node] : [];
  });
}

/**
 * Returns the value of a parameter in the shape in which operations take it.
 *
 * @param reader who needs it, for the message
 * @throws CheckpointError if the weights lack it or have it in another shape
 */
export function operandOf({ key, shape, view }: Parameter, weights: Weights, reader = 'the graph'): NDArray {
  const weight = weights.get(key);
  if (weight?.shape.join() !== shape.join()) {
    const found = weight ? `one of shape [${weight.shape.join(', ')}]` : 'none';
    throw new CheckpointError(`${key}: ${reader} needs a weight of shape [${shape.join(', ')}], got ${found}.`);
  }
  return { shape: view ?? shape, data: weight.data };
}

/** Lists the state-dict entries of a graph, in the order in which the model's functions asked for them. */
export function parametersOf(graph: Graph): Parameter[] {
  return graph.nodes.flatMap((node) => (node.op === 'param' ? [node.attributes] : []));
}

/** Returns the graph with outputs added: any module's result by its official path. */
export function withTaps(graph: Graph, paths: readonly string[]): Graph {
  const outputs: Record<string, number> = { ...graph.outputs };
  for (const path of paths) {
    const id = graph.taps[path];
    if (id === undefined) throw new RangeError(`the graph has no module "${path}"`);
    outputs[path] = id;
  }
  return { ...graph, outputs };
}

/** A graph that is made from another one: nodes are copied with new ids, and names follow them. */
export interface Rewriting {
  /** Appends a node with its final inputs and returns its id. */
  append<K extends Op>(node: Omit<Node<K>, 'id'>): number;
  /** Appends a node of the old graph, after those that it reads. */
  copy(node: Node): number;
  /** Makes a new node give the value of an old one. */
  replace(old: number, id: number): void;
  /** Returns the new id of an old node. @throws RangeError if it has none yet */
  idOf(old: number): number;
  /** Returns the new graph. The taps of nodes that were left out are dropped. */
  finish(): Graph;
}

export function rewriting(graph: Graph): Rewriting {
  const nodes: Node[] = [];
  const ids = new Map<number, number>(); // old → new
  const append = <K extends Op>(node: Omit<Node<K>, 'id'>): number => {
    const id = nodes.length;
    nodes.push({ ...node, id } as Node);
    return id;
  };
  const idOf = (old: number): number => {
    const id = ids.get(old);
    if (id === undefined) throw new RangeError(`node ${old} is not in the new graph`);
    return id;
  };
  const moved = (names: Named<number>): Named<number> =>
    Object.fromEntries(
      Object.entries(names).flatMap(([name, old]) => {
        const id = ids.get(old);
        return id === undefined ? [] : [[name, id]];
      }),
    );
  return {
    append,
    copy: (node) => {
      const id = append({ ...node, inputs: inputsOf(node).map(idOf) } as unknown as Node); // as many as before
      ids.set(node.id, id);
      return id;
    },
    replace: (old, id) => ids.set(old, id),
    idOf,
    finish: () => ({ nodes, inputs: moved(graph.inputs), outputs: moved(graph.outputs), taps: moved(graph.taps) }),
  };
}

/**
 * Returns the graph without the nodes that no output needs, renumbered. Inputs stay, used or not, since callers hand them
 * in; taps whose node is gone are dropped.
 */
export function prune(graph: Graph): Graph {
  const needed = new Set<number>([...Object.values(graph.outputs), ...Object.values(graph.inputs)]);
  for (const node of graph.nodes.toReversed()) {
    if (needed.has(node.id)) for (const input of inputsOf(node)) needed.add(input);
  }
  const pruned = rewriting(graph);
  for (const node of graph.nodes) if (needed.has(node.id)) pruned.copy(node);
  return pruned.finish();
}

/** Counts, for every node, the nodes and outputs that read it. */
export function consumersOf(graph: Graph): Uint32Array {
  const counts = new Uint32Array(graph.nodes.length);
  for (const node of graph.nodes) for (const id of inputsOf(node)) counts[id]!++;
  for (const id of Object.values(graph.outputs)) counts[id]!++;
  return counts;
}
