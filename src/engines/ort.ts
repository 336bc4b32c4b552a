import { ConfigError, EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { type BrowserEngineOptions, hinted, openBrowserEngine, probeOrDispose, strongWebgl } from './browser.ts';
import { reasonOf } from './engine.ts';
import { browserEngines, ortEngines } from './names.ts';
import {
  type GpuAdapter,
  gpuAdapter,
  type OnnxWebRuntime,
  type OrtWasmPaths,
  ortWasmEngine,
  softwareOf,
  webgpuEngine,
} from './onnx/web.ts';
import { probe } from './probe.ts';

/** The engines of a page that has onnxruntime-web, whose files are imported when an engine needs them. */

export interface OrtEngineOptions extends BrowserEngineOptions {
  /** Threads of `ort-wasm`, in a page that is cross-origin isolated. */
  readonly threads?: number | undefined;
  /** Where the files of onnxruntime-web are. */
  readonly ortWasm?: OrtWasmPaths | undefined;
}

/**
 * Starts an engine by name. `auto` takes `webgpu` if the adapter is not software and computes a small network exactly, else
 * the faster one of `ort-wasm` and a `webgl` that is exact and not software, else what `openBrowserEngine` takes. Its `hint`
 * says what was passed over, and why.
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
  const unheard = (name: string): string[] => (threads === undefined ? [] : [`\`threads\` has no effect on ${name}.`]);

  const webgpu = await hardwareWebgpu(ortWasm).catch(passOver);
  if (webgpu) return hinted(webgpu, unheard('webgpu'));
  const ortEngine = await openOrtWasm(options)
    .then(async (engine) => {
      await probeOrDispose(engine);
      return engine;
    })
    .catch(passOver);
  const otherwise = async (): Promise<Engine> => {
    const other = await openBrowserEngine('auto', tfjs);
    return hinted(other, [...passed, ...(other.hint === undefined ? [] : [other.hint]), ...unheard(other.name)]);
  };
  if (!ortEngine) return otherwise();
  if (threads !== undefined) return hinted(ortEngine, passed); // who asks for threads wants no graphics
  const webgl = await strongWebgl(tfjs);
  if ('reason' in webgl) return hinted(ortEngine, [...passed, webgl.reason]);
  return (await faster(webgl, ortEngine, passed)) ?? otherwise();
}

/**
 * Returns the engine that computes a small network in less time, and disposes the other one. An engine that fails meanwhile, as its device
 * may be lost, leaves the other one.
 *
 * @param passed gets what was passed over, and why
 * @returns undefined if both fail
 */
export async function faster(a: Engine, b: Engine, passed: string[]): Promise<Engine | undefined> {
  const timed: { readonly engine: Engine; readonly time: number }[] = [];
  for (const engine of [a, b]) {
    try {
      timed.push({ engine, time: (await probe(engine, true)).milliseconds ?? Number.POSITIVE_INFINITY });
    } catch (error) {
      await engine.dispose();
      if (!(error instanceof EngineError)) throw error;
      passed.push(error.message);
    }
  }
  const [first, second] = timed.sort((one, other) => one.time - other.time);
  if (!first) return undefined;
  if (!second) return hinted(first.engine, passed);
  await second.engine.dispose();
  const told = ({ engine, time }: typeof first) => `${engine.name} ${time.toFixed(1)} ms`;
  return hinted(first.engine, [...passed, `A small network took ${told(first)} here, ${told(second)}.`]);
}

/** @throws EngineError if the processor computes it, or it does not compute exactly */
async function hardwareWebgpu(ortWasm: OrtWasmPaths | undefined): Promise<Engine> {
  const adapter = await gpuAdapter();
  const software = softwareOf(adapter);
  if (software !== undefined) throw new EngineError(passedOver(software));
  const engine = await openWebgpu(adapter, ortWasm);
  const { weakness } = await probeOrDispose(engine);
  if (weakness === undefined) return engine;
  await engine.dispose();
  throw new EngineError(passedOver(weakness));
}

const passedOver = (weakness: string): string => `${weakness}. To use it nevertheless: engine "webgpu".`;

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
