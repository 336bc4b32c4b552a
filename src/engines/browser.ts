import { EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { type BackendName, type TfjsOptions, tfjsEngine } from './tfjs/index.ts';

/** The engines of a browser, the preferred one first. */
export const browserEngines: readonly BackendName[] = ['webgl', 'wasm', 'cpu'];

/** @throws EngineError naming every engine that was tried and why it does not start */
export async function openBrowserEngine(name: string, options: TfjsOptions & { threads?: number } = {}): Promise<Engine> {
  if (name !== 'auto') {
    if (!browserEngines.includes(name as BackendName))
      throw new EngineError(unknownName('engine', name, browserEngines));
    return tfjsEngine(name as BackendName, options);
  }
  const failures: unknown[] = [];
  for (const backend of browserEngines) {
    try {
      return await tfjsEngine(backend, options);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new EngineError(`no engine starts here: ${failures.map(String).join(' ')}`, { cause: failures });
}
