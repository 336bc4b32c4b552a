import { CheckpointError } from '../../errors.ts';
import { consumersOf, type Node, operandShape } from '../../nn/graph.ts';
import type { Program } from '../../nn/part.ts';
import { type SizedArray, sizedForm } from '../sized_arrays.ts';
import { type Dimension, type ModelWriter, modelWriter } from './model_writer.ts';
import { emitters, type Operation, type OperatorWriter } from './operators.ts';
import type { OnnxGraph } from './serialize.ts';
import { emitSizedArray } from './sized_operators.ts';

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
      const inputs = node.inputs.map((id) => values[id]!);
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
