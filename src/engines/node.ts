import { ConfigError, EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { isObject } from '../validate.ts';
import { engineOn, reasonOf, withHint } from './engine.ts';
import { type OnnxRuntime, onnxDevice, onnxEngine } from './onnx/engine.ts';
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
    return "Node's permission model is on: its options allow-worker, allow-addons and allow-fs-read have to allow this";
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
    onnxWorker(
      installed('onnxruntime-web', (require, name) => require.resolve(name)),
      { isNative: false },
    ),
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

/** The devices of onnxruntime-node besides the processor, by the names of its execution providers. */
export const nodeDevices = ['cuda', 'coreml', 'dml'] as const;

export interface NodeEngineOptions {
  /** Threads that the caller asked for. Only onnxruntime and ort-wasm have them. */
  readonly threads?: number | undefined;
  /** Threads of these two if the caller did not ask. */
  readonly usualThreads?: number | undefined;
  /** The execution provider of onnxruntime, one of `nodeDevices`. It must start: there is no other one in its place. */
  readonly device?: string | undefined;
  /** The folder of the files of the wasm backend, called when it starts. Without it TensorFlow.js finds them. */
  readonly wasmFolder?: (() => string | undefined) | undefined;
}

/** How the optional runtimes are found. */
export interface Finders {
  readonly onnxruntime: () => Promise<FoundRuntime>;
  readonly ortWeb: () => Promise<FoundRuntime>;
}

type FoundEngine =
  | { readonly engine: Engine; readonly reason?: undefined; readonly remedy?: undefined; readonly error?: undefined }
  | {
      readonly engine?: undefined;
      readonly reason: string;
      readonly remedy: string;
      /** The error to throw if the engine was asked for by name. */
      readonly error?: Error;
    };

interface Factory {
  /** Whether `threads` has a meaning. */
  readonly hasThreads: boolean;
  /** Whether `device` has a meaning. */
  readonly hasDevices?: boolean;
  /** How it compares with the first, for the hint of one that stands in. `auto` never takes an engine without this. */
  readonly pace?: string;
  start(options: NodeEngineOptions, find: Finders): Promise<FoundEngine>;
}

/** The engines of Node, the preferred one first. */
const factories = {
  onnxruntime: {
    hasThreads: true,
    hasDevices: true,
    pace: 'the fastest',
    start: ({ threads, usualThreads, device }, find) => onnxruntime({ threads: threads ?? usualThreads, device }, find),
  },
  // experimental: the provider is in the package of onnxruntime-node, and needs an adapter that Dawn finds (Vulkan, Metal, D3D12)
  webgpu: { hasThreads: false, start: (_, find) => onnxruntime({ device: 'webgpu' }, find) },
  'ort-wasm': {
    hasThreads: true,
    pace: 'several times slower',
    start: ortWasm,
  },
  wasm: { hasThreads: false, pace: 'several times slower', start: ({ wasmFolder }) => foundTfjs('wasm', wasmFolder) },
  cpu: { hasThreads: false, pace: 'a hundred times slower', start: () => foundTfjs('cpu') },
} as const satisfies Readonly<Record<string, Factory>>;

type EngineName = keyof typeof factories;

const isKnown = (name: string): name is EngineName => Object.hasOwn(factories, name);

const factoryOf = (name: EngineName): Factory => factories[name];

/** Names of the engines that `auto` tries, the preferred one first. */
export const nodeEngines = ['onnxruntime', 'ort-wasm', 'wasm', 'cpu'] as const satisfies readonly EngineName[];

/**
 * Starts an engine by name. `auto` takes the first of `nodeEngines` that starts and computes; the engine's `hint` says what
 * was passed over, why, and what to do.
 *
 * @param find loads the runtimes
 * @throws ConfigError for an unknown name, or for `threads` or `device` of an engine that has none, EngineError if the engine cannot start
 */
export async function openNodeEngine(
  name: string,
  options: NodeEngineOptions = {},
  { onnxruntime: find = startOnnxRuntime, ortWeb = startOrtWeb }: Partial<Finders> = {},
): Promise<Engine> {
  const known = ['auto', ...Object.keys(factories)];
  if (name !== 'auto' && !isKnown(name)) throw new ConfigError(unknownName('engine', name, known));
  const finders = { onnxruntime: find, ortWeb };
  checkDevice(name, options.device);
  // a device is of one engine, and nothing stands in for it
  const only = name === 'auto' && options.device !== undefined ? 'onnxruntime' : name;
  if (only === 'auto') return firstThatStarts(options, finders);
  const factory = factoryOf(only as EngineName);
  if (options.threads !== undefined && !factory.hasThreads) {
    throw new ConfigError(
      `\`threads\` is an option of the engines onnxruntime and ort-wasm: ${only} has one thread in Node. Leave it out.`,
    );
  }
  const { engine, reason, remedy, error } = await factory.start(options, finders);
  if (engine) return engine;
  if (error) throw error;
  throw new EngineError(`${reason}${/^[a-z]/.test(remedy) ? ':' : '.'} ${remedy}${insteadOf(only, options.device)}`);
}

const insteadOf = (name: string, device: string | undefined): string => {
  if (device !== undefined) return '. Or leave `device` out: the processor computes then.';
  return name === 'wasm' || name === 'cpu' ? '' : '. Or use the engine "wasm".';
};

/** @throws ConfigError for an unknown device, or for an engine that has none */
function checkDevice(engine: string, device: string | undefined): void {
  if (device === undefined) return;
  const known: readonly string[] = nodeDevices;
  if (!known.includes(device)) throw new ConfigError(unknownName('device', device, nodeDevices));
  if (engine === 'auto' || (isKnown(engine) && factoryOf(engine).hasDevices)) return;
  throw new ConfigError(
    `\`device\` is an option of the engine onnxruntime: ${engine} has no "${device}". Leave one of them out.`,
  );
}

async function firstThatStarts(options: NodeEngineOptions, find: Finders): Promise<Engine> {
  const passed: { readonly reason: string; readonly remedy: string }[] = [];
  for (const name of nodeEngines) {
    const { pace, hasThreads, start } = factoryOf(name);
    const { engine, reason, remedy } = await start(options, find);
    if (!engine) {
      passed.push({ reason, remedy });
      continue;
    }
    const [first, ...others] = passed;
    if (!first) return engine;
    const rest = others.map((one) => ` ${one.reason}: ${one.remedy}.`).join('');
    const unheard = options.threads === undefined || hasThreads ? '' : ` \`threads\` has no effect on ${name}.`;
    return withHint(
      engine,
      `${first.reason}, so ${name} was taken, which is ${pace}. ${first.remedy}.${rest}${unheard}`.replace(/\.$/, ''),
    );
  }
  throw new EngineError(
    `no engine can start. ${passed.map(({ reason, remedy }) => `${reason}. ${remedy}`).join('. ')}`,
  );
}

/** Starts onnxruntime and lets it compute: a driver may start and fail, or compute something else. */
async function onnxruntime(
  { threads, device }: { readonly threads?: number | undefined; readonly device?: string | undefined },
  { onnxruntime: find }: Finders,
): Promise<FoundEngine> {
  const { ort, reason, remedy } = await find();
  if (!ort) return { reason, remedy };
  const engine = device === undefined ? onnxEngine(ort, { threads }) : onDevice(ort, device, threads);
  try {
    await probe(engine);
    return { engine };
  } catch (error) {
    await engine.dispose().catch(() => {}); // why it cannot compute is the error to report
    const found = reasonOf(error);
    if (device !== undefined)
      return { reason: `onnxruntime-node has no "${device}" here (${found})`, remedy: remedies[device] ?? '' };
    return {
      reason: `onnxruntime-node starts, but cannot compute (${found})`,
      remedy: /must be type of/.test(found)
        ? 'It takes arrays of its own realm only. Under Jest use the engine "wasm", or another test runner'
        : 'Check that only one version of it is installed',
    };
  }
}

/** Operations that a device does not have are computed by the processor; outputs come back to the memory of the host. */
function onDevice(ort: OnnxRuntime, device: string, threads: number | undefined): Engine {
  return engineOn(
    onnxDevice(ort, {
      name: device === 'webgpu' ? 'webgpu' : 'onnxruntime',
      detail: device === 'webgpu' ? 'onnxruntime-node, experimental' : device,
      session: { intraOpNumThreads: threads, executionProviders: [device] }, // with a second one, onnxruntime-node passes over the first without an error
    }),
  );
}

const remedies: Readonly<Record<string, string>> = {
  webgpu: 'It is experimental, and needs a graphics adapter with a driver for Vulkan, Metal or Direct3D 12',
  cuda: 'It needs Linux on x64, CUDA 12 and cuDNN 9, and the files that the install script of onnxruntime-node fetches: npm rebuild onnxruntime-node',
  coreml: 'It needs macOS',
  dml: 'It needs Windows with DirectX 12',
};

/** Starts the WebAssembly of onnxruntime-web and lets it compute. */
async function ortWasm({ threads, usualThreads }: NodeEngineOptions, { ortWeb: find }: Finders): Promise<FoundEngine> {
  const { ort, reason, remedy } = await find();
  if (!ort) return { reason, remedy };
  const engine = ortWasmInThread(ort, threads ?? usualThreads);
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

const foundTfjs = (backend: 'wasm' | 'cpu', wasmFolder?: () => string | undefined): Promise<FoundEngine> =>
  tfjs(backend, wasmFolder).then(
    (engine) => ({ engine }),
    (error: Error) => ({ reason: `For ${backend}: ${error.message}`, remedy: 'Install the package again', error }),
  );

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
