import type * as tf from '@tensorflow/tfjs';
import { EngineError, ShapeError, UnsupportedError } from '../../errors.ts';
import type { Named, NDArray, Shape } from '../../ndarray.ts';
import type { Node } from '../../nn/graph.ts';
import type { Engine, Program, Resident, Runner } from '../../nn/part.ts';
import { type InputExtent, shapesOf } from '../../nn/shapes.ts';
import { type BackendName, type BackendOptions, describeBackend, onBackend, startBackend } from './backend.ts';
import { kernels } from './kernels.ts';
import { type Budget, budgetOf, defaultBudget, parameterBytes, peakBytes, unlimited } from './memory.ts';
import { type Plan, planOf, replay } from './replay.ts';
import { hasTensor, residentOf, tensorOf, upload } from './resident.ts';

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

  async function run(given: Named<NDArray | Resident>): Promise<Named<Resident>> {
    const values: Record<string, NDArray | Resident> = {};
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
        const tensorFor = (value: NDArray | Resident): tf.Tensor4D => {
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

const isResident = (value: NDArray | Resident): value is Resident => 'read' in value;

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
