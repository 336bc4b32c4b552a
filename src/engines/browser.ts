import { ConfigError, EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { withHint } from './engine.ts';
import { browserEngines } from './names.ts';
import { type Probed, probe } from './probe.ts';
import { engineProber, type ProbeEngines } from './probe_engines.ts';
import { type BackendName, dropBackend, hasStarted } from './tfjs/backend.ts';
import { type TfjsOptions, tfjsEngine } from './tfjs/engine.ts';

/** What an engine of a browser may be started with. */
export interface BrowserEngineOptions extends TfjsOptions {
  /** Only `ort-wasm` has it; refused here. */
  readonly threads?: number | undefined;
}

/**
 * Starts an engine by name. `auto` takes the first that starts and computes a small network right, and wasm before a WebGL that
 * is computed in software or in half precision; its `hint` says why it did not take a better one.
 *
 * @throws ConfigError for an unknown name, EngineError if the engine, or with `auto` each of them, cannot start
 */
export async function openBrowserEngine(
  name: string,
  { threads, ...options }: BrowserEngineOptions = {},
): Promise<Engine> {
  if (name === 'webgpu' || name === 'ort-wasm') {
    throw new ConfigError(
      `the engine ${name} comes with "moganet/ort": import loadModel from there. It needs onnxruntime-web.`,
    );
  }
  if (threads !== undefined) {
    throw new ConfigError(
      '`threads` is an option of the engine ort-wasm, which comes with "moganet/ort". Leave it out.',
    );
  }
  if (name !== 'auto') {
    if (isBackend(name)) return tfjsEngine(name, options);
    throw new ConfigError(unknownName('engine', name, ['auto', ...browserEngines]));
  }
  const passed: string[] = [];
  for (const backend of browserEngines) {
    const found = await tried(backend, options);
    if (!found.engine) passed.push(found.reason);
    else if (backend !== 'webgl' || found.weakness === undefined) return hinted(found.engine, passed);
    else return unlessWasm(found.engine, found.weakness, found.drop, options);
  }
  throw new EngineError(`no engine can start. ${passed.join(' ')}`);
}

/** Returns the engine with what was passed over as its hint. */
export const hinted = (engine: Engine, passed: readonly string[]): Engine =>
  passed.length === 0 ? engine : withHint(engine, passed.join(' '));

/** Returns wasm in place of a weak WebGL, if it starts. */
async function unlessWasm(webgl: Engine, weakness: string, drop: () => void, options: TfjsOptions): Promise<Engine> {
  const better = await tried('wasm', options);
  if (!better.engine) return withHint(webgl, `${weakness}. wasm would be faster or exact: ${better.reason}`);
  await webgl.dispose();
  drop();
  return withHint(better.engine, `${weakness}, so wasm was taken. To use it nevertheless: engine "webgl".`);
}

/** An engine of TensorFlow.js that computes, or why there is none. */
type Tried =
  | {
      readonly engine: Engine;
      readonly weakness: string | undefined;
      /** Takes its backend out of TensorFlow.js once the engine is disposed, unless it ran before. */
      drop(): void;
    }
  | { readonly engine?: undefined; readonly reason: string };

/** Starts an engine and lets it compute. Leaves nothing of one that cannot. */
async function tried(backend: BackendName, options: TfjsOptions): Promise<Tried> {
  const ranBefore = hasStarted(backend);
  const drop = (): void => {
    if (!ranBefore) dropBackend(backend);
  };
  try {
    const engine = await tfjsEngine(backend, options);
    const { weakness } = await probeOrDispose(engine);
    return { engine, weakness, drop };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    drop();
    return { reason: error.message };
  }
}

/** Probes an engine, and disposes one that does not compute. @throws EngineError saying why it does not */
export async function probeOrDispose(engine: Engine): Promise<Probed> {
  try {
    return await probe(engine);
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** Starts WebGL if it is neither computed in software nor in half precision. Leaves nothing of one that is. */
export async function strongWebgl(options: TfjsOptions): Promise<Engine | { readonly reason: string }> {
  const found = await tried('webgl', options);
  if (!found.engine) return { reason: found.reason };
  if (found.weakness === undefined) return found.engine;
  await found.engine.dispose();
  found.drop();
  return { reason: `${found.weakness}.` };
}

/** Returns the function that probes engines of a page. Takes the backends that it has started out of TensorFlow.js again. */
export function probeEnginesOfPage(known: readonly string[], open: (name: string) => Promise<Engine>): ProbeEngines {
  const before = browserEngines.filter(hasStarted);
  return engineProber(known, open, (name) => {
    if (isBackend(name) && !before.includes(name)) dropBackend(name);
  });
}

const isBackend = (name: string): name is BackendName => (browserEngines as readonly string[]).includes(name);
