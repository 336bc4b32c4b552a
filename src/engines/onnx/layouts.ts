import { type Graph, inputsOf, type Node, nodeAt } from '../../nn/graph.ts';
import { activations, type Op } from '../../nn/ops.ts';
import { isPointwise } from '../../nn/optimise/folding.ts';
import { type Projections, projectedIn } from './projections.ts';

/**
 * Chooses the layout of every value: N×C×H×W (channels-first), or N×H×W×C (channels-last). Normalisation over channels and
 * windows of attention need the channels of a pixel side by side. A sum on the way from one to the next stays so, instead
 * of being turned twice. Convolutions are channels-first: onnxruntime joins a transpose before or after one with the reorder
 * into or out of its blocked layout, so that the turn costs nothing, and adds a shortcut inside the convolution.
 *
 * A 1×1 convolution whose input and readers are channels-last anyway is a matrix multiplication, without those reorders.
 * Sums are decided before: they are not turned for the multiplications beside them, which add no shortcut.
 */
export type Layout = 'channels-first' | 'channels-last';

/** The dimension of each axis. */
export const axesOf = {
  'channels-first': { channels: 1, height: 2, width: 3 },
  'channels-last': { height: 1, width: 2, channels: 3 },
} as const;

/** The order of the dimensions that gives a value of the other layout this one. */
export const permutationTo = { 'channels-first': [0, 3, 1, 2], 'channels-last': [0, 2, 3, 1] } as const;

/** Operations whose operators need channels-last values. */
const channelsLast: ReadonlySet<Op> = new Set<Op>(['layerNorm', 'windowAttention']);

/** Operations on single values, which compute on either layout. */
const pointwise: ReadonlySet<Op> = new Set<Op>(activations);

/** All operations that compute on either layout. */
const either: ReadonlySet<Op> = new Set<Op>([...activations, 'add', 'sub', 'mul', 'mergePatches']);

/**
 * The most channels on either side of a multiplication. More of them come on small maps, where convolutions are faster: of 14×14
 * and 7×7 pixels, queries, keys and values of Swin-T (384 to 1152 and 768 to 2304 channels) take 0.96 of the time, reorders included.
 */
const widest = 768;

const isMultiplication = (graph: Graph, node: Node): boolean =>
  isPointwise(node) &&
  node.attributes.groups === 1 &&
  Math.max(node.channels, nodeAt(graph, node.inputs[0]).channels) <= widest;

/**
 * Returns the layout in which each node computes, by its id: that of the maps that it reads and of its value.
 *
 * @param projections convolutions that are computed with the attention that reads them
 */
export function layoutsOf(graph: Graph, projections: Projections = new Map()): readonly Layout[] {
  const projected = projectedIn(projections);
  const decided = spread(
    graph,
    ({ id, op }) => channelsLast.has(op) || projected.has(id),
    ({ op }) => either.has(op),
  );
  const isLast = spread(
    graph,
    ({ id }) => decided[id] === true,
    (node) => pointwise.has(node.op) || isMultiplication(graph, node),
  );
  return isLast.map((last) => (last ? 'channels-last' : 'channels-first'));
}

/**
 * Returns which nodes are channels-last, by id: those that must be, and of those that may be each that reads such a value
 * and is read by such nodes only, directly or after others that may be.
 */
function spread(graph: Graph, must: (node: Node) => boolean, may: (node: Node) => boolean): readonly boolean[] {
  const isReadSo = graph.nodes.map(() => true);
  for (const node of graph.nodes.toReversed()) {
    if (must(node) || (may(node) && isReadSo[node.id])) continue;
    for (const id of inputsOf(node)) isReadSo[id] = false;
  }
  const isLast: boolean[] = [];
  for (const node of graph.nodes) {
    const follows = may(node) && isReadSo[node.id] === true && inputsOf(node).some((id) => isLast[id]);
    isLast.push(must(node) || follows);
  }
  return isLast;
}
