import { sliced, type Weights } from '../../arrays.ts';
import { type Graph, type Node, nodeAt } from '../graph.ts';
import { type Folding, folding, isPointwise, readersOf, type Weighted } from './folding.ts';

/**
 * Computes a convolution of joined maps as a sum of convolutions, one of each map: W·[x, y] = V·x + U·y. The joined map, which is as large
 * as all of them together, is never made.
 *
 * This is for onnxruntime's blocked layout, which has no concatenation, but adds a sum inside its convolution: the joined map was written
 * as a plain one, and again to reorder it. 1×1 convolutions compute too little for that: sums of them take longer.
 */
export function separateMaps(graph: Graph, weights: Weights): Weighted {
  const readers = readersOf(graph);
  const folded = folding(graph, weights);
  for (const node of graph.nodes) {
    const maps = node.op === 'conv2d' && !isPointwise(node) ? joinedMaps(graph, readers, node) : undefined;
    if (maps) folded.replace(node.id, appendSum(folded, node as Node<'conv2d'>, maps));
    else folded.copy(node);
  }
  return folded.result();
}

/** Channels that onnxruntime's blocked layout computes at a time. */
export const block = 16;

/** Returns the maps that only a convolution of neighbouring pixels reads, if they are joined by channels in whole blocks. */
function joinedMaps(
  graph: Graph,
  readers: readonly (readonly number[])[],
  { inputs: [input], attributes: { groups } }: Node<'conv2d'>,
): readonly Node[] | undefined {
  const joined = nodeAt(graph, input);
  if (groups !== 1 || joined.op !== 'concat' || joined.attributes.axis !== 'channels') return undefined;
  const maps = joined.inputs.map((id) => nodeAt(graph, id));
  return readers[input]?.length === 1 && maps.every(({ channels }) => channels % block === 0) ? maps : undefined;
}

function appendSum(folded: Folding, node: Node<'conv2d'>, maps: readonly Node[]): number {
  const { path, channels } = node;
  const [, weight, bias] = node.inputs;
  const whole = folded.parameterAt(weight);
  let start = 0;
  const convolutions = maps.map((map) => {
    const inputs = [
      folded.idOf(map.id),
      folded.parameter(path, 'weight', sliced(whole, 1, start, map.channels)),
    ] as const;
    const isFirst = start === 0;
    start += map.channels;
    const all = isFirst && bias !== undefined ? ([...inputs, folded.idOf(bias)] as const) : inputs;
    return folded.append<'conv2d'>({ ...node, inputs: all });
  });
  return convolutions.reduce((sum, value) =>
    folded.append<'add'>({ op: 'add', inputs: [sum, value], attributes: {}, path, channels }),
  );
}
