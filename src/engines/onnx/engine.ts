import type { Named, NDArray, Shape } from '../../arrays.ts';
import { EngineError, ShapeError } from '../../errors.ts';
import type { Node } from '../../nn/graph.ts';
import type { DeviceTensor, Engine, Program, Runner } from '../../nn/part.ts';
import { type InputExtent, shapesOf } from '../../nn/shapes.ts';
import { sizedArray } from '../shape_dependent.ts';
import { emitOnnx, type OnnxModel } from './emit.ts';
import type { GraphOptimizationLevel, OnnxRuntime, OnnxSession, OnnxTensor, SessionOptions } from './runtime.ts';
import { onnxInParts } from './serialize.ts';

/** One task after the other, whoever asks. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

export function taskQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => {}); // whoever asked gets the error; the next task runs all the same
    return result;
  };
}

/** Results in onnxruntime's memory, which other runs take as they are. */

const tensors = new WeakMap<DeviceTensor, () => OnnxTensor>();

/** Takes the tensor over: disposing the result disposes it. `what` names it in errors. */
export function residentOf(tensor: OnnxTensor, what: string): DeviceTensor {
  let disposed = false;
  const shape = [...tensor.dims];
  const get = (): OnnxTensor => {
    if (disposed) throw new EngineError(`${what} was disposed.`);
    return tensor;
  };
  const resident: DeviceTensor = {
    shape,
    read: async () => ({ shape, data: (await get().getData()) as Float32Array }), // on the CPU no copy
    dispose: () => {
      if (!disposed) tensor.dispose();
      disposed = true;
    },
  };
  tensors.set(resident, get);
  return resident;
}

/** An input as onnxruntime takes it: without a copy, unless it is a result of another kind of engine. */
export async function tensorOf(ort: OnnxRuntime, value: NDArray | DeviceTensor): Promise<OnnxTensor> {
  if (!('read' in value)) return new ort.Tensor('float32', value.data, value.shape);
  const own = tensors.get(value);
  if (own) return own();
  const { shape, data } = await value.read();
  return new ort.Tensor('float32', data, shape);
}

/** Sizes whose arrays are kept; folders of photos come in a few. */
const keptSizes = 8;

/**
 * A session with what it needs per size. Runs wait for each other in the engine's queue: onnxruntime-web refuses those that
 * overlap, and onnxruntime-node gains nothing from them.
 */
export function onnxRunner(
  ort: OnnxRuntime,
  session: OnnxSession,
  { name, graph }: Program,
  { sized, outputs }: Pick<OnnxModel, 'sized' | 'outputs'>,
  queue: Queue,
): Runner {
  const inputs = Object.values(graph.inputs).map((id) => graph.nodes[id] as Node<'input'>);
  const bySize = new Map<string, Named<OnnxTensor>>();
  let disposed = false;

  /** Checks that the sizes fit the graph, and makes the arrays that follow from them. */
  function arraysFor(extents: Named<InputExtent>): Named<OnnxTensor> {
    const key = JSON.stringify(extents);
    const arrays = bySize.get(key) ?? makeArrays(extents);
    bySize.delete(key); // and back, as the latest
    bySize.set(key, arrays);
    if (bySize.size > keptSizes) bySize.delete(bySize.keys().next().value!);
    return arrays;
  }

  /** The blocks of a stage have maps of one size, and share a tensor. */
  function makeArrays(extents: Named<InputExtent>): Named<OnnxTensor> {
    const shapes = shapesOf(graph, extents);
    const made = new Map<string, OnnxTensor>();
    return Object.fromEntries(
      sized.map(({ name: input, source, array }) => {
        const { height, width } = shapes[source]!;
        const key = JSON.stringify([array, height, width]);
        const tensor = made.get(key) ?? tensorFor(sizedArray(array, { height, width }));
        made.set(key, tensor);
        return [input, tensor];
      }),
    );
  }

  function tensorFor({ shape, data }: NDArray<Float32Array | Int32Array>): OnnxTensor {
    return data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
  }

  async function run(given: Named<NDArray | DeviceTensor>): Promise<Named<DeviceTensor>> {
    const feeds: Record<string, OnnxTensor> = {};
    const extents: Record<string, InputExtent> = {};
    for (const node of inputs) {
      const input = node.attributes.name;
      const value = given[input];
      if (!value) {
        const got = Object.keys(given).join(', ') || 'none';
        throw new ShapeError(`${name}: the input "${input}" is missing, got ${got}.`);
      }
      extents[input] = extentOf(name, node, value.shape);
      feeds[input] = await tensorOf(ort, value);
    }
    return queue(async () => {
      if (disposed) throw new EngineError(`${name}: the runner was disposed; load the program again.`);
      const results = await session.run({ ...feeds, ...arraysFor(extents) }).catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new EngineError(`${name}: onnxruntime failed: ${reason}`, { cause });
      });
      return Object.fromEntries(
        Object.entries(outputs).map(([output, onnxName]) => [
          output,
          residentOf(results[onnxName]!, `${name}: ${output}`),
        ]),
      );
    });
  }

  function dispose(): void {
    if (disposed) return;
    disposed = true;
    bySize.clear();
    void queue(() => session.release()); // after the run that may be under way
  }

  return { run, dispose };
}

/** The number of regions is left out: no other size follows from it, and each image brings another. */
function extentOf(program: string, { attributes: { name, kind }, channels }: Node<'input'>, shape: Shape): InputExtent {
  const [batch = 0, second, height, width] = shape;
  const regions = kind === 'regions';
  if (shape.length !== (regions ? 2 : 4) || second !== channels) {
    const wanted = regions ? 'n×5' : `N×${channels}×H×W`;
    throw new ShapeError(`${program}: the input "${name}" is ${wanted}, got ${shape.join('×')}.`);
  }
  return regions ? { batch: 1 } : { batch, height: height!, width: width! };
}

export interface OnnxEngineOptions {
  /** Threads inside an operator; without, onnxruntime takes one per physical core of the machine. */
  readonly threads?: number;
  /**
   * `all` (default) also changes convolutions to onnxruntime's blocked layout: MogaNet takes two thirds of the time that it
   * takes with `extended`, and its weights 2.7 times their size in memory instead of 1.5.
   */
  readonly graphOptimizationLevel?: GraphOptimizationLevel;
}

/**
 * Runs programs on onnxruntime: one session per program, which serves every size and any number of regions.
 *
 * @param ort the module `onnxruntime-node` or `onnxruntime-web`
 */
export function onnxEngine(ort: OnnxRuntime, options: OnnxEngineOptions = {}): Engine {
  const { threads, graphOptimizationLevel = 'all' } = options;
  const sessionOptions: SessionOptions = {
    graphOptimizationLevel,
    interOpNumThreads: 1,
    enableMemPattern: false, // a plan per size: no faster, and a folder of mixed sizes took half as much memory again
    logSeverityLevel: 4, // its errors are thrown, and ours then say whose they are
    ...(threads !== undefined && { intraOpNumThreads: threads }),
  };
  const runners = new Set<Runner>();
  const queue = taskQueue();
  let disposed = false;

  async function load(program: Program): Promise<Runner> {
    if (disposed) throw new EngineError('onnxruntime: the engine was disposed; create another one.');
    const emitted = emitOnnx(program);
    const session = await createSession(program.name, emitted);
    const runner = onnxRunner(ort, session, program, emitted, queue);
    const tracked: Runner = {
      run: runner.run,
      dispose: () => {
        runner.dispose();
        runners.delete(tracked);
      },
    };
    runners.add(tracked);
    return tracked;
  }

  /** onnxruntime copies the weights while it loads; they are free to go afterwards. */
  async function createSession(name: string, emitted: ReturnType<typeof emitOnnx>): Promise<OnnxSession> {
    const { model, externalData } = onnxInParts(emitted);
    try {
      return await ort.InferenceSession.create(model, { ...sessionOptions, externalData });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EngineError(`${name}: onnxruntime cannot load it: ${reason}`, { cause });
    }
  }

  return {
    name: 'onnxruntime',
    detail: threads === undefined ? 'threads: physical cores' : `${threads} thread${threads === 1 ? '' : 's'}`,
    load: (program) => queue(() => load(program)),
    dispose: async () => {
      disposed = true;
      for (const runner of runners) runner.dispose();
      await queue(async () => {}); // the sessions are released in their turn
    },
  };
}
