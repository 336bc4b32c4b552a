import type { Named, Size } from '../arrays.ts';
import { type Graph, inputsOf, type Node } from './graph.ts';
import { type Op, type Operands, sizeFrom, type Window } from './ops.ts';

/** The reading of a graph that says how far a value sees: in pixels of the input along each axis. */
export interface ReceptiveField {
  /** The distance of neighbouring values. */
  readonly stride: Size;
  /** Pixels that a value depends on through sliding windows; what a pooling of the whole map adds is not counted. */
  readonly extent: Size;
}

/** Undefined for a value that depends on every pixel: that is not a window. */
type Field = ReceptiveField | undefined;
type Rule<K extends Op> = (node: Node<K>, inputs: Operands<Field, undefined>[K]) => Field;

const size = (of: (axis: 'height' | 'width') => number): Size => ({ height: of('height'), width: of('width') });
const ones: Size = { height: 1, width: 1 };

function window({ stride, extent }: ReceptiveField, { kernel, stride: step }: Window, dilation = ones): ReceptiveField {
  return {
    stride: size((axis) => stride[axis] * step[axis]),
    extent: size((axis) => extent[axis] + (kernel[axis] - 1) * dilation[axis] * stride[axis]),
  };
}

/** The wider one of values that are combined. One that depends on every pixel is not counted. */
const widest = (_: Node, inputs: readonly Field[]): Field =>
  inputs.reduce<Field>(
    (best, field) =>
      field
        ? { stride: field.stride, extent: size((axis) => Math.max(field.extent[axis], best?.extent[axis] ?? 0)) }
        : best,
    undefined,
  );

const everywhere = () => undefined;

const rules: { [K in Op]: Rule<K> } = {
  input: () => ({ stride: ones, extent: ones }),
  param: everywhere,
  conv2d: ({ attributes }, [x]) => x && window(x, attributes, attributes.dilation),
  convTranspose2d: ({ attributes: { kernel, stride } }, [x]) =>
    x && {
      stride: size((axis) => x.stride[axis] / stride[axis]),
      extent: size((axis) => x.extent[axis] + (Math.ceil(kernel[axis] / stride[axis]) - 1) * x.stride[axis]),
    },
  linear: everywhere,
  batchNorm: widest,
  groupNorm: everywhere,
  layerNorm: widest,
  relu: widest,
  silu: widest,
  sigmoid: widest,
  gelu: widest,
  hardsigmoid: widest,
  hardswish: widest,
  scale: widest,
  add: widest,
  sub: widest,
  mul: widest,
  concat: widest,
  slice: widest,
  globalAvgPool: everywhere,
  adaptiveAvgPool: everywhere,
  maxPool: ({ attributes }, [x]) => x && window(x, attributes),
  avgPool: ({ attributes }, [x]) => x && window(x, attributes),
  // two neighbours are mixed at most; the new grid is that of the value it is made like
  resize: ({ attributes: { factor = 1 } }, [x, like]) =>
    x && {
      stride: like?.stride ?? size((axis) => x.stride[axis] / factor),
      extent: size((axis) => x.extent[axis] + x.stride[axis]),
    },
  roiAlign: everywhere,
  padToMultiple: widest,
  mergePatches: (_, [x]) => x && window(x, { kernel: sizeFrom(2), stride: sizeFrom(2), padding: sizeFrom(0) }),
  windowAttention: ({ attributes }, [x]) =>
    x && window(x, { kernel: sizeFrom(attributes.window), stride: ones, padding: sizeFrom(0) }),
  attention: everywhere,
  linearAttention: everywhere,
  mixPositions: everywhere,
  // as a window that reaches so far to both sides, since it is combined with what stays where it is
  shift: ({ attributes: { rows, columns } }, [x]) => {
    const kernel = { height: 2 * Math.abs(rows) + 1, width: 2 * Math.abs(columns) + 1 };
    return x && window(x, { kernel, stride: ones, padding: sizeFrom(0) });
  },
  circularConv2d: everywhere,
  addAlongAxis: widest,
};

/** Returns the receptive fields of a graph's outputs; undefined if an output depends on the whole input. */
export function receptiveFields(graph: Graph): Named<ReceptiveField | undefined> {
  const fields: Field[] = [];
  for (const node of graph.nodes) {
    const rule = rules[node.op] as (node: Node, inputs: unknown) => Field; // the table pairs each operation with its inputs
    const known = inputsOf(node).map((id) => fields[id]);
    fields.push(rule(node, known));
  }
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, fields[id]]));
}
