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
import type { Layout } from './layouts.ts';

/** Collects an ONNX graph: operators, inputs, outputs, weights and constants by their names. */

/** Numbers are ints of ONNX and lists are lists of ints, unless marked as a float. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export type Attributes = Readonly<Record<string, Attribute>>;

/** An extent of a value: a number, or a name if a run decides it. Equal names are equal extents; the empty one says nothing. */
export type Dimension = number | string;

/** A constant from the state dict. */
export interface OnnxWeight extends NDArray {
  readonly name: string;
}

/** A graph with its small constants inside and its weights beside it. */
export interface OnnxGraph {
  readonly graph: GraphProto;
  readonly weights: readonly OnnxWeight[];
  /** Whose operators it has beside those of ONNX. */
  readonly domains: readonly string[];
}

/** What an emitter may do. The value of the last operator that it writes is the operation's result. */
export interface OperatorWriter {
  /** The order of the extents of the operation's maps, and of its result. */
  readonly layout: Layout;
  /**
   * Appends an operator with one output and returns the name of that. Optional inputs may be undefined. One that ONNX does not have is
   * written with its domain before it: `com.microsoft.Attention`.
   */
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

/** Returns the weights of a 1×1 convolution as inputs × outputs. onnxruntime turns them once, when it loads the model. */
export function transposedMatrix(onnx: OperatorWriter, weight: string): string {
  const matrix = onnx.operator('Squeeze', [weight, onnx.ints([2, 3])]);
  return onnx.operator('Transpose', [matrix], { perm: [1, 0] });
}

/** A result of a branch, by its name outside. */
export interface BranchResult {
  readonly name: string;
  readonly value: string;
  readonly channels: number;
  /** Whether the branch computes the value. */
  readonly isInside: boolean;
}

/** Values are known by name; a name that is taken gets a number behind it. */
export interface ModelWriter extends Pick<OperatorWriter, 'ints' | 'floats'> {
  /** Returns a name like `wanted` that is not taken yet. */
  unique(wanted: string): string;
  input(name: string, dimensions: readonly Dimension[], type?: ElementType): void;
  output(name: string, dimensions: readonly Dimension[]): void;
  /** Tells the extents of a value inside. */
  value(name: string, dimensions: readonly Dimension[]): void;
  weight(name: string, value: NDArray): void;
  /**
   * Appends an `If`: what `write` writes runs if the scalar input `condition` is true; otherwise its results, float32 N×C×H×W, are empty.
   * Weights and constants that are written meanwhile belong to the branch, since operators are fused with those of their own graph only.
   */
  branch(condition: string, write: () => readonly BranchResult[]): void;
  /** Appends an `If` of two forms of the same results: the first runs if the scalar `condition` is true. */
  choose(condition: string, forms: readonly [() => readonly BranchResult[], () => readonly BranchResult[]]): void;
  /** Appends an operator with one output, whose name is returned. */
  operator(type: string, name: string, inputs: readonly (string | undefined)[], attributes?: Attributes): string;
  /** Gives the last operator and its value their final names. No other operator may have read the value yet. */
  nameLast(operator: string, value: string): void;
  finish(name: string): OnnxGraph;
}

export function modelWriter(reserved: Iterable<string>): ModelWriter {
  const taken = new Set(reserved);
  let nodes: NodeProto[] = [];
  const inputs: ValueInfoProto[] = [];
  const outputs: ValueInfoProto[] = [];
  let initializer: TensorProto[] = [];
  const weights: OnnxWeight[] = [];
  const domains = new Set<string>();
  let constants = new Map<string, string>();
  let valueInfos: ValueInfoProto[] = [];
  let isBranch = false;

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

  /** Returns what `write` writes as a graph of its own. */
  const subgraph = (graph: string, write: () => readonly BranchResult[]): [GraphProto, readonly BranchResult[]] => {
    const outer = { nodes, initializer, constants, valueInfos };
    [nodes, initializer, constants, valueInfos, isBranch] = [[], [], new Map(), [], true];
    const written = create(GraphProtoSchema, { name: graph });
    const results = write();
    const given = new Set<string>();
    for (const { name, value, channels, isInside } of results) {
      // a value that is two results of a graph is moved out of it once: onnxruntime reads the second from nowhere and crashes
      const isOwn = isInside && !given.has(value);
      const output = isOwn ? value : unique(`${name}/Identity`);
      if (!isOwn) nodes.push(nodeProto('Identity', output, [value]));
      given.add(output);
      written.output.push(valueInfo(output, ['', channels, '', '']));
    }
    const inside = valueInfos.filter(({ name }) => !given.has(name));
    Object.assign(written, { node: nodes, initializer, valueInfo: inside });
    ({ nodes, initializer, constants, valueInfos } = outer);
    isBranch = false;
    return [written, results];
  };
  const appendIf = (condition: string, taken: GraphProto, left: GraphProto, results: readonly BranchResult[]): void => {
    const attribute = Object.entries({ then_branch: taken, else_branch: left }).map(([name, g]) =>
      create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g }),
    );
    const name = unique(`${condition}/If`);
    const output = results.map((result) => result.name);
    nodes.push(create(NodeProtoSchema, { opType: 'If', name, input: [condition], output, attribute }));
  };

  return {
    unique,
    input: (name, dimensions, type) => inputs.push(valueInfo(name, dimensions, type)),
    output: (name, dimensions) => outputs.push(valueInfo(name, dimensions)),
    value: (name, dimensions) => valueInfos.push(valueInfo(name, dimensions)),
    weight: (name, { shape, data }) => {
      if (!isBranch) {
        weights.push({ name, shape, data });
        return;
      }
      // onnxruntime takes weights from memory for the outermost graph only; it computes this once, when it loads the model
      const flat = unique(`${name}/flat`);
      weights.push({ name: flat, shape: [data.length], data });
      const extents = constant(DataType.INT64, [shape.length], BigInt64Array.from(shape.map(BigInt)));
      nodes.push(nodeProto('Reshape', name, [flat, extents]));
    },
    ints: (values, shape = [values.length]) => constant(DataType.INT64, shape, BigInt64Array.from(values.map(BigInt))),
    floats: (values, shape = [values.length]) => constant(DataType.FLOAT, shape, Float32Array.from(values)),
    branch: (condition, write) => {
      const [taken, results] = subgraph(condition, write);
      const left = create(GraphProtoSchema, { name: `without ${condition}` });
      for (const { name, channels } of results) {
        const nothing = unique(`${name}/nothing`);
        const dims = [0, channels, 0, 0];
        left.initializer.push(
          create(TensorProtoSchema, { name: nothing, dataType: DataType.FLOAT, dims: dims.map(BigInt) }),
        );
        left.output.push(valueInfo(nothing, dims));
      }
      appendIf(condition, taken, left, results);
    },
    choose: (condition, [first, second]) => {
      const [taken, results] = subgraph(condition, first);
      const [left] = subgraph(`not ${condition}`, second);
      appendIf(condition, taken, left, results);
    },
    operator: (type, wanted, operands, attributes = {}) => {
      const name = unique(wanted);
      const given = operands.findLastIndex((operand) => operand !== undefined) + 1;
      const input = operands.slice(0, given).map((operand) => operand ?? ''); // ONNX's sign of an absent input
      const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
      const dot = type.lastIndexOf('.');
      const [domain, opType] = [type.slice(0, Math.max(dot, 0)), type.slice(dot + 1)];
      const node = create(NodeProtoSchema, { opType, name, input, output: [name], attribute });
      if (domain) {
        domains.add(domain);
        node.domain = domain;
      }
      nodes.push(node);
      return name;
    },
    nameLast: (operator, value) => {
      const last = nodes.at(-1);
      if (!last) throw new RangeError(`no operator has been written that could be named ${operator}`);
      last.name = operator;
      last.output = [value];
    },
    finish: (name) => {
      const given = new Set(outputs.map((output) => output.name));
      const inside = valueInfos.filter((value) => !given.has(value.name));
      const graph = { name, node: nodes, input: inputs, output: outputs, initializer, valueInfo: inside };
      return { graph: create(GraphProtoSchema, graph), weights, domains: [...domains] };
    },
  };
}

const nodeProto = (opType: string, name: string, input: string[]): NodeProto =>
  create(NodeProtoSchema, { opType, name, input, output: [name] });

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

const elementTypes = { float32: DataType.FLOAT, int32: DataType.INT32, bool: DataType.BOOL } as const;

export type ElementType = keyof typeof elementTypes;

function valueInfo(name: string, dimensions: readonly Dimension[], type: ElementType = 'float32'): ValueInfoProto {
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
