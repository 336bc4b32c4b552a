import { ConfigError, EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { isObject } from '../validate.ts';
import { reasonOf, withHint } from './engine.ts';
import { type OnnxRuntime, onnxEngine } from './onnx/engine.ts';
import { ortWasmInThread } from './onnx/web.ts';
import { onnxWorker } from './onnx_worker/host.ts';
import { probe } from './probe.ts';

/** The runtime, or the reason why there is none and what to do about it. */
export type FoundRuntime =
  | { readonly ort: OnnxRuntime; readonly reason?: undefined; readonly remedy?: undefined }
  | { readonly ort?: undefined; readonly reason: string; readonly remedy: string };

/** Skips the install script, which fetches files for GPUs; those for the CPU are in the package. */
export const howToInstall = 'npm install onnxruntime-node --ignore-scripts';

/**
 * Loads `onnxruntime-node` if it is installed and starts: npm leaves this optional dependency out if its install script
 * fails, and it has no binaries for some systems (musl).
 */
export async function loadOnnxRuntime(
  load: () => OnnxRuntime | Promise<OnnxRuntime> = () =>
    installed('onnxruntime-node', (require, name) => require(name)),
): Promise<FoundRuntime> {
  // by default it keeps a device id and a database of events in the user's cache; set the variable to 0 to allow that
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  try {
    return { ort: await load() };
  } catch (cause) {
    if (isNotInstalled(cause, 'onnxruntime-node')) {
      return { reason: 'onnxruntime-node is not installed', remedy: `Install it: ${howToInstall}` };
    }
    const [reason = ''] = reasonOf(cause).split('\n');
    return {
      reason: `onnxruntime-node is installed, but does not start (${reason})`,
      remedy: remedyFor(cause),
    };
  }
}

function remedyFor(cause: unknown): string {
  if (isObject(cause) && (cause.code === 'ERR_ACCESS_DENIED' || cause.code === 'ERR_DLOPEN_DISABLED')) {
    return "Node's permission model is on: add --allow-worker and --allow-addons, and --allow-fs-read for its folder";
  }
  return usesMusl()
    ? 'It has no files for musl, as Alpine Linux has: use an image with glibc, such as node:22-slim'
    : 'Check that it was installed on this system, and not copied from another one';
}

/** Starts a thread with `onnxruntime-node`, so that no call blocks the caller's. */
export const startOnnxRuntime = (): Promise<FoundRuntime> =>
  loadOnnxRuntime(() => onnxWorker(installed('onnxruntime-node', (require, name) => require.resolve(name))));

/** Starts a thread with `onnxruntime-web` if it is installed: its WebAssembly runs in Node, too. */
export async function startOrtWeb(
  load: () => Promise<OnnxRuntime> = () =>
    onnxWorker(installed('onnxruntime-web', (require, name) => require.resolve(name))),
): Promise<FoundRuntime> {
  try {
    return { ort: await load() };
  } catch (cause) {
    const found = isNotInstalled(cause, 'onnxruntime-web')
      ? 'is not installed'
      : `does not start (${reasonOf(cause).split('\n')[0]})`;
    return { reason: `onnxruntime-web ${found}`, remedy: 'npm install onnxruntime-web' };
  }
}

/** Looks for a package from this one, the working folder and the installed package: a bundle has no place of its own. */
function installed<T>(name: string, use: (require: NodeJS.Require, name: string) => T): T {
  const place = import.meta.url?.startsWith('file:') ? [import.meta.url] : [];
  let missing: unknown;
  for (const base of [...place, `${process.cwd()}/`, 'moganet']) {
    try {
      return use(requireFrom(base), name);
    } catch (cause) {
      if (!isNotInstalled(cause, name)) throw cause;
      missing ??= cause;
    }
  }
  throw missing;
}

/**
 * Returns Node's `require` of a file, a folder or an installed package. Bundlers do not see it, and so leave out the native
 * files of what it loads, which they cannot place.
 */
function requireFrom(base: string): NodeJS.Require {
  const { createRequire } = process.getBuiltinModule('node:module');
  const here = createRequire(`${process.cwd()}/`);
  return base === 'moganet' ? createRequire(here.resolve('moganet/package.json')) : createRequire(base);
}

/** Tells a missing package from one whose own files or libraries are missing. */
const isNotInstalled = (cause: unknown, name: string): boolean =>
  new RegExp(`^Cannot find (module|package) '(${name}|moganet/package\\.json)'`).test(reasonOf(cause));

function usesMusl(): boolean {
  const { header } = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: unknown } };
  return process.platform === 'linux' && header?.glibcVersionRuntime === undefined;
}

/** The engines of Node, the preferred one first. */
export const nodeEngines = ['onnxruntime', 'ort-wasm', 'wasm', 'cpu'] as const;

export interface NodeEngineOptions {
  /** Threads that the caller asked for. Only onnxruntime and ort-wasm have them. */
  readonly threads?: number | undefined;
  /** Threads of these two if the caller did not ask. */
  readonly usualThreads?: number | undefined;
  /** The folder of the files of the wasm backend, called when it starts. Without it TensorFlow.js finds them. */
  readonly wasmFolder?: (() => string | undefined) | undefined;
}

/** How the optional runtimes are found. */
export interface Finders {
  readonly onnxruntime: () => Promise<FoundRuntime>;
  readonly ortWeb: () => Promise<FoundRuntime>;
}

/**
 * Starts an engine by name. `auto` takes onnxruntime, or ort-wasm, or wasm if those are missing or cannot compute; the
 * engine's `hint` then says why, and what to do.
 *
 * @param find loads the runtimes
 * @throws ConfigError for an unknown name or `threads` of an engine that has one, EngineError if the engine cannot start
 */
export async function openNodeEngine(
  name: string,
  { threads, usualThreads, wasmFolder }: NodeEngineOptions = {},
  { onnxruntime: find = startOnnxRuntime, ortWeb = startOrtWeb }: Partial<Finders> = {},
): Promise<Engine> {
  switch (name) {
    case 'auto':
    case 'onnxruntime': {
      const { engine, reason, remedy } = await onnxruntime(threads ?? usualThreads, find);
      if (engine) return engine;
      if (name === 'onnxruntime')
        throw new EngineError(`${reason}. ${remedy}. Or use the engine "ort-wasm" or "wasm".`);
      const light = await ortWasm(threads ?? usualThreads, ortWeb);
      if (light.engine) {
        return withHint(light.engine, `${reason}, so ort-wasm was taken, which is several times slower. ${remedy}`);
      }
      const unheard = threads === undefined ? '' : '. `threads` has no effect on wasm';
      return withHint(
        await tfjs('wasm', wasmFolder).catch((cause: Error) => {
          throw new EngineError(`no engine can start. ${reason}. ${remedy}. For wasm: ${cause.message}`, { cause });
        }),
        `${reason}, so wasm was taken, which is several times slower. ${remedy}. ${light.reason}: ${light.remedy}${unheard}`,
      );
    }
    case 'ort-wasm': {
      const { engine, reason, remedy } = await ortWasm(threads ?? usualThreads, ortWeb);
      if (engine) return engine;
      throw new EngineError(`${reason}: ${remedy}. Or use the engine "wasm".`);
    }
    case 'wasm':
    case 'cpu':
      if (threads !== undefined) {
        throw new ConfigError(
          `\`threads\` is an option of the engines onnxruntime and ort-wasm: ${name} has one thread in Node. Leave it out.`,
        );
      }
      return tfjs(name, wasmFolder);
    default:
      throw new ConfigError(unknownName('engine', name, ['auto', ...nodeEngines]));
  }
}

type FoundEngine =
  | { readonly engine: Engine; readonly reason?: undefined; readonly remedy?: undefined }
  | { readonly engine?: undefined; readonly reason: string; readonly remedy: string };

/** Starts onnxruntime and lets it compute: under Jest it starts, and refuses every array. */
async function onnxruntime(threads: number | undefined, find: () => Promise<FoundRuntime>): Promise<FoundEngine> {
  const { ort, reason, remedy } = await find();
  if (!ort) return { reason, remedy };
  const engine = onnxEngine(ort, { threads });
  try {
    await probe(engine);
    return { engine };
  } catch (error) {
    await engine.dispose().catch(() => {}); // why it cannot compute is the error to report
    const found = reasonOf(error);
    return {
      reason: `onnxruntime-node starts, but cannot compute (${found})`,
      remedy: /must be type of/.test(found)
        ? 'It takes arrays of its own realm only. Under Jest use the engine "wasm", or another test runner'
        : 'Check that only one version of it is installed',
    };
  }
}

/** Starts the WebAssembly of onnxruntime-web and lets it compute. */
async function ortWasm(threads: number | undefined, find: Finders['ortWeb']): Promise<FoundEngine> {
  const { ort, reason, remedy } = await find();
  if (!ort) return { reason, remedy };
  const engine = ortWasmInThread(ort, threads);
  try {
    await probe(engine);
    return { engine };
  } catch (error) {
    await engine.dispose().catch(() => {}); // why it cannot compute is the error to report
    return {
      reason: `onnxruntime-web starts, but cannot compute (${reasonOf(error)})`,
      remedy: /must be type of/.test(reasonOf(error))
        ? 'It takes arrays of its own realm only, too'
        : 'check that all of its files are installed',
    };
  }
}

/** Imported on demand: TensorFlow.js takes a third of a second to load. */
async function tfjs(backend: 'wasm' | 'cpu', wasmFolder?: () => string | undefined): Promise<Engine> {
  const folder = backend === 'wasm' ? wasmFolder?.() : undefined;
  const { tfjsEngine } = await import('./tfjs/engine.ts').catch((cause: unknown) => {
    throw new EngineError(`TensorFlow.js cannot be loaded (${reasonOf(cause)}). ${adviceFor(cause)}`, { cause });
  });
  if (folder !== undefined) (await import('@tensorflow/tfjs-backend-wasm')).setWasmPaths(folder);
  return tfjsEngine(backend);
}

/** esbuild writes such a function into modules, in which `require` and `__dirname` do not exist. */
const adviceFor = (cause: unknown): string =>
  /^Dynamic require of/.test(reasonOf(cause))
    ? 'It is CommonJS: bundle this program in the format cjs, leave @tensorflow/* and moganet out of the bundle, or put ' +
      "\"import { createRequire as requireOf } from 'node:module'; " +
      'const require = requireOf(import.meta.url), __dirname = import.meta.dirname;" at its top.'
    : 'Install the package again.';
