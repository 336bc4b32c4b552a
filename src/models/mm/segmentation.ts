import * as z from 'zod/mini';
import { itemAt } from '../../arrays.ts';
import { ConfigError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import { neckFromMm } from './detection.ts';
import { type BackboneSource, neckSource } from './neck_source.ts';
import {
  batchNorm,
  checkAgrees,
  checkLevels,
  count,
  none,
  parsePart,
  plainConv,
  plainPart,
  reluOnly,
  type Source,
  training,
  unneeded,
  written,
} from './parts.ts';

/** Reads the encoder-decoders of mmseg. Defaults are those of mmseg. A value that would need another network is refused. */

const common = {
  in_channels: z.optional(z.union([count, z.array(count)])),
  channels: count,
  num_classes: count,
  out_channels: z.nullish(count),
  threshold: z.nullish(z.number().check(z.minimum(0), z.maximum(1))),
  align_corners: z._default(z.boolean(), false),
  conv_cfg: plainConv,
  norm_cfg: batchNorm,
  act_cfg: reluOnly,
  ...unneeded('dropout_ratio', 'loss_decode', 'ignore_index', 'sampler', 'init_cfg'),
};

/** The `in_index` of heads that read the whole pyramid. */
const wholePyramid = z
  .array(z.int())
  .check(z.refine((levels) => levels.every((level, i) => level === i), 'must list the levels in order from 0'));

/** The classes of a head, and the threshold if its one channel tells two apart. */
interface Output {
  readonly classes: number;
  readonly threshold?: number | undefined;
}

type Common = z.output<z.ZodMiniObject<typeof common>>;

/** mmseg's rule: as many channels as classes, or one for two classes. With one class, its only channel is such a channel. */
function outputOf({ num_classes, out_channels, threshold }: Common, context: z.core.ParsePayload): Output {
  const channels = out_channels ?? num_classes;
  const fault = (path: string, input: unknown, message: string) =>
    context.issues.push({ code: 'custom', path: [path], input, message });
  if (channels !== num_classes && !(channels === 1 && num_classes === 2)) {
    fault('out_channels', out_channels, `must be num_classes (${num_classes}), or 1 with num_classes 2`);
  }
  if (channels === 1) return { classes: num_classes, threshold: threshold ?? 0.3 };
  if (typeof threshold === 'number') {
    fault('threshold', threshold, `must be left out with ${channels} channels: it decides where there is one`);
  }
  return { classes: num_classes };
}

const eps = ({ norm_cfg }: Common) => norm_cfg.eps;

const uperHead = z.pipe(
  z.strictObject({
    ...common,
    type: z.literal('UPerHead'),
    in_index: wholePyramid,
    pool_scales: z._default(z.array(count), [1, 2, 3, 6]),
  }),
  z.transform((head, context) => ({
    ...outputOf(head, context),
    head: {
      type: 'uper_head' as const,
      channels: head.channels,
      poolScales: head.pool_scales,
      alignCorners: head.align_corners,
      normEps: eps(head),
    },
  })),
);

const fcnHead = z.pipe(
  z.strictObject({
    ...common,
    type: z.literal('FCNHead'),
    in_index: z._default(z.int(), -1),
    input_transform: none,
    num_convs: z._default(z.int().check(z.nonnegative()), 2),
    kernel_size: z._default(
      z.int().check(
        z.positive(),
        z.refine((size) => size % 2 === 1, { error: 'must be odd' }),
      ),
      3,
    ),
    concat_input: z._default(z.boolean(), true),
    dilation: z._default(z.int().check(z.positive()), 1),
  }),
  z.transform((head, context) => ({
    ...outputOf(head, context),
    head: {
      type: 'fcn_head' as const,
      channels: head.channels,
      level: head.in_index,
      convs: head.num_convs,
      kernel: head.kernel_size,
      dilation: head.dilation,
      concatInput: head.concat_input,
      alignCorners: head.align_corners,
      normEps: eps(head),
    },
  })),
);

const fpnHead = z.pipe(
  z.strictObject({
    ...common,
    type: z.literal('FPNHead'),
    in_index: wholePyramid,
    /** Checked only: the head takes the strides from the pyramid. */
    feature_strides: z
      .array(z.number())
      .check(
        z.refine(
          (strides) => strides.every((stride, i) => i === 0 || stride === 2 * (strides[i - 1] ?? 0)),
          'each must be twice the one before',
        ),
      ),
  }),
  z.transform((head, context) => ({
    ...outputOf(head, context),
    head: {
      type: 'semantic_fpn_head' as const,
      channels: head.channels,
      alignCorners: head.align_corners,
      normEps: eps(head),
    },
  })),
);

const heads = { UPerHead: uperHead, FPNHead: fpnHead, FCNHead: fcnHead } as const;

/**
 * Reads classes and configuration of a decode or auxiliary head.
 *
 * @throws UnsupportedError naming the type of a head that is not read, ConfigError if a field does not fit
 */
export function segmentationHeadFromMm(head: unknown, part = 'decode_head') {
  const { head: read, ...output } = parsePart<(typeof heads)[keyof typeof heads]>(heads, head, what, part);
  return { ...output, head: written(read) };
}

const what = 'mmseg model';
/** Two extents, height first. */
const pair = z.pipe(
  z.tuple([count, count]),
  z.transform(([height, width]) => ({ height, width })),
);

const encoderDecoder = z.strictObject({
  type: z.string(),
  decode_head: z.optional(z.unknown()),
  auxiliary_head: z.optional(z.unknown()),
  neck: z.optional(z.unknown()),
  test_cfg: z.prefault(
    z.discriminatedUnion('mode', [
      z.strictObject({ mode: z.literal('whole'), ...unneeded('crop_size', 'stride') }),
      z.strictObject({ mode: z.literal('slide'), crop_size: pair, stride: pair }),
    ]),
    { mode: 'whole' },
  ),
  // read elsewhere, or for training
  ...unneeded('backbone', 'data_preprocessor', 'pretrained'),
  ...training,
});

/**
 * Reads an `EncoderDecoder` dict.
 *
 * @param backbone what feeds neck and heads. Without it, they are not compared with it.
 * @throws UnsupportedError naming a head or neck that is not read, ConfigError if a field does not fit
 */
export function segmentationFromMm(
  model: unknown,
  classes: ClassesOf,
  backbone?: BackboneSource,
): NonNullable<ModelConfig['segmentation']> {
  const { test_cfg, ...rest } = model as Record<string, unknown>; // whose type has been read
  const dict = validate(encoderDecoder, { ...rest, test_cfg: plainTest(test_cfg) }, what);
  const neck = isThere(dict.neck) ? neckFromMm(dict.neck, 'mmseg') : undefined;
  const levels = backbone && neck ? neckSource(dict.neck, neck, backbone, what) : withoutNeck(backbone);
  const decode = headOn(dict.decode_head, 'decode_head', levels);
  const auxiliary = isThere(dict.auxiliary_head) ? auxiliaryOn(dict.auxiliary_head, levels, decode.classes) : undefined;
  return written({
    ...classes(decode.classes, decode.threshold === undefined ? undefined : 1),
    neck,
    head: decode.head,
    auxiliary,
    threshold: decode.threshold,
    slide: dict.test_cfg.mode === 'slide' ? { crop: dict.test_cfg.crop_size, stride: dict.test_cfg.stride } : undefined,
    input: {},
  });
}

/** mmseg runs on the whole image if `test_cfg` does not say how. */
function plainTest(test: unknown): unknown {
  const plain = plainPart(test ?? undefined);
  return typeof plain === 'object' && plain !== null && !('mode' in plain) ? { mode: 'whole', ...plain } : plain;
}

/** Reads the head or heads for training, which must be able to learn from the same labels. */
function auxiliaryOn(dict: unknown, levels: Source | undefined, classes: number) {
  const read = (head: unknown, part: string) => {
    const found = headOn(head, part, levels);
    if (found.classes === classes) return found.head;
    throw new ConfigError(
      `${what}: the auxiliary head has ${found.classes} classes (num_classes), but the decode head ${classes}.`,
    );
  };
  if (!Array.isArray(dict)) return read(dict, 'auxiliary_head');
  return dict.map((head, i) => read(head, `auxiliary_head.${i}`));
}

/** Reads a head and compares what it says on its input with the levels. Negative indices count from the last level. */
function headOn(dict: unknown, part: string, source: Source | undefined) {
  const found = segmentationHeadFromMm(dict, part);
  const { head } = found;
  const where = `${what}: ${part}`;
  if (head.type !== 'fcn_head') {
    if (source) {
      checkLevels(dict, where, 'in_channels', 'channels', source);
      checkAgrees(dict, where, 'in_index', [...source.levels.keys()], 'there are the levels');
    }
    return found;
  }
  const count = source?.levels.length ?? 4; // the stages of every backbone
  const level = head.level < 0 ? head.level + count : head.level;
  if (level < 0 || level >= count)
    throw new ConfigError(`${where}: in_index: is ${head.level}, there are ${count} levels.`);
  if (source) {
    checkLevels(dict, where, 'in_channels', 'channels', { ...source, levels: [itemAt(source.levels, level)] });
  }
  return { ...found, head: { ...head, level } };
}

const withoutNeck = (backbone: BackboneSource | undefined): Source | undefined =>
  backbone && { ...backbone, name: 'backbone, without a neck,' };

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
