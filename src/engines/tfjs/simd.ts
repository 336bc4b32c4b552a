import * as tf from '@tensorflow/tfjs-core';
import { reasonOf } from '../engine.ts';

/**
 * Kernels of this package in the memory of TensorFlow.js's wasm backend: a second WebAssembly module, which imports that
 * memory (`assembly/simd.ts`).
 */

/** The functions of the module. Tensors are pointers, in bytes; a pointer of 0 is a tensor that is not there. */
interface SimdFunctions {
  tableBytes(): number;
  start(at: number): void;
  activate(x: number, y: number, count: number, activation: number): void;
  affine(...given: [x: number, factor: number, shift: number, y: number, ...sizes: [number, number]]): void;
  layerNorm(...given: [x: number, gamma: number, beta: number, y: number, ...sizes: [number, number, number]]): void;
  pointwise(
    ...given: [x: number, weight: number, bias: number, y: number, ...sizes: [number, number, number, number]]
  ): void;
  depthwise(...given: number[]): void;
}

/** What an activation is called in the module. */
export const activations = { none: 0, relu: 1, gelu: 2, silu: 3, sigmoid: 4 } as const;

export type Activation = keyof typeof activations;

export interface Simd {
  readonly functions: SimdFunctions;
  /** Whether TensorFlow.js computes on several threads; these kernels use one. */
  readonly threaded: boolean;
  pointer(tensor: tf.Tensor | undefined): number;
  /** Returns the values of a tensor where they are, up to the next tensor that is made: the memory may grow and move. */
  values(tensor: tf.Tensor): Float32Array;
  /** Makes a tensor whose values are not set. */
  make(shape: readonly number[]): { readonly tensor: tf.Tensor4D; readonly at: number };
}

/** The part of TensorFlow.js's BackendWasm (4.22) that is used. */
interface WasmBackend {
  readonly wasm: {
    readonly asm: Readonly<Record<string, unknown>>;
    /** Only the threaded build says it. */
    readonly wasmMemory?: unknown;
    readonly _malloc: (bytes: number) => number;
  };
  readonly dataIdMap: { get(id: object): { readonly memoryOffset: number } };
  makeOutput(shape: readonly number[], dtype: 'float32'): tf.TensorInfo;
}

type Found =
  | { readonly simd: Simd; readonly reason?: undefined }
  | { readonly simd?: undefined; readonly reason: string };

const started = new WeakMap<tf.KernelBackend, Promise<Found>>();
const running = new WeakMap<tf.KernelBackend, Simd>();

/** Returns the kernels of a wasm backend, undefined if they could not start in its memory. */
export const simdOf = (backend: tf.KernelBackend): Simd | undefined => running.get(backend);

/** Starts the kernels in the memory of a wasm backend, whoever started that, or says why it cannot. */
export function startSimd(backend: tf.KernelBackend): Promise<Found> {
  const known = started.get(backend);
  if (known) return known;
  const start = found(backend).then((result) => {
    if (result.simd) running.set(backend, result.simd);
    return result;
  });
  started.set(backend, start);
  return start;
}

async function found(backend: tf.KernelBackend): Promise<Found> {
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) return { reason: 'no SIMD' };
  const wasm = backend as unknown as WasmBackend;
  const memory = memoryOf(wasm);
  if (!memory) return { reason: 'the memory of the wasm backend is not reachable' };
  try {
    const { simdModule } = await import('./simd.data.ts');
    const bytes = Uint8Array.from(atob(simdModule), (character) => character.charCodeAt(0));
    const module = await WebAssembly.compile(isShared(memory) ? withSharedMemory(bytes) : bytes);
    const { exports } = new WebAssembly.Instance(module, { env: { memory: memory as WebAssembly.Memory } });
    const functions = exports as unknown as SimdFunctions;
    functions.start(wasm.wasm._malloc(functions.tableBytes()) >>> 0);
    return { simd: simdIn(backend, functions, memory) };
  } catch (cause) {
    return { reason: reasonOf(cause) };
  }
}

function simdIn(backend: tf.KernelBackend, functions: SimdFunctions, memory: WebAssembly.Memory): Simd {
  const { dataIdMap, makeOutput } = backend as unknown as WasmBackend;
  const offset = ({ dataId }: tf.TensorInfo): number => dataIdMap.get(dataId).memoryOffset;
  return {
    functions,
    threaded: isShared(memory),
    pointer: (tensor) => (tensor ? offset(tensor) : 0),
    values: (tensor) => new Float32Array(memory.buffer, offset(tensor), tensor.size),
    make: (shape) => {
      const info = makeOutput.call(backend, shape, 'float32');
      return { tensor: tf.engine().makeTensorFromTensorInfo(info) as tf.Tensor4D, at: offset(info) };
    },
  };
}

/** Finds the memory among the exports of the backend's module, whatever it is called there, or where the threaded build keeps it. */
function memoryOf({ wasm }: WasmBackend): WebAssembly.Memory | undefined {
  return [wasm.wasmMemory, ...Object.values(wasm.asm ?? {})].find(isMemory);
}

/** By what it has: in a realm of a test runner it is not an instance of that realm's WebAssembly.Memory. */
const isMemory = (value: unknown): value is WebAssembly.Memory =>
  typeof value === 'object' && value !== null && 'buffer' in value && 'grow' in value;

const isShared = ({ buffer }: WebAssembly.Memory): boolean =>
  Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]';

/** Returns the module with its memory import declared as shared: one bit of the limits, which follow the name and the kind. */
function withSharedMemory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const name = [...'memory'].map((character) => character.charCodeAt(0));
  const at = bytes.findIndex((_, i) => name.every((code, j) => bytes[i + j] === code));
  const shared = bytes.slice();
  shared[at + name.length + 1] = 3; // has a maximum, is shared
  return shared;
}
