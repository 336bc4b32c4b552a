import { sizeOf } from '../arrays.ts';
import { ConfigError, EngineError, unknownName } from '../errors.ts';
import { add, gelu } from '../nn/functional.ts';
import { parametersOf } from '../nn/graph.ts';
import { conv2d } from '../nn/layers.ts';
import { type Engine, map, programOf, recordPart } from '../nn/part.ts';
import { type BrowserEngineOptions, computing, openBrowserEngine, strongWebgl } from './browser.ts';
import { reasonOf, withHint } from './engine.ts';
import { browserEngines, ortEngines } from './names.ts';
import {
  type GpuAdapter,
  gpuAdapter,
  isSoftware,
  nameOfAdapter,
  type OnnxWebRuntime,
  type OrtWasmPaths,
  ortWasmEngine,
  webgpuEngine,
} from './onnx/web.ts';

/** The engines of a page that has onnxruntime-web, whose files are imported when an engine needs them. */

export interface OrtEngineOptions extends BrowserEngineOptions {
  /** Threads of `ort-wasm`, in a page that is cross-origin isolated. */
  readonly threads?: number | undefined;
  /** Where the files of onnxruntime-web are. */
  readonly ortWasm?: OrtWasmPaths | undefined;
}

/**
 * Starts an engine by name. `auto` takes `webgpu` if the adapter is not software and computes, else the faster one of
 * `ort-wasm` and a `webgl` that is exact and not software, else what `openBrowserEngine` takes. Its `hint` says what was
 * passed over, and why.
 *
 * @throws ConfigError for an unknown name or `threads` that cannot be, EngineError if the engine, or with `auto` each of
 *   them, cannot start
 */
export async function openOrtEngine(name: string, options: OrtEngineOptions = {}): Promise<Engine> {
  const { threads, ortWasm, ...tfjs } = options;
  if (name === 'webgpu') {
    if (threads !== undefined) throw new ConfigError('`threads` is an option of the engine ort-wasm. Leave it out.');
    return openWebgpu(await gpuAdapter(), ortWasm);
  }
  if (name === 'ort-wasm') return openOrtWasm(options);
  if (name !== 'auto' && !browserEngines.some((each) => each === name)) {
    throw new ConfigError(unknownName('engine', name, ['auto', ...ortEngines]));
  }
  return name === 'auto' ? best(options) : openBrowserEngine(name, { ...tfjs, threads });
}

async function best(options: OrtEngineOptions): Promise<Engine> {
  const { threads, ortWasm, ...tfjs } = options;
  const passed: string[] = [];
  const passOver = (error: unknown): undefined => {
    if (!(error instanceof EngineError)) throw error;
    passed.push(error.message);
  };
  const engine =
    (await hardwareWebgpu(ortWasm).catch(passOver)) ?? (await openOrtWasm(options).then(computing).catch(passOver));
  const hinted = (one: Engine, more = passed) => (more.length === 0 ? one : withHint(one, more.join(' ')));
  if (engine?.name === 'webgpu') return engine;
  if (!engine) {
    const other = await openBrowserEngine('auto', tfjs);
    return hinted(other, other.hint === undefined ? passed : [...passed, other.hint]);
  }
  const webgl = threads === undefined ? await strongWebgl(tfjs) : undefined; // who asks for threads wants no graphics
  if (!webgl) return hinted(engine);
  const [faster, slower] = (await trialOf(webgl)) < (await trialOf(engine)) ? [webgl, engine] : [engine, webgl];
  await slower.dispose();
  return hinted(faster);
}

/** @throws EngineError if the processor computes it, or it does not compute */
async function hardwareWebgpu(ortWasm: OrtWasmPaths | undefined): Promise<Engine> {
  const adapter = await gpuAdapter();
  if (isSoftware(adapter)) {
    throw new EngineError(
      `WebGPU is computed in software here (${nameOfAdapter(adapter)}). To use it nevertheless: engine "webgpu".`,
    );
  }
  return computing(await openWebgpu(adapter, ortWasm));
}

async function openWebgpu(adapter: GpuAdapter, wasmPaths: OrtWasmPaths | undefined): Promise<Engine> {
  const ort = await imported('webgpu', () => import('onnxruntime-web/webgpu'));
  return webgpuEngine(ort, { adapter, wasmPaths });
}

async function openOrtWasm({ threads, ortWasm }: OrtEngineOptions): Promise<Engine> {
  const page = globalThis as { crossOriginIsolated?: boolean; navigator?: { hardwareConcurrency?: number } };
  if (threads !== undefined && threads > 1 && !page.crossOriginIsolated) {
    throw new ConfigError(
      `ort-wasm has one thread here, got \`threads: ${threads}\`: the page is not cross-origin isolated. ` +
        'Send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp with it.',
    );
  }
  // onnxruntime-web's own choice; threads load the files that `ortWasm` names
  const several = Math.min(4, Math.ceil((page.navigator?.hardwareConcurrency ?? 1) / 2));
  const usual = page.crossOriginIsolated && ortWasm !== undefined ? several : 1;
  const ort = await imported('ort-wasm', () => import('onnxruntime-web/wasm'));
  const started = ort.env.wasm.numThreads !== undefined;
  return ortWasmEngine(ort, { threads: threads ?? (started ? undefined : usual), wasmPaths: ortWasm });
}

/** @throws EngineError if the page cannot load the module */
async function imported(engine: string, load: () => Promise<unknown>): Promise<OnnxWebRuntime> {
  try {
    return (await load()) as OnnxWebRuntime;
  } catch (cause) {
    throw new EngineError(`${engine}: onnxruntime-web cannot be loaded: ${reasonOf(cause)}`, { cause });
  }
}

/** Layers of a backbone in small. */
const trial = recordPart({
  name: 'trial',
  inputs: { x: map(32) },
  forward: (scope, { x }) => {
    const deep = conv2d(scope.at('deep'), x, 32, { kernel: 5, groups: 32 });
    const wide = gelu(conv2d(scope.at('wide'), deep, 128, { kernel: 1 }));
    return { y: add(x, conv2d(scope.at('back'), wide, 32, { kernel: 1 })) };
  },
});

/** Returns the milliseconds that the layers take, once their shaders are compiled. */
async function trialOf(engine: Engine): Promise<number> {
  const weights = parametersOf(trial).map(({ key, shape }) => {
    return [key, { shape, data: new Float32Array(sizeOf(shape)).fill(0.01) }] as const;
  });
  const runner = await engine.load(programOf('trial', trial, new Map(weights)));
  const shape = [1, 32, 128, 128];
  const x = { shape, data: new Float32Array(sizeOf(shape)).fill(0.5) };
  let milliseconds = 0;
  for (let run = 0; run < 2; run++) {
    const begun = performance.now();
    const { y } = await runner.run({ x });
    await y?.read();
    y?.dispose();
    milliseconds = performance.now() - begun;
  }
  runner.dispose();
  return milliseconds;
}
