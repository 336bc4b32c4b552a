import { type Graph, type Node, nodeAt } from '../../nn/graph.ts';
import { isPointwise, readersOf } from '../../nn/optimise/folding.ts';

/**
 * Finds attention in windows whose queries, keys and values a 1×1 convolution makes for it alone. onnxruntime has one operator for both,
 * which multiplies straight into the order of the heads: pixels are gathered into windows before the projection, with a third of the
 * channels, and nothing is split or transposed. It spares kernels that take as long on two threads as on one.
 *
 * Swin-T takes 0.97 of the time at 224 and 512 pixels and 0.84 at 800×1280, on two threads.
 */
export type Projections = ReadonlyMap<number, Node<'conv2d'>>;

/** The most channels that are projected. 768 by themselves take 1.16 of the time on large maps: products of single heads are narrow. */
const widest = 384;

/** Returns the convolutions, by the id of the attention that reads each. */
export function projectionsOf(graph: Graph): Projections {
  const readers = readersOf(graph);
  const found = new Map<number, Node<'conv2d'>>();
  for (const node of graph.nodes) {
    if (node.op !== 'windowAttention' || node.channels > widest) continue;
    const [projection, , padding] = node.inputs;
    const source = nodeAt(graph, projection);
    if (!isPointwise(source) || source.attributes.groups !== 1 || readers[source.id]?.length !== 1) continue;
    // pixels of padding are zeros before the projection, so that they become its bias
    const [, , bias] = source.inputs;
    const isSame = keyOf(graph, bias) === keyOf(graph, padding);
    if (isSame && nodeAt(graph, source.inputs[0]).channels === node.channels) found.set(node.id, source);
  }
  return found;
}

/** Returns the ids of the convolutions. They are not written by themselves. */
export const projectedIn = (projections: Projections): ReadonlySet<number> =>
  new Set([...projections.values()].map(({ id }) => id));

function keyOf(graph: Graph, id: number | undefined): string | undefined {
  const node = id === undefined ? undefined : nodeAt(graph, id);
  return node?.op === 'param' ? node.attributes.key : undefined;
}

/** Names of the inputs of attention in windows with its projection. */
export type Projected = readonly [x: string, weight: string, table: string, bias?: string];
