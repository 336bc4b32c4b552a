import { type NDArray, sliced } from '../../arrays.ts';
import { type Graph, inputsOf, type Node, nodeAt } from '../../nn/graph.ts';
import { activations, type Op, type Operation } from '../../nn/ops.ts';
import { isPointwise, readersOf } from '../../nn/optimise/folding.ts';
import { block } from '../../nn/optimise/separate_maps.ts';
import type { NodeWriter } from './nodes.ts';

/**
 * Finds wide maps between 1×1 convolutions that can be computed in parts: Σ W_p·f(V_p·x), where f works channel by channel.
 * A part stays in the caches until the last convolution has read it. On a small map the calls of more operators cost
 * more than that saves: see `twofold.ts`.
 *
 * With MogaNet's channel mixers in parts, the network took 0.91 to 0.94 of its CPU time at 512 pixels, and 1.01 to 1.03 at 224. This
 * is with onnxruntime's blocked layout, which adds the sums inside the convolutions.
 */
export interface WideMap {
  /** The 1×1 convolution that makes it, and the operations on single channels after that. */
  readonly chain: readonly [Node<'conv2d'>, ...Node<Operation>[]];
  /** The 1×1 convolutions that read the result. */
  readonly ends: readonly End[];
  /** The number of parts, of equal channels. */
  readonly parts: number;
}

interface End {
  readonly node: Node<'conv2d'>;
  /** The sum that alone reads it, if the other summand is there before: the parts are added to that one by one. */
  readonly sum: { readonly node: Node<'add'>; readonly other: number } | undefined;
}

/** Pixels of an input, of all its images together, from which on a run takes parts: 362×362. */
export const largeInput = 2 ** 17;

/** The fewest values of a part for each pixel of the input: parts of half as many take longer. */
const valuesPerPixel = 2;

/** With fewer parts, the whole graph would be there twice for little. */
const fewestParts = 4;

const isDepthwise = (node: Node): node is Node<'conv2d'> =>
  node.op === 'conv2d' && node.attributes.groups > 1 && node.attributes.groups === node.channels;

const ofSingleValues: ReadonlySet<Op> = new Set<Op>(activations);

const isPerChannel = (node: Node): node is Node<Operation> => isDepthwise(node) || ofSingleValues.has(node.op);

const isDense = (node: Node | undefined): node is Node<'conv2d'> =>
  node !== undefined && isPointwise(node) && node.attributes.groups === 1;

/**
 * Returns the wide maps by the node at whose place their parts are written, the first that reads the result. There are none
 * if the graph has several inputs, of which none tells how large a map is.
 *
 * @param outside nodes that a run may leave out
 */
export function wideMapsOf(graph: Graph, outside: ReadonlySet<number>): ReadonlyMap<number, WideMap> {
  const found = new Map<number, WideMap>();
  if (Object.keys(graph.inputs).length !== 1) return found;
  const readers = readersOf(graph);
  const areas = areasOf(graph);
  for (const node of graph.nodes) {
    const parts = isDense(node) ? partsOf(node.channels, areas[node.id] ?? 0) : 1;
    if (!isDense(node) || parts < fewestParts) continue;
    const chain = chainFrom(graph, readers, node);
    const ends = (readers[chain.at(-1)?.id ?? -1] ?? []).map((id) => graph.nodes[id]);
    if (!chain.some(isDepthwise) || !ends.every(isDense)) continue;
    const [first] = ends;
    if (!first || [...chain, ...ends].some(({ id }) => outside.has(id))) continue;
    const withSums = ends.map((end): End => ({ node: end, sum: sumOf(graph, readers, end, first.id, outside) }));
    found.set(first.id, { chain, ends: withSums, parts });
  }
  return found;
}

/** Returns the nodes that wide maps in parts stand for. */
export const nodesOf = (maps: Iterable<WideMap>): ReadonlySet<number> =>
  new Set(
    [...maps].flatMap(({ chain, ends }) => [
      ...chain.map(({ id }) => id),
      ...ends.flatMap(({ node, sum }) => (sum ? [node.id, sum.node.id] : [node.id])),
    ]),
  );

/** Returns the largest number of parts of whole blocks that leaves each its values; 1 for a map that is not wide. */
function partsOf(channels: number, area: number): number {
  const wanted = Math.floor((channels * area) / valuesPerPixel);
  for (let parts = wanted; parts > 1; parts--) if (channels % (parts * block) === 0) return parts;
  return 1;
}

/** Returns a convolution and the operations on single channels that follow, each of which alone reads the one before. */
function chainFrom(graph: Graph, readers: readonly (readonly number[])[], first: Node<'conv2d'>): WideMap['chain'] {
  const others: Node<Operation>[] = [];
  for (const node of graph.nodes.slice(first.id + 1)) {
    const [reader, ...more] = readers[(others.at(-1) ?? first).id] ?? [];
    if (node.id !== reader) continue;
    if (more.length > 0 || !isPerChannel(node) || node.channels !== first.channels) break;
    others.push(node);
  }
  return [first, ...others];
}

function sumOf(
  graph: Graph,
  readers: readonly (readonly number[])[],
  { id, channels }: Node,
  before: number,
  outside: ReadonlySet<number>,
): End['sum'] {
  const [reader = -1, ...more] = readers[id] ?? [];
  const sum = graph.nodes[reader];
  if (sum?.op !== 'add' || more.length > 0 || outside.has(sum.id)) return undefined;
  const other = sum.inputs.find((input) => input !== id);
  if (other === undefined || other >= before || nodeAt(graph, other).channels !== channels) return undefined;
  return { node: sum, other };
}

/** Returns about how many pixels every map has for one of the input, by the strides on the way. */
function areasOf(graph: Graph): readonly number[] {
  const areas: number[] = [];
  for (const node of graph.nodes) {
    const largest = Math.max(0, ...inputsOf(node).map((id) => areas[id] ?? 0));
    if (node.op === 'param') areas.push(0);
    else if (node.op === 'input') areas.push(1);
    else if (node.op === 'conv2d' || node.op === 'maxPool' || node.op === 'avgPool') {
      areas.push(largest / (node.attributes.stride.height * node.attributes.stride.width));
    } else areas.push(largest);
  }
  return areas;
}

/** Writes a wide map in parts, each from its beginning to the sums. */
export function emitInParts({ chain, ends, parts }: WideMap, nodes: NodeWriter): void {
  const [first] = chain;
  const channels = first.channels / parts;
  const sums = ends.map(({ sum }) => sum && nodes.valueFor(sum.node, sum.other));
  for (let start = 0; start < first.channels; start += channels) {
    const slice = (axis: 0 | 1) => (whole: NDArray) => sliced(whole, axis, start, channels);
    let value = nodes.valueFor(first, first.inputs[0]);
    for (const node of chain) {
      const [, ...parameters] = inputsOf(node);
      const inputs = [value, ...parameters.map((id) => nodes.parameter(id, slice(0)))];
      value = nodes.operation(narrowed(node, channels), inputs);
    }
    for (const [i, { node, sum }] of ends.entries()) {
      const [, weight, bias] = node.inputs;
      const inputs = [value, nodes.parameter(weight, slice(1))];
      if (bias !== undefined && start === 0) inputs.push(nodes.parameter(bias, (whole) => whole));
      const added = nodes.operation(node, inputs);
      const known = sums[i];
      const add = sum ? sum.node : { ...node, op: 'add' as const, inputs: [node.id, node.id] as const, attributes: {} };
      const total = known === undefined ? added : nodes.operation(add, [known, added]);
      sums[i] = total;
      nodes.set(add.id, total);
    }
  }
}

/** Returns an operation on fewer channels. */
const narrowed = (node: Node<Operation>, channels: number): Node<Operation> =>
  isDepthwise(node)
    ? { ...node, channels, attributes: { ...node.attributes, groups: channels } }
    : { ...node, channels };
