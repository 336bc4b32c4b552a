import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import type { ClassNames, ModelConfig } from './config.ts';
import { parseConfig } from './parse_config.ts';

/** The model dict of mmseg's encoder-decoders. Defaults are mmseg's own; what would need another network is refused. */

const count = z.int().positive();
const batchNorm = z.looseObject({ type: z.enum(['BN', 'SyncBN']) });
const common = {
  channels: count,
  num_classes: count,
  align_corners: z.boolean().default(false),
  norm_cfg: batchNorm,
  act_cfg: z.looseObject({ type: z.literal('ReLU') }).optional(),
};

const uperHead = z
  .looseObject({
    ...common,
    type: z.literal('UPerHead'),
    in_index: z.array(z.int()),
    pool_scales: z.array(count).default([1, 2, 3, 6]),
  })
  .transform((head) => ({
    classes: head.num_classes,
    head: {
      type: 'uper_head' as const,
      channels: head.channels,
      poolScales: head.pool_scales,
      alignCorners: head.align_corners,
    },
  }));

const fcnHead = z
  .looseObject({
    ...common,
    type: z.literal('FCNHead'),
    in_index: z.int().nonnegative(),
    num_convs: z.int().nonnegative().default(2),
    kernel_size: z.int().positive().default(3),
    concat_input: z.boolean().default(true),
    dilation: z.int().positive().default(1),
  })
  .transform((head) => ({
    classes: head.num_classes,
    head: {
      type: 'fcn_head' as const,
      channels: head.channels,
      level: head.in_index,
      convs: head.num_convs,
      kernel: head.kernel_size,
      dilation: head.dilation,
      concatInput: head.concat_input,
      alignCorners: head.align_corners,
    },
  }));

const segmentationHead = z.union([uperHead, fcnHead]);

const encoderDecoder = z.looseObject({
  decode_head: segmentationHead,
  auxiliary_head: segmentationHead.nullish(),
  neck: z.null().optional(),
  test_cfg: z.looseObject({ mode: z.literal('whole').default('whole') }).prefault({}),
});

export function segmentorFromMm(model: unknown, classes: ClassNames): NonNullable<ModelConfig['segmentor']> {
  const { decode_head, auxiliary_head } = parseConfig(encoderDecoder, model, 'mmseg model');
  if (auxiliary_head && auxiliary_head.classes !== decode_head.classes) {
    throw new ConfigError(
      `mmseg model: the auxiliary head has ${auxiliary_head.classes} classes, the decode head ${decode_head.classes}.`,
    );
  }
  return {
    classes: classes(decode_head.classes),
    head: decode_head.head,
    ...(auxiliary_head && { auxiliary: auxiliary_head.head }),
    input: {},
  };
}
