import { ConfigError, EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { withHint } from './engine.ts';
import { browserEngines } from './names.ts';
import { probe } from './probe.ts';
import { type BackendName, dropBackend, startedBackend } from './tfjs/backend.ts';
import { type TfjsOptions, tfjsEngine } from './tfjs/engine.ts';
import { weaknessOf } from './tfjs/webgl.ts';

/** What an engine of a browser may be started with. */
export interface BrowserEngineOptions extends TfjsOptions {
  /** Only `ort-wasm` has it; refused here. */
  readonly threads?: number | undefined;
}

/**
 * Starts an engine by name. `auto` takes the first that starts and computes, and wasm before a WebGL that is computed in
 * software or in half precision; its `hint` says why it did not take a better one.
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
  const failures: Error[] = [];
  for (const backend of browserEngines) {
    const wasRunning = startedBackend(backend) !== undefined;
    try {
      const engine = await started(backend, options);
      const instance = startedBackend(backend);
      const weakness = backend === 'webgl' && instance ? weaknessOf(instance) : undefined;
      if (weakness === undefined) return failures.length === 0 ? engine : withHint(engine, textOf(failures));
      const better = await started('wasm', options).catch((error: Error) => error);
      if (better instanceof Error)
        return withHint(engine, `${weakness}. wasm would be faster or exact: ${better.message}`);
      await engine.dispose();
      if (!wasRunning) dropBackend(backend);
      return withHint(better, `${weakness}, so wasm was taken. To use it nevertheless: engine "webgl".`);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (!wasRunning) dropBackend(backend);
      failures.push(error);
    }
  }
  throw new EngineError(`no engine can start. ${textOf(failures)}`, { cause: failures });
}

const started = async (backend: BackendName, options: TfjsOptions): Promise<Engine> =>
  computing(await tfjsEngine(backend, options));

/** Returns an engine that computes; disposes one that does not. @throws EngineError saying why it does not */
export async function computing(engine: Engine): Promise<Engine> {
  try {
    await probe(engine);
  } catch (error) {
    await engine.dispose();
    throw error;
  }
  return engine;
}

/** Starts WebGL if it is neither computed in software nor in half precision. Leaves nothing of one that is. */
export async function strongWebgl(options: TfjsOptions): Promise<Engine | undefined> {
  const wasRunning = startedBackend('webgl') !== undefined;
  const engine = await started('webgl', options).catch((error: unknown) => {
    if (!(error instanceof EngineError)) throw error;
    return undefined;
  });
  const instance = startedBackend('webgl');
  if (engine && instance && weaknessOf(instance) === undefined) return engine;
  await engine?.dispose();
  if (!wasRunning) dropBackend('webgl');
  return undefined;
}

const isBackend = (name: string): name is BackendName => (browserEngines as readonly string[]).includes(name);

const textOf = (failures: readonly Error[]): string => failures.map(({ message }) => message).join(' ');
