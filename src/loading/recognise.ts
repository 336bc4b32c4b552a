import { entries, type ZooEntry } from '../../configs/index.ts';
import type { Shape } from '../arrays.ts';
import { CheckpointError } from '../errors.ts';
import { type Checkpoint, metaOf, plainValue, readConfigText, type ValuePath, valueAt } from '../formats/index.ts';
import type { ModelConfig } from '../models/config.ts';
import {
  checkpointParameters,
  createModel,
  type ModelDefinition,
  modelParameters,
  type Tables,
} from '../models/create.ts';
import { backboneFromMm } from '../models/mm/backbones.ts';
import { fromMm } from '../models/mm/index.ts';
import { recordPart } from '../nn/index.ts';
import { isNamed } from '../zoo/index.ts';
import { configFromText } from './config_text.ts';

/** What a file says about itself beside its weights. */
export interface Hints {
  /** What it calls the model: the file's name first, then names in its metadata. */
  readonly names?: readonly string[];
  /** Edge of the pictures that it was trained on. */
  readonly size?: number | undefined;
  /** Its backbone, as its publisher's own configuration has it. */
  readonly backbone?: ModelConfig['backbone'] | undefined;
}

export interface Match {
  readonly entry: ZooEntry;
  /** Other entries that fit as well and compute something else, where only the published default decided. */
  readonly others: readonly ZooEntry[];
}

interface Candidate {
  readonly entry: ZooEntry;
  readonly definition: ModelDefinition;
}

/**
 * The zoo entry that a checkpoint without configuration belongs to, by its keys and shapes. Entries that differ only in
 * their weights count as one; its hints say which of them it is. Where networks or preprocessing differ and no hint
 * decides, the published default is taken and the others are named.
 *
 * @param all the entries to choose from
 * @throws CheckpointError listing the nearest entries where none fits, or those that fit where none of them is the default
 */
export function matchEntry(
  shapes: ReadonlyMap<string, Shape>,
  what: string,
  { names = [], size, backbone }: Hints = {},
  all: readonly ZooEntry[] = entries,
): Match {
  for (const name of names) {
    const entry = all.find((one) => isNamed(one, name));
    if (entry && fits(createModel(entry.config), shapes)) return { entry, others: [] };
  }
  const candidates = all.map((entry) => ({ entry, definition: createModel(entry.config) }));
  const fitting = candidates.filter(({ definition }) => fits(definition, shapes));
  if (fitting.length === 0) throw new CheckpointError(`${what}: ${nearest(candidates, shapes)}`);
  const alike = backbone && fitting.filter((one) => computesAs(one.definition, withBackbone(one.entry, backbone)));
  const sized = (found: readonly Candidate[]) =>
    found.filter(({ entry }) => size !== undefined && entry.config.classification?.input?.size === size);
  return defaultOf(
    nonEmpty(
      sized,
      nonEmpty(() => alike ?? [], fitting),
    ),
    what,
  );
}

const withBackbone = ({ config }: ZooEntry, backbone: ModelConfig['backbone']): ModelDefinition =>
  createModel({ ...config, backbone });

/** Those that a hint leaves; one that leaves none is no hint. */
function nonEmpty<T>(narrow: (all: readonly T[]) => readonly T[], all: readonly T[]): readonly T[] {
  const left = narrow(all);
  return left.length > 0 ? left : all;
}

/** Of those that fit, the one that no other is the default of. */
function defaultOf(fitting: readonly Candidate[], what: string): Match {
  const [first, ...more] = distinct(fitting.filter(({ entry }) => !entry.variantOf));
  const chosen = first ?? fitting[0]!;
  if (more.length > 0) {
    const choices = distinct(fitting).map(({ entry }) => `  --model ${entry.name} --weights ${what}`);
    throw new CheckpointError(
      `${what}: the weights fit several models that compute differently, and the file does not say which it is. ` +
        `Name the one you mean:\n${choices.join('\n')}`,
    );
  }
  const own = evaluation(chosen.definition);
  const others = fitting.filter(({ definition }) => evaluation(definition) !== own);
  return { entry: chosen.entry, others: others.map(({ entry }) => entry) };
}

/** The first of those that compute the same. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const firsts = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const key = computation(candidate.definition);
    if (!firsts.has(key)) firsts.set(key, candidate);
  }
  return [...firsts.values()];
}

/** Whether two models compute the same from the same weights and pictures. */
export function computesAs(a: ModelDefinition, b: ModelDefinition): boolean {
  return computation(a) === computation(b);
}

/** All that results depend on beside the weights, but for the size of the pictures. */
function computation({ parts, config }: ModelDefinition): string {
  const { name: _, backbone: __, classification: classifier, ...rest } = config; // the graphs tell more of the backbone than its name
  const input = { ...classifier?.input, size: undefined };
  const graphs = Object.values(parts).map(recordPart);
  return JSON.stringify([rest, input, graphs.map(({ nodes, outputs }) => [nodes, outputs])]);
}

/** All that results depend on beside the weights. */
function evaluation(definition: ModelDefinition): string {
  return `${definition.config.classification?.input.size} ${computation(definition)}`;
}

/** All that the model runs with is there in its shape, and nothing that its published checkpoint has not. */
function fits(definition: ModelDefinition, shapes: ReadonlyMap<string, Shape>): boolean {
  const published = new Map(checkpointParameters(definition).map(({ key, shape }) => [key, shape.join()]));
  for (const [key, shape] of shapes) if (published.get(key) !== shape.join()) return false;
  return modelParameters(definition).every(({ key, kind }) => kind === 'ignored' || shapes.has(key));
}

function nearest(candidates: readonly Candidate[], shapes: ReadonlyMap<string, Shape>): string {
  const rated = candidates.map(({ entry, definition }) => {
    const wanted = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
    const present = wanted.filter(({ key }) => shapes.has(key)).length;
    const equal = wanted.filter(({ key, shape }) => shapes.get(key)?.join() === shape.join()).length;
    return { name: entry.name, wanted: wanted.length, present, equal, extra: shapes.size - present };
  });
  rated.sort((a, b) => b.equal - b.extra - (a.equal - a.extra));
  const lines = rated
    .slice(0, 3)
    .map(
      ({ name, wanted, present, equal }) =>
        `  ${name}: ${present} of ${wanted} keys there, ${equal} in the right shape`,
    );
  return `the weights fit no known model, and the file brings no configuration. Nearest:\n${lines.join('\n')}\nName the configuration yourself (a JSON file or a zoo name).`;
}

/** What a checkpoint says about its model, beside the weights. */

/** The metadata key of a safetensors file under which the package keeps a model's configuration. */
export const configKey = 'moganet.config';

export interface OwnConfigOptions {
  /** The caller's configuration. */
  readonly config?: ModelConfig | undefined;
  /** Test scale of a configuration that is read from mm's text. */
  readonly scale?: readonly [number, number] | undefined;
  readonly tables?: Tables | undefined;
}

/**
 * The file's configuration: our own metadata, or the text of a detector or segmentor of mm. Where the caller gave another,
 * one that cannot be used does not count.
 *
 * @throws ConfigError or UnsupportedError where it is needed and cannot be used
 */
export function ownConfig(
  checkpoint: Checkpoint,
  { config, scale, tables }: OwnConfigOptions,
): ModelConfig | undefined {
  try {
    const meta = metaOf(checkpoint);
    const written = meta?.[configKey];
    if (typeof written === 'string') return configFromText(written, `${checkpoint.name}: ${configKey}`, tables);
    const read = mmConfigOf(checkpoint);
    // mm's classifiers say little of their head and less of their pictures: the zoo knows both
    if (!read || /classif/i.test(`${modelIn(read).type}`)) return undefined;
    const classes = classNames(meta);
    const entry = entries.find((one) => isNamed(one, checkpoint.name));
    const dataset = entry?.config.detection?.dataset ?? entry?.config.segmentation?.dataset;
    const own = fromMm(read, { classes, scale, dataset });
    return config ? own : recognised(own, entry, tables);
  } catch (error) {
    if (config) return undefined;
    throw error;
  }
}

/** The scale that images are tested at is taken, not read, where mm's text has none (its pipelines are often stored apart). */
export function scaleNotices(checkpoint: Checkpoint, config: ModelConfig, tables?: Tables): string[] {
  if (metaOf(checkpoint)?.[configKey] !== undefined) return [];
  const silent = (['detection', 'segmentation'] as const).filter((head) => config[head] && !config[head].input?.scale);
  if (silent.length === 0) return [];
  const resolved = createModel(config, tables).config;
  return silent.map((head) => {
    const scale = resolved[head]!.input.scale.join('×');
    return (
      `The configuration in the file has no test scale: images are fitted between edges of ${scale}, the usual one of a ${head}. ` +
      'Give another as `size` (--size on the command line), or write it into a new file: moganet convert --scale.'
    );
  });
}

type Dict = Readonly<Record<string, unknown>>;

const isDict = (value: unknown): value is Dict => typeof value === 'object' && value !== null;

function mmConfigOf(checkpoint: Checkpoint): Dict | undefined {
  const meta = metaOf(checkpoint);
  const text = meta?.config ?? meta?.cfg;
  if (typeof text !== 'string') return undefined;
  const read: unknown = readConfigText(text, `${checkpoint.name}: meta.config`);
  return isDict(read) ? read : undefined;
}

const modelIn = (config: Dict): Dict => (isDict(config.model) ? config.model : config);

/** mmcv 1.x writes `CLASSES`, mmengine `dataset_meta.classes`. */
function classNames(meta: Dict | undefined): readonly string[] | undefined {
  const newer = meta?.dataset_meta as Dict | null | undefined;
  const found = meta?.CLASSES ?? newer?.classes ?? newer?.CLASSES;
  const names = typeof found === 'string' ? [found] : found;
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
}

/**
 * The configuration under the name of the zoo's entry that the file is called after, if that computes the same: mm's
 * configurations have no name.
 */
function recognised(own: ModelConfig, entry?: ZooEntry, tables?: Tables): ModelConfig {
  const same = entry && computesAs(createModel(entry.config), createModel(own, tables));
  return same ? { ...own, name: entry.name } : own;
}

/**
 * What tells entries with the same keys apart: the file's name, what timm's trainer notes (`arch`, `args`), and the backbone
 * of mm's text.
 */
export function hintsOf(checkpoint: Checkpoint): Hints {
  const at = (...path: ValuePath) => {
    const value = valueAt(checkpoint, path);
    return value === undefined ? undefined : plainValue(checkpoint, value);
  };
  const sizes = [at('args', 'img_size'), [at('args', 'input_size')].flat().at(-1)];
  const size = sizes.find((edge) => typeof edge === 'number');
  const noted = [at('args', 'model'), at('arch')].filter((name) => typeof name === 'string');
  const names = [checkpoint.name, ...noted.flatMap((name) => [`${name}_${size}`, name])];
  return { names, size, backbone: orNothing(() => backboneIn(checkpoint)) };
}

function backboneIn(checkpoint: Checkpoint): ModelConfig['backbone'] | undefined {
  const { backbone } = modelIn(mmConfigOf(checkpoint) ?? {});
  if (!isDict(backbone) || typeof backbone.type !== 'string') return undefined;
  return backboneFromMm({ ...backbone, type: backbone.type });
}

/** A hint that cannot be read is none. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
