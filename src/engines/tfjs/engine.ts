import * as tf from '@tensorflow/tfjs-core';
import type { Named, NDArray } from '../../arrays.ts';
import { EngineError, UnsupportedError } from '../../errors.ts';
import type { DeviceTensor, Engine, Program } from '../../nn/part.ts';
import { type Shapes, shapesOf } from '../../nn/shapes.ts';
import type { Sliced } from '../../slices.ts';
import { type Compiled, deviceTensors, engineOn, isOnDevice } from '../engine.ts';
import {
  type Backend,
  type BackendName,
  type BackendOptions,
  backendOfTensor,
  describeBackend,
  occupy,
  startBackend,
} from './backend.ts';
import { plain } from './implementation.ts';
import type { Implementation } from './kernel.ts';
import { type Budget, budgetOf, defaultBudget, parameterBytes, peakBytes, unlimited } from './memory.ts';
import { registerOwnKernels } from './own_kernels.ts';
import { type Plan, planFor, planOf, stepsOf } from './replay.ts';
import { simdOf, startSimd } from './simd.ts';
import { withActivations } from './simd_fuse.ts';
import { simdImplementation } from './simd_kernels.ts';
import { inTurns, queueOf } from './turns.ts';
import { fused } from './webgl/fuse.ts';
import { freeKeptTextures, weaknessOf } from './webgl.ts';

/** Where the wasm backend finds its files, and how much memory it may use. */
export interface TfjsOptions extends BackendOptions {
  /** The most bytes that the wasm backend may use, 3 GB by default; give less if the device has little memory. */
  readonly memoryBudget?: number | undefined;
}

const backends: readonly BackendName[] = ['cpu', 'wasm', 'webgl'];

/**
 * Runs programs on TensorFlow.js. Restores the page's backend after every call. If the page had none, ours stays selected.
 *
 * @throws EngineError if the backend cannot start; the text says what to do
 * @throws UnsupportedError for `webgpu`
 */
export async function tfjsEngine(backend: BackendName, options: TfjsOptions = {}): Promise<Engine> {
  if (!backends.includes(backend)) {
    throw new UnsupportedError(
      `the TensorFlow.js backend "${backend}" is not supported yet. Use ${backends.join(', ')} instead.`,
    );
  }
  const running = await startBackend(backend, options);
  registerOwnKernels(backend);
  const { simd, reason } = backend === 'wasm' ? await startSimd(running.instance) : { reason: undefined };
  const implementation = simd ? simdImplementation(simd) : plain;
  const budget = backend === 'wasm' ? budgetOf(options.memoryBudget ?? defaultBudget, running.instance) : unlimited;
  const plainly = reason === undefined ? '' : `, kernels of TensorFlow.js only (${reason})`;
  const detail = (await describeBackend(running)) + plainly;
  const leave = occupy(running);
  return engineOn({
    name: backend,
    detail,
    blocking: true,
    weakness: backend === 'webgl' ? weaknessOf(running.instance) : undefined,
    loss: () => running.loss(),
    owns: tensors.owns,
    inTurn: queueOf(running),
    compile: async (program) => compile(running, implementation, budget, program),
    dispose: () => {
      leave();
      if (backend === 'webgl' && running.isAlive()) freeKeptTextures(running.instance);
    },
  });
}

const compile = (backend: Backend, implementation: Implementation, budget: Budget, program: Program): Compiled =>
  compiledOf(
    backend,
    budget,
    loadWithin(budget, program, () => backend.run(() => planOn(backend, implementation, program))),
  );

function planOn({ name, instance }: Backend, implementation: Implementation, program: Program): Plan {
  const plan = planOf(program, implementation);
  if (name === 'webgl') return fused(plan);
  return simdOf(instance) ? withActivations(plan) : plan;
}

/** Apart from `compile`, so that no closure keeps the program's weights on the host. */
function compiledOf(backend: Backend, budget: Budget, plan: Plan): Compiled {
  const { name, graph } = plan;
  const plans = new Map<string, Plan>();
  const planOfOutputs = (wanted: readonly string[]): Plan => {
    const key = JSON.stringify(wanted);
    const made = plans.get(key) ?? planFor(plan, wanted);
    plans.set(key, made);
    return made;
  };
  return {
    run: async (inputs, extents, wanted, signal) => {
      const shapes = shapesOf(graph, extents);
      const pruned = planOfOutputs(wanted);
      budget.admit(name, peakBytes(pruned, shapes));
      const outputs = await inTurns(backend, computed(pruned, inputs, shapes), signal);
      return mapValues(outputs, (tensor, output) => tensors.wrap(tensor, `${name}: ${output}`, backend.name));
    },
    dispose: () => {
      backend.free(plan.parameters);
      budget.release(parameterBytes(graph));
    },
  };
}

/** Uploads the inputs and runs a plan. The caller may dispose inputs on the device as soon as this has begun. */
function* computed(plan: Plan, inputs: Named<NDArray | DeviceTensor>, shapes: Shapes): Sliced<Named<tf.Tensor4D>> {
  const taken: tf.Tensor4D[] = [];
  const tensorFor = (value: NDArray | DeviceTensor): tf.Tensor4D => {
    const tensor = tf.keep(isOnDevice(value) ? tf.clone(tensorOf(value)) : upload(value));
    taken.push(tensor);
    return tensor;
  };
  try {
    return yield* stepsOf(plan, plan.implementation.kernels, mapValues(inputs, tensorFor), shapes);
  } finally {
    tf.dispose(taken);
  }
}

const mapValues = <T, R>(record: Named<T>, convert: (value: T, name: string) => R): Named<R> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value, name)]));

function loadWithin(budget: Budget, { name, graph }: Program, load: () => Plan): Plan {
  const bytes = parameterBytes(graph);
  budget.reserve(name, bytes);
  try {
    return load();
  } catch (error) {
    budget.release(bytes);
    throw error;
  }
}

/** Tensors in the backend's memory: N×H×W×C there and N×C×H×W for readers. */
const tensors = deviceTensors<tf.Tensor4D>(
  ({ shape: [batch, height, width, channels] }) => [batch, channels, height, width],
  async (tensor) => {
    const [batch, height, width, channels] = tensor.shape;
    const backend = backendOfTensor(tensor);
    // a read begins with a program that unpacks the texture
    const data = backend ? backend.wait(backend.run(() => tensor.data())) : tensor.data();
    return swapped((await data) as Float32Array, batch, height * width, channels);
  },
  (tensor) => {
    const backend = backendOfTensor(tensor);
    if (backend) backend.free([tensor]);
    else tensor.dispose();
  },
);

/** Makes a result of a tensor N×H×W×C, and takes it over: disposing the result disposes the tensor. `what` names it in errors. */
export const deviceTensorOf = (tensor: tf.Tensor4D, what = 'the tensor'): DeviceTensor =>
  tensors.wrap(tensor, what, 'TensorFlow.js');

/**
 * Returns the tensor N×H×W×C of a result. It still belongs to the result.
 *
 * @throws EngineError if the result was disposed or belongs to another kind of engine
 */
export function tensorOf(result: DeviceTensor): tf.Tensor4D {
  const tensor = tensors.tensorOf(result);
  if (!tensor) throw new EngineError('this result is of another engine and has no tensor; read() it instead.');
  return tensor;
}

/** Uploads a map, or regions n × 5 as n×1×1×5, to the current backend. */
function upload({ shape, data }: NDArray): tf.Tensor4D {
  const [batch = 0, channels = 0, height = 1, width = 1] = shape;
  return tf.tensor4d(swapped(data, batch, channels, height * width), [batch, height, width, channels]);
}

/** Transposes each matrix of a batch: rows × columns to columns × rows. */
function swapped(data: Float32Array, batch: number, rows: number, columns: number): Float32Array {
  if (rows === 1 || columns === 1) return data.slice();
  const out = new Float32Array(data.length);
  const length = rows * columns;
  for (let start = 0; start < batch * length; start += length) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0, from = start + row * columns, to = start + row; column < columns; column++) {
        out[to] = data[from + column]!;
        to += rows;
      }
    }
  }
  return out;
}

/** A backbone whose results stay on the device, as `createBackbone` makes it. */
export interface DeviceBackbone {
  run(image: DeviceTensor): Promise<DeviceTensor[]>;
}

/** A backbone for TensorFlow.js programs: an image N×H×W×C, normalised, to its pyramid in N×H×W×C, finest first. */
export interface TensorBackbone {
  /** The image stays the caller's; so do the results, which the caller disposes. */
  forward(image: tf.Tensor4D): Promise<tf.Tensor4D[]>;
}

/** Lets a backbone take and give tensors. @throws EngineError at the first call if it runs on another kind of engine */
export function tensorBackbone(backbone: DeviceBackbone): TensorBackbone {
  return { forward: async (image) => (await backbone.run(deviceTensorOf(image, 'the image'))).map(tensorOf) };
}
