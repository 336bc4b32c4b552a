import type { Weights } from '../../arrays.ts';
import { type Graph, type Node, nodeAt } from '../graph.ts';
import { type Folding, folding, readersOf, type Weighted } from './folding.ts';

/**
 * Computes depthwise convolutions of parts of a map on the whole map. A concatenation of all parts, some convolved and some
 * as they are, becomes a sum of convolutions: each makes zeros of the channels of the others, and the first passes on those
 * that are not convolved. The numbers stay the same to the bit.
 *
 * This is for onnxruntime's blocked layout, which has no slices: each part was reordered out of it and back. Other engines
 * would compute more.
 */
export function wholeMaps(graph: Graph, weights: Weights): Weighted {
  const readers = readersOf(graph);
  const folded = folding(graph, weights);
  for (const node of graph.nodes) {
    const parts = partsOf(graph, readers, node);
    if (parts) folded.replace(node.id, appendSum(folded, node, parts));
    else folded.copy(node);
  }
  return folded.result();
}

/** Channels of a map, from `start` to `end`. */
interface Part {
  readonly source: number;
  readonly start: number;
  readonly end: number;
  /** The convolution that reads them. Without it they are in the concatenation as they are. */
  readonly convolution: Node<'conv2d'> | undefined;
}

/** How many channels may be computed for one that is needed. */
const mostComputed = 3;

/** Returns the parts of one map that a concatenation joins again in their order, if that are all of its channels. */
function partsOf(graph: Graph, readers: readonly (readonly number[])[], node: Node): readonly Part[] | undefined {
  if (node.op !== 'concat' || node.attributes.axis !== 'channels') return undefined;
  const { inputs, channels } = node;
  const parts: Part[] = [];
  for (const id of inputs) {
    const part = partOf(graph, readers, id);
    const before = parts.at(-1);
    if (!part || part.start !== (before?.end ?? 0) || part.source !== (before ?? part).source) return undefined;
    if (part.convolution && mostComputed * (part.end - part.start) < channels) return undefined;
    parts.push(part);
  }
  const [first] = parts;
  const isWhole = first !== undefined && nodeAt(graph, first.source).channels === channels;
  const isConvolved = parts.some(({ convolution }) => convolution);
  return isWhole && isConvolved ? parts : undefined;
}

function partOf(graph: Graph, readers: readonly (readonly number[])[], id: number): Part | undefined {
  const node = nodeAt(graph, id);
  const convolution = isDepthwise(node) && readers[id]?.length === 1 ? node : undefined;
  const slice = nodeAt(graph, convolution ? convolution.inputs[0] : id);
  if (slice.op !== 'slice') return undefined;
  const [source] = slice.inputs;
  return { source, ...slice.attributes, convolution };
}

/** True for a convolution of every channel by itself to a map of the same size, with a middle. */
function isDepthwise(node: Node): node is Node<'conv2d'> {
  if (node.op !== 'conv2d') return false;
  const { kernel, stride, padding, dilation, groups } = node.attributes;
  const keeps = (axis: 'height' | 'width') =>
    kernel[axis] % 2 === 1 && stride[axis] === 1 && 2 * padding[axis] === dilation[axis] * (kernel[axis] - 1);
  return groups === node.channels && keeps('height') && keeps('width');
}

function appendSum(folded: Folding, { path, channels }: Node, parts: readonly Part[]): number {
  const passed = parts.filter(({ convolution }) => !convolution);
  return parts
    .flatMap(({ convolution, ...part }) => (convolution ? [{ convolution, part }] : []))
    .map(({ convolution, part }, i) => appendWhole(folded, convolution, channels, part, i === 0 ? passed : []))
    .reduce((sum, value) => folded.append<'add'>({ op: 'add', inputs: [sum, value], attributes: {}, path, channels }));
}

/** Appends the convolution of a part on all channels of its map. */
function appendWhole(
  folded: Folding,
  node: Node<'conv2d'>,
  channels: number,
  { source, start }: Pick<Part, 'source' | 'start'>,
  passed: readonly Pick<Part, 'start' | 'end'>[],
): number {
  const { kernel } = node.attributes;
  const taps = kernel.height * kernel.width;
  const [, weight, bias] = node.inputs;
  const data = new Float32Array(channels * taps);
  data.set(folded.parameterAt(weight).data, start * taps);
  for (const part of passed) {
    for (let c = part.start; c < part.end; c++) data[c * taps + (taps - 1) / 2] = 1;
  }
  const shape = [channels, 1, kernel.height, kernel.width];
  const inputs = [folded.idOf(source), folded.parameter(node.path, 'weight', { shape, data })] as const;
  const attributes = { ...node.attributes, groups: channels };
  if (bias === undefined) return folded.append<'conv2d'>({ ...node, inputs, attributes, channels });
  const biases = new Float32Array(channels);
  biases.set(folded.parameterAt(bias).data, start);
  const wide = folded.parameter(node.path, 'bias', { shape: [channels], data: biases });
  return folded.append<'conv2d'>({ ...node, inputs: [...inputs, wide], attributes, channels });
}
