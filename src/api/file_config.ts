import { type Checkpoint, metaOf, plainValue, readConfigText, type ValuePath, valueAt } from '../checkpoint/index.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, type Tables } from '../models/create.ts';
import { fromMm } from '../models/from_mm.ts';
import { backboneFromMm } from '../models/from_mm_backbones.ts';
import { entries, knownNames } from '../zoo/index.ts';
import { computesAs, type Hints } from '../zoo/match.ts';
import { isNamed } from '../zoo/names.ts';
import { configFromText } from './config_text.ts';

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
    const own = fromMm(read, { ...(classes && { classes }), ...(scale && { scale }), namesFor: knownNames });
    return config ? own : recognised(own, checkpoint.name, tables);
  } catch (error) {
    if (config) return undefined;
    throw error;
  }
}

/** The scale that images are tested at is taken, not read, where mm's text has none (its pipelines are often stored apart). */
export function scaleNotices(checkpoint: Checkpoint, config: ModelConfig, tables?: Tables): string[] {
  if (metaOf(checkpoint)?.[configKey] !== undefined) return [];
  const silent = (['detector', 'segmentor'] as const).filter((head) => config[head] && !config[head].input?.scale);
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
function recognised(own: ModelConfig, file: string, tables?: Tables): ModelConfig {
  const entry = own.name === undefined ? entries.find((one) => isNamed(one, file)) : undefined;
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
