import * as tf from '@tensorflow/tfjs-core';
import { sizeOf } from '../../arrays.ts';
import { EngineError } from '../../errors.ts';
import { reasonOf } from '../engine.ts';

/** What can be known before the wasm backend starts: its own errors do not tell a policy from a missing file. */

/** The URL of the folder with the wasm backend's files, or a URL for each file. */
export type WasmPaths = string | Readonly<Record<string, string>>;

const remedy =
  'Serve the .wasm files of @tensorflow/tfjs-backend-wasm and say where: withAssets({ tfjsWasm: url }), or ' +
  "tfjsEngine('wasm', { wasmPaths: url }).";

/**
 * @param paths where the files are; without them TensorFlow.js looks for them itself
 * @throws EngineError if the page forbids WebAssembly, or the file cannot be fetched
 */
export async function expectWasm(paths: WasmPaths | undefined): Promise<void> {
  expectAllowed();
  if (paths === undefined) return;
  const url = await fileUrl(paths);
  const response = await fetch(url).catch((cause: unknown) => {
    const reason = `${url} cannot be fetched (${reasonOf(cause)})`;
    throw new EngineError(
      `the engine wasm cannot start: ${reason}. Check the connection and the page's Content-Security-Policy. ${remedy}`,
      { cause },
    );
  });
  if (!response.ok) {
    throw new EngineError(`the engine wasm cannot start: the server answered ${response.status} for ${url}. ${remedy}`);
  }
  const start = new Uint8Array(await response.arrayBuffer()).subarray(0, 4);
  if (String.fromCharCode(...start) !== '\0asm') {
    throw new EngineError(
      `the engine wasm cannot start: what the server sends for ${url} is not WebAssembly. ${remedy}`,
    );
  }
}

/** Compiles the empty module: a policy without 'wasm-unsafe-eval' forbids that. */
function expectAllowed(): void {
  const { WebAssembly: wasm } = globalThis as { WebAssembly?: { Module: new (bytes: Uint8Array) => unknown } };
  if (!wasm) throw new EngineError('the engine wasm cannot start: there is no WebAssembly here. Use the engine cpu.');
  try {
    new wasm.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (cause) {
    throw new EngineError(
      `the engine wasm cannot start: WebAssembly is forbidden here (${reasonOf(cause)}). Add 'wasm-unsafe-eval' to ` +
        "script-src of the page's Content-Security-Policy, or use the engine cpu.",
      { cause },
    );
  }
}

/** Returns the URL of the file that TensorFlow.js (4.22) will take. */
async function fileUrl(paths: WasmPaths): Promise<string> {
  const [simd, threads] = await Promise.all([
    tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'),
    tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT'),
  ]);
  const file = `tfjs-backend-wasm${simd ? (threads ? '-threaded-simd' : '-simd') : ''}.wasm`;
  return typeof paths === 'string' ? paths + file : (paths[file] ?? file);
}

/** The bytes of the tensors that a wasm backend holds, whoever made them. */
export interface HeldBytes {
  readonly now: number;
  /** The most since the start; a test sets it back. */
  peak: number;
}

/** The table of tensors in a BackendWasm of TensorFlow.js (4.22): the only thing that counts those of this backend alone. */
interface TensorTable {
  set(id: object, entry: { readonly shape: readonly number[]; readonly dtype: tf.DataType }): unknown;
  delete(id: object): unknown;
}

const counted = new WeakMap<tf.KernelBackend, HeldBytes>();

/** Counts from the first call on. `tf.memory()` counts the tensors of all backends of a page together. */
export function bytesHeldBy(backend: tf.KernelBackend): HeldBytes {
  const before = counted.get(backend);
  if (before) return before;
  const { dataIdMap: table } = backend as unknown as { readonly dataIdMap: TensorTable };
  const sizes = new WeakMap<object, number>();
  const held = { now: 0, peak: 0 };
  const change = (id: object, bytes: number): void => {
    held.now += bytes - (sizes.get(id) ?? 0);
    held.peak = Math.max(held.peak, held.now);
    sizes.set(id, bytes);
  };
  const set = table.set.bind(table);
  const remove = table.delete.bind(table);
  table.set = (id, entry) => {
    change(id, sizeOf(entry.shape) * tf.util.bytesPerElement(entry.dtype));
    return set(id, entry);
  };
  table.delete = (id) => {
    change(id, 0);
    return remove(id);
  };
  counted.set(backend, held);
  return held;
}
