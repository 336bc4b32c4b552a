import type { Weights } from '../arrays.ts';
import type { Checkpoint, Source, TensorEntry } from '../formats/index.ts';
import type { ModelConfig } from '../models/config.ts';
import {
  checkpointParameters,
  createNamedModel,
  type ModelDefinition,
  modelParameters,
  type Tables,
} from '../models/create.ts';
import type { Parameter } from '../nn/index.ts';
import { definitionOf } from './definitions.ts';
import { checkParameters, fillParameters, type OnTensor } from './fill.ts';
import { keypointsHint, publisherHint, withBackgroundLast } from './foreign_heads.ts';
import { backboneInOurLayout, inAnyLayout, inOurLayout, layoutMarks, poseHeadInOurLayout } from './layouts.ts';
import { leftOut, listed, moduleOf, withoutPrefix, withoutUniformPrefix } from './prefix.ts';
import { fileConfig, hintsOf, matchEntry, publishedPrefix, scaleNotices, shapesOf } from './recognise.ts';
import { openWhole } from './shards.ts';
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
  /** Take the averaged weights, or those that are not averaged. By default the published entry decides, or the file's trainer. */
  readonly ema?: boolean | undefined;
  /** The published numbers of `model` belong to the averaged weights. */
  readonly emaPublished?: boolean | undefined;
  /** Take only keys that begin with this prefix, and drop it. By default one that all keys of the model have is found and dropped. */
  readonly prefix?: string | undefined;
  /** Keys of the file to leave out. One that ends with a dot stands for all that begin with it. */
  readonly ignore?: readonly string[] | undefined;
  /** The only module that is wanted. The file may hold it alone, under the names inside it. */
  readonly module?: string | undefined;
  /** Test scale, if the configuration in the file is mm's. */
  readonly scale?: readonly [number, number] | undefined;
  readonly tables?: Tables | undefined;
}

/** A checkpoint with the model that it belongs to. No tensor is read yet. */
export interface WeightsFile extends ConfiguredModel {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly notices: readonly string[];
  /** Reads all of the parameters, or throws as `fillParameters`. Skips tensors of other heads of the file's model. */
  fill(parameters: readonly Parameter[], onTensor?: OnTensor): Promise<Weights>;
  /** Throws as `fill` for what does not fit, but reads no tensor. */
  check(parameters: readonly Parameter[]): void;
}

type Tensors = ReadonlyMap<string, TensorEntry>;

/**
 * Opens weights and finds their model: the caller's, or else that of the configuration in the file, or else the published one with the
 * same keys and shapes.
 *
 * @throws CheckpointError if the file cannot be read or fits no known model, ConfigError or UnsupportedError if the configuration in it
 *   is needed and cannot be used
 */
export async function openWeights(source: Source, options: WeightsOptions = {}): Promise<WeightsFile> {
  const { tables, scale, ignore = [], module, model: given } = options;
  const checkpoint = await openWhole(source);
  const read = await fileConfig(checkpoint, { known: given !== undefined, scale, tables });
  const written = read && (given ? read : reduced(read, options.prefix));
  const own = written && { config: written, definition: createNamedModel(written, source.name, tables) };
  const known = given ?? own;
  const found = known ? inKnownModel(checkpoint, known, options) : await matched(checkpoint, options);
  const { config, definition } = found;
  let others: ReadonlySet<string> | undefined;
  const isPublished = (key: string): boolean => {
    others ??= publishedKeys(own ? [own.definition, definition] : [definition]);
    return others.has(key);
  };
  const kept = withoutIgnored(found.entries, ignore);
  const { entries, notices } =
    module === undefined ? withoutSurplus(kept, definition, isPublished) : { entries: kept, notices: [] };
  const publisher = publisherHint([...kept.keys()]);
  const commonOf = (parameters: readonly Parameter[]) => ({
    ignore: isPublished,
    file: source.name,
    hint: publisher ?? keypointsHint(entries, parameters),
  });
  const assumed = own && !given ? scaleNotices(checkpoint, own.config, own.definition) : [];
  return {
    config,
    definition,
    entries,
    notices: [...found.notices, ...notices, ...skippedNotices(checkpoint), ...assumed],
    fill: (parameters, onTensor) => fillParameters(parameters, entries, { ...commonOf(parameters), onTensor }),
    check: (parameters) => void checkParameters(parameters, entries, commonOf(parameters)),
  };
}

/** Names the classes of training state beside the weights, of which nothing is read. */
function skippedNotices({ skipped }: Checkpoint): string[] {
  if (skipped.length === 0) return [];
  return [
    `Training state of ${skipped.length === 1 ? 'the class' : 'the classes'} ${listed(skipped)} was passed over.`,
  ];
}

/** Returns the configuration of what a prefix selects: with `backbone.` the backbone alone. */
export function reduced(config: ModelConfig, prefix: string | undefined): ModelConfig {
  return /(^|\.)backbone\.$/.test(prefix ?? '') ? { backbone: config.backbone, image: config.image } : config;
}

/** Returns all keys in the checkpoints of these models, with those that only training needs. */
function publishedKeys(models: readonly ModelDefinition[]): ReadonlySet<string> {
  return new Set(models.flatMap((model) => checkpointParameters(model).map(({ key }) => key)));
}

/** Leaves out the keys that the caller names. */
function withoutIgnored(entries: Tensors, ignore: readonly string[]): Tensors {
  if (ignore.length === 0) return entries;
  const isIgnored = (key: string) =>
    ignore.some((name) => key === name || (name.endsWith('.') && key.startsWith(name)));
  return new Map([...entries].filter(([key]) => !isIgnored(key)));
}

/**
 * Leaves out what belongs to no module of a model, such as buffers of a loss: nothing computes with it. A surplus key inside a module stays
 * and is refused later, since the network of the file has something there that the model lacks. The same holds for a classifier, whose
 * modules are all at the root, and for a single tensor at the root of a backbone. That a backbone comes from a larger model is not noted.
 */
function withoutSurplus(
  entries: Tensors,
  definition: ModelDefinition,
  isPublished: (key: string) => boolean,
): Pick<WeightsFile, 'entries' | 'notices'> {
  const { config, tasks } = definition;
  if (config.classification) return { entries, notices: [] };
  const isBare = tasks.length === 0;
  const modules = new Set(modelParameters(definition).map(({ key }) => moduleOf(key)));
  const surplus = [...entries.keys()].filter(
    (key) => !modules.has(moduleOf(key)) && !isPublished(key) && !(isBare && !key.includes('.')),
  );
  if (surplus.length === 0) return { entries, notices: [] };
  const gone = new Set(surplus);
  return {
    entries: new Map([...entries].filter(([key]) => !gone.has(key))),
    notices: isBare ? [] : [leftOut(surplus)],
  };
}

/** Returns the set of weights that the caller asks for, or else the one of the published entry. */
function chosenSet(checkpoint: Checkpoint, { ema, prefix, ignore = [] }: WeightsOptions, published = false): StateDict {
  const usual = stateDictOf(checkpoint, { ema, prefix });
  const isOther = ema === undefined && published && !usual.averaged && usual.others.some(({ averaged }) => averaged);
  const dict = isOther ? stateDictOf(checkpoint, { ema: true, prefix }) : usual;
  return { ...dict, entries: withoutIgnored(dict.entries, ignore) };
}

interface Found extends ConfiguredModel {
  readonly entries: Tensors;
  readonly notices: readonly string[];
}

/** Returns the weights of a known model in its key layout, without a prefix before all of its keys. */
function inKnownModel(checkpoint: Checkpoint, model: ConfiguredModel, options: WeightsOptions): Found {
  const { config, definition } = model;
  const dict = chosenSet(checkpoint, options, options.emaPublished);
  const { type } = config.backbone;
  const isBare = definition.tasks.length === 0;
  const rename = (entries: Tensors) => {
    if (isBare) return backboneInOurLayout(type, entries);
    return inOurLayout(type, config.pose ? poseHeadInOurLayout(entries) : entries, !config.classification);
  };
  const keys = modelParameters(definition)
    .filter(({ key, kind }) => kind !== 'ignored' && (options.module ?? moduleOf(key)) === moduleOf(key))
    .map(({ key }) => key);
  const markers = markersOf(type, keys, { isBare, isDense: !config.classification });
  const { entries, notices } = withoutUniformPrefix(
    dict.entries,
    { keys: new Set(keys), markers, rename },
    checkpoint.refuse,
  );
  const ours = withBackgroundLast(config, rename(entries));
  return { config, definition, entries: ours, notices: [...dict.notices, ...notices] };
}

/** Returns keys that a file of a model has in one key layout or another: the first of each module. */
function markersOf(
  type: string,
  keys: readonly string[],
  { isBare, isDense }: { readonly isBare: boolean; readonly isDense: boolean },
): string[] {
  const firsts = new Map([...keys].reverse().map((key) => [moduleOf(key), key]));
  const marks = layoutMarks(type);
  if (isBare) return [...firsts.values(), ...marks].flatMap((key) => [key, `backbone.${key}`]);
  return [...firsts.values(), ...marks.map((mark) => (isDense ? `backbone.${mark}` : mark))];
}

/** Finds the published model by the file's keys, in this package's key layout or in that of another publisher. */
async function matched(checkpoint: Checkpoint, options: WeightsOptions): Promise<Found> {
  const { refuse } = checkpoint;
  const { entries: plain } = chosenSet(checkpoint, options);
  const prefix = publishedPrefix(plain, refuse);
  const inner = prefix === '' ? plain : withoutPrefix(plain, prefix);
  const { entry, others } = matchEntry(shapesOf(inAnyLayout(inner)), checkpoint.name, await hintsOf(checkpoint));
  const found = inKnownModel(
    checkpoint,
    { config: entry.config, definition: definitionOf(entry) },
    {
      ...options,
      emaPublished: entry.weights?.ema,
    },
  );
  const names = others.map(({ name }) => name).join(', ');
  const alike = `The weights are taken for ${entry.name}. They also fit ${names}: name the model if you mean another.`;
  return { ...found, notices: names ? [...found.notices, alike] : found.notices };
}
