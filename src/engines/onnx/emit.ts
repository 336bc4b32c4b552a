import { create } from '@bufbuild/protobuf';
import type { NDArray } from '../../arrays.ts';
import { CheckpointError } from '../../errors.ts';
import { consumersOf, inputsOf, type Node, operandShape } from '../../nn/graph.ts';
import type { Program } from '../../nn/part.ts';
import { type SizedArray, sizedForm } from '../shape_dependent.ts';
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
import { emitters, type Operation, type OperatorWriter } from './operators.ts';
import type { OnnxGraph, OnnxWeight } from './serialize.ts';
import { emitSizedArray } from './shape_dependent.ts';

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

/** An input beside the program's own: what follows from the size of node `source`. */
export interface SizedInput {
  readonly name: string;
  readonly source: number;
  readonly array: SizedArray;
}

export interface EmitOptions {
  /**
   * For other runtimes: what follows from a size is computed inside the model instead of being handed in, and a linear
   * layer's output is N×features, as it is everywhere else.
   */
  readonly standalone?: boolean;
}

export interface OnnxModel extends OnnxGraph {
  readonly sized: readonly SizedInput[];
  /** The program's outputs by name → their names in the model; other only where an output is called like an input. */
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * A program as an ONNX graph; `onnxFile` and `onnxInParts` turn it into bytes. Batch, height and width stay symbolic in inputs and outputs, operators carry their module
 * path, and initializers their state-dict key.
 *
 * @throws CheckpointError where the program lacks a weight
 */
export function emitOnnx({ name, graph, weights }: Program, { standalone = false }: EmitOptions = {}): OnnxModel {
  const inputNames = Object.keys(graph.inputs);
  const writer = modelWriter([...inputNames, ...Object.keys(graph.outputs)]);
  const consumers = consumersOf(graph);
  const values: string[] = []; // by node id
  const sized: SizedInput[] = [];
  const isFlat = (id: number) => standalone && graph.nodes[id]!.op === 'linear';

  // The first output that a node is keeps its name; where two names mean one node the second is a copy.
  const outputs: Record<string, string> = {};
  const outputOf = new Map<number, string>();
  for (const [output, id] of Object.entries(graph.outputs)) {
    outputs[output] = inputNames.includes(output) ? writer.unique(output) : output;
    if (graph.nodes[id]!.op !== 'input' && !outputOf.has(id) && !isFlat(id)) outputOf.set(id, outputs[output]);
  }

  for (const node of graph.nodes) {
    if (node.op === 'input') {
      values.push(node.attributes.name);
      writer.input(node.attributes.name, inputDimensions(node));
    } else if (node.op === 'param') {
      const { key, kind, shape } = node.attributes;
      const unused = kind === 'ignored' || consumers[node.id] === 0;
      values.push(unused ? '' : writer.unique(key));
      if (unused) continue;
      const weight = weights.get(key);
      if (weight?.shape.join() !== shape.join()) {
        const found = weight ? `one of shape [${weight.shape.join(', ')}]` : 'none';
        throw new CheckpointError(`${key}: ${name} needs a weight of shape [${shape.join(', ')}], got ${found}.`);
      }
      writer.weight(values[node.id]!, { shape: operandShape(node.attributes), data: weight.data });
    } else {
      const inputs = inputsOf(node).map((id) => values[id]!);
      const emit = emitters[node.op] as (onnx: OperatorWriter, inputs: readonly string[], node: Node) => void;
      emit(operatorWriter(writer, node, inputs, sized, standalone), inputs, node); // the table pairs each operation with its own attributes
      const path = writer.unique(node.path || node.op); // a model that is a single module has no path
      values.push(outputOf.get(node.id) ?? path);
      writer.nameLast(path, values[node.id]!);
    }
  }

  for (const [output, id] of Object.entries(graph.outputs)) {
    const onnxName = outputs[output]!;
    if (values[id] !== onnxName) {
      const type = isFlat(id) ? 'Flatten' : 'Identity';
      const copy = writer.operator(type, `${onnxName}/${type}`, [values[id]!]);
      writer.nameLast(copy, onnxName);
    }
    const dimensions = mapDimensions(onnxName, graph.nodes[id]!.channels);
    writer.output(onnxName, isFlat(id) ? dimensions.slice(0, 2) : dimensions);
  }
  return { ...writer.finish(name), sized, outputs };
}

const mapDimensions = (name: string, channels: number): Dimension[] => [
  `${name}.batch`,
  channels,
  `${name}.height`,
  `${name}.width`,
];

function inputDimensions({ attributes: { name, kind }, channels }: Node<'input'>): Dimension[] {
  return kind === 'regions' ? [`${name}.count`, 5] : mapDimensions(name, channels);
}

function operatorWriter(
  writer: ModelWriter,
  node: Node<Operation>,
  [first]: readonly string[],
  handedIn: SizedInput[],
  standalone: boolean,
): OperatorWriter {
  const onnx: OperatorWriter = {
    operator: (type, inputs, attributes) => writer.operator(type, `${node.path}/${type}`, inputs, attributes),
    ints: writer.ints,
    floats: writer.floats,
    sized: (array) => {
      if (standalone) return emitSizedArray(onnx, first!, array);
      const source = node.inputs[0]!;
      const known = handedIn.find(
        (input) => input.source === source && JSON.stringify(input.array) === JSON.stringify(array),
      );
      if (known) return known.name;
      const name = writer.unique(`${node.path}/${array.kind === 'pooling' ? array.axis : array.kind}`);
      const { type, shape } = sizedForm(array);
      writer.input(
        name,
        shape.map((extent) => extent ?? name),
        type,
      );
      handedIn.push({ name, source, array });
      return name;
    },
  };
  return onnx;
}
