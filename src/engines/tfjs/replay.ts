import * as tf from '@tensorflow/tfjs';
import { type Named, type NDArray, type Shape, sizeOf } from '../../arrays.ts';
import { EngineError } from '../../errors.ts';
import { type Graph, inputsOf, type Node, operandShape, parametersOf } from '../../nn/graph.ts';
import type { Program } from '../../nn/part.ts';
import type { MapShape } from '../../nn/shapes.ts';
import type { Kernel, Kernels, Operation } from './kernels.ts';
import { type Layout, layouts } from './weight_layouts.ts';

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
  for (const node of graph.nodes) for (const id of inputsOf(node)) lastReader.set(id, node.id);
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
  for (const id of inputsOf(node)) {
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

/**
 * The wasm backend's memory is at most 4 GB, and when it is full tensors are overwritten without a word. So what a model
 * and a run will need is added up before anything is allocated.
 */

/** Leaves room for what TensorFlow.js does not count: scratch memory and the gaps between tensors. */
export const defaultBudget = 3e9;

const bytesPerValue = 4;

/** One memory per page or process, whatever the number of engines: copies of the parameters that convolutions keep, packed their own way. */
let packedBytes = 0;

export interface Budget {
  /** @throws EngineError where the parameters would not fit */
  reserve(program: string, parameterBytes: number): void;
  release(parameterBytes: number): void;
  /** @throws EngineError where a run at these sizes would not fit */
  admit(program: string, runBytes: number): void;
}

export function budgetOf(bytes: number): Budget {
  const expectFits = (what: string, needed: number, advice: string): void => {
    const used = tf.memory().numBytes + packedBytes;
    if (used + needed <= bytes) return;
    throw new EngineError(
      `${what} needs about ${inGigabytes(needed)} of memory, with ${inGigabytes(used)} in use and a budget of ` +
        `${inGigabytes(bytes)}: past 4 GB the wasm backend overwrites its own tensors. ${advice}`,
    );
  };
  return {
    reserve: (program, parameterBytes) => {
      expectFits(program, 2 * parameterBytes, 'Dispose other models, or use the engine onnxruntime or webgl.');
      packedBytes += parameterBytes;
    },
    release: (parameterBytes) => {
      packedBytes -= parameterBytes;
    },
    admit: (program, runBytes) =>
      expectFits(`${program} at this size`, runBytes, 'Use a smaller image, or the engine onnxruntime or webgl.'),
  };
}

/** The backends whose memory is not ours to count. */
export const unlimited: Budget = { reserve: () => {}, release: () => {}, admit: () => {} };

const inGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;

export const parameterBytes = (graph: Graph): number =>
  bytesPerValue * parametersOf(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** The most that a replay holds at once. A kernel of several steps has up to two more maps of its result's size. */
export function peakBytes({ graph, steps }: Plan, shapes: readonly (MapShape | undefined)[]): number {
  const bytes = (id: number) => sizeOf(nhwc(shapes[id]!)) * bytesPerValue;
  let live = Object.values(graph.inputs).reduce((sum, id) => sum + bytes(id), 0);
  let peak = live;
  for (const { node, lastUses } of steps) {
    live += bytes(node.id);
    peak = Math.max(peak, live + 2 * bytes(node.id));
    for (const id of lastUses) live -= bytes(id);
  }
  return peak;
}
