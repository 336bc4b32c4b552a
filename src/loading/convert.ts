import { ConfigError } from '../errors.ts';
import { type SafetensorsOptions, type SafetensorsOutput, type Source, writeSafetensors } from '../formats/index.ts';
import type { ModelConfig } from '../models/config.ts';
import { checkpointParameters, createModel, modelParameters } from '../models/create.ts';
import { mergeEntries } from './state_dict.ts';
import { configKey, openWeights, type WeightsFile } from './weights.ts';

/** One of the checkpoints to join. */
export interface ConvertInput {
  readonly source: Source;
  /** Test scale of its head, in place of the one in its configuration or the field's default. */
  readonly scale?: readonly [number, number];
}

/** What is taken of a checkpoint, and how its numbers are kept. */
export interface ConvertOptions extends SafetensorsOptions {
  /** Take the averaged weights. */
  readonly ema?: boolean;
  /** Take only keys that begin with it, and drop it. */
  readonly prefix?: string;
  /** Keep the auxiliary head, which only training needs. */
  readonly keepAux?: boolean;
  /** The model's name in the new configuration. */
  readonly name?: string;
}

/** A checkpoint as it will be written. */
export interface Converted {
  readonly config: ModelConfig;
  readonly tensors: number;
  readonly notices: readonly string[];
  /** The safetensors file, made tensor by tensor while it is written; the inputs must stay open until then. */
  readonly output: SafetensorsOutput;
}

/**
 * Joins checkpoints on one trunk into a safetensors file that carries its configuration and so loads by itself.
 *
 * @throws CheckpointError where a file does not hold what its configuration needs, or two hold different values under
 *   one key; ConfigError where their configurations do not make one model
 */
export async function convertCheckpoints(
  inputs: readonly ConvertInput[],
  options: ConvertOptions = {},
): Promise<Converted> {
  const { ema, prefix, keepAux = false, name } = options;
  const files: { file: string; opened: WeightsFile }[] = [];
  for (const { source, scale } of inputs) {
    const found = await openWeights(source, { ema, prefix, scale });
    const opened = { ...found, config: scaled(reduced(found.config, prefix), scale, source.name) };
    // reads everything once: what would not load is refused here, not when the new file is used
    await opened.fill(modelParameters(createModel(opened.config)));
    files.push({ file: source.name, opened });
  }
  const joined = joinConfigs(files.map(({ file, opened }) => ({ file, config: opened.config })));
  const definition = createModel({ ...(keepAux ? joined : withoutAuxiliary(joined)), ...(name && { name }) });
  const known = new Set(checkpointParameters(definition).map(({ key }) => key));
  const merged = await mergeEntries(
    files.map(({ file, opened }) => ({
      file,
      entries: new Map([...opened.entries].filter(([key]) => known.has(key))),
    })),
  );
  const missing = checkpointParameters(definition).filter(({ key, kind }) => kind !== 'ignored' && !merged.has(key));
  if (missing.length > 0) {
    throw new ConfigError(`there is no auxiliary head to keep: ${missing[0]!.key} is in none of the files.`);
  }
  const metadata = { format: 'pt', [configKey]: JSON.stringify(definition.config) };
  return {
    config: definition.config,
    tensors: merged.size,
    notices: files.flatMap(({ file, opened }) => opened.notices.map((notice) => `${file}: ${notice}`)),
    output: writeSafetensors(merged, metadata, options.dtype ? { dtype: options.dtype } : {}),
  };
}

/** With the trunk's prefix taken off, the trunk is all that is left of a detector or segmentor. */
function reduced(config: ModelConfig, prefix: string | undefined): ModelConfig {
  if (prefix !== 'backbone.') return config;
  const { backbone, image } = config;
  return { backbone, ...(image && { image }) };
}

function scaled(config: ModelConfig, scale: readonly [number, number] | undefined, file: string): ModelConfig {
  if (!scale) return config;
  const { detection: detector, segmentation: segmentor } = config;
  if (!detector === !segmentor) {
    throw new ConfigError(
      `${file}: a scale belongs to a file with one detector or segmentor, this has ${detector ? 'both' : 'none'}.`,
    );
  }
  const input = { scale: [scale[0], scale[1]] as [number, number] };
  return {
    ...config,
    ...(detector && { detection: { ...detector, input: { ...detector.input, ...input } } }),
    ...(segmentor && { segmentation: { ...segmentor, input: { ...segmentor.input, ...input } } }),
  };
}

/** One model of all heads. Trunk and pixels must be the same, since they are computed once. */
function joinConfigs(files: readonly { readonly file: string; readonly config: ModelConfig }[]): ModelConfig {
  const [first, ...others] = files.map(({ file, config }) => ({ file, config: createModel(config).config }));
  if (!first) throw new ConfigError('there is no file to convert.');
  let joined = first.config;
  for (const { file, config } of others) {
    for (const part of ['backbone', 'image'] as const) {
      if (JSON.stringify(config[part]) !== JSON.stringify(joined[part])) {
        throw new ConfigError(
          `${file}: its ${part} is another than that of ${first.file}. Heads on one trunk need the same.`,
        );
      }
    }
    for (const head of ['detection', 'segmentation', 'classification'] as const) {
      if (config[head] && joined[head]) throw new ConfigError(`${file}: another file has a ${head} already.`);
    }
    joined = { ...config, ...joined };
  }
  return joined;
}

function withoutAuxiliary({ segmentation: segmentor, ...rest }: ModelConfig): ModelConfig {
  if (!segmentor) return rest;
  const { auxiliary: _, ...kept } = segmentor;
  return { ...rest, segmentation: kept };
}
