import * as z from 'zod/mini';
import { archs, type MogaNetConfig, mogaNetConfig, mogaNetSize } from '../../backbones/moganet.ts';
import { ConfigError, unknownName } from '../../errors.ts';
import { validate } from '../../validate.ts';
import { written } from './parts.ts';

/** Reads the constructor arguments of the official class, as configurations and checkpoints of mmdet and mmseg contain them. */

const counts = z.array(z.int().check(z.positive()));
const ours = mogaNetConfig.shape;
const ignored = z.optional(z.unknown());

const officialArguments = z.strictObject({
  type: z.optional(z.enum(['MogaNet', 'MogaNet_feat'])),
  arch: z._default(
    z.union([
      z.string(),
      z.strictObject({ embed_dims: counts, depths: counts, ffn_ratios: z.array(z.number().check(z.positive())) }),
    ]),
    'tiny',
  ),
  num_classes: z._default(z.int(), 1000),
  fork_feat: z._default(z.boolean(), false),
  in_channels: ours.inChannels,
  patch_sizes: ours.patchSizes,
  patchembed_types: ours.patchEmbedTypes,
  attn_dw_dilation: ours.dilations,
  attn_channel_split: ours.channelSplit,
  attn_act_type: ours.activation,
  attn_final_dilation: ours.finalDilation,
  attn_force_fp32: ours.doubleActivation,
  stem_norm_type: ours.stemNorm,
  conv_norm_type: ours.convNorm,
  // training, loading, and arguments in the official `**kwargs`, which the class does not read
  drop_rate: ignored,
  drop_path_rate: ignored,
  init_value: ignored,
  head_init_scale: ignored,
  frozen_stages: ignored,
  init_cfg: ignored,
  pretrained: ignored,
  stem_norm_cfg: ignored,
  conv_norm_cfg: ignored,
  /** The class gives all stages, whatever it says. */
  out_indices: z.optional(z.tuple([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])),
});

/** The official class's arguments as a configuration. */
export interface OfficialMogaNet {
  readonly config: MogaNetConfig;
  /** Number of classes of the classifier. 0 if there is none (`fork_feat`, as in dense prediction models). */
  readonly classes: number;
}

/**
 * Translates the arguments of the official class.
 *
 * @param args by their official names; `type` may be among them
 * @throws ConfigError for an argument that the official class does not have, or for a wrong value
 */
export function fromOfficial(args: Readonly<Record<string, unknown>>): OfficialMogaNet {
  const { type, arch, num_classes, fork_feat, ...o } = validate(officialArguments, args, 'MogaNet');
  const config = written<MogaNetConfig>({
    type: 'moganet',
    arch: archFrom(arch),
    inChannels: o.in_channels,
    patchSizes: o.patch_sizes,
    patchEmbedTypes: o.patchembed_types,
    dilations: o.attn_dw_dilation,
    channelSplit: o.attn_channel_split,
    activation: o.attn_act_type,
    stemNorm: o.stem_norm_type,
    convNorm: o.conv_norm_type,
    finalDilation: o.attn_final_dilation,
    doubleActivation: o.attn_force_fp32,
  });
  return { config, classes: type === 'MogaNet_feat' || fork_feat ? 0 : Math.max(0, num_classes) };
}

function archFrom(arch: z.output<typeof officialArguments>['arch']): MogaNetConfig['arch'] {
  if (typeof arch !== 'string') return { dims: arch.embed_dims, depths: arch.depths, ratios: arch.ffn_ratios };
  const size = mogaNetSize(arch);
  if (!size) throw new ConfigError(unknownName('MogaNet arch', arch, Object.keys(archs)));
  return size;
}
