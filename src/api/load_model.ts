import type { Source } from '../checkpoint/source.ts';
import { ConfigError, UnsupportedError } from '../errors.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, modelParameters, type Tables } from '../models/create.ts';
import type { Weights } from '../ndarray.ts';
import { type Engine, type Parameter, passes, programOf, type Runner, recordPart } from '../nn/index.ts';
import { findEntry } from '../zoo/index.ts';
import { nameOf } from './image.ts';
import { Model } from './model.ts';
import type { EngineOptions, Platform, Progress, WeightsRef } from './platform.ts';
import { openWeights, type WeightsFile } from './weights.ts';

/** A zoo name, or weights with the configuration that they belong to (found from the file where it is left out). */
export type ModelRef = string | { readonly config?: ModelConfig | string; readonly weights?: WeightsRef };

export interface LoadOptions extends EngineOptions, Tables {
  /** `auto`, or one of the platform's engines; or an engine of one's own, which the model then owns. */
  readonly engine?: string | Engine;
  /** Take the averaged weights where the file has both; the zoo entry decides otherwise. */
  readonly ema?: boolean;
  /** Changes the configuration before anything is built: drops a head that is not needed, sets a threshold. */
  readonly configure?: (config: ModelConfig) => ModelConfig;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export type LoadModel = (model: ModelRef, options?: LoadOptions) => Promise<Model>;

/** The library's entry on a platform. */
export function modelLoader(platform: Platform): LoadModel {
  return async (ref, options = {}) => {
    const { signal, onProgress = () => undefined, configure = (config) => config } = options;
    const { config, weights, emaPublished } = resolve(ref, platform);
    const source = await platform.openWeights(weights, signal, (done, total) =>
      onProgress({ stage: 'download', done, total, text: nameOf(weights) }),
    );
    try {
      onProgress({ stage: 'weights', done: 0, total: source.size, text: source.name });
      const file = await openWeights(source, { config, emaPublished, ema: options.ema, tables: options });
      const definition = createModel(configure(file.config), options);
      const parameters = modelParameters(definition);
      const values = await fill(file, parameters, source, options);
      const engine = await startEngine(options, platform);
      const runners: Record<string, Runner> = {};
      try {
        const parts = Object.values(definition.parts);
        for (const [done, part] of parts.entries()) {
          signal?.throwIfAborted();
          onProgress({ stage: 'engine', done, total: parts.length, text: `${engine.name}: ${part.name}` });
          runners[part.name] = await engine.load(programOf(part.name, recordPart(part), values, passes));
        }
        onProgress({ stage: 'engine', done: parts.length, total: parts.length, text: engine.name });
      } catch (error) {
        for (const runner of Object.values(runners)) runner.dispose();
        await engine.dispose();
        throw error;
      }
      return new Model(definition, runners, engine, platform, file.notices);
    } finally {
      await source.close?.();
    }
  };
}

async function fill(
  file: WeightsFile,
  parameters: readonly Parameter[],
  source: Source,
  { signal, onProgress }: LoadOptions,
): Promise<Weights> {
  const values = await file.fill(parameters, (done, total) => {
    signal?.throwIfAborted();
    onProgress?.({ stage: 'weights', done, total, text: source.name });
  });
  signal?.throwIfAborted();
  return values;
}

export async function startEngine({ engine = 'auto', threads }: LoadOptions, platform: Platform): Promise<Engine> {
  if (typeof engine !== 'string') return engine;
  return platform.openEngine(engine, { ...(threads !== undefined && { threads }) });
}

interface ResolvedRef {
  readonly config: ModelConfig | undefined;
  readonly weights: WeightsRef;
  readonly emaPublished?: boolean | undefined;
}

/** @throws ConfigError for an unknown name, UnsupportedError where the weights are the user's download */
function resolve(ref: ModelRef, platform: Platform): ResolvedRef {
  const { config, weights } = typeof ref === 'string' ? { config: ref, weights: undefined } : ref;
  if (typeof config !== 'string') {
    if (!weights)
      throw new ConfigError('loadModel needs weights: a file, an address or bytes, or the name of a model.');
    return { config, weights };
  }
  const entry = findEntry(config);
  const named = { config: entry.config, emaPublished: entry.weights?.ema };
  if (weights) return { ...named, weights };
  if (entry.weights?.shipped) return { ...named, weights: platform.shippedWeights(entry.weights.shipped) };
  throw new UnsupportedError(
    entry.weights?.url
      ? `the weights of ${entry.name} are not shipped. Download ${entry.weights.url} and give the file as weights.`
      : `there are no published weights of ${entry.name}. Give your own as weights.`,
  );
}
