import type { Named, Weights } from '../arrays.ts';
import { ConfigError, UnsupportedError } from '../errors.ts';
import type { Source } from '../formats/source.ts';
import { nameOf } from '../library/images.ts';
import { checkModelRef } from '../library/options.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
import { countOf, type Platform, type Progress, type WeightsRef } from '../platform/contract.ts';
import { findEntry, type ZooEntry } from '../zoo/index.ts';
import { fillParts } from './by_module.ts';
import { openWeights } from './weights.ts';

export type ReadConfig = (weights: WeightsRef) => Promise<ModelConfig>;

/** The configuration that weights belong to: their own, or the zoo's entry that they fit. No tensor is read. */
export function configReader(platform: Platform): ReadConfig {
  return async (weights) => {
    const source = await platform.openWeights(weights);
    try {
      return (await openWeights(source)).config;
    } finally {
      await source.close?.();
    }
  };
}

/** Where weights are pulled from, and what is heard of it. */
export interface PullOptions {
  /** A mirror: the address of the file, or of the folder that has it under its name. `MOGANET_MIRROR` where it is not given. */
  readonly from?: string;
  /** Bytes as they come, the size first; and a `notice` for everything that is waited for. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Published weights in the cache. */
export interface PulledModel {
  readonly entry: ZooEntry;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** It was there already: nothing was fetched. */
  readonly cached: boolean;
}

/** Brings the published weights of a model, by its name, into the cache. */
export type PullModel = (name: string, options?: PullOptions) => Promise<PulledModel>;

/** Brings the published weights of a model into the cache; those that are there are checked and kept. */
export function modelPuller(platform: Platform): PullModel {
  /** @throws ConfigError where there is nothing to pull, DownloadError saying what the server or the disk answered */
  return async (name, options = {}) => {
    const entry = findEntry(name);
    if (entry.weights?.shipped) {
      throw new ConfigError(`the weights of ${entry.name} are part of the package: there is nothing to pull.`);
    }
    return { entry, ...(await pullEntry(entry, platform, options)) };
  };
}

/** The file of an entry, from the cache or through it. */
export async function pullEntry(
  { name, weights }: ZooEntry,
  { cache }: Platform,
  { onProgress, ...options }: PullOptions,
): Promise<Omit<PulledModel, 'entry'>> {
  if (!weights?.url) throw new ConfigError(`there are no published weights of ${name}. Give your own as weights.`);
  if (!cache) throw new UnsupportedError(`a page keeps no files. Fetch ${weights.url} and give the bytes as weights.`);
  const text = decodeURIComponent(weights.url.slice(weights.url.lastIndexOf('/') + 1));
  let [done, total] = [0, weights.size ?? 0];
  const show = (notice?: string) =>
    onProgress?.({ stage: 'download', done, total, text, ...(notice !== undefined && { notice }) });
  return cache.pull(
    { ...weights, url: weights.url },
    {
      ...options,
      onBytes: (bytes, whole) => {
        [done, total] = [bytes, whole];
        show();
      },
      onNotice: show,
    },
  );
}

/**
 * A zoo name, or weights with the configuration that they belong to (found from the file where it is left out). Weights
 * by module (`{ backbone: file }`) fill these modules and leave the others to be trained.
 */
export type ModelRef =
  | string
  | { readonly config?: ModelConfig | string; readonly weights?: WeightsRef | Named<WeightsRef> };

export interface ReadOptions extends Tables {
  /** Take the averaged weights where the file has both; the zoo entry decides otherwise. */
  readonly ema?: boolean;
  /** Fetch published weights that are not in the cache yet (Node). Progress of stage `download` says the size first. */
  readonly pull?: boolean;
  /** Changes the configuration before anything is built: drops a head that is not needed, sets a threshold. */
  readonly configure?: (config: ModelConfig) => ModelConfig;
  /** Called as bytes, tensors and parts come. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** A model as it is described, with its weights; nothing runs yet. */
export interface ReadModel {
  readonly definition: ModelDefinition;
  readonly weights: Weights;
  /** Modules that no weights were given for. */
  readonly unfilled: readonly string[];
  /** What the reader of the weights wants known: which set was taken, which entries fit as well. */
  readonly notices: readonly string[];
}

export type Read = (model: ModelRef, options?: ReadOptions) => Promise<ReadModel>;

/** The library's entry to models without an engine, on a platform. */
export function modelReader(platform: Platform): Read {
  return async (ref, options = {}) => {
    checkModelRef(ref, options);
    const { config, weights, emaPublished } = await resolve(ref, options, platform);
    if (isByModule(weights)) return readParts(config, weights, options, platform);
    const { onProgress, configure = (found) => found } = options;
    const source = await open(weights, options, platform);
    try {
      const file = await openWeights(source, { config, emaPublished, ema: options.ema, tables: options });
      const definition = createModel(configure(file.config), options);
      const parameters = modelParameters(definition);
      const count = countOf(onProgress, 'weights', source.name);
      count(0, parameters.filter(({ kind }) => kind !== 'ignored').length);
      const read = await file.fill(parameters, (done, total) => {
        options.signal?.throwIfAborted();
        count(done, total);
      });
      options.signal?.throwIfAborted();
      return { definition, weights: read, unfilled: [], notices: file.notices };
    } finally {
      await source.close?.();
    }
  };
}

type OpenSource = Source & { close?(): Promise<void> };

function open(
  weights: WeightsRef,
  { signal, onProgress }: Pick<ReadOptions, 'signal' | 'onProgress'>,
  platform: Platform,
): Promise<OpenSource> {
  return platform.openWeights(weights, signal, countOf(onProgress, 'download', nameOf(weights)));
}

async function readParts(
  config: ModelConfig | undefined,
  weights: Named<WeightsRef>,
  options: ReadOptions,
  platform: Platform,
): Promise<ReadModel> {
  if (!config) {
    throw new ConfigError(
      `weights by module (${Object.keys(weights).join(', ')}) need the configuration of the model that they go into.`,
    );
  }
  const { configure = (given) => given } = options;
  const definition = createModel(configure(config), options);
  const sources: Record<string, OpenSource> = {};
  const counts: Record<string, ReturnType<typeof countOf>> = {};
  try {
    for (const [name, ref] of Object.entries(weights)) sources[name] = await open(ref, options, platform);
    const filled = await fillParts(definition, sources, {
      ema: options.ema,
      tables: options,
      onTensor: (file, done, total) => {
        options.signal?.throwIfAborted();
        counts[file] ??= countOf(options.onProgress, 'weights', file);
        counts[file](done, total);
      },
    });
    return { definition, ...filled };
  } finally {
    await Promise.all(Object.values(sources).map((source) => source.close?.()));
  }
}

/** A plain object names modules; everything else that is one (an address, bytes) has a class. */
function isByModule(weights: WeightsRef | Named<WeightsRef>): weights is Named<WeightsRef> {
  if (typeof weights !== 'object') return false;
  const prototype = Object.getPrototypeOf(weights);
  return prototype === Object.prototype || prototype === null;
}

interface ResolvedRef {
  readonly config: ModelConfig | undefined;
  readonly weights: WeightsRef | Named<WeightsRef>;
  readonly emaPublished?: boolean | undefined;
}

/** @throws ConfigError for an unknown name, UnsupportedError where the weights are yet to be pulled */
async function resolve(ref: ModelRef, options: ReadOptions, platform: Platform): Promise<ResolvedRef> {
  const { config, weights } = typeof ref === 'string' ? { config: ref, weights: undefined } : ref;
  if (typeof config !== 'string') {
    if (!weights)
      throw new ConfigError('loadModel needs weights: a file, an address or bytes, or the name of a model.');
    return { config, weights };
  }
  const entry = findEntry(config);
  const named = { config: entry.config, emaPublished: entry.weights?.ema };
  return { ...named, weights: weights ?? (await weightsOf(entry, options, platform)) };
}

async function weightsOf(entry: ZooEntry, options: ReadOptions, platform: Platform): Promise<WeightsRef> {
  const { name, weights } = entry;
  if (weights?.shipped) return platform.shippedWeights(weights.shipped);
  if (!weights?.url) throw new UnsupportedError(`there are no published weights of ${name}. Give your own as weights.`);
  const { pull = false, onProgress, signal } = options;
  if (pull || platform.cache?.find({ ...weights, url: weights.url })) {
    return (await pullEntry(entry, platform, { ...(onProgress && { onProgress }), ...(signal && { signal }) })).path;
  }
  throw new UnsupportedError(
    platform.cache
      ? `the weights of ${name} are not here yet. Pull them once: moganet pull ${name} (or allow it here: { pull: true }).`
      : `the weights of ${name} are not shipped. Download ${weights.url} and give the file as weights.`,
  );
}
