import { layouts } from '../backbones/index.ts';
import {
  type Checkpoint,
  fillParameters,
  metaOf,
  openCheckpoint,
  readConfigText,
  renamed,
  type Source,
  stateDictOf,
  type TensorEntry,
} from '../checkpoint/index.ts';
import type { ModelConfig } from '../models/config.ts';
import { checkpointParameters, createModel, type Tables } from '../models/create.ts';
import { fromMm } from '../models/from_mm.ts';
import type { Weights } from '../ndarray.ts';
import type { Parameter } from '../nn/index.ts';
import { knownNames } from '../zoo/index.ts';
import { matchEntry } from '../zoo/match.ts';

/** The metadata key of a safetensors file under which the package keeps a model's configuration. */
export const configKey = 'moganet.config';

export interface WeightsOptions {
  /** The caller's configuration; found from the file where it is left out. */
  readonly config?: ModelConfig | undefined;
  readonly ema?: boolean | undefined;
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
  const { ema = false, prefix, tables } = options;
  const checkpoint = await openCheckpoint(source);
  const dict = stateDictOf(checkpoint, { ema, ...(prefix !== undefined && { prefix }) });
  const notices = [...dict.notices];
  const own = ownConfig(checkpoint, options);
  const { config, entries } = options.config
    ? { config: options.config, entries: inLayoutOf(options.config, dict.entries) }
    : own
      ? { config: own, entries: inLayoutOf(own, dict.entries) }
      : matched(dict.entries, source.name, notices);

  const others = new Set<string>();
  for (const known of [own, config]) {
    if (known) for (const { key } of checkpointParameters(createModel(known, tables))) others.add(key);
  }
  return {
    config,
    entries,
    notices,
    fill: (parameters, onTensor = () => undefined) => {
      const modules = new Set(parameters.map(({ key }) => moduleOf(key)));
      const ignore = (key: string) => others.has(key) || (isBare(config) && !modules.has(moduleOf(key)));
      return fillParameters(parameters, counted(entries, parameters.length, onTensor), { ignore, file: source.name });
    },
  };
}

const moduleOf = (key: string): string => key.slice(0, key.indexOf('.'));

/** A backbone by itself: other parts of the file are not its own. */
const isBare = ({ detector, segmentor, classifier, head }: ModelConfig): boolean =>
  !detector && !segmentor && !classifier && !head;

/** Keys of a bare backbone and of a classifier begin at the root; other publishers' layouts are renamed to that. */
function inLayoutOf(
  { backbone, detector, segmentor, head }: ModelConfig,
  entries: ReadonlyMap<string, TensorEntry>,
): ReadonlyMap<string, TensorEntry> {
  if (detector || segmentor || head) return entries;
  const known = Object.hasOwn(layouts, backbone.type) ? layouts[backbone.type as keyof typeof layouts] : [];
  const layout = known.find(({ has }) => entries.has(has));
  return layout ? renamed(entries, layout.rules) : entries;
}

/** The zoo's entry, by the keys as they are or in one of the layouts that a backbone is published in. */
function matched(entries: ReadonlyMap<string, TensorEntry>, file: string, notices: string[]) {
  const layout = Object.values(layouts)
    .flat()
    .find(({ has, whole }) => entries.has(has) && whole([...entries.keys()]));
  const ours = layout ? renamed(entries, layout.rules) : entries;
  const { entry, others } = matchEntry(new Map([...ours].map(([key, { shape }]) => [key, shape])), file);
  if (others.length > 0) {
    const names = others.map(({ name }) => name).join(', ');
    notices.push(`The weights are taken for ${entry.name}; they fit ${names} as well. Name the model you mean.`);
  }
  return { config: entry.config, entries: ours };
}

/** The file's configuration; one that cannot be used counts only where the caller gave no other. */
function ownConfig(checkpoint: Checkpoint, { config, scale }: WeightsOptions): ModelConfig | undefined {
  try {
    const meta = metaOf(checkpoint);
    const written = meta?.[configKey];
    if (typeof written === 'string') return JSON.parse(written) as ModelConfig;
    const text = meta?.config ?? meta?.cfg;
    const read = typeof text === 'string' ? readConfigText(text, `${checkpoint.name}: meta.config`) : undefined;
    if (!read) return undefined;
    const classes = classNames(meta);
    return fromMm(read, { ...(classes && { classes }), ...(scale && { scale }), namesFor: knownNames });
  } catch (error) {
    if (config) return undefined;
    throw error;
  }
}

/** mmcv 1.x writes `CLASSES`, mmengine `dataset_meta.classes`. */
function classNames(meta: Readonly<Record<string, unknown>> | undefined): readonly string[] | undefined {
  const newer = meta?.dataset_meta as Readonly<Record<string, unknown>> | null | undefined;
  const found = meta?.CLASSES ?? newer?.classes ?? newer?.CLASSES;
  const names = typeof found === 'string' ? [found] : found;
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
}

function counted(
  entries: ReadonlyMap<string, TensorEntry>,
  total: number,
  onTensor: (done: number, total: number) => void,
): ReadonlyMap<string, TensorEntry> {
  let done = 0;
  const report = <T>(value: T): T => {
    onTensor(++done, total);
    return value;
  };
  return new Map(
    [...entries].map(([key, entry]) => [key, { ...entry, readFloat32: async () => report(await entry.readFloat32()) }]),
  );
}
