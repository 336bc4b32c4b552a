import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '../../errors.ts';

/**
 * TensorFlow.js keeps its backend in a global that belongs to the page. Ours is selected for one synchronous stretch of
 * work, then the page's is restored.
 */

export type BackendName = 'cpu' | 'wasm' | 'webgl';

export interface BackendOptions {
  /** The URL of the folder with the wasm backend's files, or a URL for each file. Node finds them by itself. */
  readonly wasmPaths?: string | Readonly<Record<string, string>> | undefined;
}

const starting = new Map<BackendName, Promise<void>>();

const isReady = (name: string): boolean => name in tf.engine().registry;

/** Returns the current backend. TensorFlow.js also names one that failed to start, and cannot go back to that. */
function readyBackend(): string | undefined {
  const name = tf.getBackend();
  return name && isReady(name) ? name : undefined;
}

/**
 * Makes the backend ready, once. While the wasm backend starts (a few milliseconds), TensorFlow.js cannot run any other
 * operation.
 *
 * @throws EngineError if the backend cannot start; the text says what to do
 */
export async function startBackend(name: BackendName, options: BackendOptions = {}): Promise<void> {
  if (isReady(name)) return;
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

async function initialise(name: BackendName, { wasmPaths }: BackendOptions): Promise<void> {
  await register[name]();
  if (name === 'wasm' && wasmPaths !== undefined) (await register.wasm()).setWasmPaths(wasmPaths);
  const before = readyBackend();
  let cause: unknown;
  const ready = await withoutNewListeners(() =>
    tf.setBackend(name).catch((error: unknown) => {
      cause = error;
      return false;
    }),
  );
  if (ready && name === 'cpu') silently(() => tf.scalar(0).dispose());
  if (before && before !== name) await tf.setBackend(before);
  if (!ready) throw new EngineError(`TensorFlow.js cannot start its ${name} backend. ${advice[name]}`, { cause });
}

const advice: Readonly<Record<BackendName, string>> = {
  cpu: 'Check that only one copy of @tensorflow/tfjs is installed.',
  wasm: 'In a browser, serve the .wasm files of @tensorflow/tfjs-backend-wasm and give their URL as the option wasmPaths; or use the engine cpu.',
  webgl: 'It needs a browser with WebGL 2; in Node use the engine wasm or onnxruntime.',
};

/** Runs synchronous work on the backend and restores the page's, whatever happens. */
export function onBackend<T>(name: BackendName, work: () => T): T {
  if (!isReady(name))
    throw new EngineError(`the ${name} backend was removed from TensorFlow.js; create the engine again.`);
  const before = readyBackend();
  // the switch to a backend that is ready happens at once; the promise only confirms it
  if (before !== name) void tf.setBackend(name);
  try {
    return work();
  } finally {
    if (before && before !== name) void tf.setBackend(before);
  }
}

/** Describes the backend: threads and instructions of wasm, the device of WebGL. */
export async function describeBackend(name: BackendName): Promise<string> {
  if (name === 'cpu') return 'plain JavaScript';
  if (name === 'wasm') {
    const { getThreadsCount } = await register.wasm();
    const threads = tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT') ? getThreadsCount() : 1;
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    return `${threads} thread${threads === 1 ? '' : 's'}, ${simd ? 'SIMD' : 'no SIMD'}`;
  }
  const { gpgpu } = tf.engine().registry[name] as unknown as { gpgpu: { gl: WebGlContext } };
  const info = gpgpu.gl.getExtension('WEBGL_debug_renderer_info');
  return String(gpgpu.gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gpgpu.gl.RENDERER));
}

/** The part of a WebGL2RenderingContext that tells the device; this room is compiled without the names of the DOM. */
interface WebGlContext {
  readonly RENDERER: number;
  getExtension(name: 'WEBGL_debug_renderer_info'): { readonly UNMASKED_RENDERER_WEBGL: number } | null;
  getParameter(name: number): unknown;
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
