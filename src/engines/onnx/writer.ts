import { create } from '@bufbuild/protobuf';
import type { NDArray } from '../../arrays.ts';
import type { Node } from '../../nn/graph.ts';
import type { Operands, Operation } from '../../nn/ops.ts';
import type { ShapeDependentArray } from '../shape_dependent.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx_pb.ts';

/** Collects an ONNX graph: operators, inputs, outputs, weights and constants by their names. */

/** Numbers are ints of ONNX and lists are lists of ints, unless marked as a float. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export type Attributes = Readonly<Record<string, Attribute>>;

/** An extent of an input or output: a number, or a name if a run decides it. */
export type Dimension = number | string;

/** A constant from the state dict. */
export interface OnnxWeight extends NDArray {
  readonly name: string;
}

/** A graph with its small constants inside and its weights beside it. */
export interface OnnxGraph {
  readonly graph: GraphProto;
  readonly weights: readonly OnnxWeight[];
}

/** What an emitter may do. The value of the last operator that it writes is the operation's result. */
export interface OperatorWriter {
  /** Appends an operator with one output and returns the name of that. Optional inputs may be undefined. */
  operator(type: string, inputs: readonly (string | undefined)[], attributes?: Attributes): string;
  /** Returns a constant list of int64; a scalar if `shape` is empty. Equal ones are one. */
  ints(values: readonly number[], shape?: readonly number[]): string;
  /** Returns a constant list of float32; a scalar if `shape` is empty. Equal ones are one. */
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** Returns an array that follows from the size of the operation's first input. */
  shapeDependent(array: ShapeDependentArray): string;
}

/** Says one operation in ONNX. The inputs are names of values; an optional one may be absent. */
export type Emit<K extends Operation> = (
  onnx: OperatorWriter,
  inputs: Operands<string, string>[K],
  node: Node<K>,
) => void;

/** Values are known by name; a name that is taken gets a number behind it. */
export interface ModelWriter extends Pick<OperatorWriter, 'ints' | 'floats'> {
  /** Returns a name like `wanted` that is not taken yet. */
  unique(wanted: string): string;
  input(name: string, dimensions: readonly Dimension[], type?: 'float32' | 'int32'): void;
  output(name: string, dimensions: readonly Dimension[]): void;
  weight(name: string, value: NDArray): void;
  /** Appends an operator with one output, whose name is returned. */
  operator(type: string, name: string, inputs: readonly (string | undefined)[], attributes?: Attributes): string;
  /** Gives the last operator and its value their final names. No other operator may have read the value yet. */
  nameLast(operator: string, value: string): void;
  finish(name: string): OnnxGraph;
}

export function modelWriter(reserved: Iterable<string>): ModelWriter {
  const taken = new Set(reserved);
  const nodes: NodeProto[] = [];
  const inputs: ValueInfoProto[] = [];
  const outputs: ValueInfoProto[] = [];
  const initializer: TensorProto[] = [];
  const weights: OnnxWeight[] = [];
  const constants = new Map<string, string>();

  const unique = (wanted: string): string => {
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted}#${count}`;
    taken.add(name);
    return name;
  };
  const constant = (dataType: DataType, shape: readonly number[], data: Float32Array | BigInt64Array): string => {
    const key = `${dataType}[${shape.join()}]:${data.join()}`;
    const known = constants.get(key);
    if (known) return known;
    const name = unique(`constant:${data.join()}`);
    const rawData = new Uint8Array(data.buffer);
    initializer.push(create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData }));
    constants.set(key, name);
    return name;
  };

  return {
    unique,
    input: (name, dimensions, type) => inputs.push(valueInfo(name, dimensions, type)),
    output: (name, dimensions) => outputs.push(valueInfo(name, dimensions)),
    weight: (name, { shape, data }) => weights.push({ name, shape, data }),
    ints: (values, shape = [values.length]) => constant(DataType.INT64, shape, BigInt64Array.from(values.map(BigInt))),
    floats: (values, shape = [values.length]) => constant(DataType.FLOAT, shape, Float32Array.from(values)),
    operator: (type, wanted, operands, attributes = {}) => {
      const name = unique(wanted);
      const given = operands.findLastIndex((operand) => operand !== undefined) + 1;
      const input = operands.slice(0, given).map((operand) => operand ?? ''); // ONNX's sign of an absent input
      const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
      nodes.push(create(NodeProtoSchema, { opType: type, name, input, output: [name], attribute }));
      return name;
    },
    nameLast: (operator, value) => {
      const last = nodes.at(-1);
      if (!last) throw new RangeError(`no operator has been written that could be named ${operator}`);
      last.name = operator;
      last.output = [value];
    },
    finish: (name) => ({
      graph: create(GraphProtoSchema, { name, node: nodes, input: inputs, output: outputs, initializer }),
      weights,
    }),
  };
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string') {
    const ascii = Uint8Array.from(value, (character) => character.charCodeAt(0));
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: ascii });
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

const elementTypes = { float32: DataType.FLOAT, int32: DataType.INT32 } as const;

function valueInfo(
  name: string,
  dimensions: readonly Dimension[],
  type: keyof typeof elementTypes = 'float32',
): ValueInfoProto {
  const dim = dimensions.map((extent) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof extent === 'number' ? { case: 'dimValue', value: BigInt(extent) } : { case: 'dimParam', value: extent },
    }),
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: elementTypes[type], shape: { dim } } } },
  });
}
