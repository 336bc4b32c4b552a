import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.ts';
import type { Named, NDArray, Shape } from '../../ndarray.ts';
import { type Graph, type Node, operandShape } from '../../nn/graph.ts';
import type { Program } from '../../nn/part.ts';
import type { MapShape } from '../../nn/shapes.ts';
import type { Kernel, Kernels, Operation } from './kernels.ts';
import { type Layout, layouts } from './layouts.ts';

/** A program with its parameters in the backend's memory, and what may be freed when. */
export interface Plan {
  readonly graph: Graph;
  readonly steps: readonly Step[];
  /** Every parameter tensor once; they stay until the plan is disposed. */
  readonly parameters: readonly tf.Tensor[];
}

export interface Step {
  readonly node: Node<Operation>;
  readonly inputs: readonly number[];
  readonly parameters: readonly tf.Tensor[];
  /** Values that nobody reads after this step. Inputs and outputs of the graph are never among them. */
  readonly lastUses: readonly number[];
}

/**
 * Lays out and uploads the parameters to the current backend. Modules that are called several times share theirs.
 *
 * @throws EngineError where the program's weights lack a parameter or have it in another shape
 */
export function planOf({ name, graph, weights }: Program): Plan {
  const uploaded = new Map<string, tf.Tensor[]>();
  const lastReader = new Map<number, number>();
  for (const node of graph.nodes) for (const id of node.inputs) lastReader.set(id, node.id);
  const staying = new Set<number>([...Object.values(graph.outputs), ...Object.values(graph.inputs)]);

  const parameterOf = ({ attributes }: Node<'param'>): NDArray => {
    const { key, shape } = attributes;
    const value = weights.get(key);
    if (!value) throw new EngineError(`${name}: the weights have no "${key}".`);
    if (value.shape.join() !== shape.join()) {
      throw new EngineError(`${name}: "${key}" is ${value.shape.join('×')}, the graph needs ${shape.join('×')}.`);
    }
    return { shape: operandShape(attributes), data: value.data };
  };
  const upload = (node: Node<Operation>, params: readonly Node<'param'>[], inChannels: number): tf.Tensor[] => {
    if (params.length === 0) return [];
    const key = JSON.stringify([node.op, params.map(({ id }) => id), node.attributes, inChannels]);
    const known = uploaded.get(key);
    if (known) return known;
    const layout = layouts[node.op] as Layout<Operation> | undefined; // the table pairs each operation with its own attributes
    const values = params.map(parameterOf);
    const laidOut = layout ? layout(node.attributes, values, inChannels) : values;
    const tensors: tf.Tensor[] = [];
    uploaded.set(key, tensors);
    for (const { data, shape } of laidOut) tensors.push(tf.keep(tf.tensor(data, [...shape], 'float32')));
    return tensors;
  };

  try {
    const steps = graph.nodes.flatMap((node): Step[] => {
      if (node.op === 'param' || node.op === 'input') return [];
      const [params, inputs] = partition(graph, node);
      return [
        {
          node,
          inputs,
          parameters: upload(node, params, graph.nodes[inputs[0]!]!.channels),
          lastUses: [...new Set(inputs)].filter((id) => lastReader.get(id) === node.id && !staying.has(id)),
        },
      ];
    });
    return { graph, steps, parameters: [...uploaded.values()].flat() };
  } catch (error) {
    tf.dispose([...uploaded.values()].flat());
    throw error;
  }
}

function partition(graph: Graph, node: Node): [params: Node<'param'>[], inputs: number[]] {
  const params: Node<'param'>[] = [];
  const inputs: number[] = [];
  for (const id of node.inputs) {
    const input = graph.nodes[id]!;
    if (input.op === 'param') params.push(input);
    else inputs.push(id);
  }
  return [params, inputs];
}

/** N×H×W×C. */
export const nhwc = ({ batch, height, width, channels }: MapShape): [number, number, number, number] => [
  batch,
  height,
  width,
  channels,
];

/**
 * Runs the steps in order on the current backend, and frees every value after its last use. The inputs stay the
 * caller's; the outputs become the caller's. An exception frees everything that was made.
 */
export function replay(
  { graph, steps }: Plan,
  kernels: Kernels,
  inputs: Named<tf.Tensor4D>,
  shapes: readonly (MapShape | undefined)[],
): Named<tf.Tensor4D> {
  const values = new Map<number, tf.Tensor4D>();
  for (const [name, id] of Object.entries(graph.inputs)) values.set(id, inputs[name]!);
  const made = new Set<tf.Tensor4D>();
  try {
    for (const { node, inputs: ids, parameters, lastUses } of steps) {
      const kernel = kernels[node.op] as Kernel<Operation>; // the table pairs each operation with its own attributes
      const shape = nhwc(shapes[node.id]!);
      // without regions there is nothing to compute, and not every kernel takes an empty tensor
      const value =
        shape[0] === 0
          ? tf.tensor4d([], shape)
          : tf.tidy(() =>
              kernel(
                node.attributes,
                ids.map((id) => values.get(id)!),
                parameters,
              ),
            );
      made.add(value);
      expectShape(node, value.shape, shape);
      values.set(node.id, value);
      for (const id of lastUses) {
        const last = values.get(id)!;
        values.delete(id);
        made.delete(last);
        last.dispose();
      }
    }
    const outputs = Object.entries(graph.outputs).map(([name, id]): [string, tf.Tensor4D] => {
      const value = values.get(id)!;
      // an input handed through, or a second name of one value, is given as a tensor of its own
      return [name, tf.keep(made.delete(value) ? value : tf.clone(value))];
    });
    tf.dispose([...made]); // values that nothing reads
    return Object.fromEntries(outputs);
  } catch (error) {
    tf.dispose([...made]);
    throw error;
  }
}

/** A kernel that disagrees with the shape rule would make nonsense further down. */
function expectShape(node: Node, actual: Shape, expected: Shape): void {
  if (actual.some((extent, axis) => extent !== expected[axis])) {
    throw new EngineError(
      `${node.path}: the kernel of ${node.op} gave N×H×W×C ${actual.join('×')}, its shape rule says ${expected.join('×')}.`,
    );
  }
}
