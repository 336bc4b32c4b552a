import type { Weights } from '../arrays.ts';
import { type Checkpoint, openCheckpoint, type Source, type TensorEntry } from '../formats/index.ts';
import type { ModelConfig } from '../models/config.ts';
import { checkpointParameters, createModel, type Tables } from '../models/create.ts';
import type { Parameter } from '../nn/index.ts';
import { fillParameters } from './fill.ts';
import { inAnyLayout, inLayoutOf, trunkInLayoutOf } from './layouts.ts';
import { hintsOf, matchEntry, ownConfig, scaleNotices } from './recognise.ts';
import { type StateDict, stateDictOf } from './state_dict.ts';

export { configKey } from './recognise.ts';

export interface WeightsOptions {
  /** The caller's configuration; found from the file where it is left out. */
  readonly config?: ModelConfig | undefined;
  /** Take the averaged weights, or not; without it the zoo entry decides where the file has both. */
  readonly ema?: boolean | undefined;
  /** What the zoo entry of `config` says: the published numbers belong to the averaged weights. */
  readonly emaPublished?: boolean | undefined;
  /** Take only keys that begin with it, and drop it. */
  readonly prefix?: string | undefined;
  /** Test scale of a configuration that is read from mm's text. */
  readonly scale?: readonly [number, number] | undefined;
  readonly tables?: Tables;
}

/** A checkpoint with the configuration that it belongs to; no tensor is read yet. */
export interface WeightsFile {
  readonly config: ModelConfig;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly notices: readonly string[];
  /** All or nothing; tensors of other heads of the file's own configuration are skipped. */
  fill(parameters: readonly Parameter[], onTensor?: (done: number, total: number) => void): Promise<Weights>;
}

/**
 * Opens weights and decides what they are: the caller's configuration, else the one in the file (our own metadata, or
 * mm's `meta.config`), else the zoo's entry with the same keys and shapes.
 *
 * @throws CheckpointError where the file cannot be read or fits nothing known, ConfigError or UnsupportedError where its
 *   own configuration is needed and cannot be used
 */
export async function openWeights(source: Source, options: WeightsOptions = {}): Promise<WeightsFile> {
  const { tables } = options;
  const checkpoint = await openCheckpoint(source);
  const own = ownConfig(checkpoint, options);
  const known = options.config ?? own;
  const found = known
    ? { config: known, dict: chosenSet(checkpoint, options, options.emaPublished), notices: [] }
    : matched(checkpoint, options);
  const { config, dict } = found;
  const { type } = config.backbone;
  const entries = isBare(config)
    ? trunkInLayoutOf(type, dict.entries)
    : inLayoutOf(type, dict.entries, isDense(config));
  const assumed = own && !options.config ? scaleNotices(checkpoint, own, tables) : [];
  const notices = [...dict.notices, ...found.notices, ...assumed];

  return {
    config,
    entries,
    notices,
    fill: (parameters, onTensor) => {
      const modules = new Set(parameters.map(({ key }) => moduleOf(key)));
      const others = publishedKeys(own && own !== config ? [own, config] : [config], tables);
      const ignore = (key: string) => others.has(key) || (isBare(config) && !modules.has(moduleOf(key)));
      return fillParameters(parameters, entries, { ignore, file: source.name, ...(onTensor && { onTensor }) });
    },
  };
}

/** Every key that the checkpoints of these models have, with those that only training needs. */
function publishedKeys(configs: readonly ModelConfig[], tables: Tables | undefined): ReadonlySet<string> {
  const models = configs.map((config) => createModel(config, tables));
  return new Set(models.flatMap((model) => checkpointParameters(model).map(({ key }) => key)));
}

const moduleOf = (key: string): string => key.slice(0, key.indexOf('.'));

/** A model that has the backbone under a name of its own. */
const isDense = ({ detection: detector, segmentation: segmentor, head }: ModelConfig): boolean =>
  Boolean(detector || segmentor || head);

/** A backbone by itself: other parts of the file are not its own. */
const isBare = (config: ModelConfig): boolean => !isDense(config) && !config.classification;

/** The set of weights that the caller, or else the zoo entry, means. */
function chosenSet(checkpoint: Checkpoint, { ema, prefix }: WeightsOptions, published = false): StateDict {
  const take = (averaged: boolean) =>
    stateDictOf(checkpoint, { ema: averaged, ...(prefix !== undefined && { prefix }) });
  if (ema !== undefined) return take(ema);
  const plain = take(false);
  const averaged = published && plain.others.some((set) => set.averaged);
  return averaged ? take(true) : plain;
}

/** The zoo's entry, by the keys as they are or in one of the layouts that a backbone is published in. */
function matched(checkpoint: Checkpoint, options: WeightsOptions) {
  const { entries } = chosenSet(checkpoint, options);
  const ours = inAnyLayout(entries);
  const shapes = new Map([...ours].map(([key, { shape }]) => [key, shape]));
  const { entry, others } = matchEntry(shapes, checkpoint.name, hintsOf(checkpoint));
  const names = others.map(({ name }) => name).join(', ');
  return {
    config: entry.config,
    dict: chosenSet(checkpoint, options, entry.weights?.ema),
    notices: names
      ? [`The weights are taken for ${entry.name}; they fit ${names} as well. Name the model you mean.`]
      : [],
  };
}
