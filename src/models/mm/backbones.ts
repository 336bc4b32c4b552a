import * as z from 'zod';
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

/** Arguments of training and loading. */
const ignored = {
  type: z.string(),
  init_cfg: z.unknown().optional(),
  pretrained: z.unknown().optional(),
  frozen_stages: z.unknown().optional(),
  with_cp: z.unknown().optional(),
  drop_path_rate: z.unknown().optional(),
};

const resNetOptions = z.strictObject({
  ...ignored,
  depth: z.union([z.literal(18), z.literal(34), z.literal(50), z.literal(101), z.literal(152)]),
  in_channels: count.default(3),
  stem_channels: z.literal(64).nullish(),
  base_channels: z.literal(64).optional(),
  num_stages: z.literal(4).optional(),
  strides: z.tuple([z.literal(1), z.literal(2), z.literal(2), z.literal(2)]).optional(),
  dilations: z.tuple([z.literal(1), z.literal(1), z.literal(1), z.literal(1)]).optional(),
  out_indices: allStages.optional(),
  style: z.enum(['pytorch', 'caffe']).default('pytorch'),
  deep_stem: z.boolean().default(false),
  avg_down: z.literal(false).optional(),
  conv_cfg: none,
  norm_cfg: batchNorm.optional(),
  dcn: none,
  stage_with_dcn: z.tuple([z.literal(false), z.literal(false), z.literal(false), z.literal(false)]).optional(),
  plugins: none,
  multi_grid: none,
  norm_eval: z.unknown().optional(),
  zero_init_residual: z.unknown().optional(),
  contract_dilation: z.unknown().optional(),
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
const gelu = z.strictObject({ type: z.literal('GELU') }).optional();
const four = z.tuple([count, count, count, count]);
/** mmpretrain's names for the sizes. */
const sizes = { tiny: 't', small: 's', base: 'b', large: 'l', xlarge: 'xl' } as const;

/** mmpretrain's class takes `arch`, the official class `depths` and `dims`. */
const convNextOptions = z.strictObject({
  ...ignored,
  arch: z
    .union([z.enum(Object.keys(sizes) as (keyof typeof sizes)[]), z.strictObject({ depths: four, channels: four })])
    .default('tiny'),
  depths: four.optional(),
  dims: four.optional(),
  in_channels: count.optional(),
  in_chans: count.optional(),
  out_indices: allStages,
  stem_patch_size: z.literal(4).optional(),
  norm_cfg: z.strictObject({ type: z.literal('LN2d'), eps: z.literal(1e-6), ...unneeded('requires_grad') }).optional(),
  act_cfg: gelu,
  linear_pw_conv: z.boolean().optional(),
  use_grn: z.literal(false).optional(),
  layer_scale_init_value: z.number().positive().optional(),
  gap_before_final_norm: z.literal(false).optional(),
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
    inChannels: in_channels,
  } satisfies ConvNextConfig;
};

/** Returns the name of a published size, or the record itself. */
function sizeOf(arch: Exclude<ConvNextConfig['arch'], string>): ConvNextConfig['arch'] {
  const text = ({ depths, dims }: { depths: readonly number[]; dims: readonly number[] }) => `${depths};${dims}`;
  const names = Object.keys(convNextArchs) as (keyof typeof convNextArchs)[];
  return names.find((name) => text(convNextArchs[name]) === text(arch)) ?? arch;
}

const no = z.literal(false).optional();
/** All stages from a first one on. */
const lastStages = z
  .array(z.int())
  .refine((indices) => indices.length > 0 && indices.every((index, i) => index === i + 4 - indices.length), {
    error: 'must list all stages from a first one on',
  });

/** mmdet's and mmseg's class takes `embed_dims`, that of Microsoft's detection repository `embed_dim`. */
const swinOptions = z.strictObject({
  ...ignored,
  embed_dims: count.optional(),
  embed_dim: count.optional(),
  depths: four.default([2, 2, 6, 2]),
  num_heads: four.default([3, 6, 12, 24]),
  window_size: count.default(7),
  mlp_ratio: z.number().positive().default(4),
  qkv_bias: z.boolean().default(true),
  patch_norm: z.boolean().default(true),
  in_channels: count.optional(),
  in_chans: count.optional(),
  out_indices: lastStages.default([0, 1, 2, 3]),
  patch_size: z.literal(4).optional(),
  strides: z.tuple([z.literal(4), z.literal(2), z.literal(2), z.literal(2)]).optional(),
  qk_scale: none,
  use_abs_pos_embed: no,
  ape: no,
  norm_cfg: z
    .strictObject({ type: z.literal('LN'), eps: z.literal(1e-5).optional(), ...unneeded('requires_grad') })
    .optional(),
  act_cfg: gelu,
  pretrain_img_size: z.unknown().optional(),
  convert_weights: z.unknown().optional(),
  use_checkpoint: z.unknown().optional(),
  drop_rate: z.unknown().optional(),
  attn_drop_rate: z.unknown().optional(),
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
  const neck = z.looseObject({ type: z.literal('FPN'), start_level: z.int().default(0) }).safeParse(model.neck);
  if (!neck.success) {
    throw new UnsupportedError(
      `mm model: a backbone whose out_indices begin at ${first} is only supported below an FPN.`,
    );
  }
  return { ...model, neck: { ...neck.data, start_level: neck.data.start_level + first } };
}
