import type { Named, NDArray } from '../../arrays.ts';
import { ConfigError, EngineError, unknownName } from '../../errors.ts';
import { inputNodes } from '../../nn/graph.ts';
import { separateMaps } from '../../nn/optimise/separate_maps.ts';
import { wholeMaps } from '../../nn/optimise/whole_maps.ts';
import { type DeviceTensor, type Engine, memoryOf, type Program, programOf } from '../../nn/part.ts';
import { type InputExtent, shapeAt, shapesOf } from '../../nn/shapes.ts';
import { nextTurn } from '../../turn.ts';
import { foundIn } from '../../validate.ts';
import {
  type Compiled,
  type Device,
  type DeviceTensors,
  deviceTensors,
  engineOn,
  isOnDevice,
  reasonOf,
  taskQueue,
} from '../engine.ts';
import { shapeDependentArray } from '../shape_dependent.ts';
import { emitOnnx, type OnnxModel } from './emit.ts';
import { onnxInParts } from './serialize.ts';

/**
 * The part of onnxruntime that is used: `onnxruntime-node`, `onnxruntime-web` and `onnxruntime-common` have it. The module
 * is passed in, so that nothing of it reaches a browser bundle and types do not need it installed.
 */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: SessionOptions): Promise<OnnxSession>;
  };
  readonly Tensor: {
    new (type: 'float32', data: Float32Array, dims: readonly number[]): OnnxTensor;
    new (type: 'bool', data: Uint8Array, dims: readonly number[]): OnnxTensor;
    new (type: 'int32', data: Int32Array, dims: readonly number[]): OnnxTensor;
  };
  /** Tells its versions. Only `onnxruntime-web` has one of the web. */
  readonly env?: { readonly versions?: { readonly web?: string } };
  /** Ends the thread in which it computes. Without it, it computes on the caller's. */
  readonly close?: (() => Promise<void>) | undefined;
}

export type GraphOptimizationLevel = 'disabled' | 'basic' | 'extended' | 'all';

export interface SessionOptions {
  readonly graphOptimizationLevel?: GraphOptimizationLevel | undefined;
  readonly intraOpNumThreads?: number | undefined;
  readonly interOpNumThreads?: number;
  readonly logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  readonly enableMemPattern?: boolean;
  /** Whether freed memory is kept for the next run. */
  readonly enableCpuMemArena?: boolean;
  /** Further entries by their path: `{ session: { intra_op: { allow_spinning: '0' } } }`. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Weights by the path that the model has for them. `isSpare`: nobody reads them after the session has been created. */
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array; readonly isSpare?: boolean }[];
  readonly executionProviders?: readonly (string | { readonly name: string })[];
  /** Outputs that stay in the thread of a runtime with `close` until they are read. */
  readonly kept?: readonly string[];
  /** Where a provider for a device leaves its outputs; in the memory of the host by default. */
  readonly preferredOutputLocation?: 'gpu-buffer';
}

export interface OnnxSession {
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly type: string;
  getData(): Promise<unknown>;
  dispose(): void;
}

export interface OnnxEngineOptions {
  /** Threads inside an operator. By default onnxruntime takes one per physical core of the machine. */
  readonly threads?: number | undefined;
  /**
   * `all` (default) also changes convolutions to onnxruntime's blocked layout: MogaNet takes two thirds of the time that it
   * takes with `extended`, and its weights 2.7 times their size in memory instead of 1.5.
   */
  readonly graphOptimizationLevel?: GraphOptimizationLevel | undefined;
  /**
   * Other options of its sessions, in place of this package's: execution providers, the arena, spinning. With warnings (`logSeverityLevel` up
   * to 2) convolutions copy the maps that they add to: 1.03 to 1.2 of the time.
   */
  readonly session?: SessionOptions | undefined;
}

/**
 * Runs programs on onnxruntime: one session per program, which serves every size and any number of regions. Runs wait for
 * each other: onnxruntime-web refuses those that overlap, and onnxruntime-node gains nothing from them.
 *
 * @param ort the module `onnxruntime-node` or `onnxruntime-web`
 * @throws ConfigError if it is not, or for an unknown option or threads that are not a whole number from 1 on
 */
export function onnxEngine(ort: OnnxRuntime, options: OnnxEngineOptions = {}): Engine {
  checkArguments(ort, options);
  const { threads, graphOptimizationLevel, session } = options;
  return engineOn(
    onnxDevice(ort, {
      name: 'onnxruntime',
      detail: threads === undefined ? 'threads: physical cores' : `${threads} thread${threads === 1 ? '' : 's'}`,
      session: {
        intraOpNumThreads: threads,
        graphOptimizationLevel,
        extra: { session: { force_spinning_stop: '1' } }, // sessions share no threads: none shall spin while another one runs
        ...session,
      },
    }),
  );
}

const optionNames = ['threads', 'graphOptimizationLevel', 'session'] as const satisfies (keyof OnnxEngineOptions)[];

function checkArguments(ort: OnnxRuntime, { threads, ...others }: OnnxEngineOptions): void {
  const given: Partial<OnnxRuntime> | null | undefined = ort;
  if (typeof given?.InferenceSession?.create !== 'function' || typeof given.Tensor !== 'function') {
    throw new ConfigError(
      `onnxEngine: the first argument is ${foundIn(ort)}. Give the module onnxruntime-node or onnxruntime-web.`,
    );
  }
  const unknown = Object.keys(others).find((name) => !(optionNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new ConfigError(`onnxEngine: ${unknownName('option', unknown, optionNames)}`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new ConfigError(`onnxEngine: threads must be a whole number of at least 1, got ${threads}.`);
  }
}

/** An engine on onnxruntime: its name, and what its sessions have beside the options of all. */
export interface OnnxDeviceOptions {
  readonly name: string;
  readonly detail: string;
  readonly session: SessionOptions;
}

/** Returns the device that runs programs on onnxruntime, in whichever form: one session per program. */
export function onnxDevice(ort: OnnxRuntime, { name, detail, session }: OnnxDeviceOptions): Device {
  const common: SessionOptions = {
    graphOptimizationLevel: 'all',
    interOpNumThreads: 1,
    enableMemPattern: false, // a plan per size: no faster, and a folder of mixed sizes took half as much memory again
    logSeverityLevel: 4, // its errors are thrown with the program's name
  };
  // an option that is present and undefined is refused
  const given = Object.entries(session).filter(([, value]) => value !== undefined);
  const options: SessionOptions = { ...common, ...Object.fromEntries(given) };
  // of this device alone: another one may not reach the memory behind them
  const tensors = deviceTensors<OnnxTensor>(
    ({ dims }) => [...dims],
    async (tensor) => (await tensor.getData()) as Float32Array, // on the CPU no copy
  );
  return {
    name,
    detail,
    blocking: ort.close === undefined, // `run` returns a promise in any case (onnxruntime-node 1.30)
    canAbandon: ort.close !== undefined,
    copiesWeights: true,
    inTurn: taskQueue(),
    owns: tensors.owns,
    compile: (program) => compile({ ort, name, tensors }, program, options),
    dispose: () => ort.close?.(),
  };
}

/** The runtime of one engine and its tensors. */
interface Running {
  readonly ort: OnnxRuntime;
  readonly name: string;
  readonly tensors: DeviceTensors<OnnxTensor>;
}

/**
 * True if convolutions compute in onnxruntime's blocked layout, which its native code has for the processor. In it alone convolutions of
 * whole maps and wide maps in parts take less time.
 */
const isBlocked = (
  { env }: OnnxRuntime,
  { graphOptimizationLevel, executionProviders = [env?.versions?.web === undefined ? 'cpu' : 'wasm'] }: SessionOptions,
): boolean =>
  graphOptimizationLevel === 'all' &&
  executionProviders.every((provider) => (typeof provider === 'string' ? provider : provider.name) === 'cpu');

/** True if onnxruntime is asked to write warnings, one of which is that a value has not the size that it is declared to have. */
const warns = ({ logSeverityLevel = 2 }: SessionOptions): boolean => logSeverityLevel <= 2;

/** Passes that pay in the blocked layout only. */
const blockedPasses = [wholeMaps, separateMaps] as const;

async function compile(running: Running, program: Program, sessionOptions: SessionOptions): Promise<Compiled> {
  const blocked = isBlocked(running.ort, sessionOptions);
  const { graph, weights } = programOf(program.name, program.graph, program.weights, blocked ? blockedPasses : []);
  const changed = { ...program, graph, weights };
  const emitted = emitOnnx(changed, { blocked, inPlace: blocked && !warns(sessionOptions) });
  await nextTurn(); // writing it takes about as long
  const kept = memoryOf(program.weights);
  for (const buffer of program.spare ?? []) kept.delete(buffer);
  const session = await createSession(running, program.name, emitted, kept, {
    ...arenaFor(program),
    ...keptBy(running.ort, program, emitted),
    ...sessionOptions,
  });
  return compiledOf(
    running,
    program,
    emitted.outputs,
    emitted.conditions,
    session,
    shapeDependentInputs(running.ort, changed, emitted),
  );
}

/**
 * Parts on regions get no arena: it keeps what the largest number of regions took, and each image brings another number.
 * Without it a Mask R-CNN at 800×1280 keeps 260 MB less, for 4 % more CPU time.
 */
const arenaFor = ({ graph }: Program): SessionOptions =>
  inputNodes(graph).some(({ attributes: { kind } }) => kind === 'regions') ? { enableCpuMemArena: false } : {};

const keptBy = ({ close }: OnnxRuntime, { onDevice = [] }: Program, { outputs }: OnnxModel): SessionOptions =>
  close ? { kept: onDevice.flatMap((output) => outputs[output] ?? []) } : {};

/** Apart from `compile`, so that no closure keeps the program's weights on the host. */
function compiledOf(
  { ort, name: engine, tensors }: Running,
  { name }: Program,
  names: OnnxModel['outputs'],
  conditions: OnnxModel['conditions'],
  session: OnnxSession,
  shapeDependent: (extents: Named<InputExtent>) => Named<OnnxTensor>,
): Compiled {
  const tensorOf = (value: NDArray | DeviceTensor): OnnxTensor => {
    if (!isOnDevice(value)) return new ort.Tensor('float32', value.data, value.shape);
    const tensor = tensors.tensorOf(value);
    if (!tensor) throw new EngineError(`${name}: an input is of another engine.`);
    return tensor;
  };
  const left = new Map<string, Float32Array | undefined>(); // the memory of the last run's inputs
  return {
    spare: (input, length) => {
      const memory = left.get(input);
      left.set(input, undefined); // an entry less would make the map allocate again
      return memory?.length === length ? memory : undefined;
    },
    run: async (inputs, extents, wanted) => {
      const fetched = Object.entries(names).filter(([output]) => wanted.includes(output));
      const feeds = Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, tensorOf(value)]));
      const onnxNames = fetched.map(([, onnxName]) => onnxName);
      for (const [condition, theirs] of Object.entries(conditions)) {
        const wants = theirs.some((output) => wanted.includes(output));
        feeds[condition] = new ort.Tensor('bool', Uint8Array.of(wants ? 1 : 0), []);
      }
      // the caller's tensors stay the caller's
      const ours = Object.entries(feeds).filter(([input]) => !isTensor(inputs[input]));
      const all = { ...feeds, ...shapeDependent(extents) };
      const run = async () => {
        const results = await session.run(all, onnxNames);
        for (const [input, tensor] of ours)
          if (input in inputs) left.set(input, (await tensor.getData()) as Float32Array);
        return results;
      };
      const results = await run()
        .catch((cause: unknown) => {
          throw new EngineError(`${name}: ${engine} failed: ${reasonOf(cause)}`, { cause });
        })
        .finally(() => {
          for (const [, tensor] of ours) tensor.dispose();
        });
      return Object.fromEntries(
        fetched.map(([output, onnxName]) => {
          const result = results[onnxName];
          if (!result) throw new EngineError(`${name}: ${engine} gave no output ${onnxName}.`);
          return [output, tensors.wrap(result, `${name}: ${output}`, engine)];
        }),
      );
    },
    dispose: () => {
      left.clear(); // a caller may keep a runner that it has disposed
      return session.release();
    },
  };
}

const isTensor = (input: NDArray | DeviceTensor | undefined): boolean => input !== undefined && isOnDevice(input);

/**
 * Creates a session, which copies the weights: they are not needed afterwards.
 *
 * @param kept memory of weights that somebody still needs. What the writer of the model made anew is not in it.
 */
async function createSession(
  { ort, name: engine }: Running,
  name: string,
  emitted: OnnxModel,
  kept: ReadonlySet<ArrayBufferLike>,
  options: SessionOptions,
): Promise<OnnxSession> {
  const { model, externalData: weights } = onnxInParts(emitted);
  const externalData = weights.map((weight) => ({ ...weight, isSpare: !kept.has(weight.data.buffer) }));
  try {
    return await ort.InferenceSession.create(model, { ...options, externalData });
  } catch (cause) {
    throw new EngineError(`${name}: ${engine} cannot load it: ${reasonOf(cause)}`, { cause });
  }
}

/** The number of sizes whose arrays are kept; folders of images come in a few. */
const keptSizes = 8;

/** Returns a function that makes the shape-dependent inputs for the sizes of a run, and keeps those of the last sizes. */
function shapeDependentInputs(ort: OnnxRuntime, { graph }: Program, { shapeDependent }: OnnxModel) {
  const bySize = new Map<string, Named<OnnxTensor>>();
  let latest: string | undefined;

  return (extents: Named<InputExtent>): Named<OnnxTensor> => {
    const sizes = withoutCounts(extents);
    const key = JSON.stringify(sizes);
    const arrays = bySize.get(key) ?? makeArrays(sizes);
    if (key === latest) return arrays;
    latest = key;
    bySize.delete(key); // and back, as the latest
    bySize.set(key, arrays);
    const [oldest] = bySize.keys();
    if (bySize.size > keptSizes && oldest !== undefined) {
      for (const tensor of Object.values(bySize.get(oldest) ?? {})) tensor.dispose();
      bySize.delete(oldest);
    }
    return arrays;
  };

  /** Checks that the sizes fit the graph. The blocks of a stage have maps of one size, and share a tensor. */
  function makeArrays(extents: Named<InputExtent>): Named<OnnxTensor> {
    const shapes = shapesOf(graph, extents);
    const made = new Map<string, OnnxTensor>();
    return Object.fromEntries(
      shapeDependent.map(({ name, source, array }) => {
        const { height, width } = shapeAt(shapes, source);
        const key = JSON.stringify([array, height, width]);
        const tensor = made.get(key) ?? tensorFor(shapeDependentArray(array, { height, width }));
        made.set(key, tensor);
        return [name, tensor];
      }),
    );
  }

  function tensorFor({ shape, data }: NDArray<Float32Array | Int32Array>): OnnxTensor {
    return data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
  }
}

/** Forgets the number of regions: no size follows from it, and each image brings another. */
const withoutCounts = (extents: Named<InputExtent>): Named<InputExtent> =>
  Object.fromEntries(
    Object.entries(extents).map(([name, extent]) => [name, extent.height === undefined ? { batch: 1 } : extent]),
  );
