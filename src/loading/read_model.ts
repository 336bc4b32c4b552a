import * as z from 'zod/mini';
import type { Named, Weights } from '../arrays.ts';
import { ConfigError, isRefusal } from '../errors.ts';
import { type CheckpointCode, checkpointContext } from '../formats/context.ts';
import type { Source } from '../formats/source.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
import { countOf, fileName, type OpenSource, type Platform, type WeightsRef } from '../platform/contract.ts';
import { isFile, nameOf } from '../platform/refs.ts';
import { breather, orAborted } from '../turn.ts';
import { foundIn, isObject, validateOptions } from '../validate.ts';
import { hashInName } from '../zoo/index.ts';
import { classNotices } from './foreign_heads.ts';
import { heeding } from './heed.ts';
import { isByModule, type ModelRef, type ReadOptions, readOptions, resolveRef } from './resolve.ts';
import type { ConfiguredModel } from './weights.ts';

/** Imports the module that reads weights and finds their model. A page does so while it loads the first file. */
const reading = () => import('./reading.ts');

/** A model with its weights. Nothing runs yet. */
export interface ReadModel {
  readonly definition: ModelDefinition;
  readonly weights: Weights;
  /** Modules without weights. */
  readonly unfilled: readonly string[];
  /** Notes on the weights, such as the set that was taken, and other models that they fit. */
  readonly notices: readonly string[];
}

/** Reads a model with its weights. */
export type Read = <Options extends ReadOptions = Omit<ReadOptions, keyof Tables>>(
  model: ModelRef<NoInfer<Options>>,
  options?: Options & ReadOptions,
) => Promise<ReadModel>;

/** Returns what `configure` makes of a configuration. @throws ConfigError if that is nothing: it may have changed its argument only */
function configured(config: ModelConfig, configure: NonNullable<ReadOptions['configure']>): ModelConfig {
  const changed: unknown = configure(config);
  if (isObject(changed)) return changed as ModelConfig; // which is checked next
  throw new ConfigError(
    `configure must return the configuration, such as (config) => ({ ...config, name: 'mine' }), got ${foundIn(changed)}.`,
  );
}

/** Returns the function that reads models on a platform. */
export function modelReader(platform: Platform): Read {
  const read = async (ref: ModelRef<Tables>, options: ReadOptions = {}): Promise<ReadModel> => {
    const { model, weights, emaPublished } = await resolveRef(ref, options, platform);
    if (isByModule(weights)) return readModules(model, weights, options, platform);
    const { onProgress, configure, signal, ema, prefix, ignore } = options;
    const loaded = reading();
    loaded.catch(() => {}); // a failure is thrown where it is awaited
    const { source, notices } = await open(weights, options, platform);
    try {
      const { openWeights } = await loaded;
      const file = await openWeights(source, { model, emaPublished, ema, prefix, ignore, tables: options });
      const wanted = configure ? createModel(configured(file.config, configure), options) : file.definition;
      const parameters = modelParameters(wanted);
      const count = countOf(onProgress, 'weights', source.name);
      count(0, parameters.filter(({ kind }) => kind !== 'ignored').length);
      const breathe = breather();
      const filled = await file.fill(parameters, async (done, total) => {
        signal?.throwIfAborted();
        count(done, total);
        await breathe();
      });
      signal?.throwIfAborted();
      return {
        definition: wanted,
        weights: filled,
        unfilled: [],
        notices: [...file.notices, ...notices, ...classNotices(wanted)],
      };
    } catch (error) {
      await discardDamaged(source, error);
      throw error;
    } finally {
      await source.close?.();
    }
  };
  return read as Read; // whose configuration may name the parts of its options only
}

/** Returns the configuration that weights belong to: the one in the file, or that of the published model that they fit. */
export type ReadConfig = (weights: WeightsRef, options?: ReadConfigOptions) => Promise<ModelConfig>;

/** Options of `readConfig`, as those of `readModel`. */
export type ReadConfigOptions = Pick<ReadOptions, 'ema' | 'prefix' | 'ignore' | 'onProgress' | 'signal'>;

/** Returns the function that reads configurations on a platform. It reads no tensor. */
export function configReader(platform: Platform): ReadConfig {
  return async (weights, options = {}) => {
    if (!isFile(weights)) {
      throw new ConfigError(`readConfig takes a file of weights (a path, URL or bytes), got ${foundIn(weights)}.`);
    }
    const { ema, prefix, ignore } = validateOptions(configOptions, options, 'readConfig');
    const { source } = await open(weights, options, platform);
    try {
      const { openWeights } = await reading();
      return (await openWeights(source, { ema, prefix, ignore })).config;
    } finally {
      await source.close?.();
    }
  };
}

const configOptions = z.pick(readOptions, { ema: true, prefix: true, ignore: true, onProgress: true, signal: true });

/** A file of weights that is open, and what the user should know of how it was fetched. */
interface Opened {
  readonly source: OpenSource;
  readonly notices: ReadonlySet<string>;
}

type OpenedBy = Pick<ReadOptions, 'signal' | 'onProgress' | 'cache'>;

/** Opens a file of weights. @throws CheckpointRefusal `checksum` if its publisher's name for it says other bytes */
async function open(weights: WeightsRef, options: OpenedBy, platform: Platform): Promise<Opened> {
  const { signal, onProgress, cache } = options;
  const name = nameOf(weights);
  const count = countOf(onProgress, 'download', name);
  const notices = new Set<string>();
  let [done, total] = [0, 0];
  const opening = platform.openWeights(weights, {
    signal,
    cache,
    onBytes: (bytes, whole, cached) => {
      [done, total] = [bytes, whole];
      count(bytes, whole, cached);
    },
    onNotice: (notice) => {
      notices.add(notice);
      onProgress?.({ stage: 'download', done, total, text: fileName(name), notice });
    },
  });
  const opened = await orAborted(signal, () => opening).catch((error: unknown) => {
    opening.then((late) => late.close?.()).catch(() => {}); // whoever aborted has its reason
    throw error;
  });
  const source = heeding(opened, signal);
  const expected = hashInName(name);
  const found = expected && (await sha256Of(source));
  if (!found || found.startsWith(expected)) return { source, notices };
  await opened.discard?.();
  const reason = `its sha256 is ${found}, and by its name it begins with ${expected}`;
  throw checkpointContext(source.name).refuse('checksum', '', reason);
}

/** The codes that mean other bytes than the publisher's. */
const damaged: readonly string[] = [
  'truncated',
  'checksum',
  'malformed',
  'not-a-checkpoint',
] satisfies CheckpointCode[];

/** Forgets a copy in a cache if it is damaged, so that the next time fetches the file again. */
async function discardDamaged(source: OpenSource, error: unknown): Promise<void> {
  if (isRefusal(error) && damaged.includes(error.code)) await source.discard?.();
}

/** Returns the SHA-256 of a fetched file in hex. Undefined if there is no `crypto.subtle`. */
async function sha256Of(source: Source): Promise<string | undefined> {
  const bytes = await source.read(0, source.size);
  const digest = await globalThis.crypto?.subtle?.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return digest && Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function readModules(
  given: ConfiguredModel | undefined,
  weights: Named<WeightsRef>,
  options: ReadOptions,
  platform: Platform,
): Promise<ReadModel> {
  if (!given) {
    throw new ConfigError(
      `weights by module (${Object.keys(weights).join(', ')}) need a configuration: give the model as config.`,
    );
  }
  const { configure, signal, onProgress, ema, prefix, ignore } = options;
  const definition = configure ? createModel(configured(given.config, configure), options) : given.definition;
  const sources: Record<string, OpenSource> = {};
  const counts: Record<string, ReturnType<typeof countOf>> = {};
  const breathe = breather();
  const notices = new Set<string>();
  try {
    for (const [name, ref] of Object.entries(weights)) {
      const opened = await open(ref, options, platform);
      sources[name] = opened.source;
      for (const notice of opened.notices) notices.add(notice);
    }
    const { fillModules } = await reading();
    const filled = await fillModules(definition, sources, {
      ema,
      prefix,
      ignore,
      tables: options,
      onTensor: async (file, done, total) => {
        signal?.throwIfAborted();
        counts[file] ??= countOf(onProgress, 'weights', file);
        counts[file](done, total);
        await breathe();
      },
    });
    return { definition, ...filled, notices: [...filled.notices, ...notices, ...classNotices(definition)] };
  } finally {
    await Promise.all(Object.values(sources).map((source) => source.close?.()));
  }
}
