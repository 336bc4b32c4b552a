import * as z from 'zod';
import { ConfigError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import { neckFromMm } from './detection.ts';
import { count, parsePart, written } from './parts.ts';

/** Reads the encoder-decoders of mmseg. Defaults are those of mmseg. A value that would need another network is refused. */

const batchNorm = z.looseObject({ type: z.enum(['BN', 'SyncBN']) });
const common = {
  channels: count,
  num_classes: count,
  align_corners: z.boolean().default(false),
  norm_cfg: batchNorm,
  act_cfg: z.looseObject({ type: z.literal('ReLU') }).optional(),
};

/** The `in_index` of heads that read the whole pyramid. */
const wholePyramid = z
  .array(z.int())
  .refine((levels) => levels.every((level, i) => level === i), 'must list the levels in order from 0');

const uperHead = z
  .looseObject({
    ...common,
    type: z.literal('UPerHead'),
    in_index: wholePyramid,
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

const fpnHead = z
  .looseObject({
    ...common,
    type: z.literal('FPNHead'),
    in_index: wholePyramid,
    /** Checked only: the head takes the strides from the pyramid. */
    feature_strides: z
      .array(z.number())
      .refine(
        (strides) => strides.every((stride, i) => i === 0 || stride === 2 * (strides[i - 1] ?? 0)),
        'each must be twice the one before',
      ),
  })
  .transform((head) => ({
    classes: head.num_classes,
    head: { type: 'semantic_fpn_head' as const, channels: head.channels, alignCorners: head.align_corners },
  }));

const heads = { UPerHead: uperHead, FPNHead: fpnHead, FCNHead: fcnHead } as const;

/**
 * Reads classes and configuration of a decode or auxiliary head.
 *
 * @throws UnsupportedError naming the type of a head that is not read, ConfigError if a field does not fit
 */
export function segmentationHeadFromMm(head: unknown, part = 'decode_head') {
  return parsePart<(typeof heads)[keyof typeof heads]>(heads, head, 'mmseg model', part);
}

/** Two extents, height first. */
const pair = z.tuple([count, count]).transform(([height, width]) => ({ height, width }));

const encoderDecoder = z.looseObject({
  decode_head: z.unknown().optional(),
  auxiliary_head: z.unknown().optional(),
  neck: z.unknown().optional(),
  test_cfg: z
    .discriminatedUnion('mode', [
      z.looseObject({ mode: z.literal('whole') }),
      z.looseObject({ mode: z.literal('slide'), crop_size: pair, stride: pair }),
    ])
    .prefault({ mode: 'whole' }),
});

/**
 * Reads an `EncoderDecoder` dict.
 *
 * @throws UnsupportedError naming a head or neck that is not read, ConfigError if a field does not fit
 */
export function segmentationFromMm(model: unknown, classes: ClassesOf): NonNullable<ModelConfig['segmentation']> {
  const { decode_head, auxiliary_head, neck, test_cfg } = validate(encoderDecoder, model, 'mmseg model');
  const decode = segmentationHeadFromMm(decode_head);
  const auxiliary = isThere(auxiliary_head) ? segmentationHeadFromMm(auxiliary_head, 'auxiliary_head') : undefined;
  if (auxiliary && auxiliary.classes !== decode.classes) {
    throw new ConfigError(
      `mmseg model: the auxiliary head has ${auxiliary.classes} classes, but the decode head ${decode.classes}.`,
    );
  }
  return written({
    ...classes(decode.classes),
    neck: isThere(neck) ? neckFromMm(neck) : undefined,
    head: decode.head,
    auxiliary: auxiliary?.head,
    slide: test_cfg.mode === 'slide' ? { crop: test_cfg.crop_size, stride: test_cfg.stride } : undefined,
    input: {},
  });
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
