import * as z from 'zod/mini';
import type { Named } from '../arrays.ts';
import { ConfigError, UnsupportedError } from '../errors.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, modelParameters, type Tables } from '../models/create.ts';
import type { Platform, Progress, WeightsCache, WeightsRef } from '../platform/contract.ts';
import { onMirror, publishedName } from '../platform/mirror.ts';
import { isFile } from '../platform/refs.ts';
import { abortSignal, foundIn, isObject, validate, validateOptions } from '../validate.ts';
import { checkEntry, findEntry, type ZooEntry } from '../zoo/index.ts';
import { definitionOf } from './definitions.ts';
import type { ConfiguredModel } from './weights.ts';

/** Finds the model and the file of weights that a caller names. */

/**
 * The name of a published model, or weights with their configuration (by default the one in the file, or that of the published model that
 * they fit). Weights by module (`{ backbone: file }`) fill these modules and leave the others to be trained.
 *
 * @template T the type of the options, whose tables have the custom parts that the configuration names
 */
export type ModelRef<T = object> =
  | string
  | { readonly config?: ModelConfig<T> | string; readonly weights?: WeightsRef | Named<WeightsRef> };

/** Options of `readModel`, which `loadModel` and `createBackbone` also take. */
export interface ReadOptions extends Tables {
  /**
   * `true` takes the averaged weights, whatever the file calls them, and `false` those that are not averaged. By default the published
   * entry decides, or what the file's trainer saves for use.
   */
  readonly ema?: boolean | undefined;
  /** Take only keys of the file that begin with this prefix, and drop it. By default one that all keys of the model have is found and dropped. */
  readonly prefix?: string | undefined;
  /** Keys of the file to leave out, though the model lacks them. One that ends with a dot stands for all that begin with it. */
  readonly ignore?: readonly string[] | undefined;
  /** Download published weights that are not in the cache yet. Progress of stage `download` reports the size first. */
  readonly pull?: boolean | undefined;
  /**
   * A mirror of published weights: the URL of the file, or of the folder that has it under its name; in a page it may be relative. Naming
   * it allows the download. In a page also where the shipped weights are served.
   */
  readonly from?: string | undefined;
  /**
   * Keep weights that a page fetches (browser). They are taken again if the server still has the same file, or does not answer. By default
   * in the cache `moganet-weights` of the page; a text names another, `false` keeps nothing.
   */
  readonly cache?: boolean | string | undefined;
  /** Changes the configuration before anything is built, for example drops a head or sets a threshold. */
  readonly configure?: ((config: ModelConfig) => ModelConfig) | undefined;
  /** Called as bytes, tensors and parts are loaded. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The weights that a caller means. Without a model, the file decides which it is. */
export interface ResolvedRef {
  readonly model: ConfiguredModel | undefined;
  readonly weights: WeightsRef | Named<WeightsRef>;
  /** The published numbers belong to the averaged weights. */
  readonly emaPublished?: boolean | undefined;
}

/**
 * Finds the model and the weights that a reference means.
 *
 * @throws ConfigError for an unknown name or a wrong option, UnsupportedError if the weights have to be downloaded first
 */
export async function resolveRef(
  ref: ModelRef<Tables>,
  options: ReadOptions,
  platform: Platform,
): Promise<ResolvedRef> {
  checkRef(ref, options);
  const { config, weights } = typeof ref === 'string' ? { config: ref, weights: undefined } : ref;
  if (typeof config !== 'string') {
    // a configuration of custom parts is that of the package from here on
    const model = config && { config: config as ModelConfig, definition: createModel<Tables>(config, options) };
    if (!weights) throw new ConfigError('loadModel needs weights: a file, a URL or bytes, or the name of a model.');
    return { model, weights };
  }
  const entry = findEntry(config);
  const custom = options.backbones ?? options.heads ?? options.detectors ?? options.segmentationHeads;
  return {
    model: { config: entry.config, definition: custom ? createModel(entry.config, options) : definitionOf(entry) },
    weights: weights ?? (await publishedWeights(entry, options, platform)),
    emaPublished: entry.weights?.ema,
  };
}

async function publishedWeights(entry: ZooEntry, options: ReadOptions, platform: Platform): Promise<WeightsRef> {
  const { name, weights } = entry;
  const { pull = false, from, onProgress, signal } = options;
  if (weights?.shipped) return platform.shippedWeights(weights.shipped, from);
  if (!weights?.url) throw new UnsupportedError(`there are no published weights of ${name}. Give a file as weights.`);
  const wanted = pull || from !== undefined;
  if (!platform.cache) {
    if (wanted) return from === undefined ? weights.url : onMirror(publishedName(weights.url), from);
    throw new UnsupportedError(
      `the weights of ${name} are not shipped. Serve the file of ${weights.url} (moganet pull ${name} fetches it), and say where: ` +
        "{ from: 'https://your.host/weights/' }; or give a file as weights.",
    );
  }
  if (wanted || platform.cache.find({ ...weights, url: weights.url })) {
    return (await pullEntry(entry, platform.cache, { from, onProgress, signal })).path;
  }
  throw new UnsupportedError(
    `the weights of ${name} are not downloaded yet. Run once: moganet pull ${name} (or allow it: { pull: true }).`,
  );
}

/** The source of a download, and callbacks for its progress. */
export interface PullOptions {
  /** A mirror: the URL of the file, or of the folder that has it under its name. By default `MOGANET_MIRROR`. */
  readonly from?: string | undefined;
  /** Called with the size, then with the bytes as they arrive, and with a `notice` when the download has to wait. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Published weights in the cache. */
export interface PulledModel {
  readonly entry: ZooEntry;
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  readonly sha256: string;
  /** True if the file was in the cache and nothing was downloaded. */
  readonly cached: boolean;
}

/** Downloads the published weights of a model, by its name, into the cache. */
export type PullModel = (name: string, options?: PullOptions) => Promise<PulledModel>;

/**
 * Returns the function that downloads published weights. It throws a ConfigError if there is nothing to download, and a DownloadError saying
 * what the server or the disk answered.
 */
export function modelPuller({ cache }: { readonly cache: WeightsCache }): PullModel {
  return async (name, options = {}) => {
    const entry = findEntry(name);
    validateOptions(pullOptions, options, 'pullModel');
    if (entry.weights?.shipped) {
      throw new ConfigError(`the weights of ${entry.name} are part of the package: there is nothing to pull.`);
    }
    return { entry, ...(await pullEntry(entry, cache, options)) };
  };
}

/** Returns the function that finds published weights in the cache of a platform. */
export function cacheReader({ cache }: Platform): (entry: ZooEntry) => string | undefined {
  return (entry) => {
    checkEntry(entry, 'cachedWeights');
    const { weights } = entry;
    return weights?.url ? cache?.find({ ...weights, url: weights.url }) : undefined;
  };
}

async function pullEntry(
  entry: ZooEntry,
  cache: WeightsCache,
  { onProgress, ...options }: PullOptions,
): Promise<Omit<PulledModel, 'entry'>> {
  const { name, weights, config } = entry;
  if (!weights?.url) throw new ConfigError(`there are no published weights of ${name}. Give a file as weights.`);
  const text = decodeURIComponent(weights.url.slice(weights.url.lastIndexOf('/') + 1));
  let [done, total] = [0, weights.size ?? 0];
  const show = (notice?: string) => onProgress?.({ stage: 'download', done, total, text, notice });
  return cache.pull(
    { ...weights, url: weights.url },
    {
      ...options,
      check: async (file) => {
        const { openWeights } = await import('./reading.ts');
        const definition = definitionOf(entry);
        const opened = await openWeights(file, { model: { config, definition }, emaPublished: weights.ema });
        opened.check(modelParameters(definition));
      },
      onBytes: (bytes, whole) => {
        [done, total] = [bytes, whole];
        show();
      },
      onNotice: show,
    },
  );
}

/** Tells whether weights are given by module: a plain object. A URL and bytes have a class. */
export function isByModule(weights: unknown): weights is Named<WeightsRef> {
  if (typeof weights !== 'object' || weights === null) return false;
  const prototype: unknown = Object.getPrototypeOf(weights);
  return prototype === Object.prototype || prototype === null;
}

const isCall = (value: unknown): boolean => typeof value === 'function';
const call = z.custom(isCall, { error: 'must be a function' });
const isPart = (value: unknown): boolean => isObject(value) && isObject(value.config) && isCall(value.make);
const table = (of: string, each: (value: unknown) => boolean) =>
  z.custom((value) => isObject(value) && Object.values(value).every(each), {
    error: `must be a table of ${of} by type`,
  });

/** The schema of the options of `readModel` and `loadModel`. The platform's engines check `threads`. */
export const readOptions = z.strictObject({
  backbones: z.optional(table('functions that make backbones', isCall)),
  heads: z.optional(table('functions that make heads', isCall)),
  detectors: z.optional(table('detectors ({ config, make })', isPart)),
  segmentationHeads: z.optional(table('segmentation heads ({ config, make })', isPart)),
  ema: z.optional(z.boolean()),
  prefix: z.optional(z.string().check(z.minLength(1))),
  ignore: z.optional(z.array(z.string(), { error: 'must be a list of keys' })),
  pull: z.optional(z.boolean()),
  from: z.optional(z.string().check(z.minLength(1))),
  cache: z.optional(
    z.union([z.boolean(), z.string().check(z.minLength(1))], { error: 'must be true, false or the name of a cache' }),
  ),
  configure: z.optional(call),
  onProgress: z.optional(call),
  signal: z.optional(abortSignal),
  threads: z.optional(z.unknown()),
  device: z.optional(z.string()),
  engine: z.optional(
    z.custom((value) => typeof value === 'string' || (isObject(value) && typeof value.load === 'function'), {
      error: 'must be the name of an engine, or an engine',
    }),
  ),
});

const pullOptions = z.strictObject({
  from: z.optional(z.string()),
  onProgress: z.optional(call),
  signal: z.optional(abortSignal),
});

const isModules = (value: unknown): boolean =>
  isByModule(value) && Object.keys(value).length > 0 && Object.values(value).every(isFile);

const refSchema = z.strictObject({
  config: z.optional(
    z.custom(
      (value) =>
        typeof value === 'string' ||
        (isObject(value) && isObject(value.backbone) && typeof value.backbone.type === 'string'),
      { error: 'must be the name of a model, or a configuration with backbone.type' },
    ),
  ),
  weights: z.optional(
    z.custom((value) => (isFile(value) ? value !== '' : isModules(value)), {
      error: 'must be a file, a URL or bytes, or these by module',
    }),
  ),
});

/** Checks the arguments of `readModel` and `loadModel`. @throws ConfigError */
function checkRef(ref: unknown, options: unknown): void {
  if (typeof ref !== 'string') {
    if (!isObject(ref) || isFile(ref)) {
      throw new ConfigError(
        `a model is its name, or { config, weights }, got ${foundIn(ref)}. A file alone is { weights: file }.`,
      );
    }
    validate(refSchema, ref, 'model');
  }
  validateOptions(readOptions, options, 'loadModel');
}
