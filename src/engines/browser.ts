import { EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import type { BackendName } from './tfjs/backend.ts';
import { type TfjsOptions, tfjsEngine } from './tfjs/engine.ts';

/** The engines of a browser, the preferred one first. */
export const browserEngines: readonly BackendName[] = ['webgl', 'wasm', 'cpu'];

/**
 * Starts an engine by name. `auto` takes the first that starts; its `hint` says why a better one did not.
 *
 * @throws EngineError if the engine, or with `auto` each of them, cannot start
 */
export async function openBrowserEngine(name: string, options: TfjsOptions = {}): Promise<Engine> {
  if (name !== 'auto') {
    if (isBackend(name)) return tfjsEngine(name, options);
    throw new EngineError(unknownName('engine', name, ['auto', ...browserEngines]));
  }
  const failures: Error[] = [];
  for (const backend of browserEngines) {
    try {
      const engine = await tfjsEngine(backend, options);
      return failures.length === 0 ? engine : { ...engine, hint: textOf(failures) };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      failures.push(error);
    }
  }
  throw new EngineError(`no engine can start. ${textOf(failures)}`, { cause: failures });
}

const isBackend = (name: string): name is BackendName => (browserEngines as readonly string[]).includes(name);

const textOf = (failures: readonly Error[]): string => failures.map(({ message }) => message).join(' ');
