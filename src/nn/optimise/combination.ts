import { type Graph, inputsOf, type Node, nodeAt } from '../graph.ts';
import { affineOf, type Folding, isAffine, type PerChannel } from './folding.ts';

/** Sums, differences and affine maps that lead to one value, read as one sum: Σ coefficient · base + shift. */
export interface Combination {
  /** The nodes that the sum stands for, its result included. Nothing else reads the others. */
  readonly nodes: ReadonlySet<number>;
  /** Base → its coefficient for every channel of the result, in the order of ids. A base may have one channel for all. */
  readonly terms: ReadonlyMap<number, PerChannel>;
  readonly shift: PerChannel | undefined;
}

/** True for the operations that a combination is made of. */
const isPart = (node: Node): node is Node<'add' | 'sub' | 'scale' | 'batchNorm'> =>
  node.op === 'add' || node.op === 'sub' || isAffine(node);

/**
 * Reads the combination that ends in a node. Operations that something outside of it reads are its bases.
 *
 * @param broadcasts whether sums of one channel and of many are read as parts
 * @returns undefined if the node is not an operation of this kind
 */
export function combinationOf(
  graph: Graph,
  readers: readonly (readonly number[])[],
  folding: Folding,
  root: number,
  { broadcasts = false } = {},
): Combination | undefined {
  const { channels } = nodeAt(graph, root);
  const nodes = new Set<number>();
  const coefficients = new Map<number, PerChannel>([[root, new Float64Array(channels).fill(1)]]);
  const pending = new Set([root]);
  const shift = new Float64Array(channels);
  let shifted = false;
  const contribute = (id: number, values: PerChannel): void => {
    const known = coefficients.get(id);
    coefficients.set(id, known ? known.map((value, c) => value + values[c]!) : values);
    pending.add(id);
  };
  while (pending.size > 0) {
    const id = Math.max(...pending); // readers come after what they read
    pending.delete(id);
    const node = nodeAt(graph, id);
    const coefficient = coefficients.get(id);
    const isInside = id === root || (readers[id] ?? []).every((reader) => nodes.has(reader));
    const fits = node.channels === channels && (broadcasts || isEven(graph, node));
    if (!coefficient || !isInside || !isPart(node) || !fits) continue;
    nodes.add(id);
    coefficients.delete(id);
    if (isAffine(node)) {
      const { x, factor, shift: added } = affineOf(node, folding);
      added?.forEach((value, c) => {
        shift[c]! += coefficient[c]! * value;
      });
      shifted ||= added !== undefined;
      contribute(
        x,
        coefficient.map((value, c) => value * factor[c]!),
      );
    } else {
      const [a, b] = node.inputs;
      contribute(a, coefficient);
      contribute(b, node.op === 'add' ? coefficient : coefficient.map((value) => -value));
    }
  }
  if (nodes.size === 0) return undefined;
  const terms = new Map([...coefficients].sort(([a], [b]) => a - b));
  return { nodes, terms, shift: shifted ? shift : undefined };
}

/** True if no map of one channel is added to one of many. */
const isEven = (graph: Graph, node: Node): boolean =>
  isAffine(node) || inputsOf(node).every((id) => nodeAt(graph, id).channels === node.channels);
