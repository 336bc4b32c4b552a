import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';
import { type SafetensorsOptions, type SafetensorsOutput, type Source, writeSafetensors } from '../formats/index.ts';
import type { ModelConfig } from '../models/config.ts';
import { checkpointParameters, createModel, createNamedModel, modelParameters } from '../models/create.ts';
import { written } from '../models/mm/parts.ts';
import { isObject, validate, validateOptions } from '../validate.ts';
import { findEntry } from '../zoo/index.ts';
import { asBackgroundLast } from './foreign_heads.ts';
import { configKey } from './recognise.ts';
import { readOptions } from './resolve.ts';
import { mergeEntries } from './state_dict.ts';
import { type ConfiguredModel, openWeights, reduced } from './weights.ts';

/** One of the checkpoints to join. */
export interface ConvertInput {
  readonly source: Source;
  /** Its model: a configuration, or the name of a published model. By default the one in the file, or that of the published model that it fits. */
  readonly config?: ModelConfig | string | undefined;
  /** Test scale of its head. It replaces the one in its configuration. */
  readonly scale?: readonly [number, number] | undefined;
}

/** Selects what is taken from the checkpoints, and the type of the numbers in the new file. */
export interface ConvertOptions extends SafetensorsOptions {
  /** `true` takes the averaged weights, `false` those that are not averaged. By default what the published entry or the trainer means. */
  readonly ema?: boolean | undefined;
  /** Take only keys that begin with this prefix, and drop it: `backbone.` takes the backbone alone. */
  readonly prefix?: string | undefined;
  /** Keys to leave out. One that ends with a dot stands for all that begin with it. */
  readonly ignore?: readonly string[] | undefined;
  /** Keep the auxiliary head, which only training needs. */
  readonly keepAux?: boolean | undefined;
  /** The model's name in the new configuration. */
  readonly name?: string | undefined;
}

/** A checkpoint that is ready to be written. */
export interface Converted {
  readonly config: ModelConfig;
  /** Number of tensors. */
  readonly tensors: number;
  readonly notices: readonly string[];
  /** The safetensors file, which is made tensor by tensor while it is written. The inputs must stay open until then. */
  readonly output: SafetensorsOutput;
}

/**
 * Joins checkpoints with the same backbone into a safetensors file that contains its configuration, so that it loads without another file.
 *
 * @throws CheckpointError if a file lacks a weight of its configuration, or two files have different values under
 *   one key; ConfigError if their configurations do not make one model
 */
export async function convertCheckpoints(
  inputs: readonly ConvertInput[],
  options: ConvertOptions = {},
): Promise<Converted> {
  validate(inputsSchema, inputs, 'convertCheckpoints');
  const {
    ema,
    prefix,
    ignore,
    keepAux = false,
    name,
    dtype,
  } = validateOptions(optionsSchema, options, 'convertCheckpoints');
  const files: JoinedFile[] = [];
  for (const { source, scale, config: given } of inputs) {
    const model = given === undefined ? undefined : givenModel(given, prefix);
    const { entries, notices, config, fill } = await openWeights(source, { model, ema, prefix, ignore, scale });
    const definition = createNamedModel(scaled(config, scale, source.name), source.name);
    // reads everything once, so that a file which would not load is refused now and not when the new file is used
    await fill(modelParameters(definition));
    files.push({ file: source.name, config: asBackgroundLast(definition.config), entries, notices });
  }
  const joined = joinConfigs(files);
  const definition = createModel({ ...(keepAux ? joined : withoutAuxiliary(joined)), name: name ?? joined.name });
  const parameters = checkpointParameters(definition);
  const known = new Set(parameters.map(({ key }) => key));
  const merged = await mergeEntries(
    files.map(({ file, entries }) => ({ file, entries: new Map([...entries].filter(([key]) => known.has(key))) })),
  );
  const missing = parameters.find(({ key, kind }) => kind !== 'ignored' && !merged.has(key));
  if (missing) throw new ConfigError(`no file has an auxiliary head to keep: ${missing.key} is missing.`);
  const metadata = { format: 'pt', [configKey]: JSON.stringify(definition.config) };
  return {
    config: definition.config,
    tensors: merged.size,
    notices: files.flatMap(({ file, notices }) => notices.map((notice) => `${file}: ${notice}`)),
    output: writeSafetensors(merged, metadata, { dtype }),
  };
}

const isSource = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.read === 'function' &&
  typeof value.size === 'number' &&
  typeof value.name === 'string';

const inputsSchema = z.array(
  z.strictObject(
    {
      source: z.custom(isSource, {
        error: 'must be an opened file, as openFileSource(path) or bytesSource(bytes) give it',
      }),
      config: z.optional(
        z.union([z.string(), z.looseObject({})], { error: 'must be a configuration, or the name of a model' }),
      ),
      scale: z.optional(z.tuple([z.number(), z.number()], { error: 'must be [width, height]' })),
    },
    { error: 'must be { source }, with an opened file' },
  ),
  { error: 'must be a list of { source }' },
);

const optionsSchema = z.strictObject({
  ...z.pick(readOptions, { ema: true, prefix: true, ignore: true }).shape,
  keepAux: z.optional(z.boolean()),
  name: z.optional(z.string()),
  dtype: z.optional(z.enum(['F16', 'F32'])),
});

interface JoinedFile extends Pick<Awaited<ReturnType<typeof openWeights>>, 'entries' | 'notices'> {
  readonly file: string;
  readonly config: ModelConfig;
}

/** Returns the model that the caller names. With the prefix `backbone.` it is the backbone alone. */
function givenModel(given: ModelConfig | string, prefix: string | undefined): ConfiguredModel {
  const config = reduced(typeof given === 'string' ? findEntry(given).config : given, prefix);
  return { config, definition: createModel(config) };
}

/** Sets the test scale of the head. @throws ConfigError if the file has none or several */
function scaled(config: ModelConfig, size: readonly [number, number] | undefined, file: string): ModelConfig {
  if (!size) return config;
  const { detection, segmentation } = config;
  if (!detection === !segmentation) {
    const found = detection ? 'both' : 'neither';
    throw new ConfigError(
      `${file}: a scale needs a file with either detection or segmentation, this one has ${found}.`,
    );
  }
  const scale: [number, number] = [...size];
  return {
    ...config,
    detection: detection && { ...detection, input: { ...detection.input, scale } },
    segmentation: segmentation && { ...segmentation, input: { ...segmentation.input, scale } },
  };
}

/** Makes one model of all heads. Backbone and normalisation must be the same, since they are computed once. */
function joinConfigs(files: readonly JoinedFile[]): ModelConfig {
  const [first, ...others] = files;
  if (!first) throw new ConfigError('no file to convert.');
  let joined = first.config;
  for (const { file, config } of others) {
    for (const field of ['backbone', 'image'] as const) {
      if (JSON.stringify(config[field]) !== JSON.stringify(joined[field])) {
        throw new ConfigError(
          `${file}: its ${field} differs from that of ${first.file}. Heads that share a backbone need the same.`,
        );
      }
    }
    for (const task of ['detection', 'segmentation', 'classification'] as const) {
      if (config[task] && joined[task]) throw new ConfigError(`${file}: another file already has ${task}.`);
    }
    joined = { ...config, ...written(joined) };
  }
  return joined;
}

function withoutAuxiliary({ segmentation, ...rest }: ModelConfig): ModelConfig {
  return { ...rest, segmentation: segmentation && { ...segmentation, auxiliary: undefined } };
}
