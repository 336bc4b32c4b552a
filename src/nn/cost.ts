import { type Named, sizeOf } from '../arrays.ts';
import { type Graph, inputsOf, type Node, nodeAt, parametersOf } from './graph.ts';
import { type Op, type Operands, type Operation, sizeFrom } from './ops.ts';
import { type InputExtent, type MapShape, paddedTo, shapeAt, shapesOf } from './shapes.ts';

/**
 * The reading of a graph that counts. Kinds of work are counted apart, so that each published rule (fvcore's, mmcv's)
 * is a sum of them.
 */
export interface Cost {
  /** Multiply-adds of convolutions and matrix products. A transposed convolution counts at its input positions. */
  readonly macs: number;
  /** Multiply-adds of linear layers on the padding of windows: the published code does them, this package skips them. */
  readonly padding: number;
  /** Outputs of convolutions that add a bias. */
  readonly convBias: number;
  /** Outputs of linear layers that add a bias. */
  readonly linearBias: number;
  /** Elements that a normalisation by statistics of channels reads. */
  readonly norm: number;
  /** Elements that a layer normalisation reads. */
  readonly layerNorm: number;
  /** Elements that an activation reads if it is a module; functional ones are in `elementwise`. */
  readonly activation: number;
  /** Elements that a pooling reads. */
  readonly pool: number;
  /** Values of parameters that are resized to the map. */
  readonly resized: number;
  /** Outputs of sums, products, scales, resizes and functional activations. */
  readonly elementwise: number;
}

export interface CostRow extends Cost {
  readonly path: string;
  /** A linear layer on every position is `linear`, as it is in PyTorch. */
  readonly op: Op;
}

const nothing: Cost = {
  macs: 0,
  padding: 0,
  convBias: 0,
  linearBias: 0,
  norm: 0,
  layerNorm: 0,
  activation: 0,
  pool: 0,
  resized: 0,
  elementwise: 0,
};

type CostRule<K extends Operation> = (
  node: Node<K>,
  output: MapShape,
  inputs: Operands<MapShape, undefined>[K],
) => Partial<Cost>;

type Inputs = readonly [MapShape, ...unknown[]];

const elements = ({ batch, channels, height, width }: MapShape): number => batch * channels * height * width;
/** The path of a step that is not a module ends with its operation. */
const isModule = ({ path, op }: Node): boolean => !path.endsWith(`:${op}`);

const normalisation = (_: Node, __: MapShape, [x]: Inputs) => ({ norm: elements(x) });
const activation = (node: Node, output: MapShape) =>
  isModule(node) ? { activation: elements(output) } : { elementwise: elements(output) };
const pooling = (_: Node, __: MapShape, [x]: Inputs) => ({ pool: elements(x) });
const elementwise = (_: Node, output: MapShape) => ({ elementwise: elements(output) });
const free = () => nothing;

const rules: { [K in Operation]: CostRule<K> } = {
  conv2d: ({ attributes: { kernel, groups }, inputs: [, , bias] }, output, [x]) => ({
    macs: elements(output) * kernel.height * kernel.width * (x.channels / groups),
    convBias: bias === undefined ? 0 : elements(output),
  }),
  convTranspose2d: ({ attributes: { kernel }, inputs: [, , bias] }, output, [x]) => ({
    macs: elements(x) * kernel.height * kernel.width * output.channels,
    convBias: bias === undefined ? 0 : elements(output),
  }),
  linear: ({ attributes: { inFeatures } }, output) => ({
    macs: output.batch * inFeatures * output.channels,
    linearBias: elements(output),
  }),
  batchNorm: normalisation,
  groupNorm: normalisation,
  layerNorm: (_, __, [x]) => ({ layerNorm: elements(x) }),
  relu: activation,
  silu: activation,
  sigmoid: activation,
  gelu: activation,
  hardsigmoid: activation,
  hardswish: activation,
  scale: elementwise,
  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  concat: free,
  slice: free,
  globalAvgPool: pooling,
  adaptiveAvgPool: pooling,
  maxPool: pooling,
  avgPool: pooling,
  resize: elementwise,
  roiAlign: elementwise,
  padToMultiple: free,
  mergePatches: free,
  // queries by keys and weights by values, padding included; projections to queries, keys and values, and of the result
  windowAttention: ({ attributes: { window } }, output) => {
    const padded = elements(paddedTo(output, sizeFrom(window)));
    return { macs: 2 * padded * window ** 2, padding: 4 * (padded - elements(output)) * output.channels };
  },
  // queries by keys, and weights by values
  attention: (_, output) => ({ macs: 2 * elements(output) * output.height * output.width }),
  // keys by values, queries by that; and queries by the sum of keys
  linearAttention: ({ attributes: { heads } }, output) => ({
    macs: elements(output) * ((2 * output.channels) / heads + 1),
  }),
  mixPositions: ({ attributes: { from } }, output) => ({
    macs: elements(output) * from.height * from.width,
    linearBias: elements(output),
  }),
  shift: free,
  circularConv2d: ({ attributes: { axis } }, output) => ({
    macs: elements(output) * output[axis],
    resized: output.channels * output[axis],
  }),
  addAlongAxis: ({ attributes: { axis } }, output) => ({
    elementwise: elements(output),
    resized: output.channels * output[axis],
  }),
};

/** Counts every operation of a graph: one row per node, in order. */
export function costOf(graph: Graph, inputs: Named<InputExtent>): CostRow[] {
  const shapes = shapesOf(graph, inputs);
  return graph.nodes.flatMap((node) => {
    if (node.op === 'param' || node.op === 'input') return [];
    const rule = rules[node.op] as (node: Node, output: MapShape, inputs: unknown) => Partial<Cost>; // the table pairs them
    const known = inputsOf(node).map((id) => shapes[id]);
    const row: CostRow = { ...nothing, ...rule(node, shapeAt(shapes, node.id), known), path: node.path, op: node.op };
    return [isPointwise(graph, node) ? { ...row, op: 'linear', convBias: 0, linearBias: row.convBias } : row];
  });
}

/** A convolution whose weight has two dimensions in the state dict is a linear layer there, and counted as one. */
function isPointwise(graph: Graph, node: Node): boolean {
  const weight = node.op === 'conv2d' ? nodeAt(graph, node.inputs[1]) : undefined;
  return weight?.op === 'param' && weight.attributes.shape.length === 2;
}

/** Sums the rows that lie under a module path (all by default). */
export function totalCost(rows: readonly CostRow[], under = ''): Cost {
  const total = { ...nothing } as { -readonly [K in keyof Cost]: number };
  for (const row of rows) {
    if (under && row.path !== under && !row.path.startsWith(`${under}.`) && !row.path.startsWith(`${under}:`)) continue;
    for (const key of Object.keys(nothing) as (keyof Cost)[]) total[key] += row[key];
  }
  return total;
}

/** Counts the trainable parameters under a module path, as the papers do: buffers are left out. */
export function parameterCount(graph: Graph, under = ''): number {
  let count = 0;
  for (const { kind, key, shape } of parametersOf(graph)) {
    if (kind === 'parameter' && (!under || key.startsWith(`${under}.`))) count += sizeOf(shape);
  }
  return count;
}
