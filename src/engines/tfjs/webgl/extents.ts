import { type Graph, inputsOf, type Node } from '../../../nn/graph.ts';
import type { Window } from '../../../nn/ops.ts';
import { isPointwise } from './pointwise.ts';

/**
 * What a graph without sizes says of them: which values have the same number of images and the same height and width, for
 * every size of its inputs.
 */

/** Names, not numbers: the node that first had this batch, and the one that first had this size. */
interface Extent {
  readonly batch: number;
  readonly size: number | 'one pixel';
}

export const areOfOneSize = (a: Extent | undefined, b: Extent | undefined): boolean =>
  a !== undefined && a.batch === b?.batch && a.size === b.size;

/** Returns the extent of every value by id; parameters have none. */
export function extentsOf({ nodes }: Graph): readonly (Extent | undefined)[] {
  const extents: (Extent | undefined)[] = [];
  for (const node of nodes) extents.push(node.op === 'param' ? undefined : extentOf(node, extents));
  return extents;
}

function extentOf(node: Node, extents: readonly (Extent | undefined)[]): Extent {
  const other: Extent = { batch: node.id, size: node.id };
  const [first, second] = inputsOf(node).flatMap((id) => extents[id] ?? []);
  if (!first) return other;
  const resized: Extent = { batch: first.batch, size: node.id };
  switch (node.op) {
    case 'globalAvgPool':
    case 'linear':
      return { batch: first.batch, size: 'one pixel' };
    case 'conv2d':
      return keepsSize(node.attributes) ? first : resized;
    case 'slice':
    case 'layerNorm':
    case 'groupNorm':
      return first;
    case 'concat':
      return node.attributes.axis === 'channels' ? first : other;
    case 'maxPool':
    case 'avgPool':
    case 'convTranspose2d':
      return resized;
    default:
      return isPointwise(node.op) ? broadcast(first, second ?? first, other) : other;
  }
}

function broadcast(a: Extent, b: Extent, other: Extent): Extent {
  if (a.batch !== b.batch) return other;
  if (a.size === b.size || b.size === 'one pixel') return a;
  return a.size === 'one pixel' ? b : other;
}

const keepsSize = ({ kernel, stride, padding, dilation }: Window & Pick<Node<'conv2d'>['attributes'], 'dilation'>) =>
  (['height', 'width'] as const).every(
    (axis) => stride[axis] === 1 && 2 * padding[axis] === dilation[axis] * (kernel[axis] - 1),
  );
