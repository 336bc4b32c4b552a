import { type Engine, passes, programOf, type Runner, recordPart } from '../nn/index.ts';
import { Model } from './model.ts';
import { weightsHash } from './origin.ts';
import type { EngineOptions, Platform } from './platform.ts';
import { type ModelRef, modelReader, type ReadModel, type ReadOptions } from './read_model.ts';

export interface LoadOptions extends ReadOptions, EngineOptions {
  /** `auto`, or one of the platform's engines; or an engine of one's own, which the model then owns. */
  readonly engine?: string | Engine;
}

export type LoadModel = (model: ModelRef, options?: LoadOptions) => Promise<Model>;

/** The library's entry on a platform. */
export function modelLoader(platform: Platform): LoadModel {
  const read = modelReader(platform);
  return async (ref, options = {}) => {
    const { signal, onProgress } = options;
    const model = await read(ref, options);
    const hash = weightsHash(model.weights); // beside the engine's start: it is another thread's work
    const engine = await startEngine(options, platform);
    const runners: Record<string, Runner> = {};
    try {
      const parts = runnableParts(model);
      for (const [done, part] of parts.entries()) {
        signal?.throwIfAborted();
        onProgress?.({ stage: 'engine', done, total: parts.length, text: `${engine.name}: ${part.name}` });
        runners[part.name] = await engine.load(programOf(part.name, recordPart(part), model.weights, passes));
      }
      onProgress?.({ stage: 'engine', done: parts.length, total: parts.length, text: engine.name });
    } catch (error) {
      for (const runner of Object.values(runners)) runner.dispose();
      await engine.dispose();
      throw error;
    }
    return new Model({ ...model, sha256: await hash }, runners, engine, platform);
  };
}

/** While a head is without weights, only the trunk below it runs. */
function runnableParts({ definition: { parts, trunk }, unfilled }: ReadModel) {
  if (unfilled.length === 0) return Object.values(parts);
  return unfilled.some((name) => name === 'backbone' || name.startsWith('backbone.')) ? [] : [trunk];
}

export async function startEngine({ engine = 'auto', threads }: LoadOptions, platform: Platform): Promise<Engine> {
  if (typeof engine !== 'string') return engine;
  return platform.openEngine(engine, { ...(threads !== undefined && { threads }) });
}
