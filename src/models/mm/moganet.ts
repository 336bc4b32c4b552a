import {
  archs,
  type MogaNetArch,
  type MogaNetConfig,
  type MogaNetOptions,
  mogaNetSize,
} from '../../backbones/moganet.ts';
import { ConfigError, unknownName } from '../../errors.ts';

/**
 * The constructor arguments of the official class, as mmdet and mmseg configs and checkpoints hold them, to ours.
 * Everything here comes from files, so every value is checked.
 */

export interface OfficialMogaNet {
  readonly config: MogaNetConfig;
  /** Of the classifier; 0 where there is none (`fork_feat`, as the dense prediction models have it). */
  readonly classes: number;
}

type Args = Readonly<Record<string, unknown>>;

/** Arguments of training and of loading, and those that reach the official `**kwargs`, where nothing reads them. */
const withoutEffect: readonly string[] = [
  'drop_rate',
  'drop_path_rate',
  'init_value',
  'head_init_scale',
  'frozen_stages',
  'init_cfg',
  'pretrained',
  'stem_norm_cfg',
  'conv_norm_cfg',
  'out_indices',
];

const integer = (value: unknown): value is number => Number.isInteger(value);
const listOf =
  <T>(item: (value: unknown) => value is T, length?: number) =>
  (value: unknown): value is T[] =>
    Array.isArray(value) && value.every(item) && (length === undefined || value.length === length);
const oneOf =
  <T>(...known: readonly T[]) =>
  (value: unknown): value is T =>
    known.includes(value as T);
const text = (value: unknown): value is string => typeof value === 'string';
const flag = (value: unknown): value is boolean => typeof value === 'boolean';
const number = (value: unknown): value is number => typeof value === 'number' && value > 0;
const positive = (value: unknown): value is number => integer(value) && value > 0;

interface Argument {
  readonly accepts: (value: unknown) => boolean;
  readonly wanted: string;
  /** The option that it becomes, where one does. */
  readonly option?: keyof MogaNetOptions;
}

const threeNumbers = { accepts: listOf(positive, 3), wanted: 'three positive integers' };
const yesOrNo = { accepts: flag, wanted: 'true or false' };
// which norms exist is for the backbone to say
const norm = { accepts: text, wanted: 'the name of a norm' };

const known: Readonly<Record<string, Argument>> = {
  type: { accepts: oneOf('MogaNet', 'MogaNet_feat'), wanted: 'MogaNet or MogaNet_feat' },
  arch: { accepts: (value) => text(value) || isRecord(value), wanted: 'a size or a record' },
  in_channels: { accepts: positive, wanted: 'a positive integer', option: 'inChannels' },
  num_classes: { accepts: integer, wanted: 'an integer' },
  patch_sizes: { accepts: listOf(positive), wanted: 'a list of positive integers', option: 'patchSizes' },
  patchembed_types: {
    accepts: listOf(oneOf('ConvEmbed', 'Conv')),
    wanted: 'a list of ConvEmbed and Conv',
    option: 'patchEmbedTypes',
  },
  attn_dw_dilation: { ...threeNumbers, option: 'dilations' },
  attn_channel_split: { ...threeNumbers, option: 'channelSplit' },
  attn_act_type: {
    accepts: oneOf('SiLU', 'GELU', 'ReLU', null),
    wanted: 'SiLU, GELU, ReLU or None',
    option: 'activation',
  },
  attn_final_dilation: { ...yesOrNo, option: 'finalDilation' },
  attn_force_fp32: { ...yesOrNo, option: 'doubleActivation' },
  stem_norm_type: { ...norm, option: 'stemNorm' },
  conv_norm_type: { ...norm, option: 'convNorm' },
  fork_feat: yesOrNo,
};

/**
 * @param args `arch` and the other arguments by their official names; `type` may be among them
 * @throws ConfigError for an argument that the official class does not have, or of another kind
 */
export function fromOfficial(args: Args): OfficialMogaNet {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(args)) {
    if (withoutEffect.includes(name)) continue;
    const argument = Object.hasOwn(known, name) ? known[name]! : undefined;
    if (!argument) {
      throw new ConfigError(`MogaNet: ${unknownName('argument', name, [...Object.keys(known), ...withoutEffect])}`);
    }
    if (!argument.accepts(value)) {
      throw new ConfigError(`MogaNet: ${name} is ${argument.wanted}, got ${JSON.stringify(value)}.`);
    }
    if (argument.option) options[argument.option] = value;
  }
  const forkFeat = args.type === 'MogaNet_feat' || args.fork_feat === true;
  const config: MogaNetConfig = {
    type: 'moganet',
    arch: archFrom(args.arch ?? 'tiny'),
    ...(options as MogaNetOptions),
  };
  return { config, classes: forkFeat ? 0 : Math.max(0, (args.num_classes as number | undefined) ?? 1000) };
}

/** An official spelling (`x-tiny`), or a record of exactly embed_dims, depths and ffn_ratios. */
function archFrom(arch: unknown): MogaNetConfig['arch'] {
  if (typeof arch === 'string') {
    const size = mogaNetSize(arch);
    if (size) return size;
    throw new ConfigError(unknownName('MogaNet arch', arch, Object.keys(archs)));
  }
  const record = arch as Args;
  const wanted = { embed_dims: positive, depths: positive, ffn_ratios: number };
  const strange = Object.keys(record).find((key) => !Object.hasOwn(wanted, key));
  if (strange !== undefined) {
    throw new ConfigError(`MogaNet: ${unknownName('key of arch', strange, Object.keys(wanted))}`);
  }
  for (const [key, accepts] of Object.entries(wanted)) {
    if (!listOf(accepts)(record[key])) {
      throw new ConfigError(`MogaNet: arch.${key} is a list of positive numbers, got ${JSON.stringify(record[key])}.`);
    }
  }
  const { embed_dims, depths, ffn_ratios } = record as Readonly<Record<string, number[]>>;
  return { dims: embed_dims!, depths: depths!, ratios: ffn_ratios! } satisfies MogaNetArch;
}

const isRecord = (value: unknown): value is Args =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
