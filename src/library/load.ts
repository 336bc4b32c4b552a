import type { NDArray } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import { EngineError } from '../errors.ts';
import { type ModelRef, modelReader, type ReadModel, type ReadOptions } from '../loading/read_model.ts';
import { openWeights } from '../loading/weights.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, modelParameters } from '../models/create.ts';
import { type Engine, passes, programOf, type Resident, type Runner, recordPart } from '../nn/index.ts';
import type { EngineOptions, Platform, WeightsRef } from '../platform/contract.ts';
import { weightsHash } from '../results/fields.ts';
import { findEntry } from '../zoo/index.ts';
import { Model } from './model.ts';
import { checkBackbone, checkMap } from './options.ts';

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

export interface BackboneOptions extends LoadOptions {
  /** The backbone's own checkpoint, or that of any model that carries it. */
  readonly weights: WeightsRef;
}

/** A backbone with its weights on an engine. */
export interface LoadedBackbone {
  readonly stages: readonly Stage[];
  /** N×C×H×W, normalised, to the pyramid: one N×C×H×W array per stage, finest first. */
  forward(image: NDArray): Promise<NDArray[]>;
  /** The same with results left on the device, for those who compute on there; the caller disposes them. */
  run(image: NDArray | Resident): Promise<Resident[]>;
  /** Frees the weights on the engine; a second call does nothing. */
  dispose(): Promise<void>;
}

/** Makes a backbone with its weights, from a configuration or from the name of a model that has it. */
export type CreateBackbone = (
  config: ModelConfig['backbone'] | string,
  options: BackboneOptions,
) => Promise<LoadedBackbone>;

/** The library's entry to bare backbones on a platform. */
export function backboneLoader(platform: Platform): CreateBackbone {
  return async (config, options) => {
    checkBackbone(config, options);
    const backbone = typeof config === 'string' ? findEntry(config).config.backbone : config;
    const definition = createModel({ backbone }, options);
    const source = await platform.openWeights(options.weights, options.signal);
    try {
      const file = await openWeights(source, { config: { backbone }, ema: options.ema, tables: options });
      const weights = await file.fill(modelParameters(definition));
      const part = definition.parts.features!;
      const engine = await startEngine(options, platform);
      const runner = await engine.load(programOf(part.name, recordPart(part), weights, passes));
      let disposed = false;
      const run = async (image: NDArray | Resident): Promise<Resident[]> => {
        if (disposed) throw new EngineError('the backbone was disposed. Create it again.');
        return Object.values(await runner.run({ image }));
      };
      return {
        stages: definition.stages,
        run,
        async forward(image) {
          checkMap(image);
          const outputs = await run(image);
          try {
            return await Promise.all(outputs.map((output) => output.read()));
          } finally {
            for (const output of outputs) output.dispose();
          }
        },
        async dispose() {
          if (disposed) return;
          disposed = true;
          runner.dispose();
          await engine.dispose();
        },
      };
    } finally {
      await source.close?.();
    }
  };
}
