import type { Source } from '../checkpoint/source.ts';
import { ConfigError, UnsupportedError } from '../errors.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
import type { Named, Weights } from '../ndarray.ts';
import { findEntry, type ZooEntry } from '../zoo/index.ts';
import { checkModelRef } from './checks.ts';
import { nameOf } from './image.ts';
import { fillParts } from './part_weights.ts';
import type { Platform, Progress, WeightsRef } from './platform.ts';
import { countOf } from './progress.ts';
import { pullEntry } from './pull_model.ts';
import { openWeights } from './weights.ts';

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
