import type { Weights } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { modelReader, type ReadModel } from '../loading/read_model.ts';
import type { ModelRef, ReadOptions } from '../loading/resolve.ts';
import { freeMemory } from '../memory.ts';
import type { ModelConfig } from '../models/config.ts';
import type { Tables } from '../models/create.ts';
import type { Head } from '../models/custom.ts';
import { type Engine, loadPart, type RecordedPart, type Runner } from '../nn/index.ts';
import { memoryOf } from '../nn/part.ts';
import type { EngineOptions, Platform, WeightsRef } from '../platform/contract.ts';
import { nextTurn } from '../turn.ts';
import { findEntry } from '../zoo/index.ts';
import { checkBackboneCall } from './load_options.ts';
import { type LoadedBackbone, loadedBackbone } from './loaded_backbone.ts';
import type { Model } from './model.ts';

/** Options of `loadModel`. */
export interface LoadOptions extends ReadOptions, EngineOptions {
  /** `auto` (by default), one of the platform's engines by name, or a custom engine, which the model then disposes. */
  readonly engine?: string | Engine | undefined;
}

/** What the custom heads of options decode; unknown if their types do not say. */
export type CustomOf<Options> = Options extends {
  readonly heads: Readonly<Record<string, (...args: never[]) => Head<string, infer Decoded>>>;
}
  ? Decoded
  : unknown;

/** Loads a model with its weights on an engine. `result.custom` has the type that the `heads` of the options decode. */
export type LoadModel = <Options extends LoadOptions = Omit<LoadOptions, keyof Tables>>(
  model: ModelRef<NoInfer<Options>>,
  options?: Options & LoadOptions,
) => Promise<Model<CustomOf<Options>>>;

/** Returns the function that loads models on a platform. */
export function modelLoader(platform: Platform): LoadModel {
  const read = modelReader(platform);
  return async <Options extends LoadOptions>(ref: ModelRef<Options>, given?: Options & LoadOptions) => {
    const options: LoadOptions = given === undefined ? {} : given;
    const model = await read(ref as ModelRef<LoadOptions>, options); // which checks the options
    const { Model } = await import('./model.ts'); // with results and drawing: a page that only begins to load needs none of it
    const stop = new AbortController(); // a load that fails or is aborted leaves no hashing behind
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    // while the engine starts: another thread computes it
    const hashing = weightsHash(model.weights, signal).catch((cause: unknown) => ({ cause }));
    try {
      const { engine, runners } = await onEngine(runnableParts(model), model.weights, options, platform);
      const sha256 = await hashing;
      if (typeof sha256 !== 'object') {
        if (engine.copiesWeights) freeMemory(memoryOf(model.weights));
        return new Model<CustomOf<Options>>({ ...model, sha256 }, runners, engine, platform);
      }
      await free(engine, runners);
      throw sha256.cause;
    } finally {
      stop.abort();
    }
  };
}

/** Parts on an engine. */
interface OnEngine {
  readonly engine: Engine;
  readonly runners: Record<string, Runner>;
}

/** Starts an engine and loads parts on it. If that fails or is aborted, the engine is freed. */
async function onEngine(
  parts: readonly RecordedPart[],
  weights: Weights,
  options: LoadOptions,
  platform: Platform,
): Promise<OnEngine> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const engine = await startEngine(options, platform);
  const runners: Record<string, Runner> = {};
  try {
    for (const [done, part] of parts.entries()) {
      await nextTurn(); // folding and compiling block this thread
      signal?.throwIfAborted();
      onProgress?.({ stage: 'engine', done, total: parts.length, text: `${engine.name}: ${part.name}` });
      runners[part.name] = await loadPart(engine, part, weights);
    }
    signal?.throwIfAborted();
    onProgress?.({ stage: 'engine', done: parts.length, total: parts.length, text: engine.name });
  } catch (error) {
    await free(engine, runners);
    throw error;
  }
  return { engine, runners };
}

async function free(engine: Engine, runners: Readonly<Record<string, Runner>>): Promise<void> {
  for (const runner of Object.values(runners)) runner.dispose();
  await engine.dispose();
}

/** Returns the parts that can run. While a head has no weights, that is the backbone alone. */
function runnableParts({ definition: { parts, pyramid }, unfilled }: ReadModel): readonly RecordedPart[] {
  if (unfilled.length === 0) return Object.values(parts);
  return unfilled.some((name) => name === 'backbone' || name.startsWith('backbone.')) ? [] : [pyramid];
}

/**
 * Starts the engine that the options name. A custom engine is returned as it is.
 *
 * @throws ConfigError for `threads` or `device` beside an engine that has started already
 */
export async function startEngine(
  { engine = 'auto', threads, device }: LoadOptions,
  platform: Platform,
): Promise<Engine> {
  if (typeof engine === 'string') return platform.openEngine(engine, { threads, device });
  const given = Object.entries({ threads, device }).find(([, value]) => value !== undefined);
  if (!given) return engine;
  throw new ConfigError(
    `\`${given[0]}\` has no effect on an engine that has started already. Give it when you create the engine.`,
  );
}

/**
 * Returns the SHA-256 (hex) of weights by their values: of one line per parameter, sorted by key, `key shape sha256`, with the
 * shape as `64x3x3x3` and the hash of the little-endian float32 values. A `.pth` file and the file converted from it have the
 * same hash; averaged and plain weights of one file differ. Returns undefined if there is no `crypto.subtle`.
 *
 * @throws the signal's reason if it is aborted, before the next tensor
 */
export async function weightsHash(weights: Weights, signal?: AbortSignal): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const sha256 = async (bytes: Uint8Array<ArrayBuffer>) =>
    Array.from(new Uint8Array(await subtle.digest('SHA-256', bytes)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  const lines: string[] = [];
  for (const [key, { shape, data }] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1))) {
    signal?.throwIfAborted();
    // tensors are never in shared memory, which `digest` refuses
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    lines.push(`${key} ${shape.join('x')} ${await sha256(bytes)}\n`);
  }
  return sha256(new TextEncoder().encode(lines.join('')));
}

/** Options of `createBackbone`. */
export interface BackboneOptions
  extends Omit<LoadOptions, 'pull' | 'configure' | 'heads' | 'detectors' | 'segmentationHeads'> {
  /** The backbone's checkpoint, or that of any model that contains it. */
  readonly weights: WeightsRef;
}

/** Loads a backbone with its weights, from a configuration or from the name of a model that has it. */
export type CreateBackbone = <Options extends BackboneOptions>(
  config: ModelConfig<NoInfer<Options>>['backbone'] | string,
  options: Options,
) => Promise<LoadedBackbone>;

/** Returns the function that loads bare backbones on a platform. */
export function backboneLoader(platform: Platform): CreateBackbone {
  const read = modelReader(platform);
  return async <Options extends BackboneOptions>(
    given: ModelConfig<Options>['backbone'] | string,
    options: Options,
  ) => {
    checkBackboneCall(given, options);
    const backbone = typeof given === 'string' ? findEntry(given).config.backbone : given;
    const config = { backbone } as ModelConfig<LoadOptions>;
    const { weights, ...others } = options;
    const model = await read<LoadOptions>({ config, weights }, others);
    const loaded = await onEngine([model.definition.pyramid], model.weights, options, platform);
    const { runners } = loaded;
    if (loaded.engine.copiesWeights) freeMemory(memoryOf(model.weights));
    const runner = runners.backbone as Runner; // of the only part
    return loadedBackbone({
      stages: model.definition.stages,
      notices: model.notices,
      run: async (image) => Object.values(await runner.run({ image })),
      free: () => free(loaded.engine, runners),
    });
  };
}
