import type { Weights } from '../../arrays.ts';
import { type Graph, inputsOf } from '../graph.ts';
import { folding, type Weighted } from './folding.ts';

/** Computes equal operations of equal inputs once. Their results are the same numbers, so either name may be read. */
export function mergeEqual(graph: Graph, weights: Weights): Weighted {
  const folded = folding(graph, weights);
  const known = new Map<string, number>();
  for (const node of graph.nodes) {
    const { op, attributes, channels } = node;
    const inputs = inputsOf(node).map(folded.idOf);
    const text = JSON.stringify([op, inputs, attributes, channels]);
    const same = op === 'input' ? undefined : known.get(text);
    if (same === undefined) known.set(text, folded.copy(node));
    else folded.replace(node.id, same);
  }
  return folded.result();
}
