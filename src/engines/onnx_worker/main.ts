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
  memoryOf,
  type TensorData,
} from './messages.ts';

/**
 * The worker's side: onnxruntime and its sessions. `scripts/bake_worker.ts` writes it as text, so that no bundler has to
 * know about a file.
 */

const port = parentPort;
if (!port) throw new Error('this file is for a worker thread');
const { path, state } = workerData as { readonly path: string; readonly state: Int32Array };

let runtime: OnnxRuntime | undefined;
const sessions = new Map<number, OnnxSession>();
let last = 0;

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/** Frees memory at once: what is sent to a closed port is gone, while the garbage collector of an idle worker may wait for ever. */
const drop = (data: ArrayBufferView): void => nowhere.postMessage(undefined, [data.buffer as ArrayBuffer]);

function sessionOf(key: number): OnnxSession {
  const session = sessions.get(key);
  if (!session) throw new Error(`the worker has no session ${key}`);
  return session;
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

const tensorOf = ({ type, dims, data }: TensorData): OnnxTensor =>
  new (started().Tensor)(type as 'float32', data as Float32Array, dims);

async function dataOf(tensor: OnnxTensor): Promise<TensorData> {
  const { type, dims } = tensor;
  return { type: type as TensorData['type'], dims: [...dims], data: (await tensor.getData()) as Data };
}

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
    const inputs = Object.entries(feeds).map(([name, feed]) => [name, tensorOf(feed)] as const);
    const outputs = await sessionOf(session).run(Object.fromEntries(inputs), fetches);
    const read = Object.entries(outputs).map(async ([name, tensor]) => [name, await dataOf(tensor)] as const);
    return Object.fromEntries(await Promise.all(read));
  },
  async release({ session }) {
    await sessionOf(session).release();
    sessions.delete(session);
    return undefined;
  },
};

async function answerTo(message: Message): Promise<Answer> {
  const { id, call } = message;
  const feeds = call === 'run' ? Object.entries(message.feeds) : [];
  const borrowed = Object.fromEntries(feeds.map(([name, { data }]) => [name, data]));
  try {
    const value = await (calls[call] as (request: Message) => Promise<Calls[typeof call]['reply']>)(message);
    return { id, borrowed, value };
  } catch (cause) {
    const { message: text = String(cause), code } = cause as { readonly message?: string; readonly code?: unknown };
    return { id, borrowed, error: { message: text, code } };
  }
}

/** Moves memory to the caller. What Node does not move, memory of the runtime's own, is copied. */
function send(answer: Answer): void {
  const outputs = 'value' in answer && typeof answer.value === 'object' ? Object.values(answer.value) : [];
  const arrays = [...Object.values(answer.borrowed), ...outputs.map(({ data }) => data)];
  try {
    port?.postMessage(answer, memoryOf(arrays));
  } catch {
    port?.postMessage(answer);
  }
}

/** Does nothing any more once the process ends: see `host.ts`. */
async function unlessEnding(message: Message): Promise<void> {
  Atomics.store(state, isBusy, 1);
  if (Atomics.load(state, isEnding) === 0) send(await answerTo(message));
  Atomics.store(state, isBusy, 0);
  Atomics.notify(state, isBusy);
}

let turn = Promise.resolve();
port.on('message', (message: Message) => {
  turn = turn.then(() => unlessEnding(message)); // in order: a session is released after its runs
});
