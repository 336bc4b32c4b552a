import { type Graph, inputNodes, inputsOf, type Node, nodeAt } from '../../nn/graph.ts';
import type { Program } from '../../nn/part.ts';
import { type Branch, branchesOf } from './branches.ts';
import { declaredIn, nothingDeclared } from './declared.ts';
import { layoutsOf } from './layouts.ts';
import { mapDimensions, type NodeWriter, nodeWriter, type Result, type ShapeDependentInput } from './nodes.ts';
import { nodesOf, type WideMap, wideMapsOf } from './parts.ts';
import { type Projections, projectionsOf } from './projections.ts';
import { emitTwofold } from './twofold.ts';
import { type ModelWriter, modelWriter, type OnnxGraph } from './writer.ts';

export interface EmitOptions {
  /**
   * For other runtimes: shape-dependent arrays are computed inside the model instead of being inputs, and the output of a
   * linear layer is N×features.
   */
  readonly standalone?: boolean | undefined;
  /**
   * In forms that pay in onnxruntime's blocked layout: large inputs have their wide maps computed in parts (`parts.ts`), and attention in
   * windows is one operator with the convolution before it (`projections.ts`).
   */
  readonly blocked?: boolean | undefined;
  /** In onnxruntime's blocked layout: sums are added in place, see `declared.ts`. */
  readonly inPlace?: boolean | undefined;
}

export interface OnnxModel extends OnnxGraph {
  readonly shapeDependent: readonly ShapeDependentInput[];
  /** The program's outputs by name → their names in the model, which differ if an output is called like an input. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Inputs beside the program's: scalars, true if one of these outputs is wanted. */
  readonly conditions: Readonly<Record<string, readonly string[]>>;
}

/** An output of the graph, by its name in the model. */
interface Output {
  readonly output: string;
  readonly node: Node;
  readonly value: string;
}

/**
 * Writes a program as an ONNX graph; `serialize.ts` turns it into bytes. Batch, height and width stay symbolic in inputs
 * and outputs. Operators have their module path as name, and initializers their state-dict key.
 *
 * @throws CheckpointError if the program lacks a weight
 */
export function emitOnnx(program: Program, options: EmitOptions = {}): OnnxModel {
  const { standalone = false, blocked = false, inPlace = false } = options;
  const { name, graph, readers } = program;
  const inputNames = Object.keys(graph.inputs);
  const writer = modelWriter([...inputNames, ...Object.keys(graph.outputs)]);
  const outputs = Object.entries(graph.outputs).map(([output, id]): Output => {
    const value = inputNames.includes(output) ? writer.unique(output) : output;
    return { output, node: nodeAt(graph, id), value };
  });
  const branches = standalone ? [] : branchesOf(graph, readers);
  const inBranch = new Set(branches.flatMap(({ nodes }) => [...nodes]));
  const fromBranch = new Set(branches.flatMap((branch) => branch.outputs));
  const wideMaps = blocked ? wideMapsOf(graph, inBranch) : new Map<number, WideMap>();
  const replaced = nodesOf(wideMaps.values());
  // `twofold.ts` reads the inputs of nodes as the graph has them
  const projections: Projections = blocked && replaced.size === 0 ? projectionsOf(graph) : new Map();
  // sums in parts are channels-first, and may be channels-last otherwise
  const layouts = layoutsOf(graph, projections).map((layout, id) => (replaced.has(id) ? 'channels-first' : layout));
  const declared = inPlace ? declaredIn(graph, layouts) : nothingDeclared;
  const nodes = nodeWriter(program, writer, { layouts, projections, declared, standalone });
  // a node has the name of the first output that it is; if two outputs mean one node, the second is a copy
  const outputNames = new Map<number, string>();
  for (const { output, node, value } of outputs) {
    if (node.op === 'input' || nodes.isFlat(node) || outputNames.has(node.id) || fromBranch.has(output)) continue;
    outputNames.set(node.id, value);
  }

  for (const node of inputNodes(graph)) nodes.write(node);
  const twofold = replaced.size > 0 ? emitTwofold(graph, wideMaps, inBranch, nodes, writer, outputNames) : replaced;
  for (const node of graph.nodes) {
    if (node.op === 'input' || inBranch.has(node.id) || twofold.has(node.id)) continue;
    nodes.write(node, outputNames.get(node.id));
  }
  const conditions = emitBranches(graph, branches, outputs, nodes, writer);
  for (const { output, node, value } of outputs) {
    const isFlat = nodes.isFlat(node);
    if (!fromBranch.has(output)) {
      const known = nodes.valueIn('channels-first', node.id);
      const type = isFlat ? 'Flatten' : 'Identity';
      if (known !== value) writer.nameLast(writer.operator(type, `${value}/${type}`, [known]), value);
    }
    const dimensions = mapDimensions(value, node.channels);
    writer.output(value, isFlat ? dimensions.slice(0, 2) : dimensions);
  }
  return {
    ...writer.finish(name),
    shapeDependent: nodes.shapeDependent,
    outputs: Object.fromEntries(outputs.map(({ output, value }) => [output, value])),
    conditions: Object.fromEntries([...conditions].map(([reader, condition]) => [condition, readers?.[reader] ?? []])),
  };
}

/** Writes branches, and returns the input that each reader's depend on. */
function emitBranches(
  graph: Graph,
  branches: readonly Branch[],
  outputs: readonly Output[],
  nodes: NodeWriter,
  writer: ModelWriter,
): ReadonlyMap<string, string> {
  const conditions = new Map<string, string>();
  for (const { reader, nodes: inside, outputs: theirs } of branches) {
    const known = conditions.get(reader);
    const condition = known ?? writer.unique(`wanted:${reader}`);
    conditions.set(reader, condition);
    if (known === undefined) writer.input(condition, [], 'bool');
    const results = outputs
      .filter(({ output }) => theirs.includes(output))
      .map(({ value, node }): Result => ({ name: value, node, isInside: inside.has(node.id) }));
    // what a later branch reads is a result as well
    const readLater = graph.nodes.filter(({ id }) => !inside.has(id)).flatMap((node) => inputsOf(node));
    const others = new Set(readLater.filter((id) => inside.has(id) && !results.some(({ node }) => node.id === id)));
    for (const id of others) {
      const node = nodeAt(graph, id);
      results.push({ name: writer.unique(`${node.path || node.op}/result`), node, isInside: true });
    }
    writer.branch(condition, () =>
      nodes.inside(results, () => {
        for (const node of graph.nodes) if (inside.has(node.id)) nodes.write(node);
      }),
    );
    for (const { name, node, isInside } of results) if (isInside) nodes.set(node.id, name);
  }
  return conditions;
}
