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
  type NewTensor,
} from './messages.ts';

/**
 * onnxruntime-node in a thread of its own: creating a session and running it block the thread that they are called on. The worker has
 * the sessions and the tensors; this side knows them by number.
 */

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

/** Sends calls to the worker. It keeps the process alive only while it owes an answer. */
interface Line {
  call<K extends Call>(
    call: K,
    request: Calls[K]['request'],
    moved?: readonly ArrayBuffer[],
  ): Promise<Calls[K]['reply']>;
  free(tensor: number): void;
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
    if ('error' in answer) call?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    else call?.resolve(answer.value as never);
  });
  worker.on('messageerror', (cause) => fail('sent what cannot be read', cause));
  worker.on('error', (cause) => fail(`failed (${cause instanceof Error ? cause.message : cause})`, cause));
  worker.on('exit', (status) => fail(`ended with status ${status}`));
  worker.unref();
  const post = (message: Message, moved: readonly ArrayBuffer[] = []): void => worker.postMessage(message, [...moved]);
  return {
    call: (call, request, moved) =>
      new Promise((resolve, reject) => {
        if (failure) {
          reject(failure);
          return;
        }
        const id = ++last;
        pending.set(id, { resolve, reject });
        worker.ref();
        try {
          post({ ...request, id, call } as unknown as Message, moved); // a call with its own request
        } catch (cause) {
          settle(id)?.reject(cause as Error); // options that cannot be cloned
        }
      }),
    free: (tensor) => {
      if (!failure) post({ call: 'free', tensor });
    },
    close: async () => {
      failure ??= new EngineError('the engine was disposed; create another one.');
      await worker.terminate();
    },
    isOpen: () => failure === undefined,
  };
}

/** Where a tensor is: here until it is first fed to a run, then with the worker. */
class WorkerTensor implements OnnxTensor {
  #data: Data | undefined;
  #isDisposed = false;

  constructor(
    private readonly line: Line,
    readonly type: ElementType,
    readonly dims: readonly number[],
    private readonly number: number,
    data?: Data,
  ) {
    this.#data = data;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Returns what a run takes. The first one moves the data, with which this side is done. */
  fed(moved: ArrayBuffer[]): NewTensor | number {
    const data = this.#data;
    if (!data) return this.number;
    this.#data = undefined;
    moved.push(data.buffer);
    return { tensor: this.number, type: this.type, dims: this.dims, data };
  }

  /** In this realm, whichever the thread's messages are made in (Jest has another one). */
  async getData(): Promise<Data> {
    const data = this.#data ?? (await this.line.call('read', { tensor: this.number }));
    return data instanceof Float32Array || this.type !== 'float32' ? data : new Float32Array(data.buffer);
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (this.#data) this.#data = undefined;
    else this.line.free(this.number);
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
  // frees what a caller forgets
  const forgotten = new FinalizationRegistry<number>((number) => line.free(number));
  let last = 0;
  const watched = (tensor: WorkerTensor, number: number): WorkerTensor => {
    forgotten.register(tensor, number);
    return tensor;
  };

  class Tensor extends WorkerTensor {
    constructor(type: ElementType, data: Data, dims: readonly number[]) {
      super(line, type, dims, --last, data);
      watched(this, last);
    }
  }

  const sessionOf = (session: number): OnnxSession => ({
    run: async (given, fetches) => {
      const moved: ArrayBuffer[] = [];
      const feeds = Object.fromEntries(
        Object.entries(given).map(([name, tensor]) => [name, (tensor as WorkerTensor).fed(moved)]),
      );
      const outputs = await line.call('run', { session, feeds, fetches }, moved);
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { tensor, type, dims }]) => [
          name,
          watched(new WorkerTensor(line, type as ElementType, dims, tensor), tensor),
        ]),
      );
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
