import type { Named, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { type Graph, inputsOf, type Node } from './graph.ts';
import type { Operands, Operation, Window } from './ops.ts';

/** The reading of a graph that gives shapes: for the sizes of its inputs, the shape of every value. */

export interface MapShape extends Size {
  readonly batch: number;
  readonly channels: number;
}

/** The size of an input for one run; the channels are the graph's. Regions have no height and width. */
export interface InputExtent {
  readonly batch: number;
  readonly height?: number | undefined;
  readonly width?: number | undefined;
}

/** The shape of every node by id; parameters have none. */
export type Shapes = readonly (MapShape | undefined)[];

type Extent = Omit<MapShape, 'channels'>;
type ShapeRule<K extends Operation> = (node: Node<K>, inputs: Operands<MapShape, undefined>[K]) => Extent;

export const text = (shape: MapShape): string => `${shape.channels}×${shape.height}×${shape.width}`;

/** Returns PyTorch's output extent of a sliding window. */
function windowed(x: MapShape, { kernel, stride, padding }: Window, dilation: Size = { height: 1, width: 1 }): Extent {
  const along = (axis: 'height' | 'width') =>
    Math.floor((x[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return { batch: x.batch, height: along('height'), width: along('width') };
}

/** Returns PyTorch's output extent of a transposed convolution. */
export function transposedExtent(
  x: Size,
  { kernel, stride, padding, outputPadding }: Window & { readonly outputPadding: Size },
): Size {
  const along = (axis: 'height' | 'width') =>
    (x[axis] - 1) * stride[axis] - 2 * padding[axis] + kernel[axis] + outputPadding[axis];
  return { height: along('height'), width: along('width') };
}

/** Rounds both extents up to multiples. */
export const paddedTo = (x: MapShape, { height, width }: Size): MapShape => ({
  ...x,
  height: Math.ceil(x.height / height) * height,
  width: Math.ceil(x.width / width) * width,
});

const same = (_: Node, [x]: readonly [MapShape, ...unknown[]]): Extent => x;

function broadcast({ path, op }: Node, [a, b]: readonly [MapShape, MapShape]): Extent {
  const along = (axis: 'batch' | 'height' | 'width') => {
    if (a[axis] !== b[axis] && a[axis] !== 1 && b[axis] !== 1) {
      throw new ShapeError(`${path}: ${op} needs equal sizes, got ${text(a)} and ${text(b)}.`);
    }
    return a[axis] === 1 ? b[axis] : a[axis];
  };
  return { batch: along('batch'), height: along('height'), width: along('width') };
}

const rules: { [K in Operation]: ShapeRule<K> } = {
  conv2d: ({ attributes }, [x]) => windowed(x, attributes, attributes.dilation),
  convTranspose2d: ({ attributes }, [x]) => ({ batch: x.batch, ...transposedExtent(x, attributes) }),
  linear: ({ path, attributes: { inFeatures } }, [x]) => {
    if (x.channels * x.height * x.width !== inFeatures) {
      throw new ShapeError(`${path}: linear takes ${inFeatures} features, got ${text(x)}.`);
    }
    return { batch: x.batch, height: 1, width: 1 };
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
  concat: ({ path, attributes: { axis } }, inputs) => {
    const [first] = inputs;
    for (const { batch, height, width } of inputs) {
      const fits = axis === 'batch' || batch === first.batch;
      if (!fits || height !== first.height || width !== first.width) {
        throw new ShapeError(`${path}: concat needs equal sizes, got ${inputs.map(text).join(' and ')}.`);
      }
    }
    if (axis === 'channels') return first;
    return { ...first, batch: inputs.reduce((sum, value) => sum + value.batch, 0) };
  },
  slice: same,
  globalAvgPool: (_, [x]) => ({ batch: x.batch, height: 1, width: 1 }),
  adaptiveAvgPool: ({ attributes: { bins } }, [x]) => ({ batch: x.batch, ...bins }),
  maxPool: ({ attributes }, [x]) => windowed(x, attributes),
  avgPool: ({ attributes }, [x]) => windowed(x, attributes),
  resize: ({ attributes: { factor = 1 } }, [x, like]) => {
    const { height, width } = like ?? { height: x.height * factor, width: x.width * factor };
    return { batch: x.batch, height, width };
  },
  roiAlign: ({ attributes: { outputSize } }, [, regions]) => ({ batch: regions.batch, ...outputSize }),
  padToMultiple: ({ attributes: { multiple } }, [x]) => paddedTo(x, multiple),
  mergePatches: (_, [x]) => ({ batch: x.batch, height: Math.ceil(x.height / 2), width: Math.ceil(x.width / 2) }),
  windowAttention: same,
  attention: same,
  linearAttention: same,
  mixPositions: ({ path, attributes: { from, to } }, [x]) => {
    if (x.height !== from.height || x.width !== from.width) {
      throw new ShapeError(`${path}: mixPositions takes maps of ${from.height}×${from.width} pixels, got ${text(x)}.`);
    }
    return { batch: x.batch, ...to };
  },
  shift: same,
  circularConv2d: same,
  addAlongAxis: same,
};

/** More values than any engine holds: a size that large is a mistake. */
const mostValues = 2 ** 40;

/** Applies the rule of one node, and checks that nothing has shrunk away. */
function shapeOf(node: Node<Operation>, inputs: readonly (MapShape | undefined)[]): MapShape {
  const rule = rules[node.op] as (node: Node, inputs: unknown) => Extent; // the table pairs each operation with its inputs
  const { batch, height, width } = rule(node, inputs);
  if (!(height >= 1 && width >= 1)) {
    const [first] = inputs;
    throw new ShapeError(
      `${node.path}: ${node.op} of ${first ? text(first) : 'nothing'} leaves ${height}×${width}. Use a larger image.`,
    );
  }
  if (!(batch * node.channels * height * width <= mostValues)) {
    throw new ShapeError(
      `${node.path}: ${node.op} would give ${batch}×${node.channels}×${height}×${width}, more than 2^40 values. ` +
        'Check its sizes.',
    );
  }
  return { batch, channels: node.channels, height, width };
}

/**
 * Returns the shapes of all nodes, by id, for the given extents of the graph's inputs. Parameters have none.
 *
 * @throws ShapeError that begins with the path of the module whose inputs do not fit
 */
export function shapesOf(graph: Graph, inputs: Named<InputExtent>): Shapes {
  const shapes: (MapShape | undefined)[] = [];
  for (const node of graph.nodes) {
    if (node.op === 'param') {
      shapes.push(undefined);
    } else if (node.op === 'input') {
      const extent = inputs[node.attributes.name];
      if (!extent) throw new ShapeError(`no size was given for the input "${node.attributes.name}".`);
      const { batch, height = 1, width = 1 } = extent;
      if (!(Number.isInteger(batch) && batch >= 0) || ![height, width].every((e) => Number.isInteger(e) && e >= 1)) {
        throw new ShapeError(
          `the input "${node.attributes.name}" has whole extents of at least 1, got ${[batch, height, width].join('×')}.`,
        );
      }
      shapes.push({ batch, channels: node.channels, height, width });
    } else {
      const known = inputsOf(node).map((id) => shapes[id]);
      shapes.push(shapeOf(node, known));
    }
  }
  return shapes;
}

/** Returns the shape of a map. @throws RangeError if the node is a parameter, which has none */
export function shapeAt(shapes: Shapes, id: number): MapShape {
  const shape = shapes[id];
  if (!shape) throw new RangeError(`node ${id} is not a map`);
  return shape;
}
