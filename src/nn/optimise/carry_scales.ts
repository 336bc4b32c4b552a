import type { Weights } from '../../arrays.ts';
import { type Graph, inputsOf, type Node, nodeAt } from '../graph.ts';
import {
  affineOf,
  appendAffine,
  appendProjection,
  type Folding,
  folding,
  isAffine,
  isProjection,
  type PerChannel,
  readersOf,
  type Weighted,
  weighInputs,
  weighingOf,
  weighOutputs,
} from './folding.ts';

/**
 * Carries the scale of a shortcut along it: a·x + W·z = a·(x + (W/a)·z). The sum is computed without its factor, which every
 * reader takes into its weights, or carries on if it is such a sum itself. So the shortcuts of a stage are plain sums, and one
 * scale is left at its end.
 */
export function carryScales(graph: Graph, weights: Weights): Weighted {
  const readers = readersOf(graph);
  const folded = folding(graph, weights);
  const carriers = carriersOf(graph, readers, folded);
  /** Node → what its new value has to be multiplied by. */
  const carried = new Map<number, PerChannel>();

  for (const node of graph.nodes) {
    const sum = carriers.get(node.id);
    if (sum) {
      const factor = product(sum.factor, carried.get(sum.x));
      const projection = nodeAt(graph, sum.projection);
      if (factor && isProjection(projection)) {
        const value = appendWeighed(
          folded,
          projection,
          factor.map((value) => 1 / value),
          carried,
        );
        const inputs = [folded.idOf(sum.x), value] as const;
        folded.replace(node.id, folded.append<'add'>({ ...node, op: 'add', attributes: {}, inputs }));
        carried.set(node.id, factor);
        continue;
      }
    }
    const [first = -1] = inputsOf(node);
    const factor = carried.get(first);
    if (!factor) {
      folded.copy(node);
    } else if (isProjection(node)) {
      folded.replace(node.id, appendWeighed(folded, node, undefined, carried));
    } else if (isAffine(node)) {
      const affine = affineOf(node, folded);
      const scaled = { ...affine, x: folded.idOf(first), factor: affine.factor.map((value, c) => value * factor[c]!) };
      folded.replace(node.id, appendAffine(folded, node.path, scaled));
    } else {
      folded.copy(node); // a mean, whose readers take the factor
      carried.set(node.id, factor);
    }
  }
  if (![...carried.values()].every((factor) => factor.every(isHeld))) return { graph, weights };
  const result = folded.result();
  const named = Object.entries(result.graph.taps).filter(([name]) => !carried.has(graph.taps[name] ?? -1));
  return { ...result, graph: { ...result.graph, taps: Object.fromEntries(named) } };
}

/** Appends a projection that takes the factor which its input carries, and weighs its outputs. */
function appendWeighed(
  folded: Folding,
  node: Node<'conv2d' | 'linear'>,
  outputs: PerChannel | undefined,
  carried: ReadonlyMap<number, PerChannel>,
): number {
  const [x] = node.inputs;
  const factor = carried.get(x);
  const weighing = weighingOf(node, folded);
  const taken = factor ? weighInputs(node, weighing, { factor, shift: undefined }) : weighing;
  const weighed = outputs ? weighOutputs(node, taken, outputs, undefined) : taken;
  return appendProjection(folded, node, folded.idOf(x), weighed);
}

/** A sum of a value, scaled or not, and of what a projection makes for it alone. */
interface Carrier {
  readonly x: number;
  readonly factor: PerChannel | undefined;
  readonly projection: number;
}

/** A channel that a shortcut all but drops would be divided by next to nothing. */
const isSafe = (value: number): boolean => Math.abs(value) > 2 ** -8 && Math.abs(value) < 2 ** 8;

/** What float32 holds, values of the map included. */
const isHeld = (value: number): boolean => Math.abs(value) > 2 ** -40 && Math.abs(value) < 2 ** 40;

const product = (a: PerChannel | undefined, b: PerChannel | undefined): PerChannel | undefined =>
  a && b ? a.map((value, c) => value * b[c]!) : (a ?? b);

/** Returns the sums whose readers all take a factor. */
function carriersOf(
  graph: Graph,
  readers: readonly (readonly number[])[],
  folded: Folding,
): ReadonlyMap<number, Carrier> {
  const carriers = new Map<number, Carrier>();
  const takes = (id: number, from: number): boolean => {
    const reader = graph.nodes[id];
    if (!reader) return false;
    if (reader.op === 'globalAvgPool') return (readers[id] ?? []).every((next) => takesInput(next));
    return takesInput(id) || carriers.get(id)?.x === from;
  };
  const takesInput = (id: number): boolean => {
    const reader = graph.nodes[id];
    return reader !== undefined && (isProjection(reader) || isAffine(reader));
  };
  for (const node of graph.nodes.toReversed()) {
    if (node.op !== 'add' || !(readers[node.id] ?? []).every((id) => takes(id, node.id))) continue;
    const carrier = carrierOf(graph, readers, folded, node);
    if (carrier) carriers.set(node.id, carrier);
  }
  return carriers;
}

function carrierOf(
  graph: Graph,
  readers: readonly (readonly number[])[],
  folded: Folding,
  { channels, inputs }: Node<'add'>,
): Carrier | undefined {
  for (const [shortcut, projection] of [inputs, inputs.toReversed()] as const) {
    if (shortcut === undefined || projection === undefined || shortcut === projection) continue;
    const [from, made] = [nodeAt(graph, shortcut), nodeAt(graph, projection)];
    const isOwn = isProjection(made) && readers[made.id]?.length === 1;
    if (!isOwn || made.channels !== channels || from.channels !== channels) continue;
    if (from.op !== 'scale') return { x: shortcut, factor: undefined, projection };
    const { x, factor } = affineOf(from, folded);
    if (factor.every(isSafe)) return { x, factor, projection };
  }
  return undefined;
}
