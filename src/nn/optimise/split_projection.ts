import type { Weights } from '../../arrays.ts';
import { type Graph, type Node, nodeAt } from '../graph.ts';
import { combinationOf } from './combination.ts';
import {
  appendProjection,
  type Folding,
  folding,
  isPointwise,
  readersOf,
  type Weighted,
  weighInputs,
  weighingOf,
} from './folding.ts';

/**
 * Splits a 1×1 convolution of a sum of one wide map and of maps of one channel: W·(a·x + s·g + b) = (W·a)·x + (W·s)·g + W·b.
 * W·s is one column, so that g is widened to the outputs instead of all inputs, and the sums are on as many channels as
 * come out. This pays if those are not more than go in, and if the sum has at least the two operations for each g that replace it.
 */
export function splitProjection(graph: Graph, weights: Weights): Weighted {
  const readers = readersOf(graph);
  const folded = folding(graph, weights);
  for (const node of graph.nodes) {
    const split = isPointwise(node) ? splitOf(graph, readers, folded, node) : undefined;
    if (split === undefined) folded.copy(node);
    else folded.replace(node.id, split);
  }
  return folded.result();
}

function splitOf(
  graph: Graph,
  readers: readonly (readonly number[])[],
  folded: Folding,
  node: Node<'conv2d'>,
): number | undefined {
  const sum = nodeAt(graph, node.inputs[0]);
  if (node.attributes.groups !== 1 || readers[sum.id]?.length !== 1 || node.channels > sum.channels) return undefined;
  const combination = combinationOf(graph, readers, folded, sum.id, { broadcasts: true });
  const terms = [...(combination?.terms ?? [])].map(([id, factor]) => ({ base: nodeAt(graph, id), factor }));
  const narrow = terms.filter(({ base }) => base.channels === 1);
  const [wide, ...others] = terms.filter(({ base }) => base.channels > 1);
  if (!combination || !wide || others.length > 0 || narrow.length === 0) return undefined;
  if (combination.nodes.size < 2 * narrow.length) return undefined;

  const { channels, path } = node;
  const weighing = weighingOf(node, folded);
  const { shift } = combination;
  const weighed = weighInputs(node, weighing, { factor: wide.factor, shift });
  let value = appendProjection(folded, node, folded.idOf(wide.base.id), weighed);
  for (const { base, factor } of narrow) {
    // the shift has its place already, and the column is what the weights make of the coefficients
    const column = new Float32Array(channels);
    for (let out = 0; out < channels; out++) {
      let total = 0;
      for (let c = 0; c < factor.length; c++) total += weighing.weight[out * factor.length + c]! * factor[c]!;
      column[out] = total;
    }
    const weight = folded.parameter(path, 'column', { shape: [channels, 1, 1, 1], data: column });
    const inputs = [folded.idOf(base.id), weight] as const;
    const widened = folded.append<'conv2d'>({ ...node, inputs, path: `${path}:conv2d` });
    value = folded.append<'add'>({
      op: 'add',
      inputs: [value, widened],
      attributes: {},
      path: `${path}:add`,
      channels,
    });
  }
  return value;
}
