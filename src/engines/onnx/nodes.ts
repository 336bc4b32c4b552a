import type { NDArray } from '../../arrays.ts';
import { ShapeError } from '../../errors.ts';
import { consumersOf, inputsOf, type Node, nodeAt, operandOf } from '../../nn/graph.ts';
import type { Operation } from '../../nn/ops.ts';
import type { Program } from '../../nn/part.ts';
import { formOf, type ShapeDependentArray } from '../shape_dependent.ts';
import { projectedWindowAttention } from './attention.ts';
import { type Declared, isCertain } from './declared.ts';
import { extentsOf } from './extents.ts';
import { type Layout, permutationTo } from './layouts.ts';
import { emitters } from './operators.ts';
import { type Projections, projectedIn } from './projections.ts';
import { emitShapeDependent } from './shape_dependent.ts';
import type { BranchResult, Dimension, ModelWriter, OperatorWriter } from './writer.ts';

/** Writes the nodes of a graph one by one, and knows what each is called. */
export interface NodeWriter {
  /** Inputs beside the program's that the nodes need. */
  readonly shapeDependent: readonly ShapeDependentInput[];
  /** True if a node's value is N×features. */
  isFlat(node: Node): boolean;
  /** Returns a node's value in a layout. It is transposed once for all that read it. */
  valueIn(layout: Layout, id: number): string;
  /** Returns the channels-first value that a node reads of another: with a declared size if its own has one. */
  valueFor(reader: Node, id: number): string;
  /** Writes an input, a parameter or an operation. @param output the output of the graph that it is */
  write(node: Node, output?: string): void;
  /** Writes an operation that is not a node of the graph, on channels-first values. Returns its value. */
  operation(node: Node<Operation>, inputs: readonly string[]): string;
  /** Writes what `take` takes of a parameter. Returns its name. */
  parameter(id: number, take: (whole: NDArray) => NDArray): string;
  /** Takes a channels-first value for that of a node. */
  set(id: number, value: string): void;
  /** Writes a graph inside: outside, only its results are seen. */
  inside(results: readonly Result[], write: () => void): readonly BranchResult[];
}

/** A node whose value a graph inside hands out, with its name outside. */
export interface Result {
  readonly name: string;
  readonly node: Node;
  /** True if the graph inside computes it. */
  readonly isInside: boolean;
}

/** An input beside the program's: an array that follows from the size of node `source`. */
export interface ShapeDependentInput {
  readonly name: string;
  readonly source: number;
  readonly array: ShapeDependentArray;
}

/** An emitter as it is when any operation may have it: the table pairs each with its own inputs and attributes. */
type AnyEmitter = (onnx: OperatorWriter, inputs: readonly string[], node: Node) => void;

/** In which form nodes are written. */
export interface Form {
  /** The layout of each node, by its id. */
  readonly layouts: readonly Layout[];
  /** Convolutions that are written with the attention that reads them. */
  readonly projections: Projections;
  /** Nodes with declared sizes, see `declared.ts`. */
  readonly declared: Declared;
  /** See `EmitOptions`. */
  readonly standalone: boolean;
}

/** Returns what writes the nodes of a program. */
export function nodeWriter(
  { name, graph, weights }: Program,
  writer: ModelWriter,
  { layouts: chosen, projections, declared, standalone }: Form,
): NodeWriter {
  const projected = projectedIn(projections);
  const consumers = consumersOf(graph);
  const named = extentsOf(graph);
  const extentsAt = (id: number, isDeclared: boolean) => (isDeclared ? declared.extents[id] : named[id]);
  const layouts = [...chosen];
  const values: string[] = []; // by node id, in the node's layout; empty for parameters that nothing reads
  const shapeDependent: ShapeDependentInput[] = [];
  let transposed = new Map<number, string>(); // the same values in the other layout
  let reshaped = new Map<number, string>(); // the same values with a declared size, or without
  let sameShape = ''; // the shape that a reshaped value keeps

  const isFlat = (node: Node): boolean => standalone && node.op === 'linear';
  const dimensionsOf = (node: Node, layout: Layout, isDeclared: boolean): Dimension[] => {
    const { batch = '', height = '', width = '' } = extentsAt(node.id, isDeclared) ?? {};
    return layout === 'channels-last' ? [batch, height, width, node.channels] : [batch, node.channels, height, width];
  };
  /** Returns a channels-first value with its declared size, or without, which is all that changes. */
  const sized = (id: number, isDeclared: boolean): string => {
    const value = values[id] ?? '';
    if (declared.nodes.has(id) === isDeclared || isCertain(declared.extents[id], named[id])) return value;
    const known = reshaped.get(id);
    if (known) return known;
    const name = `${value}/${isDeclared ? 'declared' : 'undeclared'}`;
    const other = writer.operator('Reshape', name, [value, sameShape]);
    writer.value(other, dimensionsOf(nodeAt(graph, id), 'channels-first', isDeclared));
    reshaped.set(id, other);
    return other;
  };
  const valueIn = (layout: Layout, id: number): string => {
    const value = values[id] ?? '';
    if (nodeAt(graph, id).op === 'param' || layouts[id] === layout) return value;
    const known = transposed.get(id);
    if (known) return known;
    const other = writer.operator('Transpose', `${value}/${layout}`, [sized(id, false)], {
      perm: permutationTo[layout],
    });
    transposed.set(id, other);
    return other;
  };
  const valueFor = (reader: Node, layout: Layout, id: number): string =>
    nodeAt(graph, id).op !== 'param' && layouts[id] === layout && layout === 'channels-first'
      ? sized(id, declared.nodes.has(reader.id))
      : valueIn(layout, id);
  /** The inputs of a node as it is written. */
  const sourcesOf = (node: Node): readonly number[] => {
    const projection = projections.get(node.id);
    if (!projection || node.op !== 'windowAttention') return inputsOf(node);
    const [x, weight, bias] = projection.inputs;
    const [, table] = node.inputs;
    return bias === undefined ? [x, weight, table] : [x, weight, table, bias];
  };
  /** Writes an operation. Its value gets the name of its path, or `given`. */
  const operation = (node: Node<Operation>, layout: Layout, inputs: readonly string[], given?: string): string => {
    const emit = (projections.has(node.id) ? projectedWindowAttention : emitters[node.op]) as AnyEmitter;
    emit(operatorWriter(writer, node, layout, inputs, standalone ? undefined : shapeDependent), inputs, node);
    const path = writer.unique(node.path || node.op); // a model that is a single module has no path
    const value = given ?? path;
    writer.nameLast(path, value);
    if (!isFlat(node)) writer.value(value, dimensionsOf(node, layout, declared.nodes.has(node.id)));
    return value;
  };

  return {
    shapeDependent,
    isFlat,
    valueIn,
    valueFor: (reader, id) => valueFor(reader, 'channels-first', id),
    write: (node, output) => {
      if (node.op === 'input') {
        const { name } = node.attributes;
        values[node.id] = name;
        writer.input(name, inputDimensions(node));
        if (declared.nodes.size > 0) {
          // zeros stand for the extents that there are, and nobody knows before a run that they are zeros
          const shape = writer.operator('Shape', `${name}/Shape`, [name]);
          sameShape = writer.operator('Mul', `${name}/sameShape`, [shape, writer.ints([0, 0, 0, 0])]);
        }
      } else if (node.op === 'param') {
        const { key, kind } = node.attributes;
        const used = kind !== 'ignored' && consumers[node.id] !== 0;
        const value = used ? writer.unique(key) : '';
        if (used) writer.weight(value, operandOf(node.attributes, weights, name));
        values[node.id] = value;
      } else if (!projected.has(node.id)) {
        const layout = layouts[node.id] ?? 'channels-first';
        const inputs = sourcesOf(node).map((id) => valueFor(node, layout, id));
        values[node.id] = operation(node, layout, inputs, layout === 'channels-first' ? output : undefined);
        if (output !== undefined && layout === 'channels-last') {
          writer.nameLast(valueIn('channels-first', node.id), output);
          transposed.set(node.id, output);
        }
      }
    },
    operation: (node, inputs) => operation(node, 'channels-first', inputs),
    parameter: (id, take) => {
      const node = nodeAt(graph, id);
      if (node.op !== 'param') throw new ShapeError(`${node.path}: ${node.op} is not a parameter.`);
      const value = writer.unique(node.attributes.key);
      writer.weight(value, take(operandOf(node.attributes, weights, name)));
      return value;
    },
    set: (id, value) => {
      values[id] = value;
      layouts[id] = 'channels-first';
    },
    inside: (results, write) => {
      const outside = { transposed, reshaped };
      transposed = new Map(transposed);
      reshaped = new Map(reshaped);
      write();
      const handed = results.map(({ name, node, isInside }) => ({
        name,
        value: valueIn('channels-first', node.id),
        channels: node.channels,
        isInside,
      }));
      ({ transposed, reshaped } = outside);
      return handed;
    },
  };
}

export const mapDimensions = (name: string, channels: number): Dimension[] => [
  `${name}.batch`,
  channels,
  `${name}.height`,
  `${name}.width`,
];

function inputDimensions({ attributes: { name, kind }, channels }: Node<'input'>): Dimension[] {
  return kind === 'regions' ? [`${name}.count`, 5] : mapDimensions(name, channels);
}

/** @param inputs collects the shape-dependent inputs; without it the model computes the arrays */
function operatorWriter(
  writer: ModelWriter,
  node: Node<Operation>,
  layout: Layout,
  [first = '']: readonly string[],
  inputs: ShapeDependentInput[] | undefined,
): OperatorWriter {
  const onnx: OperatorWriter = {
    layout,
    operator: (type, operands, attributes) => writer.operator(type, `${node.path}/${type}`, operands, attributes),
    ints: writer.ints,
    floats: writer.floats,
    shapeDependent: (array) => {
      if (!inputs) return emitShapeDependent(onnx, first, array);
      const [source] = node.inputs;
      const text = JSON.stringify(array);
      const known = inputs.find((input) => input.source === source && JSON.stringify(input.array) === text);
      if (known) return known.name;
      const name = writer.unique(`${node.path}/${array.kind === 'pooling' ? array.axis : array.kind}`);
      const { type, shape } = formOf(array);
      const dimensions = shape.map((extent) => extent ?? name);
      writer.input(name, dimensions, type);
      inputs.push({ name, source, array });
      return name;
    },
  };
  return onnx;
}
