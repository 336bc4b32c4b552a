import type * as tf from '@tensorflow/tfjs-core';
import { nodeAt } from '../../../nn/graph.ts';
import { type Plan, planFor, type Step } from '../replay.ts';
import { convolution, hasProgram } from './convolution.ts';
import { areOfOneSize, extentsOf } from './extents.ts';
import { type Expression, isPointwise, type Operand, pointwise, type Term } from './pointwise.ts';
import { hasExactTextures, runsPrograms } from './program.ts';
import { globalAverage, layerNorm } from './reductions.ts';
import { roiAlign } from './roi_align.ts';
import { hasTiles, transposedConvolution } from './transposed.ts';
import { type Part, partsOf } from './views.ts';

/**
 * Plans for WebGL, where every operation is a draw call over a whole map: what works on single values is joined to trees, and
 * a tree to the convolution that it ends. A step then stands for several nodes, whose values in between never exist.
 */

/** The most textures of an expression. WebGL 2 promises 16 to a program, of which a convolution needs up to 6. */
const mostTextures = 10;

type Compute = NonNullable<Step['compute']>;

/** A step with what its convolution reads, if it is one that has a program. */
type Prepared = Step & { readonly parts?: readonly Part[] | undefined };

/** Joins steps and gives those that have a program of ours to it. The parameters stay the plan's. */
export function fused(plan: Plan): Plan {
  if (!runsPrograms()) return plan;
  const outputs = Object.keys(plan.graph.outputs);
  const prepared: readonly Prepared[] = planFor({ ...plan, steps: withViews(plan) }, outputs).steps;
  const extents = extentsOf(plan.graph);
  const makers = new Map(prepared.map((step) => [step.node.id, step]));
  const reads = new Map<number, number>();
  const count = (id: number): void => void reads.set(id, (reads.get(id) ?? 0) + 1);
  for (const { maps } of prepared) maps.forEach(count);
  Object.values(plan.graph.outputs).forEach(count);

  const candidateOf = (id: number, root: Prepared): Candidate | undefined => {
    const maker = makers.get(id);
    if (!maker || reads.get(id) !== 1 || maker.node.channels !== root.node.channels) return undefined;
    if (isPointwise(maker.node.op)) return { kind: 'term', step: maker };
    // a convolution cannot be computed at pixels that it does not have
    const isSource = maker.parts && areOfOneSize(extents[id], extents[root.node.id]);
    return isSource ? { kind: 'source', step: maker } : undefined;
  };
  const joined = new Set<number>();
  const steps = prepared.toReversed().flatMap((step): Step[] => {
    if (joined.has(step.node.id)) return [];
    if (!isPointwise(step.node.op)) return [alone(step)];
    const tree = treeOf(step, candidateOf);
    for (const id of tree.joined) joined.add(id);
    return [tree.step];
  });
  return planFor({ ...plan, steps: steps.reverse() }, outputs);
}

/** Lets convolutions read channels of maps in place of slices and concatenations, which nothing else may then need. */
function withViews({ graph, steps }: Plan): Prepared[] {
  const makers = new Map(steps.map((step) => [step.node.id, step]));
  return steps.map((step) => {
    const { node, maps } = step;
    const [first] = maps;
    if (node.op !== 'conv2d' || first === undefined) return step;
    const { channels } = nodeAt(graph, first);
    if (!hasProgram(node.attributes, channels, node.channels)) return step;
    const parts = partsOf(step, channels, makers);
    return { ...step, parts, maps: parts.map(({ id }) => id) };
  });
}

type Candidate = { readonly kind: 'term' | 'source'; readonly step: Prepared };

/** Grows the tree whose last operation is the root: through its inputs, as long as nothing else reads them. */
function treeOf(
  root: Prepared,
  candidateOf: (id: number, root: Prepared) => Candidate | undefined,
): { readonly step: Step; readonly joined: readonly number[] } {
  const joined: number[] = [];
  const textures: (number | tf.Tensor)[] = [];
  const terms: Term[] = [];
  const source = lastSource(root, root, candidateOf);

  // with those that operations to the right will read: the tree grows on its left side first
  let reserved = root.maps.length + root.parameters.length;
  const textureOf = (value: number | tf.Tensor): Operand => {
    const known = textures.indexOf(value);
    return { texture: known < 0 ? textures.push(value) - 1 : known };
  };
  const operandOf = (id: number): Operand => {
    if (id === source?.node.id) return 'source';
    const candidate = candidateOf(id, root);
    const more = candidate ? candidate.step.maps.length + candidate.step.parameters.length - 1 : 0;
    if (candidate?.kind !== 'term' || reserved + more > mostTextures) return textureOf(id);
    reserved += more;
    joined.push(id);
    return termOf(candidate.step);
  };
  const termOf = ({ node, maps, parameters }: Step): Operand => {
    const term = { op: node.op, maps: maps.map(operandOf), parameters: parameters.map(textureOf) };
    return { term: terms.push(term) - 1 };
  };
  termOf(root);
  const isUsed = source && terms.some(({ maps }) => maps.includes('source'));
  const expression = { terms, textures: textures.length };
  const maps = textures.filter((texture) => typeof texture === 'number');
  /** The expression's textures from its maps: they stand between parameters. */
  const texturesFrom = (values: readonly tf.Tensor[]): tf.Tensor[] => {
    const left = [...values];
    return textures.map((texture) => (typeof texture === 'number' ? (left.shift() as tf.Tensor) : texture));
  };
  if (!source || !isUsed) {
    const compute: Compute = (values, shape) => pointwise(expression, texturesFrom(values), shape);
    return { step: { ...root, maps, parameters: [], compute }, joined };
  }
  const convolve = convolutionOf(source, expression);
  const parts = source.maps.length;
  const compute: Compute = (values, shape) =>
    convolve(values.slice(0, parts), texturesFrom(values.slice(parts)), shape);
  return {
    step: { ...root, maps: [...source.maps, ...maps], parameters: [], compute },
    joined: [...joined, source.node.id],
  };
}

/** Returns the convolution within reach of the tree that is computed last: the others' values are there by then. */
function lastSource(
  step: Prepared,
  root: Prepared,
  candidateOf: (id: number, root: Prepared) => Candidate | undefined,
): Prepared | undefined {
  const found = step.maps.flatMap((id) => {
    const candidate = candidateOf(id, root);
    if (!candidate) return [];
    const source = candidate.kind === 'source' ? candidate.step : lastSource(candidate.step, root, candidateOf);
    return source ? [source] : [];
  });
  return found.reduce<Prepared | undefined>(
    (last, each) => (last && last.node.id > each.node.id ? last : each),
    undefined,
  );
}

/** Returns how to compute a convolution that ends with an expression. */
function convolutionOf({ node, parameters, parts = [] }: Prepared, expression: Expression) {
  return (maps: readonly tf.Tensor4D[], textures: readonly tf.Tensor[], shape: Parameters<Compute>[1]): tf.Tensor4D => {
    if (node.op !== 'conv2d') throw new RangeError(`${node.op} is not a convolution`);
    const channels = maps.map((map, i) => ({ map, start: parts[i]?.start ?? 0, count: parts[i]?.channels ?? 0 }));
    const weights = parameters as readonly [tf.Tensor, tf.Tensor?];
    return convolution(node.attributes, channels, weights, { expression, textures }, shape);
  };
}

const nothing: Expression = { terms: [], textures: 0 };

/** Gives a step that nothing is joined to its program, if there is one. */
function alone(step: Prepared): Step {
  const { node, parameters } = step;
  if (step.parts) {
    const convolve = convolutionOf(step, nothing);
    return { ...step, compute: (maps, shape) => convolve(maps, [], shape) };
  }
  if (node.op === 'globalAvgPool') return { ...step, compute: ([x]) => globalAverage(x as tf.Tensor4D) };
  if (node.op === 'layerNorm') {
    const [gamma, beta] = parameters as readonly [tf.Tensor, tf.Tensor];
    return { ...step, compute: ([x]) => layerNorm(x as tf.Tensor4D, gamma, beta, node.attributes.eps) };
  }
  if (node.op === 'convTranspose2d' && hasTiles(node.attributes)) {
    const weights = parameters as readonly [tf.Tensor, tf.Tensor?];
    return {
      ...step,
      compute: ([x], shape) => transposedConvolution(node.attributes, x as tf.Tensor4D, weights, shape),
    };
  }
  if (node.op === 'roiAlign' && hasExactTextures()) {
    return { ...step, compute: ([x, regions]) => roiAlign(node.attributes, x as tf.Tensor4D, regions as tf.Tensor4D) };
  }
  return step;
}
