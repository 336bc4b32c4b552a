import { create } from '@bufbuild/protobuf';
import type { NDArray } from '../../ndarray.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx_pb.ts';
import type { OnnxGraph, OnnxWeight } from './serialize.ts';

/** Whole numbers are ints of ONNX, lists are ints; a float says so. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** An extent of an input or output: a number, or a name for what a run decides. */
export type Dimension = number | string;

/** Collects an ONNX graph. Values are known by name; a name that is taken gets a number behind it. */
export interface ModelWriter {
  /** A name like `wanted` that nothing has yet. */
  unique(wanted: string): string;
  input(name: string, dimensions: readonly Dimension[], type?: 'float32' | 'int32'): void;
  output(name: string, dimensions: readonly Dimension[]): void;
  weight(name: string, value: NDArray): void;
  /** A constant list of int64; a scalar where `shape` is empty. Equal ones are one. */
  ints(values: readonly number[], shape?: readonly number[]): string;
  /** A constant list of float32; a scalar where `shape` is empty. Equal ones are one. */
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** An operator with one output, whose name is returned; absent optional inputs are ''. */
  operator(type: string, name: string, inputs: readonly string[], attributes?: Attributes): string;
  /** Gives the last operator and its value their final names. Nothing may have read the value yet. */
  nameLast(operator: string, value: string): void;
  finish(name: string): OnnxGraph;
}

export type Attributes = Readonly<Record<string, Attribute>>;

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
    operator: (type, wanted, input, attributes = {}) => {
      const name = unique(wanted);
      const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
      nodes.push(create(NodeProtoSchema, { opType: type, name, input: [...input], output: [name], attribute }));
      return name;
    },
    nameLast: (operator, value) => {
      const last = nodes.at(-1)!;
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
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) });
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
