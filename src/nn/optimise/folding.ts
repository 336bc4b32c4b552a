import type { NDArray, Weights } from '../../arrays.ts';
import { ShapeError } from '../../errors.ts';
import {
  type Graph,
  inputsOf,
  type Node,
  nodeAt,
  operandOf,
  parametersOf,
  prune,
  type Rewriting,
  rewriting,
} from '../graph.ts';

/** What passes have in common: who reads a value, what parameters hold, and new parameters for folded ones. */

/** A graph with the values of its parameters, before or after a pass. */
export interface Weighted {
  readonly graph: Graph;
  readonly weights: Weights;
}

/** A factor or a summand for every channel, in double precision until it is in a weight. */
export type PerChannel = Float64Array;

/** The rewriting of a graph together with its weights. */
export interface Folding extends Rewriting {
  /** Returns the value of a parameter in the shape in which operations take it. */
  parameterAt(id: number): NDArray;
  /** Appends a parameter named after the module that reads it. One of equal values is shared. */
  parameter(path: string, name: string, value: NDArray): number;
  /** Returns the new graph without what no output needs, and the weights that it reads. */
  result(): Weighted;
}

export function folding(graph: Graph, weights: Weights): Folding {
  const rewritten = rewriting(graph);
  const values = new Map(weights);
  const made = new Map<number, { readonly id: number; readonly value: NDArray }[]>(); // by hash
  return {
    ...rewritten,
    parameterAt: (id) => {
      const node = nodeAt(graph, id);
      if (node.op !== 'param') throw new ShapeError(`${node.path}: ${node.op} is not a parameter.`);
      return operandOf(node.attributes, weights);
    },
    parameter: (path, name, value) => {
      const hash = hashOf(value);
      const alike = made.get(hash) ?? [];
      const equal = alike.find((other) => isEqual(other.value, value));
      if (equal) return equal.id;
      const key = unusedKey(path, name, values);
      values.set(key, value);
      const attributes = { key, shape: value.shape, kind: 'parameter' as const };
      const id = rewritten.append<'param'>({ op: 'param', inputs: [], attributes, path: key, channels: 0 });
      made.set(hash, [...alike, { id, value }]);
      return id;
    },
    result: () => {
      const result = prune(rewritten.finish());
      const used = new Set(parametersOf(result).map(({ key }) => key));
      return { graph: result, weights: new Map([...values].filter(([key]) => used.has(key))) };
    },
  };
}

/** A module that is called twice may be folded twice: the second keys get `#2`, as calls do in taps. */
function unusedKey(path: string, name: string, values: Weights): string {
  for (let count = 1; ; count++) {
    const key = `${path}${count > 1 ? `#${count}` : ''}:folded.${name}`;
    if (!values.has(key)) return key;
  }
}

function hashOf({ data }: NDArray): number {
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
  let hash = bits.length;
  for (const word of bits) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

function isEqual(a: NDArray, b: NDArray): boolean {
  return a.shape.join() === b.shape.join() && a.data.every((value, i) => Object.is(value, b.data[i]));
}

/** Stands for an output of the graph among the readers of a value. */
export const output = -1;

/** Lists, for every node, the ids of the nodes that read it, once for each input; an output counts as `output`. */
export function readersOf(graph: Graph): readonly (readonly number[])[] {
  const readers = graph.nodes.map((): number[] => []);
  for (const node of graph.nodes) for (const id of inputsOf(node)) readers[id]?.push(node.id);
  for (const id of Object.values(graph.outputs)) readers[id]?.push(output);
  return readers;
}

/** An operation that is x · factor + shift, channel by channel. */
export interface Affine {
  readonly x: number;
  readonly factor: PerChannel;
  readonly shift: PerChannel | undefined;
}

/** The operations that are affine maps of every channel. */
export const isAffine = (node: Node): node is Node<'scale' | 'batchNorm'> =>
  node.op === 'scale' || node.op === 'batchNorm';

/** Reads a `scale`, or a `batchNorm`, whose statistics are constants: γ/√(σ² + ε) · x + β − μ · γ/√(σ² + ε). */
export function affineOf(node: Node<'scale' | 'batchNorm'>, { parameterAt }: Folding): Affine {
  if (node.op === 'scale') {
    return { x: node.inputs[0], factor: Float64Array.from(parameterAt(node.inputs[1]).data), shift: undefined };
  }
  const [x, ...parameters] = node.inputs;
  const [gamma, beta, mean, variance] = parameters.map((id) => parameterAt(id).data);
  const factor = Float64Array.from(gamma!, (value, c) => value / Math.sqrt(variance![c]! + node.attributes.eps));
  return { x, factor, shift: factor.map((value, c) => beta![c]! - mean![c]! * value) };
}

/** Appends x · factor + shift as the operation that says it: a BatchNorm of mean 0 and variance 1 if there is a shift. */
export function appendAffine({ append, parameter }: Folding, path: string, { x, factor, shift }: Affine): number {
  const [channels, single] = [factor.length, Float32Array.from(factor)];
  const vector = (name: string, data: Float32Array) => parameter(path, name, { shape: [channels], data });
  if (!shift) {
    const scale = parameter(path, 'scale', { shape: [1, channels, 1, 1], data: single });
    return append<'scale'>({ op: 'scale', inputs: [x, scale], attributes: {}, path: `${path}:scale`, channels });
  }
  const inputs = [
    x,
    vector('weight', single),
    vector('bias', Float32Array.from(shift)),
    vector('mean', new Float32Array(channels)),
    vector('variance', new Float32Array(channels).fill(1)),
  ] as const;
  return append<'batchNorm'>({ op: 'batchNorm', inputs, attributes: { eps: 0 }, path: `${path}:batchNorm`, channels });
}

/** The operations whose outputs are weighed sums of inputs, so that an affine map can be in their weights. */
export type Projection = Node<'conv2d' | 'linear'>;

export const isProjection = (node: Node): node is Projection => node.op === 'conv2d' || node.op === 'linear';

/** The operations whose weights take a factor for every output, and whose bias takes a summand. */
export type Weighable = Projection | Node<'convTranspose2d'>;

export const isWeighable = (node: Node): node is Weighable => isProjection(node) || node.op === 'convTranspose2d';

/** True if every window lies within the map, so that a constant added to the input adds a constant to the output. */
export function isUnpadded(node: Projection): boolean {
  return node.op === 'linear' || (node.attributes.padding.height === 0 && node.attributes.padding.width === 0);
}

/** True for a convolution of single pixels that leaves none out. */
export function isPointwise(node: Node): node is Node<'conv2d'> {
  if (node.op !== 'conv2d' || !isUnpadded(node)) return false;
  const { kernel, stride } = node.attributes;
  return [kernel.height, kernel.width, stride.height, stride.width].every((extent) => extent === 1);
}

/** The weights of a projection: [out, inputs of a group, taps] in row-major order. Those of a transposed convolution are [in, out, taps]. */
export interface Weighing {
  readonly weight: Float32Array;
  readonly bias: Float64Array | undefined;
}

export function weighingOf({ inputs: [, weight, bias] }: Weighable, { parameterAt }: Folding): Weighing {
  return {
    weight: parameterAt(weight).data,
    bias: bias === undefined ? undefined : Float64Array.from(parameterAt(bias).data),
  };
}

/** Weighs the outputs: factor · (W·x + b) + shift. */
export function weighOutputs(
  node: Weighable,
  { weight, bias }: Weighing,
  factor: PerChannel,
  shift: PerChannel | undefined,
): Weighing {
  // the outputs of a transposed convolution are there again for each input
  const kernel = node.op === 'convTranspose2d' ? node.attributes.kernel : undefined;
  const perOutput = kernel ? kernel.height * kernel.width : weight.length / factor.length;
  const weighed = new Float32Array(weight.length);
  for (let i = 0; i < weight.length; ) {
    for (const value of factor) for (const end = i + perOutput; i < end; i++) weighed[i] = weight[i]! * value;
  }
  return {
    weight: weighed,
    bias: bias || shift ? factor.map((value, c) => value * (bias?.[c] ?? 0) + (shift?.[c] ?? 0)) : undefined,
  };
}

/** Weighs the inputs: W·(factor · x + shift) + b. With a shift, the projection must be unpadded. */
export function weighInputs(
  node: Projection,
  { weight, bias }: Weighing,
  { factor, shift }: Pick<Affine, 'factor' | 'shift'>,
): Weighing {
  const groups = node.op === 'conv2d' ? node.attributes.groups : 1;
  const [inputs, outputs] = [factor.length / groups, node.channels / groups]; // of a group
  const taps = weight.length / (node.channels * inputs);
  const weighed = new Float32Array(weight.length);
  const constant = Float64Array.from({ length: node.channels }, (_, out) => bias?.[out] ?? 0);
  let i = 0;
  for (let out = 0; out < node.channels; out++) {
    const first = Math.floor(out / outputs) * inputs;
    for (let input = first; input < first + inputs; input++) {
      const [value, added] = [factor[input]!, shift?.[input] ?? 0];
      for (const end = i + taps; i < end; i++) {
        weighed[i] = weight[i]! * value;
        constant[out]! += weight[i]! * added;
      }
    }
  }
  return { weight: weighed, bias: shift || bias ? constant : undefined };
}

/** Appends a projection like `node` of the new value `x` with other weights. */
export function appendProjection(folding: Folding, node: Weighable, x: number, { weight, bias }: Weighing): number {
  const { append, parameter, parameterAt } = folding;
  const shape = parameterAt(node.inputs[1]).shape;
  const newWeight = parameter(node.path, 'weight', { shape, data: weight });
  const newBias = (data: Float64Array) =>
    parameter(node.path, 'bias', { shape: [node.channels], data: Float32Array.from(data) });
  if (node.op === 'linear') {
    const inputs = [x, newWeight, newBias(bias ?? new Float64Array(node.channels))] as const;
    return append<'linear'>({ ...node, inputs });
  }
  const inputs = bias ? ([x, newWeight, newBias(bias)] as const) : ([x, newWeight] as const);
  return node.op === 'conv2d' ? append<'conv2d'>({ ...node, inputs }) : append<'convTranspose2d'>({ ...node, inputs });
}

/** True if all values are one number. */
export const isAll = (values: PerChannel, number: number): boolean => values.every((value) => value === number);
