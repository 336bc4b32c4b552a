import type { Weights } from '../../arrays.ts';
import { type Graph, type Node, nodeAt } from '../graph.ts';
import {
  type Affine,
  affineOf,
  appendProjection,
  folding,
  isAffine,
  isProjection,
  isUnpadded,
  type Projection,
  readersOf,
  type Weighted,
  weighInputs,
  weighingOf,
} from './folding.ts';

/**
 * Folds scales and BatchNorms into the convolutions that read them: W·(a·x + b) = (W·a)·x + W·b. What is added to every
 * pixel goes through unpadded convolutions only, since padding is not shifted. The affine map must be gone in the end: its
 * other readers are such convolutions as well, or sums, whose terms are collected later. One after a convolution
 * that nothing else reads is left to that.
 */
export function foldBefore(graph: Graph, weights: Weights): Weighted {
  const readers = readersOf(graph);
  const folded = folding(graph, weights);
  const takes = (node: Projection, { shift }: Affine): boolean => isUnpadded(node) || !shift;

  const foldable = (node: Node): Affine | undefined => {
    if (!isAffine(node)) return undefined;
    const affine = affineOf(node, folded);
    const before = nodeAt(graph, affine.x);
    if (isProjection(before) && readers[before.id]?.length === 1) return undefined;
    const isFolded = (readers[node.id] ?? []).every((id) => {
      const reader = graph.nodes[id];
      if (!reader) return false;
      return isProjection(reader) ? takes(reader, affine) : isAffine(reader) || ['add', 'sub'].includes(reader.op);
    });
    return isFolded ? affine : undefined;
  };

  for (const node of graph.nodes) {
    let x = isProjection(node) ? node.inputs[0] : 0;
    let weighing: ReturnType<typeof weighingOf> | undefined;
    while (isProjection(node)) {
      const before = nodeAt(graph, x);
      const affine = foldable(before);
      if (!affine || !takes(node, affine)) break;
      weighing = weighInputs(node, weighing ?? weighingOf(node, folded), affine);
      x = affine.x;
    }
    if (isProjection(node) && weighing) {
      folded.replace(node.id, appendProjection(folded, node, folded.idOf(x), weighing));
    } else {
      folded.copy(node);
    }
  }
  return folded.result();
}
