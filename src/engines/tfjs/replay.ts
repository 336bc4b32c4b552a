import * as tf from '@tensorflow/tfjs-core';
import type { Named, NDArray, Shape } from '../../arrays.ts';
import { EngineError, MoganetError } from '../../errors.ts';
import { type Graph, inputsOf, type Node, nodeAt, operandOf } from '../../nn/graph.ts';
import type { Operation, Parameter } from '../../nn/ops.ts';
import type { Program } from '../../nn/part.ts';
import { type MapShape, type Shapes, shapeAt } from '../../nn/shapes.ts';
import { atOnce, type Sliced } from '../../slices.ts';
import { reasonOf } from '../engine.ts';
import { isTrap } from '../life.ts';
import { plain } from './implementation.ts';
import type { Implementation, Kernels } from './kernel.ts';

/** A program with its parameters in the backend's memory, and what may be freed when. */
export interface Plan {
  readonly name: string;
  readonly graph: Graph;
  readonly steps: readonly Step[];
  /** Every parameter tensor once; they stay until the plan is disposed. */
  readonly parameters: readonly tf.Tensor[];
  readonly implementation: Implementation;
}

export interface Step {
  readonly node: Node<Operation>;
  readonly maps: readonly number[];
  readonly parameters: readonly tf.Tensor[];
  /** What computes the value in place of the operation's kernel, if the backend has better: a step may then stand for several nodes. */
  readonly compute?:
    | ((maps: readonly tf.Tensor4D[], shape: readonly [number, number, number, number]) => tf.Tensor4D)
    | undefined;
  /** Values that no later step reads. Inputs and outputs of the graph are never among them. */
  readonly lastUses: readonly number[];
}

/** A layout as it is when any operation may have it: the table pairs each with its own attributes and parameters. */
type AnyLayout = (attributes: unknown, parameters: readonly NDArray[], inChannels: number) => readonly NDArray[];

/** A kernel as it is when any operation may have it, as above. */
type AnyKernel = (attributes: unknown, maps: readonly tf.Tensor4D[], parameters: readonly tf.Tensor[]) => tf.Tensor4D;

/**
 * Lays out and uploads the parameters to the current backend. Modules that are called several times share theirs.
 *
 * @throws CheckpointError if the program's weights lack a parameter or have it in another shape
 */
export function planOf({ name, graph, weights }: Program, implementation: Implementation = plain): Plan {
  const uploaded = new Map<string, tf.Tensor[]>();

  const upload = (node: Node<Operation>, parameters: readonly Parameter[], inChannels: number): tf.Tensor[] => {
    if (parameters.length === 0) return [];
    const key = JSON.stringify([node.op, parameters.map((parameter) => parameter.key), node.attributes, inChannels]);
    const known = uploaded.get(key);
    if (known) return known;
    const layout = implementation.layouts[node.op] as AnyLayout | undefined;
    const values = parameters.map((parameter) => operandOf(parameter, weights, name));
    const tensors: tf.Tensor[] = [];
    uploaded.set(key, tensors);
    for (const { data, shape } of layout ? layout(node.attributes, values, inChannels) : values) {
      tensors.push(tf.keep(tf.tensor(data, [...shape], 'float32')));
    }
    return tensors;
  };

  try {
    const steps = graph.nodes.flatMap((node): Step[] => {
      if (node.op === 'param' || node.op === 'input') return [];
      const inputs = inputsOf(node).map((id) => nodeAt(graph, id));
      const parameters = inputs.flatMap((input) => (input.op === 'param' ? [input.attributes] : []));
      const maps = inputs.filter(({ op }) => op !== 'param');
      const ids = maps.map(({ id }) => id);
      const [first] = maps;
      return [
        {
          node,
          maps: ids,
          parameters: named(name, node, 'lay out the parameters of', () =>
            upload(node, parameters, first?.channels ?? 0),
          ),
          lastUses: [],
        },
      ];
    });
    const plan = { name, graph, steps, parameters: [...uploaded.values()].flat(), implementation };
    return planFor(plan, Object.keys(graph.outputs));
  } catch (error) {
    tf.dispose([...uploaded.values()].flat());
    throw error;
  }
}

/** Returns the plan without the outputs that are not wanted, and without the steps that only they need. */
export function planFor(plan: Plan, wanted: readonly string[]): Plan {
  const outputs = Object.fromEntries(Object.entries(plan.graph.outputs).filter(([output]) => wanted.includes(output)));
  const staying = new Set<number>([...Object.values(outputs), ...Object.values(plan.graph.inputs)]);
  const read = new Set<number>(staying); // by later steps: the first step from the end that reads a value is its last use
  const steps: Step[] = [];
  for (const step of plan.steps.toReversed()) {
    if (!read.has(step.node.id)) continue;
    steps.push({ ...step, lastUses: [...new Set(step.maps)].filter((id) => !read.has(id)) });
    for (const id of step.maps) read.add(id);
  }
  return { ...plan, graph: { ...plan.graph, outputs }, steps: steps.reverse() };
}

const nhwc = ({ batch, height, width, channels }: MapShape): [number, number, number, number] => [
  batch,
  height,
  width,
  channels,
];

/** Runs all steps at once on the current backend; see `stepsOf`. */
export const replay = (plan: Plan, kernels: Kernels, inputs: Named<tf.Tensor4D>, shapes: Shapes): Named<tf.Tensor4D> =>
  atOnce(stepsOf(plan, kernels, inputs, shapes));

/**
 * Runs the steps in order on the current backend, and frees every value after its last use. The inputs stay the
 * caller's; the outputs become the caller's. An exception, or the end of the work before its time, frees everything that was
 * made. Between two steps nothing is held by a scope of the page.
 */
export function* stepsOf(
  { name, graph, steps }: Plan,
  kernels: Kernels,
  inputs: Named<tf.Tensor4D>,
  shapes: Shapes,
): Sliced<Named<tf.Tensor4D>> {
  const values = new Map<number, tf.Tensor4D>();
  const valueOfNode = (id: number): tf.Tensor4D => {
    const value = values.get(id);
    if (!value) throw new EngineError(`${name}: ${nodeAt(graph, id).path}: it has no value when a step needs it.`);
    return value;
  };
  for (const [input, id] of Object.entries(graph.inputs)) {
    const value = inputs[input];
    if (value) values.set(id, value);
  }
  const made = new Set<tf.Tensor4D>();
  try {
    for (const { node, maps, parameters, compute, lastUses } of steps) {
      const kernel = kernels[node.op] as AnyKernel;
      const computed = (inputs: readonly tf.Tensor4D[]): tf.Tensor4D =>
        compute ? compute(inputs, shape) : kernel(node.attributes, inputs, parameters);
      const shape = nhwc(shapeAt(shapes, node.id));
      // without regions there is nothing to compute, and not every kernel takes an empty tensor
      const value = tf.keep(
        shape[0] === 0
          ? tf.tensor4d([], shape)
          : named(name, node, 'compute', () => tf.tidy(() => computed(maps.map(valueOfNode)))),
      );
      made.add(value);
      expectShape(name, node, value.shape, shape);
      values.set(node.id, value);
      for (const id of lastUses) {
        const last = valueOfNode(id);
        values.delete(id);
        made.delete(last);
        last.dispose();
      }
      yield;
    }
    return Object.fromEntries(
      Object.entries(graph.outputs).map(([output, id]): [string, tf.Tensor4D] => {
        const value = valueOfNode(id);
        // an input that is an output, or a second name of one value, is given as another tensor
        return [output, made.delete(value) ? value : tf.keep(tf.clone(value))];
      }),
    );
  } finally {
    tf.dispose([...made]); // values that nothing reads, or all of them
  }
}

/** Names the part and the module in the errors of TensorFlow.js. Traps stay as they are: they concern the backend. */
function named<T>(program: string, { path, op }: Node, what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof MoganetError || isTrap(cause)) throw cause;
    throw new EngineError(`${program}: ${path}: TensorFlow.js cannot ${what} ${op}: ${reasonOf(cause)}`, { cause });
  }
}

/** A kernel that disagrees with the shape rule would cause wrong values further down. */
function expectShape(program: string, node: Node, actual: Shape, expected: Shape): void {
  if (actual.some((extent, axis) => extent !== expected[axis])) {
    throw new EngineError(
      `${program}: ${node.path}: the kernel of ${node.op} gave N×H×W×C ${actual.join('×')}, its shape rule says ${expected.join('×')}.`,
    );
  }
}
