import type { Named, Shape } from '../arrays.ts';
import type { Attributes, Op, Parameter } from './ops.ts';

/**
 * A model as plain data: nodes in topological order. No closures, no tensors and no sizes, so that one recording serves
 * every image size, and can be printed, hashed, compared or sent to a worker.
 */
export interface Graph {
  /** Node `i` has id `i`; its inputs have smaller ids. */
  readonly nodes: readonly Node[];
  readonly inputs: Named<number>;
  readonly outputs: Named<number>;
  /** Module path → the node of its output; `path#2` is the module's second call, `path:in` its input. */
  readonly taps: Named<number>;
}

interface NodeOf<K extends Op> {
  readonly id: number;
  readonly op: K;
  readonly inputs: readonly number[];
  readonly attributes: Attributes[K];
  /** The official module path; `path:op` for a step that is no module of its own, `:op` outside of all. */
  readonly path: string;
  readonly channels: number;
}

/** Distributes over the operations, so that testing `op` narrows `attributes`. */
export type Node<K extends Op = Op> = K extends Op ? NodeOf<K> : never;

/** What an engine hands to the operations. */
export const operandShape = ({ shape, view }: Parameter): Shape => view ?? shape;

/** The state-dict entries of a graph, in the order in which the model's functions asked for them. */
export function parametersOf(graph: Graph): Parameter[] {
  return graph.nodes.flatMap((node) => (node.op === 'param' ? [node.attributes] : []));
}

/** The graph with outputs added: any module's result by its official path. */
export function withTaps(graph: Graph, paths: readonly string[]): Graph {
  const outputs: Record<string, number> = { ...graph.outputs };
  for (const path of paths) {
    const id = graph.taps[path];
    if (id === undefined) throw new RangeError(`the graph has no module "${path}"`);
    outputs[path] = id;
  }
  return { ...graph, outputs };
}

/**
 * The graph without the nodes that no output needs, renumbered. Inputs stay, used or not, since callers hand them in;
 * taps whose node is gone are dropped.
 */
export function prune(graph: Graph): Graph {
  const needed = new Set<number>([...Object.values(graph.outputs), ...Object.values(graph.inputs)]);
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    if (needed.has(id)) for (const input of graph.nodes[id]!.inputs) needed.add(input);
  }
  const renumbered = new Map<number, number>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    if (!needed.has(node.id)) continue;
    renumbered.set(node.id, nodes.length);
    nodes.push({ ...node, id: nodes.length, inputs: node.inputs.map((id) => renumbered.get(id)!) } as Node);
  }
  const move = (ids: Named<number>) =>
    Object.fromEntries(
      Object.entries(ids).flatMap(([name, id]) => (renumbered.has(id) ? [[name, renumbered.get(id)!]] : [])),
    );
  return { nodes, inputs: move(graph.inputs), outputs: move(graph.outputs), taps: move(graph.taps) };
}

/** For every node, the number of nodes and outputs that read it. */
export function consumersOf(graph: Graph): Uint32Array {
  const counts = new Uint32Array(graph.nodes.length);
  for (const node of graph.nodes) for (const id of node.inputs) counts[id]!++;
  for (const id of Object.values(graph.outputs)) counts[id]!++;
  return counts;
}
