import * as z from 'zod/mini';
import {
  type ConvNextConfig,
  convNextArchs,
  type MogaNetConfig,
  type ResNetConfig,
  type SwinConfig,
  swinArchs,
} from '../../backbones/index.ts';
import { UnsupportedError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ModelConfig } from '../config.ts';
import { fromOfficial } from './moganet.ts';
import { bareType, batchNorm, byType, count, none, plainPart, unneeded, written } from './parts.ts';

/**
 * Reads the backbones of mm model dicts, by their type. Arguments of training and loading do not change the network and are ignored. An
 * argument that would need another network is refused by its name.
 */

type Options = Readonly<Record<string, unknown>>;
type Read = (options: Options) => ModelConfig['backbone'];

const allStages = z.tuple([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]);

/** All stages from a first one on. */
const lastStages = z.array(z.int()).check(
  z.refine((indices) => indices.length > 0 && indices.every((index, i) => index === i + 4 - indices.length), {
    error: 'must list all stages from a first one on',
  }),
);

/** Arguments of training and loading. */
const ignored = {
  type: z.string(),
  init_cfg: z.optional(z.unknown()),
  pretrained: z.optional(z.unknown()),
  frozen_stages: z.optional(z.unknown()),
  with_cp: z.optional(z.unknown()),
  drop_path_rate: z.optional(z.unknown()),
};

const resNetOptions = z.strictObject({
  ...ignored,
  depth: z.union([z.literal(18), z.literal(34), z.literal(50), z.literal(101), z.literal(152)]),
  in_channels: z._default(count, 3),
  stem_channels: z.nullish(z.literal(64)),
  base_channels: z.optional(z.literal(64)),
  num_stages: z.optional(z.literal(4)),
  strides: z.optional(z.tuple([z.literal(1), z.literal(2), z.literal(2), z.literal(2)])),
  dilations: z.optional(z.tuple([z.literal(1), z.literal(1), z.literal(1), z.literal(1)])),
  out_indices: z.optional(allStages),
  style: z._default(z.enum(['pytorch', 'caffe']), 'pytorch'),
  deep_stem: z._default(z.boolean(), false),
  avg_down: z.optional(z.literal(false)),
  conv_cfg: none,
  norm_cfg: z.optional(batchNorm),
  dcn: none,
  stage_with_dcn: z.optional(z.tuple([z.literal(false), z.literal(false), z.literal(false), z.literal(false)])),
  plugins: none,
  multi_grid: none,
  norm_eval: z.optional(z.unknown()),
  zero_init_residual: z.optional(z.unknown()),
  contract_dilation: z.optional(z.unknown()),
});

const resNet =
  (stem?: ResNetConfig['stem']): Read =>
  (options) => {
    const { depth, in_channels, style, deep_stem, norm_cfg } = validate(resNetOptions, options, 'mm model: ResNet');
    return {
      type: 'resnet',
      depth,
      inChannels: in_channels,
      stem: stem ?? (deep_stem ? '3x3' : '7x7'),
      style,
      normEps: norm_cfg?.eps,
    } satisfies ResNetConfig;
  };

/** mmcv's `act_cfg` of the GELU that both families have. */
const gelu = z.optional(z.strictObject({ type: z.literal('GELU') }));
const four = z.tuple([count, count, count, count]);
/** mmpretrain's names for the sizes. */
const sizes = { tiny: 't', small: 's', base: 'b', large: 'l', xlarge: 'xl' } as const;

/** mmpretrain's class takes `arch`, the official class `depths` and `dims`. */
const convNextOptions = z.strictObject({
  ...ignored,
  arch: z._default(
    z.union([z.enum(Object.keys(sizes) as (keyof typeof sizes)[]), z.strictObject({ depths: four, channels: four })]),
    'tiny',
  ),
  depths: z.optional(four),
  dims: z.optional(four),
  in_channels: z.optional(count),
  in_chans: z.optional(count),
  out_indices: lastStages,
  stem_patch_size: z.optional(z.literal(4)),
  norm_cfg: z.optional(z.strictObject({ type: z.literal('LN2d'), eps: z.literal(1e-6), ...unneeded('requires_grad') })),
  act_cfg: gelu,
  linear_pw_conv: z.optional(z.boolean()),
  use_grn: z.optional(z.literal(false)),
  layer_scale_init_value: z.optional(z.number().check(z.positive())),
  gap_before_final_norm: z.optional(z.literal(false)),
});

const convNext: Read = (options) => {
  if (!('out_indices' in options) && 'arch' in options) {
    throw new UnsupportedError(
      'mm model: ConvNeXt without out_indices gives one map. Detection and segmentation read four: [0, 1, 2, 3].',
    );
  }
  const read = validate(convNextOptions, { out_indices: [0, 1, 2, 3], ...options }, 'mm model: ConvNeXt');
  const { arch, depths, dims, in_chans, in_channels = in_chans } = read;
  const named = typeof arch === 'string' ? convNextArchs[sizes[arch]] : { depths: arch.depths, dims: arch.channels };
  return {
    type: 'convnext',
    arch: sizeOf({ depths: depths ?? [...named.depths], dims: dims ?? [...named.dims] }),
    outputNorms: read.out_indices.length < 4 ? read.out_indices : undefined,
    inChannels: in_channels,
  } satisfies ConvNextConfig;
};

/** Returns the name of a published size, or the record itself. */
function sizeOf(arch: Exclude<ConvNextConfig['arch'], string>): ConvNextConfig['arch'] {
  const text = ({ depths, dims }: { depths: readonly number[]; dims: readonly number[] }) => `${depths};${dims}`;
  const names = Object.keys(convNextArchs) as (keyof typeof convNextArchs)[];
  return names.find((name) => text(convNextArchs[name]) === text(arch)) ?? arch;
}

const no = z.optional(z.literal(false));
/** mmdet's and mmseg's class takes `embed_dims`, that of Microsoft's detection repository `embed_dim`. */
const swinOptions = z.strictObject({
  ...ignored,
  embed_dims: z.optional(count),
  embed_dim: z.optional(count),
  depths: z._default(four, [2, 2, 6, 2]),
  num_heads: z._default(four, [3, 6, 12, 24]),
  window_size: z._default(count, 7),
  mlp_ratio: z._default(z.number().check(z.positive()), 4),
  qkv_bias: z._default(z.boolean(), true),
  patch_norm: z._default(z.boolean(), true),
  in_channels: z.optional(count),
  in_chans: z.optional(count),
  out_indices: z._default(lastStages, [0, 1, 2, 3]),
  patch_size: z.optional(z.literal(4)),
  strides: z.optional(z.tuple([z.literal(4), z.literal(2), z.literal(2), z.literal(2)])),
  qk_scale: none,
  use_abs_pos_embed: no,
  ape: no,
  norm_cfg: z.optional(
    z.strictObject({ type: z.literal('LN'), eps: z.optional(z.literal(1e-5)), ...unneeded('requires_grad') }),
  ),
  act_cfg: gelu,
  pretrain_img_size: z.optional(z.unknown()),
  convert_weights: z.optional(z.unknown()),
  use_checkpoint: z.optional(z.unknown()),
  drop_rate: z.optional(z.unknown()),
  attn_drop_rate: z.optional(z.unknown()),
});

const swin: Read = (options) => {
  const read = validate(swinOptions, options, 'mm model: SwinTransformer');
  const { embed_dim = 96, embed_dims = embed_dim, depths, num_heads, in_chans, in_channels = in_chans } = read;
  const arch = { dim: embed_dims, depths, heads: num_heads };
  const names = Object.keys(swinArchs) as (keyof typeof swinArchs)[];
  return {
    type: 'swin',
    arch: names.find((name) => JSON.stringify(swinArchs[name]) === JSON.stringify(arch)) ?? arch,
    window: read.window_size,
    mlpRatio: read.mlp_ratio,
    qkvBias: read.qkv_bias,
    patchNorm: read.patch_norm,
    outputNorms: read.out_indices.length < 4 ? read.out_indices : undefined,
    inChannels: in_channels,
  } satisfies SwinConfig;
};

/** mmpretrain's classes have the names of those of mmdet and mmseg, and give the last map only if `out_indices` is absent. */
function checkOutputs(type: string, options: Options): void {
  if (!/^(mmpretrain|mmcls)\./.test(type) || 'out_indices' in options) return;
  if (bareType(type).startsWith('MogaNet')) return;
  throw new UnsupportedError(
    `mm model: ${bareType(type)} without out_indices gives one map. Detection and segmentation read four: [0, 1, 2, 3].`,
  );
}

const mogaNet = (options: Options): MogaNetConfig => fromOfficial(options).config;

const table: Readonly<Record<string, Read>> = {
  MogaNet: mogaNet,
  MogaNet_feat: mogaNet,
  ResNet: resNet(),
  ResNetV1c: resNet('3x3'),
  ConvNeXt: convNext,
  SwinTransformer: swin,
};

/**
 * Returns the backbone's configuration.
 *
 * @throws UnsupportedError for a type that is not in the table, ConfigError for an argument that the type does not have or
 *   whose value would need a different network
 */
export function backboneFromMm({ type, ...options }: Options & { readonly type: string }): ModelConfig['backbone'] {
  const read = byType(table, type, 'backbone');
  checkOutputs(type, options);
  return written(read(plainPart({ ...options, type }) as Options));
}

/**
 * Reads the backbone of a pose model, whose head reads one stage. mmpose's ResNet gives the last one by default.
 *
 * @returns the backbone with all of its stages, and the first of those that the model's backbone gives
 */
export function poseBackboneFromMm(dict: Options & { readonly type: string }): {
  readonly backbone: ModelConfig['backbone'];
  readonly first: number;
} {
  if (!/^ResNet/.test(bareType(dict.type)))
    return { backbone: backboneFromMm(dict), first: firstStage({ backbone: dict }) };
  const { out_indices = [3], ...rest } = dict;
  const [first = 0] = validate(lastStages, out_indices, 'mm model: ResNet: out_indices');
  return { backbone: backboneFromMm(rest as typeof dict), first }; // a stage that nothing reads has no weights of its own
}

/** Returns the index of the first stage that a model's backbone gives. */
export function firstStage({ backbone: { out_indices } }: { readonly backbone: Options }): number {
  const first: unknown = Array.isArray(out_indices) ? out_indices[0] : 0;
  return typeof first === 'number' && first > 0 ? first : 0;
}

/**
 * Makes a model take every stage of its backbone, since backbones of this package return all of them. If the model's backbone leaves out
 * the first stages, its neck begins at the first remaining one.
 *
 * @throws UnsupportedError for a model without an FPN
 */
export function onWholePyramid<M extends { readonly backbone: Options; readonly neck?: unknown }>(model: M): M {
  const first = firstStage(model);
  if (first === 0) return model;
  const neck = z.looseObject({ type: z.literal('FPN'), start_level: z._default(z.int(), 0) }).safeParse(model.neck);
  if (!neck.success) {
    throw new UnsupportedError(
      `mm model: a backbone whose out_indices begin at ${first} is only supported below an FPN.`,
    );
  }
  return { ...model, neck: { ...neck.data, start_level: neck.data.start_level + first } };
}
