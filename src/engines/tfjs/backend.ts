import * as tf from '@tensorflow/tfjs-core';
import { EngineError, MoganetError } from '../../errors.ts';
import { reasonOf } from '../engine.ts';
import { isTrap, newLife } from '../life.ts';
import { expectWasm, type WasmPaths } from './wasm.ts';
import { abandon, describeWebGl, isLost, lookAgain, onLoss, trimKeptTextures, withSettings } from './webgl.ts';

/**
 * TensorFlow.js keeps its backend in a global that belongs to the page. Ours is selected for one synchronous stretch of
 * work, then the page's is restored. A backend may die: a WebGL context is lost, WebAssembly traps. It is then taken out of
 * TensorFlow.js, so that the next start makes a new one.
 */

export type BackendName = 'cpu' | 'wasm' | 'webgl';

export interface BackendOptions {
  /** The URL of the folder with the wasm backend's files, or a URL for each file. Node finds them by itself. */
  readonly wasmPaths?: WasmPaths | undefined;
  /**
   * Starts the wasm backend on one thread also where threads are possible. Its threads (4.22) run the text of a function, in which
   * some bundlers have renamed what is outside of it: the start then never ends.
   */
  readonly oneThread?: boolean | undefined;
}

const starting = new Map<BackendName, Promise<Backend>>();

const readyBackend = (name: string): tf.KernelBackend | undefined => tf.engine().registry[name];

/** Returns the current backend. TensorFlow.js also names one that failed to start, and cannot go back to that. */
function selectedBackend(): string | undefined {
  const name = tf.getBackend();
  return name && readyBackend(name) ? name : undefined;
}

/**
 * Makes the backend ready, once. A failure changes nothing in TensorFlow.js.
 *
 * @throws EngineError if the backend cannot start; the text says what to do
 */
export async function startBackend(name: BackendName, options: BackendOptions = {}): Promise<Backend> {
  const backend = await readyOrStarted(name, options);
  if (name === 'cpu') silently(() => tf.scalar(0).dispose());
  return backend;
}

function readyOrStarted(name: BackendName, options: BackendOptions): Promise<Backend> {
  const ready = readyBackend(name);
  if (ready) {
    const backend = backendOf(name, ready);
    if (backend.isAlive()) return Promise.resolve(backend);
    retire(name, ready);
  }
  const start = starting.get(name) ?? initialise(name, options).finally(() => starting.delete(name));
  starting.set(name, start);
  return start;
}

/** Imports the backend, which registers itself and its kernels. Only what is used is loaded, and is part of a page. */
const register = {
  cpu: () => import('@tensorflow/tfjs-backend-cpu'),
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
  webgl: () => import('@tensorflow/tfjs-backend-webgl'),
} as const;

/**
 * Calls the factory itself: `tf.setBackend` makes a backend the current one before it starts, swallows the cause if it does
 * not, and leaves it the current one.
 */
async function initialise(name: BackendName, { wasmPaths, oneThread }: BackendOptions): Promise<Backend> {
  try {
    await register[name]();
    if (name === 'wasm') {
      if (oneThread) tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
      await expectWasm(wasmPaths);
      if (wasmPaths !== undefined) (await register.wasm()).setWasmPaths(wasmPaths);
    }
    const factory = tf.findBackendFactory(name);
    if (!factory) throw new Error('it is not among the backends of TensorFlow.js here');
    const made = await withoutNewListeners(async () => factory());
    const meanwhile = readyBackend(name); // started by the page
    if (meanwhile) {
      made.dispose();
      return backendOf(name, meanwhile);
    }
    const backend = backendOf(name, made);
    tf.engine().registry[name] = made;
    if (!selectedBackend()) void tf.setBackend(name); // at once, since it is ready
    return backend;
  } catch (cause) {
    if (name === 'webgl') lookAgain();
    if (cause instanceof MoganetError) throw cause;
    const reason = reasonOf(cause);
    throw new EngineError(`TensorFlow.js cannot start its ${name} backend: ${reason}. ${advice[name]}`, { cause });
  }
}

const advice: Readonly<Record<BackendName, string>> = {
  cpu: 'Check that only one copy of @tensorflow/tfjs is installed.',
  wasm: 'In a browser, serve the .wasm files of @tensorflow/tfjs-backend-wasm and say where, withAssets({ tfjsWasm: url }); or use the engine cpu.',
  webgl: 'It needs a browser with WebGL 2; in Node use the engine wasm or onnxruntime.',
};

/** A backend that has started, as long as its device lives. */
export interface Backend {
  readonly name: BackendName;
  readonly instance: tf.KernelBackend;
  isAlive(): boolean;
  /** Returns why the device is dead, undefined while it lives. */
  loss(): EngineError | undefined;
  /** Runs synchronous work on it and restores the page's. @throws EngineError if the device is dead, or dies meanwhile */
  run<T>(work: () => T): T;
  /** Waits for a result of it. @throws EngineError as soon as the device dies */
  wait<T>(work: Promise<T>): Promise<T>;
  /** Frees tensors of it. */
  free(tensors: readonly tf.Tensor[]): void;
}

const known = new WeakMap<tf.KernelBackend, Backend>();

function backendOf(name: BackendName, instance: tf.KernelBackend): Backend {
  const before = known.get(instance);
  if (before) return before;
  const backend = watched(name, instance);
  known.set(instance, backend);
  return backend;
}

/** Returns the backend that holds a tensor, undefined if it was not started here. */
export function backendOfTensor({ dataId }: tf.Tensor): Backend | undefined {
  const holder = tf.engine().state.tensorInfo.get(dataId)?.backend;
  return holder && known.get(holder);
}

/** How often a wait looks whether the context is lost, in milliseconds: the event may come late, or not at all. */
const lossPeriod = 250;

function watched(name: BackendName, instance: tf.KernelBackend): Backend {
  const life = newLife();
  const die = (error: EngineError): EngineError => {
    const first = life.loss() ?? error;
    retire(name, instance);
    life.end(first);
    return first;
  };
  const lost = () =>
    die(
      new EngineError(
        'the engine webgl lost its graphics context, as happens at a reset of the driver or in a background tab. ' +
          'Dispose the model and load it again, or use the engine wasm.',
      ),
    );
  // the event may come late, or not at all
  const loss = () => life.loss() ?? (name === 'webgl' && isLost(instance) ? lost() : undefined);
  const expectAlive = (): void => {
    const found = loss();
    if (found) throw found;
  };
  if (name === 'webgl') onLoss(instance, lost);
  const withOurs = <T>(work: () => T): T => (name === 'webgl' ? withSettings(instance, work) : work());

  return {
    name,
    instance,
    isAlive: () => loss() === undefined,
    loss,
    run: (work) => {
      expectAlive();
      try {
        const result = onBackend(name, () => withOurs(work));
        expectAlive();
        return result;
      } catch (cause) {
        if (isTrap(cause)) throw die(trapped(name, cause));
        expectAlive(); // the loss explains other errors
        throw cause;
      }
    },
    wait: async <T>(work: Promise<T>): Promise<T> => {
      work.catch(() => {}); // it may fail after the wait has
      expectAlive();
      const heard = work.catch((cause: unknown) => {
        throw isTrap(cause) ? die(trapped(name, cause)) : cause;
      });
      if (name !== 'webgl') return heard;
      let waiting = true;
      const look = (): void => {
        if (waiting && !loss()) setTimeout(look, lossPeriod);
      };
      setTimeout(look, lossPeriod);
      const result = await life.wait(heard).finally(() => {
        waiting = false;
      });
      expectAlive(); // what is read from a lost context is zeros
      trimKeptTextures(instance);
      return result;
    },
    free: (tensors) => {
      for (const tensor of tensors) {
        try {
          tensor.dispose();
        } catch (error) {
          if (isTrap(error)) die(trapped(name, error));
          if (!loss()) throw error; // the memory of a dead one goes with it
        }
      }
    },
  };
}

const trapped = (name: BackendName, cause: Error): EngineError =>
  new EngineError(
    `the engine ${name} failed: ${cause.message}. Its memory cannot be trusted any more: dispose the model and load it ` +
      'again, with smaller images or another engine.',
    { cause },
  );

/** Whether TensorFlow.js has such a backend, ours or the page's. */
export const hasStarted = (name: BackendName): boolean => readyBackend(name) !== undefined;

/** Engines by the backend on which they are. */
const users = new WeakMap<tf.KernelBackend, number>();

/** Counts an engine on a backend. Returns the function that ends it. */
export function occupy({ instance }: Backend): () => void {
  const change = (by: number) => users.set(instance, (users.get(instance) ?? 0) + by);
  change(1);
  return () => void change(-1);
}

/** Removes a backend that was started for a trial, unless an engine or a tensor of the page is on it by now. */
export function dropBackend(name: BackendName): void {
  const instance = readyBackend(name);
  if (instance && !users.get(instance) && instance.numDataIds() === 0) retire(name, instance);
}

/** Takes a backend out of TensorFlow.js, and leaves the way to make a new one. */
function retire(name: BackendName, instance: tf.KernelBackend): void {
  if (readyBackend(name) !== instance) return;
  const factory = tf.findBackendFactory(name);
  if (name === 'webgl') abandon(instance);
  // the memory of a trap may not even be freed in order: it goes with the instance
  else delete tf.engine().registry[name];
  tf.removeBackend(name);
  tf.registerBackend(name, factory, 2);
}

/** Runs synchronous work on the backend and restores the page's, whatever happens. */
export function onBackend<T>(name: BackendName, work: () => T): T {
  if (!readyBackend(name)) {
    throw new EngineError(`the ${name} backend was removed from TensorFlow.js; create the engine again.`);
  }
  const before = selectedBackend();
  // the switch to a backend that is ready happens at once; the promise only confirms it
  if (before !== name) void tf.setBackend(name);
  try {
    return work();
  } finally {
    if (before && before !== name) void tf.setBackend(before);
  }
}

/** Describes the backend: threads and instructions of wasm, the device of WebGL. */
export async function describeBackend({ name, instance }: Backend): Promise<string> {
  if (name === 'cpu') return 'plain JavaScript';
  if (name === 'webgl') return describeWebGl(instance);
  const { getThreadsCount } = await register.wasm();
  const threads = tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT') ? getThreadsCount() : 1;
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return `${threads} thread${threads === 1 ? '' : 's'}, ${simd ? 'SIMD' : 'no SIMD'}`;
}

/** TensorFlow.js prints a greeting in Node at the first tensor of its cpu backend; a library should not print. */
function silently(work: () => void): void {
  const before = tf.env().getBool('IS_TEST');
  tf.env().set('IS_TEST', true);
  try {
    onBackend('cpu', work);
  } finally {
    tf.env().set('IS_TEST', before);
  }
}

interface NodeProcess {
  listeners(event: string): ((...args: unknown[]) => void)[];
  removeListener(event: string, listener: (...args: unknown[]) => void): void;
}

/**
 * The wasm backend (4.22) adds process-wide handlers in Node that rethrow every error, and so end test runners and servers
 * that handle theirs.
 */
async function withoutNewListeners<T>(work: () => Promise<T>): Promise<T> {
  const { process } = globalThis as { process?: Partial<NodeProcess> };
  if (!process?.listeners || !process.removeListener) return work();
  const { listeners, removeListener } = process as NodeProcess;
  const before = ['uncaughtException', 'unhandledRejection'].map(
    (event) => [event, new Set(listeners.call(process, event))] as const,
  );
  try {
    return await work();
  } finally {
    for (const [event, known] of before) {
      for (const listener of listeners.call(process, event)) {
        const rethrows = /ExitStatus|throw reason/.test(String(listener));
        if (rethrows && !known.has(listener)) removeListener.call(process, event, listener);
      }
    }
  }
}
