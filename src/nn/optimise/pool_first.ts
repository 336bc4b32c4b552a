import type { Weights } from '../../arrays.ts';
import { type Graph, inputsOf, type Node, nodeAt } from '../graph.ts';
import { folding, isAffine, isPointwise, readersOf, type Weighted } from './folding.ts';

/**
 * Takes the mean over a map before the 1×1 convolutions and affine maps that lead to it, which then work on one pixel: the
 * mean of W·x + b is W·mean(x) + b. A convolution that something else reads as well stays for that; it is passed only if
 * that are sums, into which it can be folded once the mean does not read it, and if it does not reduce the channels.
 */
export function poolFirst(graph: Graph, weights: Weights): Weighted {
  const readers = readersOf(graph);
  const folded = folding(graph, weights);
  const passes = (node: Node): node is Node<'conv2d' | 'scale' | 'batchNorm'> => {
    if (!isAffine(node) && !isPointwise(node)) return false;
    const others = (readers[node.id] ?? []).filter((id) => graph.nodes[id]?.op !== 'globalAvgPool');
    if (others.length === 0) return true;
    const isRead = (id: number) => {
      const reader = graph.nodes[id];
      return reader !== undefined && (['add', 'sub'].includes(reader.op) || isAffine(reader) || isPointwise(reader));
    };
    return others.every(isRead) && nodeAt(graph, node.inputs[0]).channels <= node.channels;
  };

  for (const node of graph.nodes) {
    if (node.op !== 'globalAvgPool') {
      folded.copy(node);
      continue;
    }
    const passed: Node<'conv2d' | 'scale' | 'batchNorm'>[] = []; // from the mean upwards
    let source = nodeAt(graph, node.inputs[0]);
    while (passes(source)) {
      passed.push(source);
      source = nodeAt(graph, source.inputs[0]);
    }
    const { channels } = source;
    let value = folded.append<'globalAvgPool'>({ ...node, inputs: [folded.idOf(source.id)], channels });
    for (const step of passed.toReversed()) {
      const [, ...parameters] = inputsOf(step);
      const inputs = [value, ...parameters.map(folded.idOf)];
      value = folded.append({ ...step, inputs } as unknown as Node); // as many as before
    }
    folded.replace(node.id, value);
  }
  return folded.result();
}
