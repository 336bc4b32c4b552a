import type { Named, Shape } from '../../arrays.ts';
import { ConfigError, EngineError } from '../../errors.ts';
import type { DeviceTensor, Engine, Program } from '../../nn/part.ts';
import { type InputExtent, shapeAt, shapesOf } from '../../nn/shapes.ts';
import { type Compiled, engineOn, type Queue, reasonOf, taskQueue } from '../engine.ts';
import { newLife } from '../life.ts';
import { type OnnxRuntime, onnxDevice } from './engine.ts';
import { expectAlive, guarded, lifeOf, withoutAbandoned } from './guard.ts';

/**
 * onnxruntime-web as two engines: `ort-wasm` computes in WebAssembly, `webgpu` on a device of the page
 * through the provider that onnxruntime has in WebAssembly too.
 */

/** The part of `onnxruntime-web` that is used beside that of every onnxruntime. */
export interface OnnxWebRuntime extends OnnxRuntime {
  readonly env: { readonly wasm: WasmFlags } & OnnxRuntime['env'];
}

/** Settings that are read when the first session of a page starts, and never again. */
interface WasmFlags {
  numThreads?: number | undefined;
  /** Milliseconds. */
  initTimeout?: number | undefined;
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
 * @param ort the module `onnxruntime-web/wasm`
 * @throws ConfigError if it runs already with another number of threads
 */
export function ortWasmEngine(ort: OnnxWebRuntime, { threads, wasmPaths }: OrtWasmOptions = {}): Engine {
  expectAlive(ort);
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
  // in a bundle of one file threads do not start: an error is better than to wait for ever
  if (used > 1) flags.initTimeout ??= 60_000;
  if (wasmPaths !== undefined) flags.wasmPaths ??= wasmPaths;
  const session = { executionProviders: ['wasm'] };
  const options = { name: 'ort-wasm', detail: `onnxruntime-web, ${counted(used)}`, session };
  const device = onnxDevice(guarded(advised(ort), { name: 'ort-wasm', module: ort }), options);
  return engineOn({ ...device, loss: lifeOf(ort).loss });
}

/** Runs programs on the WebAssembly of onnxruntime-web in a thread of its own, which starts those of the operators. */
export function ortWasmInThread(ort: OnnxRuntime, threads = 1): Engine {
  const session = { executionProviders: ['wasm'], intraOpNumThreads: threads };
  return engineOn(onnxDevice(ort, { name: 'ort-wasm', detail: `onnxruntime-web, ${counted(threads)}`, session }));
}

/** Returns the runtime with advice for the errors of its start that a page can do something about. */
function advised(ort: OnnxRuntime): OnnxRuntime {
  const create: OnnxRuntime['InferenceSession']['create'] = (model, options) =>
    ort.InferenceSession.create(model, options).catch((cause: unknown) => {
      const found = reasonOf(cause);
      const advice = startAdvice.find(([pattern]) => pattern.test(found))?.[1];
      throw advice === undefined ? cause : new EngineError(`${found} ${advice}`, { cause });
    });
  return { Tensor: ort.Tensor, InferenceSession: { create } };
}

const startAdvice: readonly (readonly [RegExp, string])[] = [
  [
    /Content.Security.Policy|unsafe-eval/i,
    "Add 'wasm-unsafe-eval' to script-src of the page's Content-Security-Policy.",
  ],
  [
    /initializing failed due to timeout/,
    'Its threads do not start: send Cross-Origin-Embedder-Policy: require-corp with its files, too; in a bundle of one ' +
      'file name them by `ortWasm`; or use `threads: 1`.',
  ],
  [
    /failed to (fetch|load)|both async and sync fetching|fetching of the wasm failed/i,
    'Serve ort-wasm-simd-threaded*.wasm and .mjs of onnxruntime-web/dist and say where: withAssets({ ortWasm: url }).',
  ],
];

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

/** Says of an adapter that the processor computes it; undefined if it does not. */
export const softwareOf = (adapter: GpuAdapter): string | undefined =>
  adapter.info?.isFallbackAdapter === true ||
  /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(nameOfAdapter(adapter))
    ? `WebGPU is computed in software here (${nameOfAdapter(adapter)})`
    : undefined;

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
  expectAlive(ort);
  const device = await deviceOf(adapter);
  const life = newLife();
  void device.lost.then(({ message }) => {
    const why = message === '' ? '' : ` (${message})`;
    life.end(new EngineError(`the graphics device of webgpu was lost${why}. Dispose the model and load it again.`));
  });
  const session = { executionProviders: [{ name: 'webgpu', device }], preferredOutputLocation: 'gpu-buffer' } as const;
  const options = { name: 'webgpu', detail: `onnxruntime-web, ${nameOfAdapter(adapter)}`, session };
  const onnx = onnxDevice(guarded(ort, { name: 'webgpu', module: ort, device: life }), options);
  return engineOn({
    ...onnx,
    blocking: false,
    weakness: softwareOf(adapter),
    loss: () => life.loss() ?? lifeOf(ort).loss(),
    inTurn: turnsOf(ort),
    compile: async (program) => withoutRegions(program, await onnx.compile(program)),
    dispose: () => device.destroy(),
  });
}

/** One call at a time, whichever engine makes it: the module cannot suspend two. */
const queues = new WeakMap<OnnxWebRuntime, Queue>();

function turnsOf(ort: OnnxWebRuntime): Queue {
  const queue = queues.get(ort) ?? taskQueue();
  queues.set(ort, queue);
  return (task) =>
    queue(async () => {
      await withoutAbandoned(ort);
      return task();
    });
}

/** Gives outputs of no regions without a run: the provider refuses empty maps (onnxruntime 1.30). */
function withoutRegions({ graph }: Program, compiled: Compiled): Compiled {
  const emptyOutputs = (extents: Named<InputExtent>, wanted: readonly string[]): Named<DeviceTensor> | undefined => {
    if (!Object.values(extents).some(({ batch }) => batch === 0)) return undefined;
    const shapes = shapesOf(graph, extents);
    const outputs = Object.entries(graph.outputs)
      .filter(([name]) => wanted.includes(name))
      .map(([name, id]) => [name, shapeAt(shapes, id)] as const);
    if (outputs.some(([, { batch }]) => batch !== 0)) return undefined;
    return Object.fromEntries(
      outputs.map(([name, { channels, height, width }]) => [name, emptyTensor([0, channels, height, width])]),
    );
  };
  return {
    run: async (inputs, extents, wanted, signal) =>
      emptyOutputs(extents, wanted) ?? compiled.run(inputs, extents, wanted, signal),
    dispose: () => compiled.dispose(),
  };
}

const emptyTensor = (shape: Shape): DeviceTensor => ({
  shape,
  read: async () => ({ shape, data: new Float32Array(0) }),
  dispose: () => {},
});

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
