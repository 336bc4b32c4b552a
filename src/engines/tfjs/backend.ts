import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.ts';

/**
 * TensorFlow.js keeps its backend in a global, which belongs to the page that hosts us: ours is selected for the length of
 * one synchronous stretch of work and the page's is put back.
 */

export type BackendName = 'cpu' | 'wasm' | 'webgl';

export interface BackendOptions {
  /** Where a browser finds the wasm backend's files: a folder's address, or an address for each file. Node finds them by itself. */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
}

const starting = new Map<BackendName, Promise<void>>();

const isReady = (name: BackendName): boolean => name in tf.engine().registry;

/**
 * Makes the backend ready, once. While the wasm backend starts, a few milliseconds, TensorFlow.js runs no operation of
 * anybody.
 *
 * @throws EngineError where the backend cannot run here
 */
export async function startBackend(name: BackendName, options: BackendOptions = {}): Promise<void> {
  if (isReady(name)) return;
  const start = starting.get(name) ?? initialise(name, options).finally(() => starting.delete(name));
  starting.set(name, start);
  return start;
}

async function initialise(name: BackendName, { wasmPaths }: BackendOptions): Promise<void> {
  if (name === 'wasm') {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    if (wasmPaths !== undefined) wasm.setWasmPaths(wasmPaths);
  }
  const before = tf.getBackend();
  let cause: unknown;
  const ready = await withoutNewListeners(() =>
    tf.setBackend(name).catch((error: unknown) => {
      cause = error;
      return false;
    }),
  );
  if (ready && name === 'cpu') silently(() => tf.scalar(0).dispose());
  // setBackend names the failed backend as the current one
  if (before && before !== name) await tf.setBackend(before);
  if (!ready) throw new EngineError(`TensorFlow.js cannot start its ${name} backend here. ${advice[name]}`, { cause });
}

const advice: Readonly<Record<BackendName, string>> = {
  cpu: 'Check that only one copy of @tensorflow/tfjs is installed.',
  wasm: 'In a browser, serve the .wasm files of @tensorflow/tfjs-backend-wasm and say where by the option wasmPaths; or use the engine cpu.',
  webgl: 'It needs a browser with WebGL 2; in Node use the engine wasm or onnxruntime.',
};

/** Runs synchronous work on the backend and puts the page's own back, whatever happens. */
export function onBackend<T>(name: BackendName, work: () => T): T {
  if (!isReady(name))
    throw new EngineError(`the ${name} backend was removed from TensorFlow.js; create the engine again.`);
  const before = tf.getBackend();
  // for a backend that is ready the switch happens at once; the promise only says so
  if (before !== name) void tf.setBackend(name);
  try {
    return work();
  } finally {
    if (before && before !== name) void tf.setBackend(before);
  }
}

/** The threads and instructions of the wasm backend, the device of WebGL. */
export async function describeBackend(name: BackendName): Promise<string> {
  if (name === 'cpu') return 'plain JavaScript';
  if (name === 'wasm') {
    const { getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm');
    const threads = tf.env().getBool('WASM_HAS_MULTITHREAD_SUPPORT') ? getThreadsCount() : 1;
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    return `${threads} thread${threads === 1 ? '' : 's'}, ${simd ? 'SIMD' : 'no SIMD'}`;
  }
  const { gpgpu } = tf.engine().registry[name] as unknown as { gpgpu: { gl: WebGL2RenderingContext } };
  const info = gpgpu.gl.getExtension('WEBGL_debug_renderer_info');
  return String(gpgpu.gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gpgpu.gl.RENDERER));
}

/** TensorFlow.js greets Node users at the first tensor of its cpu backend; a library has no business printing. */
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
 * The wasm backend (4.22) adds process-wide handlers in Node that throw every error of anybody again, and so end test
 * runners and servers that handle their own.
 */
async function withoutNewListeners<T>(work: () => Promise<T>): Promise<T> {
  const { process } = globalThis as { process?: Partial<NodeProcess> };
  if (!process?.listeners || !process.removeListener) return work();
  const { listeners, removeListener } = process as NodeProcess;
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = events.map((event) => new Set(listeners.call(process, event)));
  try {
    return await work();
  } finally {
    events.forEach((event, i) => {
      for (const listener of listeners.call(process, event)) {
        const rethrows = /ExitStatus|throw reason/.test(String(listener));
        if (rethrows && !before[i]!.has(listener)) removeListener.call(process, event, listener);
      }
    });
  }
}
