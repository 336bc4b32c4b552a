import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { freeMemory } from '../../memory.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from '../onnx/engine.ts';
import {
  type Answer,
  type Calls,
  type Data,
  isBusy,
  isEnding,
  type Message,
  memoryOf,
  type Output,
  type Request,
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

/** A session, and the names of its outputs that stay here. */
interface Loaded {
  readonly session: OnnxSession;
  readonly kept: ReadonlySet<string>;
}

const sessions = new Map<number, Loaded>();
const tensors = new Map<number, OnnxTensor>();
let last = 0;

function found<T>(what: string, values: ReadonlyMap<number, T>, key: number): T {
  const value = values.get(key);
  if (value === undefined) throw new Error(`the worker has no ${what} ${key}`);
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

const tensorOf = ({ type, dims, data }: TensorData): OnnxTensor =>
  new (started().Tensor)(type as 'float32', data as Float32Array, dims);

const dataOf = async (tensor: OnnxTensor): Promise<Data> => (await tensor.getData()) as Data;

function keep(tensor: OnnxTensor): number {
  tensors.set(++last, tensor);
  return last;
}

async function free(kept: readonly number[]): Promise<void> {
  for (const key of kept) {
    const tensor = found('tensor', tensors, key);
    tensors.delete(key);
    const data = await dataOf(tensor);
    tensor.dispose();
    try {
      freeMemory([data.buffer]);
    } catch {} // memory of the runtime's own, which does not move
  }
}

const calls: { readonly [K in keyof Calls]: (request: Calls[K]['request']) => Promise<Calls[K]['reply']> } = {
  async start() {
    started();
    return undefined;
  },
  async create({ model, options, kept }) {
    setThreads(options.intraOpNumThreads);
    try {
      const session = await started().InferenceSession.create(model, options);
      sessions.set(++last, { session, kept: new Set(kept) });
    } finally {
      const weights = (options.externalData ?? []).map(({ data }) => data.buffer as ArrayBuffer);
      freeMemory(weights); // the session has copied them
    }
    return last;
  },
  async run({ session: key, feeds, fetches }) {
    const { session, kept } = found('session', sessions, key);
    const inputs: Record<string, OnnxTensor> = {};
    for (const [name, feed] of Object.entries(feeds))
      inputs[name] = typeof feed === 'number' ? found('tensor', tensors, feed) : tensorOf(feed);
    const outputs = await session.run(inputs, fetches);
    const reply: Output[] = [];
    for (const [name, tensor] of Object.entries(outputs)) {
      const memory = kept.has(name) ? keep(tensor) : await dataOf(tensor);
      reply.push([name, tensor.type as TensorData['type'], [...tensor.dims], memory]);
    }
    return reply;
  },
  async read({ kept }) {
    const tensor = found('tensor', tensors, kept);
    tensors.delete(kept);
    return dataOf(tensor);
  },
  async release({ session: key }) {
    await found('session', sessions, key).session.release();
    sessions.delete(key);
    return undefined;
  },
};

async function answerTo(request: Request): Promise<Answer> {
  const { call } = request;
  const borrowed: [string, Data][] = [];
  for (const [name, feed] of Object.entries(call === 'run' ? request.feeds : {}))
    if (typeof feed !== 'number') borrowed.push([name, feed.data]);
  try {
    return [borrowed, await (calls[call] as (request: Request) => Promise<Calls[typeof call]['reply']>)(request)];
  } catch (cause) {
    const { message: text = String(cause), code } = cause as { readonly message?: string; readonly code?: unknown };
    return [borrowed, undefined, [text, code]];
  }
}

/** Moves memory to the caller. What Node does not move, memory of the runtime's own, is copied. */
function send(answer: Answer): void {
  const [borrowed, value] = answer;
  const arrays = borrowed.map(([, data]) => data);
  if (ArrayBuffer.isView(value)) arrays.push(value);
  else if (typeof value === 'object')
    for (const [, , , memory] of value) if (typeof memory !== 'number') arrays.push(memory);
  try {
    port?.postMessage(answer, memoryOf(arrays));
  } catch {
    port?.postMessage(answer);
  }
}

/** Says that nothing is computed. */
function rest(): void {
  Atomics.store(state, isBusy, 0);
  Atomics.notify(state, isBusy);
}

process.once('exit', rest); // an error that nobody catches ends the thread in the middle of a task

/** Does nothing any more once the process ends: see `host.ts`. */
async function unlessEnding(message: Message): Promise<void> {
  Atomics.store(state, isBusy, 1);
  if (Atomics.load(state, isEnding) === 0) {
    if (message.call === 'free') await free(message.kept);
    else send(await answerTo(message));
  }
  rest();
}

let turn = Promise.resolve();
port.on('message', (message: Message) => {
  turn = turn.then(() => unlessEnding(message)); // in order: a session is released after its runs
});
