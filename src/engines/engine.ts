import { type Named, type NDArray, type Shape, sizeOf } from '../arrays.ts';
import { EngineError, MoganetError, ShapeError, unknownName } from '../errors.ts';
import { type Graph, inputNodes, type Node } from '../nn/graph.ts';
import type { DeviceTensor, Engine, Program, Runner } from '../nn/part.ts';
import type { InputExtent } from '../nn/shapes.ts';
import { foundIn, isObject } from '../validate.ts';
import { areFinite } from './finite.ts';

/**
 * The half of an engine that is the same for all of them: inputs are checked and copied at the call, tensors of other
 * engines come over the host, values that are not finite and whatever was disposed are refused, and the errors of a
 * runtime become EngineErrors.
 */

/** The other half: what a particular engine does. */
export interface Device {
  readonly name: string;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly blocking?: boolean | undefined;
  readonly weakness?: string | undefined;
  readonly copiesWeights?: boolean | undefined;
  /** Returns why the device is gone for good, undefined while it lives. */
  loss?(): EngineError | undefined;
  /** Starts a task once the earlier ones are done; at once by default. */
  readonly inTurn?: Queue | undefined;
  /**
   * Whether a run may be left to itself when it is aborted: it computes elsewhere, and its inputs may be freed meanwhile. The caller
   * hears of the abort at once.
   */
  readonly canAbandon?: boolean | undefined;
  /** Tells this engine's tensors from those of others. */
  owns(tensor: DeviceTensor): boolean;
  compile(program: Program): Promise<Compiled>;
  /** Frees what programs do not hold; called once, after they were disposed. */
  dispose?(): void | Promise<void>;
}

/** A program on a device. */
export interface Compiled {
  /**
   * Takes arrays of the host and tensors of this engine, whose shapes have been checked.
   *
   * @param wanted names of outputs, each once
   * @param signal whose abort ends the run, if the device hears it, with its reason
   */
  run(
    inputs: Named<NDArray | DeviceTensor>,
    extents: Named<InputExtent>,
    wanted: readonly string[],
    signal?: AbortSignal,
  ): Promise<Named<DeviceTensor>>;
  /** Returns memory for the copy of an input that an earlier run has left, if it has this length. Fresh memory takes longer to write to. */
  spare?(input: string, length: number): Float32Array | undefined;
  /** Frees what it holds; called once, in its turn. */
  dispose(): void | Promise<void>;
}

/** Runs tasks one after the other, whoever asks. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

export function taskQueue(): Queue {
  let last: Promise<void> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    const done = (): void => {}; // the caller gets the error; the queue keeps no result alive until the next task
    last = result.then(done, done);
    return result;
  };
}

type Work = Pick<Engine, 'load' | 'dispose' | 'weakness' | 'lost' | 'copiesWeights'>;

/** Its fields are facts, and `console.log(model.engine)` prints nothing else. */
class DeviceEngine implements Engine {
  readonly #work: Work;

  constructor(
    readonly name: string,
    readonly detail: string,
    readonly hint: string | undefined,
    readonly blocking: boolean,
    work: Work,
  ) {
    this.#work = work;
  }

  get weakness(): string | undefined {
    return this.#work.weakness;
  }

  get copiesWeights(): boolean {
    return this.#work.copiesWeights ?? false;
  }

  get lost(): boolean {
    return this.#work.lost ?? false;
  }

  load(program: Program): Promise<Runner> {
    return this.#work.load(program);
  }

  dispose(): Promise<void> {
    return this.#work.dispose();
  }

  toString(): string {
    return `${this.name} (${this.detail})`;
  }
}

/** Returns the engine with a hint. */
export const withHint = (engine: Engine, hint: string): Engine =>
  new DeviceEngine(engine.name, engine.detail, hint, engine.blocking ?? false, engine);

/** Makes an engine of a device. */
export function engineOn(device: Device): Engine {
  const { name, detail, hint, blocking = false, weakness, copiesWeights, inTurn = (task) => task() } = device;
  const runners = new Set<Runner>();
  let disposing: Promise<void> | undefined;
  const releases: Promise<void>[] = [];
  let failure: EngineError | undefined;
  const expectInUse = (): void => {
    if (disposing) throw new EngineError(`${name}: the engine was disposed; create another one.`);
    expectAlive(device);
  };
  /** A failure is reported by `dispose` of the engine: that of a runner returns at once. */
  const release = (program: string, compiled: Compiled): void => {
    const released = inTurn(async () => compiled.dispose());
    releases.push(
      released.catch((cause: unknown) => {
        failure ??= engineError(`${program}: ${name} cannot free it`, cause);
      }),
    );
  };
  // Takes apart what it is given: a closure that sees the program would keep its weights.
  const runnerFor = ({ name: part, graph }: Program, program: Compiled): Runner => {
    const runner = runnerOf(part, graph, program, device, inTurn, () => {
      runners.delete(runner);
      release(part, program);
    });
    runners.add(runner);
    return runner;
  };
  const dispose = async (): Promise<void> => {
    for (const runner of runners) runner.dispose();
    await inTurn(async () => {}); // until what runs is done
    await Promise.all(releases);
    await device.dispose?.();
    if (failure) throw failure;
  };
  return new DeviceEngine(name, detail, hint, blocking, {
    weakness,
    copiesWeights,
    get lost() {
      return device.loss?.() !== undefined;
    },
    load: (program) =>
      inTurn(async () => {
        expectInUse();
        const runner = runnerFor(program, await compiled(device, program));
        if (disposing) runner.dispose(); // while it compiled
        expectInUse();
        return runner;
      }),
    dispose: () => {
      disposing ??= dispose();
      return disposing;
    },
  });
}

/** @throws EngineError if the device is gone */
function expectAlive(device: Device): void {
  const loss = device.loss?.();
  if (loss) throw loss;
}

/** @throws EngineError if the runtime refuses the program */
async function compiled(device: Device, program: Program): Promise<Compiled> {
  try {
    return await device.compile(program);
  } catch (cause) {
    throw asEngineError(`${program.name}: ${device.name} cannot load it`, cause);
  }
}

function runnerOf(
  name: string,
  graph: Graph,
  compiled: Compiled,
  device: Device,
  inTurn: Queue,
  onDispose: () => void,
): Runner {
  const nodes = inputNodes(graph);
  let disposed = false;

  return {
    run: async (given, asked, signal) => {
      const wanted = wantedOf(name, graph, asked);
      const extents: Record<string, InputExtent> = {};
      const taken: (readonly [string, NDArray | DeviceTensor | Promise<NDArray>])[] = [];
      // Before the first `await`: the caller may change its arrays as soon as the call has returned.
      for (const node of nodes) {
        const input = node.attributes.name;
        const value = given[input];
        if (!value) {
          const got = Object.keys(given).join(', ') || 'none';
          throw new ShapeError(`${name}: the input "${input}" is missing, got ${got}.`);
        }
        expectArray(`${name}: the input "${input}"`, value);
        extents[input] = extentOf(name, node, value.shape);
        taken.push([input, accepted(name, value, node, device, compiled)]);
      }
      const inputs = Object.fromEntries(
        await Promise.all(taken.map(async ([input, value]) => [input, await value] as const)),
      );
      const running = inTurn(async () => {
        if (disposed)
          throw new EngineError(
            `${name}: the runner was disposed, by its owner or with its engine; load the program again.`,
          );
        expectAlive(device);
        signal?.throwIfAborted();
        return compiled.run(inputs, extents, wanted, signal).catch((cause: unknown) => {
          if (signal?.aborted && cause === signal.reason) throw cause;
          throw asEngineError(`${name}: ${device.name} failed`, cause);
        });
      });
      return signal && device.canAbandon ? unlessAborted(running, signal) : running;
    },
    dispose: () => {
      if (disposed) return;
      disposed = true;
      onDispose();
    },
  };
}

/** Rejects at an abort with its reason. The run goes on to its end, and what it gives is freed. */
async function unlessAborted(running: Promise<Named<DeviceTensor>>, signal: AbortSignal): Promise<Named<DeviceTensor>> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([running, aborted]);
  } catch (reason) {
    running.then(
      (outputs) => {
        for (const output of Object.values(outputs)) output.dispose();
      },
      () => {},
    );
    throw reason;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** @throws ShapeError if there is no such output, or if none is wanted */
function wantedOf(program: string, { outputs }: Graph, asked: readonly string[] | undefined): readonly string[] {
  const known = Object.keys(outputs);
  if (asked === undefined) return known;
  const unknown = asked.find((output) => !known.includes(output));
  if (unknown !== undefined) throw new ShapeError(`${program}: ${unknownName('output', unknown, known)}`);
  if (asked.length === 0) throw new ShapeError(`${program}: no output is wanted. Known: ${known.join(', ')}.`);
  return [...new Set(asked)];
}

/** Returns errors of this package as they are, and those of a runtime as an EngineError. */
const asEngineError = (what: string, cause: unknown): unknown =>
  cause instanceof MoganetError ? cause : engineError(what, cause);

const engineError = (what: string, cause: unknown): EngineError =>
  new EngineError(`${what}: ${reasonOf(cause)}`, { cause });

export const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** Returns the input in the form in which the engine's operations take it: arrays of the caller as a copy. */
function accepted(
  program: string,
  value: NDArray | DeviceTensor,
  { attributes: { name, kind } }: Node<'input'>,
  { owns }: Device,
  compiled: Compiled,
): NDArray | DeviceTensor | Promise<NDArray> {
  const flat = kind === 'regions' && value.shape.length !== 2;
  const arranged = ({ shape, data }: NDArray): NDArray => ({ shape: flat ? shape.slice(0, 2) : shape, data });
  const copy = (what: string, array: NDArray): NDArray =>
    arranged(copied(what, array, (length) => compiled.spare?.(name, length) ?? new Float32Array(length)));
  if (!isOnDevice(value)) return copy(`${program}: the input "${name}"`, value);
  if (owns(value) && !flat) return value;
  return value.read().then((read: unknown) => {
    const what = `${program}: the input "${name}", as it was read,`;
    expectArray(what, read);
    if (isOnDevice(read) || read.shape.join() !== value.shape.join()) {
      throw new ShapeError(`${what} has another shape than ${value.shape.join('×')}.`);
    }
    return copy(what, read);
  });
}

function copied(what: string, { shape, data }: NDArray, memory: (length: number) => Float32Array): NDArray {
  if (Object.prototype.toString.call(data) !== '[object Float32Array]') {
    throw new ShapeError(`${what} has no Float32Array as data. Give { shape, data: Float32Array }.`);
  }
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(`${what} is ${shape.join('×')}, ${sizeOf(shape)} values, but its data has ${data.length}.`);
  }
  expectFinite(what, { shape, data }, 'Check how it was computed.');
  const copy = memory(data.length);
  copy.set(data);
  return { shape: [...shape], data: copy };
}

/** @throws ShapeError if a value of a caller is neither an array nor a tensor of an engine */
function expectArray(what: string, value: unknown): asserts value is NDArray | DeviceTensor {
  if (isObject(value) && Array.isArray(value.shape) && (!('read' in value) || typeof value.read === 'function')) return;
  throw new ShapeError(`${what} is ${foundIn(value)}. Give { shape: [n, …], data: Float32Array }.`);
}

/**
 * Numbers that mean nothing are an error: NaN and infinity would become "nothing found", or anything else.
 *
 * @throws EngineError with the first place
 */
function expectFinite(what: string, { shape, data }: NDArray, advice: string): void {
  if (areFinite(data)) return;
  const first = data.findIndex((value) => !Number.isFinite(value));
  const count = data.reduce((found, value) => (Number.isFinite(value) ? found : found + 1), 0);
  const index = shape.map((extent, axis) => Math.floor(first / sizeOf(shape.slice(axis + 1))) % extent);
  throw new EngineError(
    `${what} is not finite: ${count} of ${data.length} values are NaN or infinite, the first (${data[first]}) at ` +
      `[${index.join(', ')}]. ${advice}`,
  );
}

export const isOnDevice = (value: NDArray | DeviceTensor): value is DeviceTensor => 'read' in value;

function extentOf(program: string, { attributes: { name, kind }, channels }: Node<'input'>, shape: Shape): InputExtent {
  const [batch = 0, second, height, width] = shape;
  const regions = kind === 'regions';
  // regions that a device has given back may have the four axes of a map
  const fits = regions ? shape.slice(2).every((extent) => extent === 1) : shape.length === 4;
  const whole = shape.every((extent, axis) => Number.isInteger(extent) && extent >= (regions && axis === 0 ? 0 : 1));
  if (!fits || !whole || second !== channels) {
    const wanted = regions ? 'n×5' : `N×${channels}×H×W`;
    throw new ShapeError(`${program}: the input "${name}" is ${wanted}, got ${shape.join('×')}.`);
  }
  return regions ? { batch } : { batch, height, width };
}

/** The tensors of one engine behind the results that it gave out. */
export interface DeviceTensors<T> {
  /** Takes a tensor over: disposing the result disposes it. `what` and the engine name it in errors. */
  wrap(tensor: T, what: string, engine: string): DeviceTensor;
  owns(result: DeviceTensor): boolean;
  /**
   * Returns the tensor of a result, which still belongs to the result; undefined if another engine made it.
   *
   * @throws EngineError if the result was disposed
   */
  tensorOf(result: DeviceTensor): T | undefined;
}

interface Disposable {
  readonly isDisposed?: boolean;
  dispose(): void;
}

const adviceForOutputs =
  'The network computes numbers beyond its range: check that these weights belong to this model and that they are not ' +
  'damaged. If it runs in half precision, use another engine.';

/**
 * @param read copies the values of a tensor to the host, N×C×H×W
 * @param free frees it; by default its own `dispose`
 */
export function deviceTensors<T extends Disposable>(
  shapeOf: (tensor: T) => Shape,
  read: (tensor: T) => Promise<Float32Array>,
  free = (tensor: T): void => tensor.dispose(),
): DeviceTensors<T> {
  const known = new WeakMap<DeviceTensor, () => T>();
  return {
    wrap: (tensor, what, engine) => {
      const shape = shapeOf(tensor);
      let disposed = false;
      const use = (): T => {
        if (disposed || tensor.isDisposed) throw new EngineError(`${what} was disposed; run the network again.`);
        return tensor;
      };
      const result: DeviceTensor = {
        shape,
        read: async () => {
          const data = await read(use()).catch((cause: unknown) => {
            throw engineError(`${what} cannot be read`, cause);
          });
          const values = { shape, data };
          expectFinite(`${what}, computed by ${engine},`, values, adviceForOutputs);
          return values;
        },
        dispose: () => {
          if (!disposed && !tensor.isDisposed) free(tensor);
          disposed = true;
        },
      };
      known.set(result, use);
      return result;
    },
    owns: (result) => known.has(result),
    tensorOf: (result) => known.get(result)?.(),
  };
}
