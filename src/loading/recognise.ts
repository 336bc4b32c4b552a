import type { Shape } from '../arrays.ts';
import { CheckpointError, shortened } from '../errors.ts';
import { type Checkpoint, metaOf, plainValue, type ValuePath, valueAt } from '../formats/checkpoint.ts';
import type { CheckpointCode, Refuse } from '../formats/context.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import type { ModelConfig } from '../models/config.ts';
import {
  checkpointParameters,
  createNamedModel,
  type ModelDefinition,
  modelParameters,
  type Tables,
} from '../models/create.ts';
import type { Parameter } from '../nn/index.ts';
import { entries, isNamed, type ZooEntry } from '../zoo/index.ts';
import { configFromText } from './config_text.ts';
import { definitionOf } from './definitions.ts';
import { keypointsHint, publisherHint } from './foreign_heads.ts';
import { inAnyLayout, layoutMarks } from './layouts.ts';
import { candidatePrefixes, listed, moduleOf, outermost, severalPrefixes, withoutPrefix } from './prefix.ts';

/** Finds the model that a checkpoint belongs to: by the configuration in it, or by its keys and shapes. */

/** Facts in a file about its model, beside configuration and weights. */
export interface Hints {
  /** Names of the model: the file's name first, then names in its metadata. */
  readonly names?: readonly string[];
  /** Edge in pixels of the images that it was trained on. */
  readonly size?: number | undefined;
  /** The backbone in its publisher's configuration. */
  readonly backbone?: ModelConfig['backbone'] | undefined;
}

/** The published entry that a checkpoint belongs to. */
export interface Match {
  readonly entry: ZooEntry;
  /** Other entries that fit as well and compute something else. Empty if a hint decided. */
  readonly others: readonly ZooEntry[];
}

/**
 * Finds the published entry of a checkpoint without configuration, by its keys and shapes. Entries that differ only in their weights count as
 * one. If networks or preprocessing differ, a hint decides, or else the published default.
 *
 * @param what the name of the file in messages
 * @param all the entries to choose from
 * @throws CheckpointError listing the nearest entries if none fits, or the entries that fit if none is the default
 */
export function matchEntry(
  shapes: ReadonlyMap<string, Shape>,
  what: string,
  { names = [], size, backbone }: Hints = {},
  all: readonly ZooEntry[] = entries,
): Match {
  const fitting = fittingEntries(all, shapes);
  for (const name of names) {
    const entry = all.find((one) => isNamed(one, name));
    if (entry && fitting.includes(entry)) return { entry, others: [] };
  }
  const [first] = fitting;
  if (!first) {
    const entries = new Map([...shapes].map(([key, shape]) => [key, { shape }]));
    const [best] = rated(all, shapes);
    const hint =
      publisherHint([...shapes.keys()]) ?? (best && keypointsHint(entries, wantedOf(definitionOf(best.entry))));
    throw new CheckpointError(`${what}: ${nearest(all, shapes)}${hint === undefined ? '' : ` ${hint}`}`);
  }
  const alike = fitting.filter(
    (entry) => backbone && computesAs(definitionOf(entry), createNamedModel({ ...entry.config, backbone }, what)),
  );
  const left = alike.length > 0 ? alike : fitting;
  const sized = left.filter(({ config }) => size !== undefined && config.classification?.input?.size === size);
  return publishedDefault(sized.length > 0 ? sized : left, first, what);
}

/** Picks the default among the matching entries. */
function publishedDefault(fitting: readonly ZooEntry[], first: ZooEntry, what: string): Match {
  const [chosen = fitting[0] ?? first, ...more] = distinct(fitting.filter(({ variantOf }) => !variantOf));
  if (more.length > 0) {
    const choices = distinct(fitting).map(({ name }) => `  --model ${name} --weights ${what}`);
    throw new CheckpointError(
      `${what}: the weights fit several models that compute differently, and the file does not name its model. ` +
        `Name the model:\n${choices.join('\n')}`,
    );
  }
  const evaluation = evaluationOf(definitionOf(chosen));
  return { entry: chosen, others: fitting.filter((entry) => evaluationOf(definitionOf(entry)) !== evaluation) };
}

/** Returns the first entry of each group that computes the same. */
function distinct(candidates: readonly ZooEntry[]): ZooEntry[] {
  const firsts = new Map<string, ZooEntry>();
  for (const entry of candidates) {
    const computation = computationOf(definitionOf(entry));
    if (!firsts.has(computation)) firsts.set(computation, entry);
  }
  return [...firsts.values()];
}

/** Tells whether two models compute the same from the same weights and images. */
export const computesAs = (a: ModelDefinition, b: ModelDefinition): boolean => computationOf(a) === computationOf(b);

/** Describes everything that results depend on, except for the weights and the size of a classifier's images or of a pose's crops. */
function computationOf({ parts, config }: ModelDefinition): string {
  const { name: _, backbone: __, classification, pose, ...others } = config; // the graphs say more than the backbone's name
  const input = { ...classification?.input, size: undefined };
  const rest = { ...others, pose: pose && { ...pose, input: { ...pose.input, size: undefined } } };
  const graphs = Object.values(parts).map(({ graph: { nodes, outputs } }) => [nodes, outputs]);
  return JSON.stringify([rest, input, graphs]);
}

/** Describes everything that results depend on, except for the weights. */
function evaluationOf(definition: ModelDefinition): string {
  const { classification, pose } = definition.config;
  return `${classification?.input.size} ${JSON.stringify(pose?.input.size)} ${computationOf(definition)}`;
}

/**
 * Counts the tensors of a file that a model does not have. Undefined if the model lacks one that it runs with, or if it is another network:
 * a surplus tensor must belong to no module of a detector or segmentor.
 */
function surplusIn(definition: ModelDefinition, shapes: ReadonlyMap<string, Shape>): number | undefined {
  const parameters = wantedOf(definition);
  if (!parameters.every(({ key }) => shapes.has(key))) return undefined; // without recording the auxiliary head
  const published = new Map(checkpointParameters(definition).map(({ key, shape }) => [key, shape.join()]));
  const modules = new Set(parameters.map(({ key }) => moduleOf(key)));
  const isDense = definition.config.classification === undefined;
  let surplus = 0;
  for (const [key, shape] of shapes) {
    const known = published.get(key);
    if (known === shape.join()) continue;
    if (known !== undefined || !isDense || modules.has(moduleOf(key))) return undefined;
    surplus++;
  }
  return surplus;
}

/** Returns the entries that fit a file with the fewest surplus tensors, mostly none. */
function fittingEntries(all: readonly ZooEntry[], shapes: ReadonlyMap<string, Shape>): ZooEntry[] {
  const rated = all.flatMap((entry) => {
    const surplus = surplusIn(definitionOf(entry), shapes);
    return surplus === undefined ? [] : [{ entry, surplus }];
  });
  const least = Math.min(...rated.map(({ surplus }) => surplus));
  return rated.filter(({ surplus }) => surplus === least).map(({ entry }) => entry);
}

const wanted = new WeakMap<ModelDefinition, readonly Parameter[]>();

/** Returns the parameters that a file must have. */
function wantedOf(definition: ModelDefinition): readonly Parameter[] {
  const known = wanted.get(definition);
  if (known) return known;
  const parameters = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
  wanted.set(definition, parameters);
  return parameters;
}

/** Returns the shapes of tensors by key. */
export const shapesOf = (tensors: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, Shape> =>
  new Map([...tensors].map(([key, { shape }]) => [key, shape]));

/**
 * Returns the prefix before all keys of a published model in an unknown file; if no published model fits, the one with which the nearest
 * does best. Empty if there is none.
 *
 * @throws the refusal of a file that has published models below several prefixes
 */
export function publishedPrefix(tensors: ReadonlyMap<string, TensorEntry>, refuse: Refuse<CheckpointCode>): string {
  const inner = (prefix: string) => shapesOf(inAnyLayout(prefix === '' ? tensors : withoutPrefix(tensors, prefix)));
  const isKnown = (shapes: ReadonlyMap<string, Shape>) => fittingEntries(entries, shapes).length > 0;
  if (isKnown(inner(''))) return '';
  const prefixes = candidatePrefixes(tensors.keys(), publishedMarks());
  const found = outermost(prefixes.filter((prefix) => isKnown(inner(prefix))));
  if (found.length > 1) throw severalPrefixes(found, refuse);
  if (found[0] !== undefined) return found[0];
  const rates = ['', ...prefixes].map((prefix) => ({ prefix, rate: rated(entries, inner(prefix))[0]?.equal ?? 0 }));
  return rates.reduce((best, one) => (one.rate > best.rate ? one : best)).prefix;
}

/** Returns a key of each published model, in every known key layout. */
function publishedMarks(): ReadonlySet<string> {
  const firsts = entries.flatMap((entry) =>
    wantedOf(definitionOf(entry))
      .slice(0, 1)
      .map(({ key }) => key),
  );
  const marks = entries.flatMap(({ config }) => layoutMarks(config.backbone.type));
  return new Set([...firsts, ...marks, ...marks.map((mark) => `backbone.${mark}`)]);
}

/** Orders entries by how well they fit. Those of which the file has no key are no neighbours. */
function rated(all: readonly ZooEntry[], shapes: ReadonlyMap<string, Shape>) {
  return all
    .map((entry) => {
      const parameters = wantedOf(definitionOf(entry));
      const present = parameters.filter(({ key }) => shapes.has(key)).length;
      const equal = parameters.filter(({ key, shape }) => shapes.get(key)?.join() === shape.join()).length;
      return { entry, wanted: parameters.length, present, equal, rate: equal - (shapes.size - present) };
    })
    .filter(({ present }) => present > 0)
    .sort((a, b) => b.rate - a.rate);
}

/** Describes the three entries that fit best. */
function nearest(all: readonly ZooEntry[], shapes: ReadonlyMap<string, Shape>): string {
  const near = rated(all, shapes).slice(0, 3);
  const lines = near.map(
    ({ entry, wanted: count, present, equal }) =>
      `  ${entry.name}: ${present} of ${count} keys there, ${equal} in the right shape`,
  );
  const found =
    lines.length > 0
      ? `Nearest:\n${lines.join('\n')}\n`
      : `No known model has any of its keys: ${listed([...shapes.keys()])}. `;
  const [best] = near;
  const surplus = best && best.equal === best.wanted ? surplusKeys(best.entry, shapes) : [];
  const [key] = surplus;
  const more =
    best && key !== undefined
      ? `${best.entry.name} does not have ${listed(surplus)}. If that is not part of a network, leave it out: ` +
        `{ ignore: ['${shortened(key)}'] } (--ignore ${shortened(key)} on the command line).\n`
      : '';
  return (
    `the weights fit no known model, and the file has no configuration. ${found}${more}` +
    'Name its model: in code { config, weights }, on the command line --model with the name of a model or a JSON file.'
  );
}

function surplusKeys(entry: ZooEntry, shapes: ReadonlyMap<string, Shape>): string[] {
  const published = new Set(checkpointParameters(definitionOf(entry)).map(({ key }) => key));
  return [...shapes.keys()].filter((key) => !published.has(key));
}

/** The metadata key of a safetensors file under which the package keeps a model's configuration. */
export const configKey = 'moganet.config';

/** Options for the configuration in a file. */
export interface FileConfigOptions {
  /** The caller names the model: an unusable configuration in the file is ignored. */
  readonly known: boolean;
  /** Test scale, if the configuration is mm's. */
  readonly scale?: readonly [number, number] | undefined;
  readonly tables?: Tables | undefined;
}

/**
 * Returns the configuration in a file: the package's own metadata, or mm's configuration of a detection, segmentation or pose model.
 *
 * @throws ConfigError or UnsupportedError if it cannot be used and the caller does not name the model
 */
export async function fileConfig(
  checkpoint: Checkpoint,
  { known, scale, tables }: FileConfigOptions,
): Promise<ModelConfig | undefined> {
  try {
    const meta = metaOf(checkpoint);
    const written = meta?.[configKey];
    if (typeof written === 'string') return configFromText(written, `${checkpoint.name}: ${configKey}`, tables);
    if (!hasMmConfig(meta)) return undefined;
    const { configOfMm } = await import('./mm_config.ts'); // a page with other files needs none of it
    const entry = entries.find((one) => isNamed(one, checkpoint.name));
    const { detection, segmentation, pose } = entry?.config ?? {};
    const dataset = detection?.dataset ?? segmentation?.dataset ?? pose?.dataset;
    const config = configOfMm(meta, checkpoint.name, { scale, dataset });
    if (!config) return undefined;
    // mm's configurations have no name: take that of the entry with the file's name, if it computes the same
    const isPublished =
      !known && entry && computesAs(definitionOf(entry), createNamedModel(config, checkpoint.name, tables));
    return isPublished ? { ...config, name: entry.name } : config;
  } catch (error) {
    if (known) return undefined;
    throw error;
  }
}

/** Returns notes on assumed test scales: mm's configurations often lack the pipeline that has them. */
export function scaleNotices(checkpoint: Checkpoint, given: ModelConfig, { config }: ModelDefinition): string[] {
  if (metaOf(checkpoint)?.[configKey] !== undefined) return [];
  return (['detection', 'segmentation'] as const).flatMap((kind) => {
    const task = config[kind];
    if (!task || given[kind]?.input?.scale) return [];
    return (
      `The configuration in the file has no test scale: images are fitted between edges of ${task.input.scale.join('×')}, the usual ` +
      `ones for ${kind}. Give others as \`size\` (--size on the command line), or write them into a new file: moganet convert --scale.`
    );
  });
}

/** Returns hints that tell entries with the same keys apart: the file's name, notes of timm's trainer (`arch`, `args`), and mm's backbone. */
export async function hintsOf(checkpoint: Checkpoint): Promise<Hints> {
  const at = (...path: ValuePath) => {
    const value = valueAt(checkpoint, path);
    return value === undefined ? undefined : plainValue(checkpoint, value);
  };
  const sizes = [at('args', 'img_size'), [at('args', 'input_size')].flat().at(-1)];
  const size = sizes.find((edge) => typeof edge === 'number');
  const noted = [at('args', 'model'), at('arch')].filter((name) => typeof name === 'string');
  const names = [checkpoint.name, ...noted.flatMap((name) => [`${name}_${size}`, name])];
  const meta = metaOf(checkpoint);
  if (!hasMmConfig(meta)) return { names, size };
  const { backboneOfMm } = await import('./mm_config.ts');
  return { names, size, backbone: backboneOfMm(meta, checkpoint.name) };
}

type Meta = Readonly<Record<string, unknown>>;

/** Tells metadata with the text of mm's configuration. */
const hasMmConfig = (meta: Meta | undefined): meta is Meta => typeof (meta?.config ?? meta?.cfg) === 'string';
