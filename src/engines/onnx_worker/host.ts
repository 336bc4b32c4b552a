import type { Worker } from 'node:worker_threads';
import { EngineError } from '../../errors.ts';
import { freeMemory } from '../../memory.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor, SessionOptions } from '../onnx/engine.ts';
import { code } from './code.data.ts';
import {
  type Answer,
  type Call,
  type Calls,
  type Data,
  type ElementType,
  type Free,
  isBusy,
  isEnding,
  memoryOf,
  type Request,
  type TensorData,
} from './messages.ts';

/**
 * onnxruntime-node in a thread of its own: creating a session and running it block the thread that they are called on. The worker has
 * the sessions, and outputs that only other runs take: memory that arrives on this side counts as new for its garbage collector, which
 * then traces the whole heap. Other tensors are on this side: their memory moves to the worker for a run, and back.
 */

type Borrowed = Answer[0];

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
  readonly takeBack: ((borrowed: Borrowed) => void) | undefined;
}

/** Sends calls to the worker. It keeps the process alive only while it owes an answer. */
interface Line {
  /** @param takeBack is called with what the call has borrowed, before its promise settles */
  call<K extends Call>(
    call: K,
    request: Calls[K]['request'],
    moved?: readonly ArrayBuffer[],
    takeBack?: Pending['takeBack'],
  ): Promise<Calls[K]['reply']>;
  /** Frees a tensor that the worker keeps, together with others of the same task. */
  free(kept: number): void;
  /** Ends the thread. Later calls are refused. */
  close(): Promise<void>;
  isOpen(): boolean;
}

function lineTo(worker: Worker): Line {
  const pending: Pending[] = []; // in the order of the answers
  const unneeded: number[] = [];
  let failure: EngineError | undefined;
  /** Returns the call that an answer is for, the oldest one. */
  const settle = (): Pending | undefined => {
    const call = pending.shift();
    if (pending.length === 0) worker.unref();
    return call;
  };
  const fail = (why: string, cause?: unknown): void => {
    failure ??= new EngineError(`the thread of onnxruntime ${why}. Dispose the model and load it again.`, { cause });
    while (pending.length > 0) settle()?.reject(failure);
  };
  worker.on('message', ([borrowed, value, error]: Answer) => {
    const call = settle();
    call?.takeBack?.(borrowed);
    if (error) call?.reject(Object.assign(new Error(error[0]), { code: error[1] }));
    else call?.resolve(value as never);
  });
  worker.on('messageerror', (cause) => fail('sent what cannot be read', cause));
  worker.on('error', (cause) => fail(`failed (${cause instanceof Error ? cause.message : cause})`, cause));
  worker.on('exit', (status) => fail(`ended with status ${status}`));
  worker.unref();
  return {
    call: (call, request, moved = [], takeBack = undefined) =>
      new Promise((resolve, reject) => {
        if (failure) {
          reject(failure);
          return;
        }
        try {
          worker.postMessage({ ...request, call } as unknown as Request, moved); // a call with its own request
        } catch (cause) {
          reject(cause as Error); // options that cannot be cloned
          return;
        }
        pending.push({ resolve, reject, takeBack });
        worker.ref();
      }),
    free: (kept) => {
      if (unneeded.push(kept) > 1) return;
      queueMicrotask(() => worker.postMessage({ call: 'free', kept: unneeded.splice(0) } satisfies Free));
    },
    close: async () => {
      failure ??= new EngineError('the engine was disposed; create another one.');
      await worker.terminate();
    },
    isOpen: () => failure === undefined,
  };
}

/** A tensor of this side. Its memory is with the worker during a run that takes it, and until it is read if the worker keeps it. */
class WorkerTensor implements OnnxTensor {
  #data: Data | undefined;
  #kept: number | undefined;
  /** Settles once the data is on this side, if it comes. */
  #coming: Promise<void> | undefined;
  #isRead = false;
  #isDisposed = false;
  readonly #line: Pick<Line, 'call' | 'free'>;

  constructor(
    line: Pick<Line, 'call' | 'free'>,
    readonly type: ElementType,
    readonly dims: readonly number[],
    memory: Data | number,
  ) {
    this.#line = line;
    if (typeof memory === 'number') this.#kept = memory;
    else this.#data = memory;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** The read that waits for data from the worker. A run that takes the tensor has to wait for it, too. */
  get reading(): Promise<void> | undefined {
    return this.#isRead && !this.#data ? this.#coming : undefined;
  }

  /** @throws EngineError if a run cannot take it */
  expectHere(): void {
    if (this.#kept !== undefined || this.#data) return;
    throw new EngineError(
      this.#isDisposed
        ? 'an input was disposed while the run waited for another one; run the network again.'
        : 'a run cannot take a tensor that another run has, or that was lost with the thread.',
    );
  }

  /** Returns what a run sends to the worker: a copy of the data, if somebody has read it and may still use it. */
  lend(): TensorData | number {
    this.expectHere();
    const data = this.#data;
    if (!data) return this.#kept as number; // see `expectHere`
    const { type, dims } = this;
    if (this.#isRead) return { type, dims, data: data.slice() };
    this.#data = undefined;
    return { type, dims, data };
  }

  /** @param run settles once the data is back, if it comes back */
  isWith(run: Promise<unknown>): void {
    const settled = (): void => {}; // keeps no outputs of the run alive
    this.#coming = run.then(settled, settled);
  }

  takeBack(data: Data): void {
    if (this.#data) {
      if (this.#data !== data) freeMemory([data.buffer]); // a copy
      return;
    }
    this.#data = data;
    if (this.#isDisposed) this.#free();
  }

  /** In this realm, whichever the thread's messages are made in (Jest has another one). */
  async getData(): Promise<Data> {
    this.#isRead = true;
    if (this.#kept !== undefined) this.#coming = this.#fetch(this.#kept);
    let cause: unknown;
    if (!this.#data) {
      await this.#coming?.catch((error: unknown) => {
        cause = error;
      });
    }
    const data = this.#data;
    if (!data) {
      throw new EngineError(
        'its values were lost with the thread of onnxruntime. Read results before their engine is disposed, or run the network again.',
        { cause },
      );
    }
    return data instanceof Float32Array || this.type !== 'float32' ? data : new Float32Array(data.buffer);
  }

  async #fetch(kept: number): Promise<void> {
    this.#kept = undefined;
    this.#data = await this.#line.call('read', { kept });
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#free();
  }

  /** Gives its memory away, unless it was read: then it belongs to the reader. */
  #free(): void {
    if (this.#kept !== undefined) this.#line.free(this.#kept);
    this.#kept = undefined;
    if (!this.#data || this.#isRead) return;
    freeMemory([this.#data.buffer]); // otherwise the next run would take new memory
    this.#data = undefined;
  }
}

/** Milliseconds of copying after which other tasks have their turn. */
const stretch = 8;

/** Returns weights for the worker, which takes them over: copies, unless they are spare. The caller's arrays stay as they are. */
async function movableWeights({
  externalData = [],
}: SessionOptions): Promise<{ path: string; data: Uint8Array<ArrayBuffer> }[]> {
  const moved: { path: string; data: Uint8Array<ArrayBuffer> }[] = [];
  let since = performance.now();
  for (const { path, data, isSpare } of externalData) {
    moved.push({ path, data: isSpare ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data) });
    if (performance.now() - since < stretch) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  }
  return moved;
}

/** The memory that the workers of this process with a native runtime share with it. */
const states = new Set<Int32Array>();

/**
 * Lets a process that ends wait for the operation that onnxruntime-node is at, and begin no other: to end its thread in the middle of
 * one aborts the whole process (SIGABRT), whatever its exit code was to be.
 */
function waitForWorkers(): void {
  for (const state of states) Atomics.store(state, isEnding, 1);
  for (const state of states) Atomics.wait(state, isBusy, 1);
}

/**
 * Starts a thread with onnxruntime.
 *
 * @param path the file of its module
 * @param isNative whether it computes outside of JavaScript and WebAssembly: a process that ends then waits for its operation
 * @throws what the module throws when it is loaded
 */
export async function onnxWorker(path: string, { isNative = true } = {}): Promise<OnnxRuntime> {
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const state = new Int32Array(new SharedArrayBuffer(8));
  // options of the process, such as loaders and the type of its input, are not for this code
  const worker = new Worker(code, { eval: true, execArgv: [], workerData: { path, state }, name: 'onnxruntime' });
  if (isNative) {
    if (states.size === 0) process.once('exit', waitForWorkers);
    states.add(state);
  }
  const forget = (): void => {
    states.delete(state);
    if (states.size === 0) process.off('exit', waitForWorkers);
  };
  worker.once('exit', forget);
  const line = lineTo(worker);
  const close = (): Promise<void> => {
    forget(); // a thread that is told to end never says that it rests
    return line.close();
  };

  class Tensor extends WorkerTensor {
    constructor(type: ElementType, memory: Data | number, dims: readonly number[]) {
      super(line, type, dims, memory);
    }
  }

  const sessionOf = (session: number): OnnxSession => ({
    run: async (given, fetches) => {
      const byName = given as Readonly<Record<string, WorkerTensor>>;
      const inputs = Object.entries(byName);
      for (const [, { reading }] of inputs) if (reading) await reading.catch(() => {}); // its reader gets the error
      for (const [, tensor] of inputs) tensor.expectHere(); // before any is lent: it would be lost if another is refused
      const lent = new Map<WorkerTensor, TensorData | number>(); // a tensor may be several inputs
      const feeds: Record<string, TensorData | number> = {};
      for (const [name, tensor] of inputs) {
        const feed = lent.get(tensor) ?? tensor.lend();
        lent.set(tensor, feed);
        feeds[name] = feed;
      }
      const moved = memoryOf([...lent.values()].flatMap((feed) => (typeof feed === 'number' ? [] : feed.data)));
      const run = line.call('run', { session, feeds, fetches }, moved, (borrowed) => {
        for (const [name, data] of borrowed) byName[name]?.takeBack(data);
      });
      for (const [tensor, feed] of lent) if (typeof feed !== 'number') tensor.isWith(run);
      return Object.fromEntries(
        (await run).map(([name, type, dims, memory]) => [name, new Tensor(type, memory, dims)]),
      );
    },
    release: async () => {
      if (line.isOpen()) await line.call('release', { session }); // a thread that has ended has freed everything
    },
  });

  try {
    await line.call('start', {});
  } catch (cause) {
    await close();
    throw cause;
  }
  return {
    Tensor: Tensor as unknown as OnnxRuntime['Tensor'],
    InferenceSession: {
      create: async (model, { kept = [], ...options } = {}) => {
        const externalData = await movableWeights(options);
        const moved = memoryOf(externalData.map(({ data }) => data));
        return sessionOf(await line.call('create', { model, options: { ...options, externalData }, kept }, moved));
      },
    },
    close,
  };
}
