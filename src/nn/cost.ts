import { type Named, sizeOf } from '../arrays.ts';
import type { Graph, Node } from './graph.ts';
import { type Op, sizeFrom } from './ops.ts';
import { filledUp, type InputExtent, type MapShape, shapesOf } from './shapes.ts';

/**
 * The reading of a graph that counts. Kinds of work are counted apart, so that each published rule (fvcore's, mmcv's)
 * is a sum of them.
 */
export interface Cost {
  /** Multiply-adds of convolutions and matrix products. A transposed convolution counts at its input positions. */
  readonly macs: number;
  /** Multiply-adds of linear layers on the filling of windows: the published code does them, and we do not need to. */
  readonly filling: number;
  /** Outputs of convolutions that add a bias. */
  readonly convBias: number;
  /** Outputs of linear layers that add a bias. */
  readonly linearBias: number;
  /** Elements that a normalisation by statistics of channels reads. */
  readonly norm: number;
  /** Elements that a layer normalisation reads. */
  readonly layerNorm: number;
  /** Elements that an activation which is a module of its own reads; functional ones are in `elementwise`. */
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
  filling: 0,
  convBias: 0,
  linearBias: 0,
  norm: 0,
  layerNorm: 0,
  activation: 0,
  pool: 0,
  resized: 0,
  elementwise: 0,
};

interface Shapes {
  readonly output: MapShape;
  readonly inputs: readonly MapShape[];
  readonly biased: boolean;
}

type CostRule<K extends Op> = (node: Node<K>, shapes: Shapes) => Partial<Cost>;

const elements = ({ batch, channels, height, width }: MapShape): number => batch * channels * height * width;
/** A step that is no module of its own has a path that ends with its operation. */
const isModule = (node: Node): boolean => !node.path.endsWith(`:${node.op}`);

const normalisation = (_: Node, { inputs }: Shapes) => ({ norm: elements(inputs[0]!) });
const activation = (node: Node, { output }: Shapes) =>
  isModule(node) ? { activation: elements(output) } : { elementwise: elements(output) };
const pooling = (_: Node, { inputs }: Shapes) => ({ pool: elements(inputs[0]!) });
const elementwise = (_: Node, { output }: Shapes) => ({ elementwise: elements(output) });
const free = () => nothing;

const rules: { [K in Op]: CostRule<K> } = {
  input: free,
  param: free,
  conv2d: ({ attributes: { kernel, groups } }, { inputs, output, biased }) => ({
    macs: elements(output) * kernel.height * kernel.width * (inputs[0]!.channels / groups),
    convBias: biased ? elements(output) : 0,
  }),
  convTranspose2d: ({ attributes: { kernel } }, { inputs, output, biased }) => ({
    macs: elements(inputs[0]!) * kernel.height * kernel.width * output.channels,
    convBias: biased ? elements(output) : 0,
  }),
  linear: ({ attributes: { inFeatures } }, { output, biased }) => ({
    macs: output.batch * inFeatures * output.channels,
    linearBias: biased ? elements(output) : 0,
  }),
  batchNorm: normalisation,
  groupNorm: normalisation,
  layerNorm: (_, { inputs }) => ({ layerNorm: elements(inputs[0]!) }),
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
  // queries by keys, and weights by values, filling included; projections to queries, keys and values, and of the result
  windowAttention: ({ attributes: { window } }, { output }) => {
    const filled = elements(filledUp(output, sizeFrom(window)));
    return { macs: 2 * filled * window ** 2, filling: 4 * (filled - elements(output)) * output.channels };
  },
  // queries by keys, and weights by values
  attention: (_, { output }) => ({ macs: 2 * elements(output) * output.height * output.width }),
  // keys by values, queries by that; and queries by the sum of keys
  linearAttention: ({ attributes: { heads } }, { output }) => ({
    macs: elements(output) * ((2 * output.channels) / heads + 1),
  }),
  mixPositions: ({ attributes: { from } }, { output }) => ({
    macs: elements(output) * from.height * from.width,
    linearBias: elements(output),
  }),
  shift: free,
  circularConv2d: ({ attributes: { axis } }, { output }) => ({
    macs: elements(output) * output[axis],
    resized: output.channels * output[axis],
  }),
  addAlongAxis: ({ attributes: { axis } }, { output }) => ({
    elementwise: elements(output),
    resized: output.channels * output[axis],
  }),
};

/** One row per node, in order. */
export function costOf(graph: Graph, inputs: Named<InputExtent>): CostRow[] {
  const shapes = shapesOf(graph, inputs);
  return graph.nodes.flatMap((node) => {
    if (node.op === 'param' || node.op === 'input') return [];
    const rule = rules[node.op] as CostRule<Op>; // the table pairs each operation with its own attributes
    const cost = rule(node, {
      output: shapes[node.id]!,
      inputs: node.inputs.flatMap((id) => shapes[id] ?? []),
      biased: node.inputs.length > 2,
    });
    const row = { ...nothing, ...cost, path: node.path, op: node.op };
    return [isPointwise(graph, node) ? { ...row, op: 'linear', convBias: 0, linearBias: row.convBias } : row];
  });
}

/** A convolution whose weight has two dimensions in the state dict is a linear layer there, and counted as one. */
function isPointwise(graph: Graph, node: Node): boolean {
  const weight = node.op === 'conv2d' ? graph.nodes[node.inputs[1]!] : undefined;
  return weight?.op === 'param' && weight.attributes.shape.length === 2;
}

/** The sum of the rows that lie under a module path (all by default). */
export function totalCost(rows: readonly CostRow[], under = ''): Cost {
  const total = { ...nothing } as { -readonly [K in keyof Cost]: number };
  for (const row of rows) {
    if (under && row.path !== under && !row.path.startsWith(`${under}.`) && !row.path.startsWith(`${under}:`)) continue;
    for (const key of Object.keys(nothing) as (keyof Cost)[]) total[key] += row[key];
  }
  return total;
}

/** Trainable parameters under a module path, as the papers count them: buffers are left out. */
export function parameterCount(graph: Graph, under = ''): number {
  let count = 0;
  for (const node of graph.nodes) {
    if (node.op !== 'param' || node.attributes.kind !== 'parameter') continue;
    if (!under || node.attributes.key.startsWith(`${under}.`)) count += sizeOf(node.attributes.shape);
  }
  return count;
}
