import { type Graph, inputsOf, nodeAt } from '../../nn/graph.ts';
import type { Readers } from '../../nn/part.ts';

/**
 * The parts of a graph that only one reader of outputs needs (`Readers`). onnxruntime computes a whole session whatever is fetched, and
 * another session would hold the weights again: so each part is a branch, which a run takes or leaves.
 */
export interface Branch {
  /** Who reads its outputs. */
  readonly reader: string;
  /** The nodes that it computes. Without any it only hands out what the rest of the graph computes. */
  readonly nodes: ReadonlySet<number>;
  /** Names of outputs of the graph. */
  readonly outputs: readonly string[];
}

/**
 * Returns the branches, each after those that it reads from. There are none if all outputs have one reader.
 *
 * What a branch reads from the rest of the graph stays in memory until it ends. So the maps that are handed out and read again (a
 * pyramid, by the head on it) end a branch, and each output that the rest of the graph needs as well has its own.
 */
export function branchesOf(graph: Graph, readers: Readers = {}): Branch[] {
  const names = Object.keys(readers).filter((reader) => readers[reader]?.length);
  if (names.length < 2) return [];
  const readerOf = onlyReaders(graph, readers);
  return names.flatMap((reader): Branch[] => {
    const outputs = readers[reader] ?? [];
    const own = new Set(graph.nodes.filter(({ id }) => readerOf.get(id) === reader).map(({ id }) => id));
    const idOf = (output: string): number => graph.outputs[output] ?? -1;
    const readAgain = new Set(
      graph.nodes.filter(({ id }) => own.has(id)).flatMap((node) => inputsOf(node).filter((id) => own.has(id))),
    );
    const first = ancestors(graph, new Set(outputs.map(idOf).filter((id) => readAgain.has(id))), own);
    const second = new Set([...own].filter((id) => !first.has(id)));
    leaveSharedParameters(graph, first, second);
    const given = (nodes: ReadonlySet<number>) => outputs.filter((output) => nodes.has(idOf(output)));
    const copies = outputs.filter((output) => !own.has(idOf(output)));
    return [
      ...copies.map((output) => ({ reader, nodes: new Set<number>(), outputs: [output] })),
      ...[first, second].filter(({ size }) => size > 0).map((nodes) => ({ reader, nodes, outputs: given(nodes) })),
    ];
  });
}

/** Returns the reader of every node that a single one needs. */
function onlyReaders(graph: Graph, readers: Readers): Map<number, string> {
  const neededBy = new Map<number, Set<string>>();
  const note = (id: number, reader: string): void => {
    const known = neededBy.get(id);
    if (known) known.add(reader);
    else neededBy.set(id, new Set([reader]));
  };
  const everyone = ''; // whom outputs without a reader are for
  for (const [output, id] of Object.entries(graph.outputs)) {
    note(id, Object.keys(readers).find((reader) => readers[reader]?.includes(output)) ?? everyone);
  }
  for (const node of graph.nodes.toReversed()) {
    for (const reader of neededBy.get(node.id) ?? []) for (const id of inputsOf(node)) note(id, reader);
  }
  return new Map(
    [...neededBy].flatMap(([id, [reader = everyone, ...others]]) =>
      reader === everyone || others.length > 0 || nodeAt(graph, id).op === 'input' ? [] : [[id, reader] as const],
    ),
  );
}

function ancestors(graph: Graph, nodes: ReadonlySet<number>, within: ReadonlySet<number>): Set<number> {
  const found = new Set(nodes);
  for (const node of graph.nodes.toReversed()) {
    if (found.has(node.id)) for (const id of inputsOf(node)) if (within.has(id)) found.add(id);
  }
  return found;
}

/** A branch does not see the parameters of another one. */
function leaveSharedParameters(graph: Graph, first: Set<number>, second: Set<number>): void {
  for (const node of graph.nodes) {
    if (!second.has(node.id)) continue;
    for (const id of inputsOf(node)) if (nodeAt(graph, id).op === 'param') first.delete(id);
  }
}
