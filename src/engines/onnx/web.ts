import { ConfigError, EngineError } from '../../errors.ts';
import type { Engine } from '../../nn/part.ts';
import { engineOn, reasonOf } from '../engine.ts';
import { type OnnxRuntime, type OnnxSession, onnxDevice } from './engine.ts';

/**
 * onnxruntime-web as two engines: `ort-wasm` computes on the caller's thread and on helpers, `webgpu` on a device of the page
 * through the provider that onnxruntime has in WebAssembly too.
 */

/** The part of `onnxruntime-web` that is used beside that of every onnxruntime. */
export interface OnnxWebRuntime extends OnnxRuntime {
  readonly env: { readonly wasm: WasmFlags };
}

/** Settings that are read when the first session of a page starts, and never again. */
interface WasmFlags {
  numThreads?: number | undefined;
  wasmPaths?: OrtWasmPaths | undefined;
}

/**
 * The folder (ending with `/`) of `ort-wasm-simd-threaded*.mjs` and `.wasm` of onnxruntime-web, or the URLs of the two files
 * that the engine needs.
 */
export type OrtWasmPaths = string | { readonly mjs?: string | URL; readonly wasm?: string | URL };

export interface OrtWebOptions {
  /** By default where the bundler put them. */
  readonly wasmPaths?: OrtWasmPaths | undefined;
}

export interface OrtWasmOptions extends OrtWebOptions {
  /** Threads inside an operator, 1 by default. The first engine of a page decides for all that follow. */
  readonly threads?: number | undefined;
}

/**
 * Runs programs on the WebAssembly of onnxruntime-web. It blocks the thread that calls it.
 *
 * @param ort the module `onnxruntime-web/wasm`, in Node `onnxruntime-web`
 * @throws ConfigError if it runs already with another number of threads
 */
export function ortWasmEngine(ort: OnnxWebRuntime, { threads, wasmPaths }: OrtWasmOptions = {}): Engine {
  const flags = ort.env.wasm;
  const running = flags.numThreads || undefined;
  if (running !== undefined && threads !== undefined && threads !== running) {
    throw new ConfigError(
      `onnxruntime-web has started with ${counted(running)}, and keeps that until the page or process ends. ` +
        `Give \`threads: ${running}\`, or leave it out.`,
    );
  }
  const used = running ?? threads ?? 1;
  flags.numThreads = used;
  if (wasmPaths !== undefined) flags.wasmPaths ??= wasmPaths;
  const session = { executionProviders: ['wasm'] };
  return engineOn(onnxDevice(ort, { name: 'ort-wasm', detail: `onnxruntime-web, ${counted(used)}`, session }));
}

const counted = (threads: number): string => `${threads} thread${threads === 1 ? '' : 's'}`;

/** The part of WebGPU that is used. */
export interface GpuAdapter {
  readonly features: ReadonlySet<string>;
  readonly limits: object;
  readonly info?: GpuInfo | undefined;
  requestDevice(wanted: GpuWanted): Promise<GpuDevice>;
}

interface GpuInfo {
  readonly vendor?: string;
  readonly architecture?: string;
  readonly device?: string;
  readonly description?: string;
  readonly isFallbackAdapter?: boolean;
}

interface GpuWanted {
  readonly requiredFeatures: readonly string[];
  readonly requiredLimits: Readonly<Record<string, number>>;
}

export interface GpuDevice {
  readonly lost: Promise<{ readonly message: string }>;
  destroy(): void;
}

/** Returns the page's graphics adapter. @throws EngineError if it has none */
export async function gpuAdapter(): Promise<GpuAdapter> {
  const { navigator } = globalThis as { navigator?: { gpu?: { requestAdapter(): Promise<GpuAdapter | null> } } };
  if (!navigator?.gpu) {
    throw new EngineError('webgpu: this browser has no WebGPU, or the page is not served with https.');
  }
  const adapter = await navigator.gpu.requestAdapter().catch((cause: unknown) => {
    throw new EngineError(`webgpu: there is no adapter: ${reasonOf(cause)}`, { cause });
  });
  if (!adapter)
    throw new EngineError('webgpu: the browser gives no adapter. Check chrome://gpu, or use another engine.');
  return adapter;
}

/** Returns the name of an adapter as far as the browser tells it. */
export const nameOfAdapter = ({ info }: GpuAdapter): string =>
  [...new Set([info?.vendor, info?.architecture, info?.device, info?.description])].filter(Boolean).join(' ') ||
  'an adapter without a name';

/** Tells an adapter that the processor computes. */
export const isSoftware = (adapter: GpuAdapter): boolean =>
  adapter.info?.isFallbackAdapter === true ||
  /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(nameOfAdapter(adapter));

/**
 * Runs programs on a device of the page. Tensors stay on it until they are read; operators that it lacks run in WebAssembly.
 * The device belongs to the engine, whose disposal frees everything on it.
 *
 * @param ort the module `onnxruntime-web/webgpu`
 * @throws EngineError if there is no adapter, or no device
 */
export async function webgpuEngine(
  ort: OnnxWebRuntime,
  { wasmPaths, adapter: given }: OrtWebOptions & { readonly adapter?: GpuAdapter | undefined } = {},
): Promise<Engine> {
  const adapter = given ?? (await gpuAdapter());
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths ??= wasmPaths;
  ort.env.wasm.numThreads ??= 1; // for the operators that the device lacks
  const device = await deviceOf(adapter);
  const state = watched(device);
  const session = { executionProviders: [{ name: 'webgpu', device }], preferredOutputLocation: 'gpu-buffer' } as const;
  const options = { name: 'webgpu', detail: `onnxruntime-web, ${nameOfAdapter(adapter)}`, session };
  return engineOn({
    ...onnxDevice(guarded(ort, state), options),
    blocking: false,
    dispose: () => {
      state.over = true;
      device.destroy();
    },
  });
}

/** What onnxruntime's shaders use if it is there. */
const wantedFeatures = ['shader-f16', 'subgroups'];

const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
];

async function deviceOf(adapter: GpuAdapter): Promise<GpuDevice> {
  const limits = adapter.limits as Readonly<Record<string, number | undefined>>;
  const requiredLimits = Object.fromEntries(
    wantedLimits.flatMap((name) => (limits[name] === undefined ? [] : [[name, limits[name]]])),
  );
  const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
  return adapter.requestDevice({ requiredFeatures, requiredLimits }).catch((cause: unknown) => {
    throw new EngineError(`webgpu: ${nameOfAdapter(adapter)} gives no device: ${reasonOf(cause)}`, { cause });
  });
}

interface DeviceState {
  /** Rejects when the device is lost. */
  readonly loss: Promise<never>;
  /** Set when the engine is disposed, which destroys the device. */
  over: boolean;
  lost: boolean;
}

function watched(device: GpuDevice): DeviceState {
  const loss = device.lost.then(({ message }) => {
    state.lost = true;
    const why = message === '' ? '' : ` (${message})`;
    throw new EngineError(`webgpu lost its graphics device${why}. Dispose the model and load it again.`);
  });
  loss.catch(() => {}); // who waits for it gets it
  const state: DeviceState = { loss, over: false, lost: false };
  return state;
}

/** Returns a runtime whose calls fail as soon as the device is lost: some of them would wait for it for ever. */
function guarded(ort: OnnxRuntime, state: DeviceState): OnnxRuntime {
  const orLoss = <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => {}); // may fail after the loss was reported
    return Promise.race([work, state.loss]);
  };
  const guardedSession = (session: OnnxSession): OnnxSession => ({
    run: async (...given) => {
      if (state.lost) await state.loss;
      const outputs = await orLoss(session.run(...given));
      for (const output of Object.values(outputs)) {
        const getData = output.getData.bind(output);
        Object.assign(output, { getData: () => orLoss(getData()) });
      }
      return outputs;
    },
    release: async () => {
      if (!state.lost) await orLoss(session.release()).catch(() => {});
    },
  });
  return {
    Tensor: ort.Tensor,
    InferenceSession: {
      create: async (model, options) => {
        if (state.lost) await state.loss;
        return guardedSession(await orLoss(ort.InferenceSession.create(model, options)));
      },
    },
  };
}
