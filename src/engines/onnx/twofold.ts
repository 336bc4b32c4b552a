import { type Graph, inputNodes, inputsOf, type Node } from '../../nn/graph.ts';
import type { NodeWriter, Result } from './nodes.ts';
import { emitInParts, largeInput, nodesOf, type WideMap } from './parts.ts';
import type { BranchResult, ModelWriter } from './writer.ts';

/**
 * Writes the nodes up to the last wide map in two forms, of which a run takes one by the size of its input: with wide maps in
 * parts, and as they are. Inputs have to be there before.
 *
 * @param maps wide maps, by the node at whose place their parts are written
 * @param outside nodes that a run may leave out
 * @param outputNames names of nodes that are outputs of the graph
 * @returns the nodes that are written. The parameters among them that other nodes read as well are not
 */
export function emitTwofold(
  graph: Graph,
  maps: ReadonlyMap<number, WideMap>,
  outside: ReadonlySet<number>,
  nodes: NodeWriter,
  writer: ModelWriter,
  outputNames: ReadonlyMap<number, string>,
): ReadonlySet<number> {
  const replaced = nodesOf(maps.values());
  const last = Math.max(-1, ...replaced);
  const isTwofold = ({ id, op }: Node): boolean => id <= last && op !== 'input' && !outside.has(id);
  const twofold = graph.nodes.filter(isTwofold);
  const readOutside = new Set([
    ...graph.nodes.filter((node) => !isTwofold(node)).flatMap((node) => inputsOf(node)),
    ...Object.values(graph.outputs),
  ]);
  const results = twofold
    .filter(({ id, op }) => op !== 'param' && readOutside.has(id))
    .map((node): Result => {
      const name = outputNames.get(node.id) ?? writer.unique(`${node.path || node.op}/result`);
      return { name, node, isInside: true };
    });
  /** Writes nodes, the parameters that they read, and wide maps in parts. */
  const form = (written: readonly Node[], inParts: ReadonlyMap<number, WideMap>) => (): readonly BranchResult[] =>
    nodes.inside(results, () => {
      const read = new Set(written.filter(({ id }) => !inParts.has(id)).flatMap((node) => inputsOf(node)));
      for (const node of written) {
        const map = inParts.get(node.id);
        if (map) emitInParts(map, nodes);
        else if (node.op !== 'param' || read.has(node.id)) nodes.write(node);
      }
    });
  const kept = twofold.filter(({ id }) => maps.has(id) || !replaced.has(id));
  writer.choose(largeCondition(graph, writer), [form(kept, maps), form(twofold, new Map())]);
  for (const { name, node } of results) nodes.set(node.id, name);
  return new Set(twofold.flatMap(({ id, op }) => (op === 'param' && readOutside.has(id) ? [] : [id])));
}

/** Returns a scalar that is true if the input has at least the pixels of a large one. */
function largeCondition(graph: Graph, writer: ModelWriter): string {
  const [input] = inputNodes(graph);
  if (!input) throw new RangeError('only a graph with an input has wide maps');
  const shape = writer.operator('Shape', 'large/Shape', [input.attributes.name]);
  const values = writer.operator('ReduceProd', 'large/ReduceProd', [shape], { keepdims: 0 });
  return writer.operator('GreaterOrEqual', 'large', [values, writer.ints([largeInput * input.channels], [])]);
}
