import type { Named, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Graph, Node } from './graph.ts';
import type { Op, Window } from './ops.ts';

/** The reading of a graph that gives shapes: for the sizes of its inputs, the shape of every value. */

export interface MapShape extends Size {
  readonly batch: number;
  readonly channels: number;
}

/** What an input is given for one run; the channels are the graph's. Regions have no height and width. */
export interface InputExtent {
  readonly batch: number;
  readonly height?: number;
  readonly width?: number;
}

type ShapeRule<K extends Op> = (node: Node<K>, inputs: readonly MapShape[]) => Size & { readonly batch: number };

export const text = (shape: MapShape): string => `${shape.channels}×${shape.height}×${shape.width}`;

/** PyTorch's output extent of a sliding window. */
function windowed(x: MapShape, { kernel, stride, padding }: Window, dilation: Size = { height: 1, width: 1 }) {
  const along = (axis: 'height' | 'width') =>
    Math.floor((x[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return { batch: x.batch, height: along('height'), width: along('width') };
}

/** With both extents filled up to multiples. */
export const filledUp = (x: MapShape, { height, width }: Size): MapShape => ({
  ...x,
  height: Math.ceil(x.height / height) * height,
  width: Math.ceil(x.width / width) * width,
});

const same = (_: Node, [x]: readonly MapShape[]) => x!;

function broadcast(node: Node, [a, b]: readonly MapShape[]) {
  const along = (axis: 'batch' | 'height' | 'width') => {
    if (a![axis] !== b![axis] && a![axis] !== 1 && b![axis] !== 1) {
      throw new ShapeError(`${node.path}: ${node.op} needs equal sizes, got ${text(a!)} and ${text(b!)}.`);
    }
    return a![axis] === 1 ? b![axis] : a![axis];
  };
  return { batch: along('batch'), height: along('height'), width: along('width') };
}

const rules: { [K in Exclude<Op, 'input' | 'param'>]: ShapeRule<K> } = {
  conv2d: (node, [x]) => windowed(x!, node.attributes, node.attributes.dilation),
  convTranspose2d: ({ attributes: { kernel, stride, padding } }, [x]) => ({
    batch: x!.batch,
    height: (x!.height - 1) * stride.height - 2 * padding.height + kernel.height,
    width: (x!.width - 1) * stride.width - 2 * padding.width + kernel.width,
  }),
  linear: (node, [x]) => {
    const { inFeatures } = node.attributes;
    if (x!.channels * x!.height * x!.width !== inFeatures) {
      throw new ShapeError(`${node.path}: linear takes ${inFeatures} features, got ${text(x!)}.`);
    }
    return { batch: x!.batch, height: 1, width: 1 };
  },
  batchNorm: same,
  groupNorm: same,
  layerNorm: same,
  relu: same,
  silu: same,
  sigmoid: same,
  gelu: same,
  hardsigmoid: same,
  hardswish: same,
  scale: same,
  add: broadcast,
  sub: broadcast,
  mul: broadcast,
  concat: (node, inputs) => {
    const [first] = inputs;
    for (const other of inputs) {
      const fits = node.attributes.axis === 'batch' || other.batch === first!.batch;
      if (!fits || other.height !== first!.height || other.width !== first!.width) {
        throw new ShapeError(`${node.path}: concat needs equal sizes, got ${inputs.map(text).join(' and ')}.`);
      }
    }
    if (node.attributes.axis === 'channels') return first!;
    return { ...first!, batch: inputs.reduce((sum, value) => sum + value.batch, 0) };
  },
  slice: same,
  globalAvgPool: (_, [x]) => ({ batch: x!.batch, height: 1, width: 1 }),
  adaptiveAvgPool: (node, [x]) => ({ batch: x!.batch, ...node.attributes.bins }),
  maxPool: (node, [x]) => windowed(x!, node.attributes),
  avgPool: (node, [x]) => windowed(x!, node.attributes),
  resize: (node, [x, like]) => {
    const { factor = 1 } = node.attributes;
    const { height, width } = like ?? { height: x!.height * factor, width: x!.width * factor };
    return { batch: x!.batch, height, width };
  },
  roiAlign: (node, [, regions]) => ({ batch: regions!.batch, ...node.attributes.outputSize }),
  padToMultiple: ({ attributes: { multiple } }, [x]) => filledUp(x!, multiple),
  mergePatches: (_, [x]) => ({
    batch: x!.batch,
    height: Math.ceil(x!.height / 2),
    width: Math.ceil(x!.width / 2),
  }),
  windowAttention: same,
  attention: same,
  linearAttention: same,
  mixPositions: ({ path, attributes: { from, to } }, [x]) => {
    if (x!.height !== from.height || x!.width !== from.width) {
      throw new ShapeError(`${path}: mixPositions takes maps of ${from.height}×${from.width} pixels, got ${text(x!)}.`);
    }
    return { batch: x!.batch, ...to };
  },
  shift: same,
  circularConv2d: same,
  addAlongAxis: same,
};

/** The rule of one node, with the check that nothing has shrunk away. */
export function shapeOf(node: Exclude<Node, Node<'input' | 'param'>>, inputs: readonly MapShape[]): MapShape {
  const rule = rules[node.op] as ShapeRule<Op>; // the table pairs each operation with its own attributes
  const { batch, height, width } = rule(node, inputs);
  if (height < 1 || width < 1) {
    throw new ShapeError(
      `${node.path}: ${node.op} of ${inputs[0] ? text(inputs[0]) : 'nothing'} leaves ${height}×${width}. Use a larger image.`,
    );
  }
  return { batch, channels: node.channels, height, width };
}

/**
 * Shapes of all nodes, by id, when the graph's inputs have the given extents. Parameters have none.
 *
 * @throws ShapeError beginning with the path of the module whose inputs do not fit
 */
export function shapesOf(graph: Graph, inputs: Named<InputExtent>): readonly (MapShape | undefined)[] {
  const shapes: (MapShape | undefined)[] = [];
  for (const node of graph.nodes) {
    if (node.op === 'param') {
      shapes.push(undefined);
    } else if (node.op === 'input') {
      const extent = inputs[node.attributes.name];
      if (!extent) throw new ShapeError(`no size was given for the input "${node.attributes.name}".`);
      const { batch, height = 1, width = 1 } = extent;
      shapes.push({ batch, channels: node.channels, height, width });
    } else {
      shapes.push(
        shapeOf(
          node,
          node.inputs.flatMap((id) => shapes[id] ?? []),
        ),
      );
    }
  }
  return shapes;
}
