import type { Size } from '../../arrays.ts';
import { type Graph, inputNodes, inputsOf, type Node, nodeAt } from '../../nn/graph.ts';
import { activations, type Op } from '../../nn/ops.ts';
import { type Extents, extentsOf } from './extents.ts';
import type { Layout } from './layouts.ts';
import type { Dimension } from './writer.ts';

/**
 * Finds the nodes of a graph whose values are declared to have the size that they have for one input, whatever the size of a run.
 *
 * onnxruntime's blocked layout adds a sum inside a convolution, in place if its planner can tell that both maps have one size;
 * otherwise one thread copies the map first. Names of extents do not get that far: the shape inference of a convolution drops
 * them, and the values of the blocked layout have no others. Numbers do. So maps are reshaped to the shape that they have, and
 * the results are said to have the size that follows from `declaredSize`. onnxruntime compares declared sizes with each other
 * only. It checks those of inputs, kernels compute with the sizes that a run brings, and a buffer that turns out too small is an error.
 *
 * Two things make that sound, and both are decided here:
 * - An operation that computes with the size of its input would compute with the declared one, since onnxruntime folds `Shape` of a
 *   known size to a constant. So the nodes are those that do not. What others read of them is reshaped again, by a shape
 *   that only a run knows (`nodes.ts`).
 * - Extents that are equal as declared are equal in every run: the names of `extents.ts` tell them apart as well as the numbers.
 */

/** Odd, and so are its halves: one rounded up differs from one rounded down. Nothing is allocated by it. */
export const declaredSize: Size = { height: 4097, width: 4097 };

/**
 * Operations that do not compute with the size of a map, like `concat` of channels and `resize` by a factor. The blocked layout has no
 * others: what goes between these and others is plain in any case, and is reshaped at no cost.
 */
const sizeless: ReadonlySet<Op> = new Set<Op>([
  ...activations,
  'conv2d',
  'batchNorm',
  'scale',
  'add',
  'sub',
  'mul',
  'globalAvgPool',
  'maxPool',
  'avgPool',
]);

const isSizeless = ({ op, attributes, inputs }: Node): boolean =>
  sizeless.has(op) || (op === 'concat' && attributes.axis === 'channels') || (op === 'resize' && inputs.length === 1);

/** Nodes whose values are declared to have a size, and the extents of all maps for that size. */
export interface Declared {
  readonly nodes: ReadonlySet<number>;
  readonly extents: readonly (Extents | undefined)[];
}

export const nothingDeclared: Declared = { nodes: new Set(), extents: [] };

/** Returns the nodes that compute with no size, where sums are among those that are joined without another operation between them. */
export function declaredIn(graph: Graph, layouts: readonly Layout[]): Declared {
  const [input, ...others] = inputNodes(graph);
  if (input?.attributes.kind !== 'map' || others.length > 0) return nothingDeclared;
  const named = extentsOf(graph);
  const extents = extentsOf(graph, declaredSize);
  const turned = turnedNodes(graph, layouts);
  const chosen = joinedNodes(graph, layouts).filter(
    (joined) =>
      joined.some(({ op }) => op === 'add') &&
      joined.every(({ id }) => isComplete(named[id])) &&
      !joined.some(({ id }) => turned.has(id)),
  );
  const nodes = new Set(chosen.flat().map(({ id }) => id));
  const touched = chosen.flat().flatMap((node) => [node, ...mapsOf(graph, node)]);
  const areTold = (['height', 'width'] as const).every((axis) =>
    areToldApart(touched.map(({ id }) => [extents[id]?.[axis], named[id]?.[axis]])),
  );
  return areTold ? { nodes, extents } : nothingDeclared;
}

/** The nodes whose values a node reads, without parameters. */
const mapsOf = (graph: Graph, node: Node): readonly Node[] =>
  inputsOf(node)
    .map((id) => nodeAt(graph, id))
    .filter(({ op }) => op !== 'param');

/** Returns sets of channels-first nodes that compute with no size, each of which reads another of its set or is read by one. */
function joinedNodes(graph: Graph, layouts: readonly Layout[]): readonly (readonly Node[])[] {
  const sets = new Map<number, Node[]>(); // by node
  for (const node of graph.nodes) {
    if (!isSizeless(node) || layouts[node.id] !== 'channels-first') continue;
    const joined = [node];
    for (const other of new Set(mapsOf(graph, node).map(({ id }) => sets.get(id)))) joined.push(...(other ?? []));
    for (const { id } of joined) sets.set(id, joined);
  }
  return [...new Set(sets.values())];
}

/** Returns the nodes beside a transpose: onnxruntime joins that with a reorder of the blocked layout, unless something is between. */
function turnedNodes(graph: Graph, layouts: readonly Layout[]): ReadonlySet<number> {
  const turned = new Set<number>();
  for (const node of graph.nodes) {
    for (const { id } of mapsOf(graph, node)) if (layouts[id] !== layouts[node.id]) turned.add(id).add(node.id);
  }
  return turned;
}

const isComplete = (extents: Extents | undefined): boolean =>
  extents !== undefined && Object.values(extents).every((extent) => extent !== undefined);

/** True if a number has one name, given pairs of both. */
function areToldApart(pairs: readonly (readonly [Dimension | undefined, Dimension | undefined])[]): boolean {
  const names = new Map(pairs);
  return pairs.every(([number, name]) => name !== undefined && names.get(number) === name);
}

/** True if a value has its declared size in every run: a mean of a map, or bins. */
export const isCertain = (declared: Extents | undefined, named: Extents | undefined): boolean =>
  declared?.height === named?.height && declared?.width === named?.width;
