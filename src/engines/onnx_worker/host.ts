import type { Worker } from 'node:worker_threads';
import { EngineError } from '../../errors.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor, SessionOptions } from '../onnx/engine.ts';
import { code } from './code.data.ts';
import {
  type Answer,
  type Call,
  type Calls,
  type Data,
  type ElementType,
  isBusy,
  isEnding,
  type Message,
  memoryOf,
  type TensorData,
} from './messages.ts';

/**
 * onnxruntime-node in a thread of its own: creating a session and running it block the thread that they are called on. The worker has
 * the sessions, which this side knows by number. This side has the tensors: their memory moves to the worker for a run, and back.
 */

type Borrowed = Answer['borrowed'];

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
  /** Ends the thread. Later calls are refused. */
  close(): Promise<void>;
  isOpen(): boolean;
}

function lineTo(worker: Worker): Line {
  const pending = new Map<number, Pending>();
  let last = 0;
  let failure: EngineError | undefined;
  const settle = (id: number): Pending | undefined => {
    const call = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) worker.unref();
    return call;
  };
  const fail = (why: string, cause?: unknown): void => {
    failure ??= new EngineError(`the thread of onnxruntime ${why}. Dispose the model and load it again.`, { cause });
    for (const id of [...pending.keys()]) settle(id)?.reject(failure);
  };
  worker.on('message', (answer: Answer) => {
    const call = settle(answer.id);
    call?.takeBack?.(answer.borrowed);
    if ('error' in answer) call?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    else call?.resolve(answer.value as never);
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
        const id = ++last;
        pending.set(id, { resolve, reject, takeBack });
        worker.ref();
        try {
          worker.postMessage({ ...request, id, call } as unknown as Message, moved); // a call with its own request
        } catch (cause) {
          settle(id)?.reject(cause as Error); // options that cannot be cloned
        }
      }),
    close: async () => {
      failure ??= new EngineError('the engine was disposed; create another one.');
      await worker.terminate();
    },
    isOpen: () => failure === undefined,
  };
}

/** Frees memory. */
type Drop = (data: Data) => void;

/** The memory of a tensor, which is with the worker during a run that takes it. */
class WorkerTensor implements OnnxTensor {
  #data: Data | undefined;
  #run: Promise<unknown> | undefined;
  #isRead = false;
  #isDisposed = false;
  readonly #drop: Drop;

  constructor(
    drop: Drop,
    readonly type: ElementType,
    readonly dims: readonly number[],
    data: Data,
  ) {
    this.#drop = drop;
    this.#data = data;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Returns what a run moves to the worker: a copy, if somebody has read the data and may still use it. */
  lend(): TensorData {
    const data = this.#data;
    if (!data)
      throw new EngineError('a run cannot take a tensor that another run has, or that was lost with the thread.');
    const { type, dims } = this;
    if (this.#isRead) return { type, dims, data: data.slice() };
    this.#data = undefined;
    return { type, dims, data };
  }

  /** @param run settles once the data is back, if it comes back */
  isWith(run: Promise<unknown>): void {
    this.#run = run;
  }

  takeBack(data: Data): void {
    if (this.#data) {
      if (this.#data !== data) this.#drop(data); // a copy
      return;
    }
    this.#data = data;
    if (this.#isDisposed) this.#free();
  }

  /** In this realm, whichever the thread's messages are made in (Jest has another one). */
  async getData(): Promise<Data> {
    this.#isRead = true;
    if (!this.#data) await this.#run?.catch(() => {}); // whose caller gets the error
    const data = this.#data;
    if (!data) throw new EngineError('the data of a tensor was lost with the thread of onnxruntime.');
    return data instanceof Float32Array || this.type !== 'float32' ? data : new Float32Array(data.buffer);
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#free();
  }

  /** Gives its memory away, unless it was read: then it belongs to the reader. */
  #free(): void {
    if (!this.#data || this.#isRead) return;
    this.#drop(this.#data);
    this.#data = undefined;
  }
}

/** Milliseconds of copying after which other tasks have their turn. */
const stretch = 8;

/** Copies weights for the worker, which takes the copies over: the caller's arrays stay as they are. */
async function copies({
  externalData = [],
}: SessionOptions): Promise<{ path: string; data: Uint8Array<ArrayBuffer> }[]> {
  const copied: { path: string; data: Uint8Array<ArrayBuffer> }[] = [];
  let since = performance.now();
  for (const { path, data } of externalData) {
    copied.push({ path, data: new Uint8Array(data) });
    if (performance.now() - since < stretch) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  }
  return copied;
}

/** What the workers of this process share with it. */
const states = new Set<Int32Array>();

/**
 * Lets a process that ends wait for the operation that onnxruntime-node is at, and begin no other: to end its thread in the middle of
 * one aborts the whole process (SIGABRT), whatever its exit code was to be.
 */
function waitForWorkers(): void {
  for (const state of states) Atomics.store(state, isEnding, 1);
  for (const state of states) Atomics.wait(state, isBusy, 1);
}

/** Starts a thread with onnxruntime. @param path the file of its module @throws what the module throws when it is loaded */
export async function onnxWorker(path: string): Promise<OnnxRuntime> {
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const state = new Int32Array(new SharedArrayBuffer(8));
  // options of the process, such as loaders and the type of its input, are not for this code
  const worker = new Worker(code, { eval: true, execArgv: [], workerData: { path, state }, name: 'onnxruntime' });
  if (states.size === 0) process.once('exit', waitForWorkers);
  states.add(state);
  worker.once('exit', () => {
    states.delete(state);
    if (states.size === 0) process.off('exit', waitForWorkers);
  });
  const line = lineTo(worker);
  const { port1: nowhere } = new MessageChannel();
  nowhere.close();
  /** Frees memory at once: what is sent to a closed port is gone. The garbage collector would let the next run take new memory. */
  const drop: Drop = ({ buffer }) => {
    if (buffer.byteLength > 0) nowhere.postMessage(undefined, [buffer]);
  };

  class Tensor extends WorkerTensor {
    constructor(type: ElementType, data: Data, dims: readonly number[]) {
      super(drop, type, dims, data);
    }
  }

  const sessionOf = (session: number): OnnxSession => ({
    run: async (given, fetches) => {
      const inputs = Object.entries(given as Readonly<Record<string, WorkerTensor>>);
      const lent = new Map<WorkerTensor, TensorData>(); // a tensor may be several inputs
      const lend = (tensor: WorkerTensor): TensorData => {
        const data = lent.get(tensor) ?? tensor.lend();
        lent.set(tensor, data);
        return data;
      };
      const feeds = Object.fromEntries(inputs.map(([name, tensor]) => [name, lend(tensor)]));
      const moved = memoryOf(Object.values(feeds).map(({ data }) => data));
      const run = line.call('run', { session, feeds, fetches }, moved, (borrowed) => {
        for (const [name, tensor] of inputs) {
          const data = borrowed[name];
          if (data) tensor.takeBack(data);
        }
      });
      for (const tensor of lent.keys()) tensor.isWith(run);
      const outputs = Object.entries(await run);
      return Object.fromEntries(outputs.map(([name, { type, dims, data }]) => [name, new Tensor(type, data, dims)]));
    },
    release: async () => {
      if (line.isOpen()) await line.call('release', { session }); // a thread that has ended has freed everything
    },
  });

  try {
    await line.call('start', {});
  } catch (cause) {
    await line.close();
    throw cause;
  }
  return {
    Tensor: Tensor as unknown as OnnxRuntime['Tensor'],
    InferenceSession: {
      create: async (model, options = {}) => {
        const externalData = await copies(options);
        const moved = externalData.map(({ data }) => data.buffer);
        return sessionOf(await line.call('create', { model, options: { ...options, externalData } }, moved));
      },
    },
    close: () => line.close(),
  };
}
