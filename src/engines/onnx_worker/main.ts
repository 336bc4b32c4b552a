import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from '../onnx/engine.ts';
import {
  type Answer,
  type Calls,
  type Data,
  isBusy,
  isEnding,
  type Message,
  type NewTensor,
  type Output,
} from './messages.ts';

/**
 * The worker's side: onnxruntime, its sessions and its tensors. `scripts/bake_worker.ts` writes it as text, so that no bundler has to
 * know about a file.
 */

const port = parentPort;
if (!port) throw new Error('this file is for a worker thread');
const { path, state } = workerData as { readonly path: string; readonly state: Int32Array };

let runtime: OnnxRuntime | undefined;
const sessions = new Map<number, OnnxSession>();
const tensors = new Map<number, OnnxTensor>();
let last = 0; // the caller's numbers are negative

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/** Frees memory at once: what is sent to a closed port is gone, while the garbage collector of an idle worker may wait for ever. */
const drop = (data: ArrayBufferView): void => nowhere.postMessage(undefined, [data.buffer as ArrayBuffer]);

function found<T>(known: ReadonlyMap<number, T>, key: number): T {
  const value = known.get(key);
  if (value === undefined) throw new Error(`the worker has no ${key}`);
  return value;
}

const started = (): OnnxRuntime => {
  runtime ??= createRequire(path)(path) as OnnxRuntime;
  return runtime;
};

/** onnxruntime-web takes its threads from here when the first session is created. */
function setThreads(threads: number | undefined): void {
  const { env } = started() as { env?: { wasm?: { numThreads?: number | undefined } } };
  if (env?.wasm) env.wasm.numThreads ??= threads;
}

const tensorOf = (ort: OnnxRuntime, { type, dims, data }: NewTensor): OnnxTensor =>
  new ort.Tensor(type as 'float32', data as Float32Array, dims);

const calls: { readonly [K in keyof Calls]: (request: Calls[K]['request']) => Promise<Calls[K]['reply']> } = {
  async start() {
    started();
    return undefined;
  },
  async create({ model, options }) {
    setThreads(options.intraOpNumThreads);
    try {
      sessions.set(++last, await started().InferenceSession.create(model, options));
    } finally {
      for (const { data } of options.externalData ?? []) drop(data); // the session has copied it
    }
    return last;
  },
  async run({ session, feeds, fetches }) {
    const inputs: Record<string, OnnxTensor> = {};
    for (const [name, feed] of Object.entries(feeds)) {
      if (typeof feed !== 'number') tensors.set(feed.tensor, tensorOf(started(), feed));
      inputs[name] = found(tensors, typeof feed === 'number' ? feed : feed.tensor);
    }
    const outputs = await found(sessions, session).run(inputs, fetches);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]): [string, Output] => {
        tensors.set(++last, tensor);
        return [name, { tensor: last, type: tensor.type, dims: [...tensor.dims] }];
      }),
    );
  },
  async read({ tensor }) {
    return ((await found(tensors, tensor).getData()) as Data).slice();
  },
  async release({ session }) {
    await found(sessions, session).release();
    sessions.delete(session);
    return undefined;
  },
};

async function free(key: number): Promise<void> {
  const tensor = tensors.get(key);
  if (!tensor) return;
  tensors.delete(key);
  const data = (await tensor.getData()) as Data;
  tensor.dispose();
  if (data.byteLength > 0) drop(data);
}

async function answered(message: Message): Promise<void> {
  if (message.call === 'free') return free(message.tensor);
  const { id, call } = message;
  let answer: Answer;
  try {
    answer = { id, value: await (calls[call] as (request: Message) => Promise<Calls[typeof call]['reply']>)(message) };
  } catch (cause) {
    const { message: text = String(cause), code } = cause as { readonly message?: string; readonly code?: unknown };
    answer = { id, error: { message: text, code } };
  }
  const value = 'value' in answer ? answer.value : undefined;
  port?.postMessage(answer, ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : []);
}

/** Does nothing any more once the process ends: see `host.ts`. */
async function unlessEnding(message: Message): Promise<void> {
  Atomics.store(state, isBusy, 1);
  if (Atomics.load(state, isEnding) === 0) await answered(message);
  Atomics.store(state, isBusy, 0);
  Atomics.notify(state, isBusy);
}

let turn = Promise.resolve();
port.on('message', (message: Message) => {
  turn = turn.then(() => unlessEnding(message)); // in order: no tensor is freed before a run that takes it
});
