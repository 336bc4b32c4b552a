import * as tf from '@tensorflow/tfjs';
import type { Named, NDArray, Shape } from '../../arrays.ts';
import { EngineError, ShapeError, UnsupportedError } from '../../errors.ts';
import type { Node } from '../../nn/graph.ts';
import type { DeviceTensor, Engine, Program, Runner } from '../../nn/part.ts';
import { type InputExtent, shapesOf } from '../../nn/shapes.ts';
import { type BackendName, type BackendOptions, describeBackend, onBackend, startBackend } from './backend.ts';
import { kernels } from './kernels.ts';
import {
  type Budget,
  budgetOf,
  defaultBudget,
  type Plan,
  parameterBytes,
  peakBytes,
  planOf,
  replay,
  unlimited,
} from './replay.ts';

/** Results that stay in the backend's memory, N×H×W×C there and N×C×H×W to everybody else. */

const tensors = new WeakMap<DeviceTensor, { readonly what: string; readonly tensor: tf.Tensor4D }>();

/** Takes the tensor over: disposing the result disposes it. `what` names it in errors. */
export function residentOf(tensor: tf.Tensor4D, what = 'the tensor'): DeviceTensor {
  const [batch, height, width, channels] = tensor.shape;
  const shape = [batch, channels, height, width];
  const resident: DeviceTensor = {
    shape,
    read: async () => {
      const data = (await tensorOf(resident).data()) as Float32Array;
      return { shape, data: swapped(data, batch, height * width, channels) };
    },
    dispose: () => {
      if (!tensor.isDisposed) tensor.dispose();
    },
  };
  tensors.set(resident, { what, tensor });
  return resident;
}

/**
 * The tensor N×H×W×C of a result. It still belongs to the result.
 *
 * @throws EngineError where the result was disposed or belongs to another kind of engine
 */
export function tensorOf(resident: DeviceTensor): tf.Tensor4D {
  const entry = tensors.get(resident);
  if (!entry) throw new EngineError('this result is of another engine and has no tensor; read() it instead.');
  if (entry.tensor.isDisposed) throw new EngineError(`${entry.what} was disposed.`);
  return entry.tensor;
}

export const hasTensor = (resident: DeviceTensor): boolean => tensors.has(resident);

/** Uploads a map, or regions n × 5 as n×1×1×5, to the current backend. */
export function upload({ shape, data }: NDArray): tf.Tensor4D {
  const [batch = 0, channels = 0, height = 1, width = 1] = shape;
  return tf.tensor4d(swapped(data, batch, channels, height * width), [batch, height, width, channels]);
}

/** Batches of matrices rows × columns to columns × rows. */
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

/** What a backbone on the TensorFlow.js engine can do with results left where they are. */
export interface ResidentBackbone {
  run(image: DeviceTensor): Promise<DeviceTensor[]>;
}

/** A backbone for TensorFlow.js programs: an image N×H×W×C, normalised, to its pyramid in N×H×W×C, finest first. */
export interface TensorBackbone {
  /** The image stays the caller's; so do the results, which the caller disposes. */
  forward(image: tf.Tensor4D): Promise<tf.Tensor4D[]>;
}

/** @throws EngineError at the first call where the backbone runs on another kind of engine */
export function tensorBackbone(backbone: ResidentBackbone): TensorBackbone {
  return { forward: async (image) => (await backbone.run(residentOf(image, 'the image'))).map(tensorOf) };
}

export interface TfjsOptions extends BackendOptions {
  /** Bytes that the wasm backend may hold, 3 GB by default; less where the device has little. */
  readonly memoryBudget?: number;
}

/**
 * Runs programs on TensorFlow.js. Where nothing else has chosen a backend before, ours stays the page's; otherwise the
 * page's own is current whenever none of our calls is running.
 *
 * @throws EngineError where the backend cannot start; the text says what to do
 * @throws UnsupportedError for `webgpu`
 */
export async function tfjsEngine(backend: BackendName, options: TfjsOptions = {}): Promise<Engine> {
  if (!Object.hasOwn(names, backend)) {
    throw new UnsupportedError(
      `the TensorFlow.js backend "${backend}" is not supported yet. Use ${Object.keys(names).join(', ')} instead.`,
    );
  }
  await startBackend(backend, options);
  const detail = await describeBackend(backend);
  const budget = backend === 'wasm' ? budgetOf(options.memoryBudget ?? defaultBudget) : unlimited;
  const runners = new Set<Runner>();
  let disposed = false;
  return {
    name: names[backend],
    detail,
    blocking: true,
    load: async (program) => {
      if (disposed) throw new EngineError(`${backend}: the engine was disposed; create another one.`);
      const runner = runnerOf(backend, budget, program, () => runners.delete(runner));
      runners.add(runner);
      return runner;
    },
    dispose: async () => {
      disposed = true;
      for (const runner of runners) runner.dispose();
    },
  };
}

/** Backends to the names by which the command line knows the engines. */
const names: Readonly<Record<BackendName, string>> = { cpu: 'cpu', wasm: 'wasm', webgl: 'webgl' };

function runnerOf(backend: BackendName, budget: Budget, program: Program, onDispose: () => void): Runner {
  const { name, graph } = program;
  const inputs = Object.values(graph.inputs).map((id) => graph.nodes[id] as Node<'input'>);
  const plan = loadWithin(budget, program, () =>
    withTraps(backend, name, () => onBackend(backend, () => planOf(program))),
  );
  let disposed = false;

  async function run(given: Named<NDArray | DeviceTensor>): Promise<Named<DeviceTensor>> {
    const values: Record<string, NDArray | DeviceTensor> = {};
    const extents: Record<string, InputExtent> = {};
    for (const node of inputs) {
      const input = node.attributes.name;
      const value = given[input];
      if (!value) {
        throw new ShapeError(
          `${name}: the input "${input}" is missing, got ${Object.keys(given).join(', ') || 'none'}.`,
        );
      }
      extents[input] = extentOf(name, node, value.shape);
      // a result of another kind of engine comes over the host
      values[input] = isResident(value) && !hasTensor(value) ? await value.read() : value;
    }
    if (disposed) throw new EngineError(`${name}: the runner was disposed; load the program again.`);
    const shapes = shapesOf(graph, extents);
    budget.admit(name, peakBytes(plan, shapes));
    // from here to the results nothing waits: the backend is ours for this stretch only
    const outputs = withTraps(backend, name, () =>
      onBackend(backend, () => {
        const uploaded: tf.Tensor4D[] = [];
        const tensorFor = (value: NDArray | DeviceTensor): tf.Tensor4D => {
          if (isResident(value)) return tensorOf(value);
          const tensor = upload(value);
          uploaded.push(tensor);
          return tensor;
        };
        try {
          const tensors = mapValues(values, tensorFor);
          return replay(plan, kernels, tensors, shapes);
        } finally {
          for (const tensor of uploaded) tensor.dispose();
        }
      }),
    );
    return mapValues(outputs, (tensor, output) => residentOf(tensor, `${name}: ${output}`));
  }

  return {
    run,
    dispose: () => {
      if (disposed) return;
      disposed = true;
      for (const tensor of plan.parameters) tensor.dispose();
      budget.release(parameterBytes(graph));
      onDispose();
    },
  };
}

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

const isResident = (value: NDArray | DeviceTensor): value is DeviceTensor => 'read' in value;

function extentOf(program: string, { attributes: { name, kind }, channels }: Node<'input'>, shape: Shape): InputExtent {
  const [batch = 0, second, height, width] = shape;
  const regions = kind === 'regions';
  // regions that came as a result have the four axes of a map
  const fits = regions ? shape.slice(2).every((extent) => extent === 1) : shape.length === 4;
  if (!fits || second !== channels) {
    const wanted = regions ? 'n×5' : `N×${channels}×H×W`;
    throw new ShapeError(`${program}: the input "${name}" is ${wanted}, got ${shape.join('×')}.`);
  }
  return regions ? { batch } : { batch, height: height!, width: width! };
}

/** Backends in whose memory a trap left nothing to rely on. */
const broken = new Set<BackendName>();

function withTraps<T>(backend: BackendName, program: string, work: () => T): T {
  const advice =
    'Its memory cannot be trusted any more: start a new process or page, with smaller images or another engine.';
  if (broken.has(backend)) throw new EngineError(`${program}: the ${backend} backend failed before. ${advice}`);
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
    broken.add(backend);
    throw new EngineError(`${program}: the ${backend} backend failed: ${cause.message}. ${advice}`, { cause });
  }
}

const mapValues = <T, R>(record: Named<T>, convert: (value: T, name: string) => R): Named<R> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value, name)]));
