import type { Weights } from '../arrays.ts';
import { type Checkpoint, openCheckpoint, type Source, type TensorEntry } from '../formats/index.ts';
import type { ModelConfig } from '../models/config.ts';
import { checkpointParameters, createModel, type ModelDefinition, type Tables } from '../models/create.ts';
import type { Parameter } from '../nn/index.ts';
import { fillParameters } from './fill.ts';
import { backboneInOurLayout, inAnyLayout, inOurLayout } from './layouts.ts';
import { definitionOf, fileConfig, hintsOf, matchEntry, scaleNotices } from './recognise.ts';
import { type StateDict, stateDictOf } from './state_dict.ts';

/** A configuration as it was written, and the model that was built from it. */
export interface ConfiguredModel {
  readonly config: ModelConfig;
  readonly definition: ModelDefinition;
}

/** Options of `openWeights`. */
export interface WeightsOptions {
  /** The caller's model. By default the file decides which it is. */
  readonly model?: ConfiguredModel | undefined;
  /** Take the averaged weights, or the plain ones. By default the published entry decides if the file has both. */
  readonly ema?: boolean | undefined;
  /** The published numbers of `model` belong to the averaged weights. */
  readonly emaPublished?: boolean | undefined;
  /** Take only keys that begin with this prefix, and drop it. */
  readonly prefix?: string | undefined;
  /** Test scale, if the configuration in the file is mm's. */
  readonly scale?: readonly [number, number] | undefined;
  readonly tables?: Tables | undefined;
}

/** A checkpoint with the model that it belongs to. No tensor is read yet. */
export interface WeightsFile extends ConfiguredModel {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly notices: readonly string[];
  /** Reads all of the parameters, or throws as `fillParameters`. Skips tensors of other heads of the file's model. */
  fill(parameters: readonly Parameter[], onTensor?: (done: number, total: number) => void): Promise<Weights>;
}

/**
 * Opens weights and finds their model: the caller's, or else that of the configuration in the file, or else the published one with the
 * same keys and shapes.
 *
 * @throws CheckpointError if the file cannot be read or fits no known model, ConfigError or UnsupportedError if the configuration in it
 *   is needed and cannot be used
 */
export async function openWeights(source: Source, options: WeightsOptions = {}): Promise<WeightsFile> {
  const { tables, scale, model: given } = options;
  const checkpoint = await openCheckpoint(source);
  const written = fileConfig(checkpoint, { known: given !== undefined, scale, tables });
  const own = written && { config: written, definition: createModel(written, tables) };
  const known = given ?? own;
  const found = known
    ? { ...known, dict: chosenSet(checkpoint, options, options.emaPublished), notices: [] }
    : matched(checkpoint, options);
  const { config, definition, dict } = found;
  const { type } = config.backbone;
  const isBare = definition.tasks.length === 0;
  const entries = isBare
    ? backboneInOurLayout(type, dict.entries)
    : inOurLayout(type, dict.entries, !config.classification);
  const assumed = own && !given ? scaleNotices(checkpoint, own.config, own.definition) : [];

  return {
    config,
    definition,
    entries,
    notices: [...dict.notices, ...found.notices, ...assumed],
    fill: (parameters, onTensor) => {
      const modules = new Set(parameters.map(({ key }) => moduleOf(key)));
      let others: ReadonlySet<string> | undefined;
      const ignore = (key: string) => {
        if (isBare && !modules.has(moduleOf(key))) return true;
        others ??= publishedKeys(own ? [own.definition, definition] : [definition]);
        return others.has(key);
      };
      return fillParameters(parameters, entries, { ignore, file: source.name, onTensor });
    },
  };
}

/** Returns all keys in the checkpoints of these models, with those that only training needs. */
function publishedKeys(models: readonly ModelDefinition[]): ReadonlySet<string> {
  return new Set(models.flatMap((model) => checkpointParameters(model).map(({ key }) => key)));
}

/** Returns the first name of a key. */
const moduleOf = (key: string): string => key.slice(0, key.indexOf('.'));

/** Returns the set of weights that the caller asks for, or else the one of the published entry. */
function chosenSet(checkpoint: Checkpoint, { ema, prefix }: WeightsOptions, published = false): StateDict {
  const take = (averaged: boolean) => stateDictOf(checkpoint, { ema: averaged, prefix });
  if (ema !== undefined) return take(ema);
  const plain = take(false);
  const averaged = published && plain.others.some((set) => set.averaged);
  return averaged ? take(true) : plain;
}

/** Finds the published model by the file's keys, in this package's key layout or in that of another publisher. */
function matched(checkpoint: Checkpoint, options: WeightsOptions) {
  const ours = inAnyLayout(chosenSet(checkpoint, options).entries);
  const shapes = new Map([...ours].map(([key, { shape }]) => [key, shape]));
  const { entry, others } = matchEntry(shapes, checkpoint.name, hintsOf(checkpoint));
  const names = others.map(({ name }) => name).join(', ');
  return {
    config: entry.config,
    definition: definitionOf(entry),
    dict: chosenSet(checkpoint, options, entry.weights?.ema),
    notices: names
      ? [`The weights are taken for ${entry.name}. They also fit ${names}: name the model if you mean another.`]
      : [],
  };
}
