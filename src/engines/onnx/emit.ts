import { consumersOf, inputNodes, inputsOf, type Node, nodeAt, operandOf } from '../../nn/graph.ts';
import type { Operation } from '../../nn/ops.ts';
import type { Program } from '../../nn/part.ts';
import { formOf, type ShapeDependentArray } from '../shape_dependent.ts';
import { branchesOf } from './branches.ts';
import { extentsOf } from './extents.ts';
import { type Layout, layoutsOf, permutationTo } from './layouts.ts';
import { emitters } from './operators.ts';
import { emitInParts, largeInput, nodesOf, type PartsWriter, type WideMap, wideMapsOf } from './parts.ts';
import { emitShapeDependent } from './shape_dependent.ts';
import {
  type BranchResult,
  type Dimension,
  type ModelWriter,
  modelWriter,
  type OnnxGraph,
  type OperatorWriter,
} from './writer.ts';

export interface EmitOptions {
  /**
   * For other runtimes: shape-dependent arrays are computed inside the model instead of being inputs, and the output of a
   * linear layer is N×features.
   */
  readonly standalone?: boolean | undefined;
  /** Whether large inputs have their wide maps computed in parts: see `parts.ts`. */
  readonly inParts?: boolean | undefined;
}

/** An input beside the program's: an array that follows from the size of node `source`. */
export interface ShapeDependentInput {
  readonly name: string;
  readonly source: number;
  readonly array: ShapeDependentArray;
}

export interface OnnxModel extends OnnxGraph {
  readonly shapeDependent: readonly ShapeDependentInput[];
  /** The program's outputs by name → their names in the model, which differ if an output is called like an input. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Inputs beside the program's: scalars, true if one of these outputs is wanted. */
  readonly conditions: Readonly<Record<string, readonly string[]>>;
}

/** An emitter as it is when any operation may have it: the table pairs each with its own inputs and attributes. */
type AnyEmitter = (onnx: OperatorWriter, inputs: readonly string[], node: Node) => void;

/**
 * Writes a program as an ONNX graph; `serialize.ts` turns it into bytes. Batch, height and width stay symbolic in inputs
 * and outputs. Operators have their module path as name, and initializers their state-dict key.
 *
 * @throws CheckpointError if the program lacks a weight
 */
export function emitOnnx(
  { name, graph, weights, readers }: Program,
  { standalone = false, inParts = false }: EmitOptions = {},
): OnnxModel {
  const inputNames = Object.keys(graph.inputs);
  const writer = modelWriter([...inputNames, ...Object.keys(graph.outputs)]);
  const consumers = consumersOf(graph);
  const extents = extentsOf(graph);
  const layouts = [...layoutsOf(graph)];
  const values: string[] = []; // by node id, in the node's layout; empty for parameters that nothing reads
  const valueOfNode = (id: number): string => values[id] ?? '';
  let transposed = new Map<number, string>(); // the same values in the other layout
  const valueIn = (layout: Layout, id: number): string => {
    const value = valueOfNode(id);
    if (nodeAt(graph, id).op === 'param' || layouts[id] === layout) return value;
    const known = transposed.get(id);
    if (known) return known;
    const other = writer.operator('Transpose', `${value}/${layout}`, [value], { perm: permutationTo[layout] });
    transposed.set(id, other);
    return other;
  };
  const shapeDependent: ShapeDependentInput[] = [];
  const isFlat = (node: Node): boolean => standalone && node.op === 'linear';

  const outputs = Object.entries(graph.outputs).map(([output, id]) => ({
    output,
    node: nodeAt(graph, id),
    value: inputNames.includes(output) ? writer.unique(output) : output,
  }));
  const branches = standalone ? [] : branchesOf(graph, readers);
  const inBranch = new Set(branches.flatMap(({ nodes }) => [...nodes]));
  const fromBranch = new Set(branches.flatMap((branch) => branch.outputs));
  // a node has the name of the first output that it is; if two outputs mean one node, the second is a copy
  let outputNames = new Map<number, string>();
  for (const { output, node, value } of outputs) {
    if (node.op === 'input' || isFlat(node) || outputNames.has(node.id) || fromBranch.has(output)) continue;
    outputNames.set(node.id, value);
  }

  /** Writes an operation of these inputs. Its value gets the name of its path, or `given`. */
  const emitOperation = (node: Node<Operation>, layout: Layout, inputs: readonly string[], given?: string): string => {
    const emit = emitters[node.op] as AnyEmitter;
    emit(operatorWriter(writer, node, layout, inputs, standalone ? undefined : shapeDependent), inputs, node);
    const path = writer.unique(node.path || node.op); // a model that is a single module has no path
    const value = given ?? path;
    writer.nameLast(path, value);
    return value;
  };
  const dimensionsOf = (node: Node, layout: Layout): Dimension[] => {
    const { batch = '', height = '', width = '' } = extents[node.id] ?? {};
    return layout === 'channels-last' ? [batch, height, width, node.channels] : [batch, node.channels, height, width];
  };
  const emitNode = (node: Node): void => {
    if (node.op === 'input') {
      values[node.id] = node.attributes.name;
      writer.input(node.attributes.name, inputDimensions(node));
    } else if (node.op === 'param') {
      const { key, kind } = node.attributes;
      const used = kind !== 'ignored' && consumers[node.id] !== 0;
      values[node.id] = used ? writer.unique(key) : '';
      if (used) writer.weight(valueOfNode(node.id), operandOf(node.attributes, weights, name));
    } else {
      const layout = layouts[node.id] ?? 'channels-first';
      const inputs = inputsOf(node).map((id) => valueIn(layout, id));
      const output = outputNames.get(node.id);
      const value = emitOperation(node, layout, inputs, layout === 'channels-first' ? output : undefined);
      values[node.id] = value;
      if (!isFlat(node)) writer.value(value, dimensionsOf(node, layout));
      if (output !== undefined && layout === 'channels-last') {
        writer.nameLast(valueIn('channels-first', node.id), output);
        transposed.set(node.id, output);
      }
    }
  };
  const partsWriter: PartsWriter = {
    valueOf: (id) => valueIn('channels-first', id),
    operation: (node, inputs) => {
      const value = emitOperation(node, 'channels-first', inputs);
      writer.value(value, dimensionsOf(node, 'channels-first'));
      return value;
    },
    parameter: (id, take) => {
      const node = nodeAt(graph, id);
      const unused = writer.unique(node.path);
      if (node.op === 'param') writer.weight(unused, take(operandOf(node.attributes, weights, name)));
      return unused;
    },
  };

  const wide = inParts ? wideMapsOf(graph, inBranch) : new Map<number, WideMap>();
  const replaced = nodesOf(wide.values());
  for (const id of replaced) layouts[id] = 'channels-first'; // sums, which otherwise may be channels-last
  const last = Math.max(-1, ...replaced);
  const isTwofold = ({ id, op }: Node): boolean => id <= last && op !== 'input' && !inBranch.has(id);
  const emitTwofold = (): void => {
    const twofold = graph.nodes.filter(isTwofold);
    const later = graph.nodes.filter((node) => !isTwofold(node)).flatMap((node) => inputsOf(node));
    const readLater = new Set([...later, ...Object.values(graph.outputs)]);
    const results = twofold
      .filter(({ id, op }) => op !== 'param' && readLater.has(id))
      .map((node) => ({ node, name: outputNames.get(node.id) ?? writer.unique(`${node.path || node.op}/result`) }));
    const outside = { transposed, outputNames };
    /** Writes nodes, the parameters that they read, and wide maps in parts. */
    const form = (nodes: readonly Node[], inParts: ReadonlyMap<number, WideMap>) => (): BranchResult[] => {
      [transposed, outputNames] = [new Map(outside.transposed), new Map()]; // what another form writes is not seen
      const read = new Set(nodes.filter(({ id }) => !inParts.has(id)).flatMap((node) => inputsOf(node)));
      for (const node of nodes) {
        const map = inParts.get(node.id);
        if (map) for (const [id, value] of emitInParts(map, partsWriter)) values[id] = value;
        else if (node.op !== 'param' || read.has(node.id)) emitNode(node);
      }
      return results.map(({ name, node }) => {
        const value = valueIn('channels-first', node.id);
        return { name, value, channels: node.channels, isInside: true };
      });
    };
    const kept = twofold.filter(({ id }) => wide.has(id) || !replaced.has(id));
    writer.choose(largeCondition(writer, inputNodes(graph)), [form(kept, wide), form(twofold, new Map())]);
    ({ transposed, outputNames } = outside);
    for (const { node, name } of results) {
      values[node.id] = name;
      layouts[node.id] = 'channels-first';
    }
    for (const node of twofold) if (node.op === 'param' && readLater.has(node.id)) emitNode(node);
  };
  for (const node of inputNodes(graph)) emitNode(node);
  if (replaced.size > 0) emitTwofold();
  for (const node of graph.nodes) {
    if (node.op !== 'input' && !inBranch.has(node.id) && !isTwofold(node)) emitNode(node);
  }

  const conditions = new Map<string, string>();
  for (const { reader, nodes, outputs: theirs } of branches) {
    const known = conditions.get(reader);
    const condition = known ?? writer.unique(`wanted:${reader}`);
    conditions.set(reader, condition);
    if (known === undefined) writer.input(condition, [], 'bool');
    const results = outputs.filter(({ output }) => theirs.includes(output));
    // what a later branch reads is a result as well
    const readLater = graph.nodes.filter(({ id }) => !nodes.has(id)).flatMap((node) => inputsOf(node));
    const others = [...new Set(readLater)].filter((id) => nodes.has(id) && !results.some(({ node }) => node.id === id));
    for (const id of others) {
      const node = nodeAt(graph, id);
      results.push({ output: '', node, value: writer.unique(`${node.path || node.op}/result`) });
    }
    const outside = transposed;
    writer.branch(condition, () => {
      transposed = new Map(outside); // others do not see what is written in the branch
      for (const node of graph.nodes) if (nodes.has(node.id)) emitNode(node);
      return results.map(({ value, node }) => ({
        name: value,
        value: valueIn('channels-first', node.id),
        channels: node.channels,
        isInside: nodes.has(node.id),
      }));
    });
    transposed = outside;
    for (const { node, value } of results) {
      if (!nodes.has(node.id)) continue;
      values[node.id] = value;
      layouts[node.id] = 'channels-first';
    }
  }

  for (const { output, node, value } of outputs) {
    if (!fromBranch.has(output)) {
      const known = valueIn('channels-first', node.id);
      const type = isFlat(node) ? 'Flatten' : 'Identity';
      if (known !== value) writer.nameLast(writer.operator(type, `${value}/${type}`, [known]), value);
    }
    const dimensions = mapDimensions(value, node.channels);
    writer.output(value, isFlat(node) ? dimensions.slice(0, 2) : dimensions);
  }
  return {
    ...writer.finish(name),
    shapeDependent,
    outputs: Object.fromEntries(outputs.map(({ output, value }) => [output, value])),
    conditions: Object.fromEntries([...conditions].map(([reader, condition]) => [condition, readers?.[reader] ?? []])),
  };
}

/** Returns a scalar that is true if the input has at least the pixels of a large one. */
function largeCondition(writer: ModelWriter, [input]: readonly Node<'input'>[]): string {
  if (!input) throw new RangeError('only a graph with an input has wide maps');
  const shape = writer.operator('Shape', 'large/Shape', [input.attributes.name]);
  const values = writer.operator('ReduceProd', 'large/ReduceProd', [shape], { keepdims: 0 });
  return writer.operator('GreaterOrEqual', 'large', [values, writer.ints([largeInput * input.channels], [])]);
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
