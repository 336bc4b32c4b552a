import { type Graph, inputsOf } from '../../nn/graph.ts';
import { activations, type Op } from '../../nn/ops.ts';

/**
 * Chooses the layout of every value: N×C×H×W (channels-first), or N×H×W×C (channels-last). Normalisation over channels and
 * windows of attention need the channels of a pixel side by side. A sum on the way from one to the next stays so, instead
 * of being turned twice. Convolutions stay channels-first: onnxruntime joins a transpose before or after one with the reorder
 * into or out of its blocked layout, so that the turn costs nothing.
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

/** Operations that compute on either. All others need channels-first values. */
const either: ReadonlySet<Op> = new Set<Op>([...activations, 'add', 'sub', 'mul', 'mergePatches']);

/** Returns the layout in which each node computes, by its id: that of the maps that it reads and of its value. */
export function layoutsOf(graph: Graph): readonly Layout[] {
  const readBy = readersOf(graph);
  const layouts: Layout[] = [];
  for (const node of graph.nodes) {
    const follows =
      either.has(node.op) &&
      inputsOf(node).some((id) => layouts[id] === 'channels-last') &&
      [...readBy[node.id]!].every((op) => channelsLast.has(op));
    layouts.push(channelsLast.has(node.op) || follows ? 'channels-last' : 'channels-first');
  }
  return layouts;
}

/** Returns the operations of one layout that read each value, directly or after others that compute on either. */
function readersOf(graph: Graph): readonly ReadonlySet<Op>[] {
  const readers = graph.nodes.map(() => new Set<Op>());
  for (const node of graph.nodes.toReversed()) {
    const theirs = either.has(node.op) ? readers[node.id]! : [node.op];
    for (const id of inputsOf(node)) for (const op of theirs) readers[id]!.add(op);
  }
  return readers;
}
