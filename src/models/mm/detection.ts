import * as z from 'zod/mini';
import type { FpnConfig } from '../../../heads/fpn.ts';
import { ConfigError } from '../../errors.ts';
import { batchNorm, count, none, off, parsePart, plainConv, square, unneeded } from './parts.ts';

/**
 * Reads the parts of mmdet's detectors. Defaults are those of mmdet and mmcv. An argument whose value would need another network is a
 * literal in its schema, so that any other value is refused by the argument's name.
 */

const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const coder = z.pipe(
  z.strictObject({
    type: z.literal('DeltaXYWHBBoxCoder'),
    target_means: z._default(four, [0, 0, 0, 0]),
    target_stds: z._default(four, [1, 1, 1, 1]),
    add_ctr_clamp: off,
    /** Used with `add_ctr_clamp` only. */
    ctr_clamp: z.optional(z.literal(32)),
    clip_border: z.optional(z.literal(true)),
    ...unneeded('use_box_type'),
  }),
  z.transform(({ target_means, target_stds }) => ({ means: target_means, stds: target_stds })),
);

/** Resizes to the size of the finer level, by nearest neighbour. A factor of 2 gives the same where mm does not fail. */
const nearest = z.strictObject({
  mode: z.literal('nearest'),
  scale_factor: z.nullish(z.literal(2)),
  align_corners: none,
  recompute_scale_factor: z.nullish(z.boolean()),
});

const fpn = z.pipe(
  z.strictObject({
    type: z.literal('FPN'),
    in_channels: z.optional(z.array(count)),
    out_channels: count,
    num_outs: count,
    start_level: z._default(z.int().check(z.nonnegative()), 0),
    end_level: z.optional(z.literal(-1)),
    add_extra_convs: z._default(z.union([z.boolean(), z.enum(['on_input', 'on_lateral', 'on_output'])]), false),
    /** mmseg's. It says what `add_extra_convs: true` means. */
    extra_convs_on_inputs: z.optional(z.boolean()),
    relu_before_extra_convs: z._default(z.boolean(), false),
    no_norm_on_lateral: off,
    conv_cfg: plainConv,
    norm_cfg: none,
    act_cfg: none,
    upsample_cfg: z.optional(nearest),
    ...unneeded('init_cfg'),
  }),
  z.transform((neck) => ({
    type: 'fpn' as const,
    channels: neck.out_channels,
    outs: neck.num_outs,
    startLevel: neck.start_level,
    extraConvs: neck.add_extra_convs === true ? undefined : neck.add_extra_convs || undefined,
    /** `add_extra_convs: true`, whose meaning the library decides. */
    extra: neck.add_extra_convs === true,
    onInputs: neck.extra_convs_on_inputs,
    reluBeforeExtraConvs: neck.relu_before_extra_convs,
  })),
);

/** The library that a neck is of. The FPN of mmseg has other defaults than that of mmdet. */
type Library = 'mmdet' | 'mmseg';

/**
 * Reads a neck.
 *
 * @param library decides what `add_extra_convs: true` means: `on_input` in mmdet; in mmseg `on_output`, or as `extra_convs_on_inputs` says
 * @throws UnsupportedError for a neck other than FPN, ConfigError if a field does not fit
 */
export function neckFromMm(neck: unknown, library: Library = 'mmdet'): FpnConfig {
  const { extra, onInputs, extraConvs, ...read } = parsePart({ FPN: fpn }, neck, `${library} model`, 'neck');
  if (onInputs !== undefined && library === 'mmdet') {
    throw new ConfigError(
      'mmdet model: neck: extra_convs_on_inputs: is an argument of mmseg. Name it in add_extra_convs.',
    );
  }
  if (onInputs !== undefined && extraConvs !== undefined && onInputs !== (extraConvs === 'on_input')) {
    throw new ConfigError(`mmseg model: neck: extra_convs_on_inputs: is ${onInputs}, add_extra_convs "${extraConvs}".`);
  }
  const meaning = library === 'mmdet' || onInputs ? ('on_input' as const) : ('on_output' as const);
  return { ...read, extraConvs: extra ? meaning : extraConvs };
}

/** Returns `count` scales of an octave. Empty if a number is missing, which the configuration's schema refuses. */
function octaveScales(base?: number | null, count?: number | null): number[] {
  return base && count ? Array.from({ length: count }, (_, k) => base * 2 ** (k / count)) : [];
}

/** A stride for both axes, which mm also writes as a pair. */
const stride = z.union([
  z.number().check(z.positive()),
  z.pipe(
    z
      .tuple([z.number().check(z.positive()), z.number().check(z.positive())])
      .check(z.refine(([a, b]) => a === b, { error: 'must be equal for both axes' })),
    z.transform(([a]) => a),
  ),
]);

const anchors = z.pipe(
  z
    .strictObject({
      type: z.literal('AnchorGenerator'),
      scales: z.nullish(z.array(z.number())),
      octave_base_scale: z.nullish(z.number()),
      scales_per_octave: z.nullish(z.int().check(z.positive())),
      ratios: z.array(z.number()),
      strides: z.array(stride),
      base_sizes: z.nullish(z.array(z.number())),
      centers: z.nullish(z.array(z.tuple([z.number(), z.number()]))),
      center_offset: z._default(z.number().check(z.minimum(0), z.maximum(1)), 0),
      scale_major: z.optional(z.literal(true)),
      ...unneeded('use_box_type'),
    })
    .check(
      z.refine(
        ({ scales, octave_base_scale, scales_per_octave }) => !scales || (!octave_base_scale && !scales_per_octave),
        {
          path: ['octave_base_scale'],
          error: 'must be left out if there are scales',
        },
      ),
      z.refine(({ centers, center_offset }) => !centers || center_offset === 0, {
        path: ['centers'],
        error: 'must be left out if there is a center_offset',
      }),
    ),
  z.transform(
    ({ scales, octave_base_scale, scales_per_octave, ratios, strides, base_sizes, centers, center_offset }) => ({
      scales: scales ?? octaveScales(octave_base_scale, scales_per_octave),
      ratios,
      strides,
      baseSizes: base_sizes ?? undefined,
      centerOffset: center_offset || undefined,
      centers: centers ?? undefined,
    }),
  ),
);

/** mmcv's RoIAlign. Its older names are `out_size` and `sample_num`. */
const roiAlign = z.pipe(
  z.strictObject({
    type: z.literal('RoIAlign'),
    output_size: z.optional(square),
    out_size: z.optional(square),
    sampling_ratio: z.optional(z.int().check(z.nonnegative())),
    sample_num: z.optional(z.int().check(z.nonnegative())),
    aligned: z._default(z.boolean(), true),
    pool_mode: z.optional(z.literal('avg')),
    use_torchvision: off,
  }),
  z.transform(({ output_size, out_size, sampling_ratio, sample_num, aligned }, context) => {
    const size = output_size ?? out_size;
    if (size === undefined) {
      context.issues.push({ code: 'custom', path: ['output_size'], message: 'must be a whole number', input: size });
      return z.NEVER;
    }
    return { size, samplingRatio: sampling_ratio ?? sample_num ?? 0, aligned };
  }),
);

const extractor = z.pipe(
  z.strictObject({
    type: z.literal('SingleRoIExtractor'),
    roi_layer: roiAlign,
    out_channels: z.optional(count),
    featmap_strides: z.array(z.number()),
    finest_scale: z._default(z.number(), 56),
    ...unneeded('init_cfg'),
  }),
  z.transform(({ roi_layer, featmap_strides, finest_scale }) => ({
    ...roi_layer,
    finestScale: finest_scale,
    strides: featmap_strides,
  })),
);

/** Losses whose scores are a plain sigmoid or softmax. Others bring their own activation; arguments of a loss are for training. */
const plainLosses = ['CrossEntropyLoss', 'FocalLoss', 'GHMC', 'QualityFocalLoss', 'VarifocalLoss'] as const;
const loss = z.optional(z.looseObject({ type: z.enum(plainLosses) }));
const sigmoidLoss = z.optional(z.looseObject({ type: z.optional(z.enum(plainLosses)), use_sigmoid: z.literal(true) }));

/** The shared layers of the heads by type. ConvFCBBoxHead says them in its fields. */
const layouts = {
  Shared2FCBBoxHead: { convs: 0, fcs: 2 },
  Shared4Conv1FCBBoxHead: { convs: 4, fcs: 1 },
  ConvFCBBoxHead: { convs: 0, fcs: 0 },
} as const;

const linear = z.optional(z.strictObject({ type: z.literal('Linear') }));
const zero = z.optional(z.literal(0));

const boxHead = z.pipe(
  z.strictObject({
    type: z.enum(Object.keys(layouts) as (keyof typeof layouts)[]),
    num_classes: z._default(count, 80),
    in_channels: z.optional(count),
    roi_feat_size: z.optional(square),
    with_avg_pool: off,
    with_cls: z.optional(z.literal(true)),
    with_reg: z.optional(z.literal(true)),
    num_shared_convs: z.optional(z.int().check(z.nonnegative())),
    num_shared_fcs: z.optional(z.int().check(z.nonnegative())),
    num_cls_convs: zero,
    num_cls_fcs: zero,
    num_reg_convs: zero,
    num_reg_fcs: zero,
    conv_out_channels: z._default(count, 256),
    fc_out_channels: z._default(count, 1024),
    reg_class_agnostic: z._default(z.boolean(), false),
    predict_box_type: z.optional(z.literal('hbox')),
    reg_predictor_cfg: linear,
    cls_predictor_cfg: linear,
    conv_cfg: plainConv,
    norm_cfg: z.nullish(batchNorm),
    bbox_coder: z.prefault(coder, { type: 'DeltaXYWHBBoxCoder', target_stds: [0.1, 0.1, 0.2, 0.2] }),
    loss_cls: loss,
    ...unneeded('loss_bbox', 'reg_decoded_bbox', 'init_cfg'),
  }),
  z.transform((head) => ({
    classes: head.num_classes,
    box: {
      convs: head.num_shared_convs ?? layouts[head.type].convs,
      fcs: head.num_shared_fcs ?? layouts[head.type].fcs,
      convChannels: head.conv_out_channels,
      convNorm: Boolean(head.norm_cfg),
      normEps: head.norm_cfg?.eps,
      channels: head.fc_out_channels,
      classAgnostic: head.reg_class_agnostic,
      deltas: head.bbox_coder,
    },
  })),
);

const maskHead = z.pipe(
  z.strictObject({
    type: z.literal('FCNMaskHead'),
    num_convs: z._default(z.int().check(z.nonnegative()), 4),
    roi_feat_size: z.optional(square),
    in_channels: z.optional(count),
    num_classes: z.optional(count),
    conv_kernel_size: z.optional(z.literal(3)),
    conv_out_channels: z._default(count, 256),
    class_agnostic: z._default(z.boolean(), false),
    upsample_cfg: z.optional(
      z.strictObject({
        type: z.literal('deconv'),
        scale_factor: z.literal(2),
        upsample_kernel: z.optional(z.literal(2)),
      }),
    ),
    conv_cfg: plainConv,
    norm_cfg: none,
    predictor_cfg: z.optional(z.strictObject({ type: z.enum(['Conv', 'Conv2d']) })),
    ...unneeded('loss_mask', 'init_cfg'),
  }),
  z.transform((head) => ({
    convs: head.num_convs,
    channels: head.conv_out_channels,
    classAgnostic: head.class_agnostic,
  })),
);

/** Arguments of dense heads for training, and those that the detector replaces. */
const denseUnneeded = unneeded('loss_bbox', 'reg_decoded_bbox', 'init_cfg', 'train_cfg', 'test_cfg');

const rpnHead = z.strictObject({
  type: z.literal('RPNHead'),
  in_channels: z.optional(count),
  num_classes: z.optional(z.literal(1)),
  feat_channels: z._default(count, 256),
  num_convs: z.optional(z.literal(1)),
  anchor_generator: z.prefault(anchors, {
    type: 'AnchorGenerator',
    scales: [8, 16, 32],
    ratios: [0.5, 1, 2],
    strides: [4, 8, 16, 32, 64],
  }),
  bbox_coder: z.prefault(coder, { type: 'DeltaXYWHBBoxCoder' }),
  loss_cls: sigmoidLoss,
  ...denseUnneeded,
});

const retinaHead = z.pipe(
  z.strictObject({
    type: z.literal('RetinaHead'),
    num_classes: count,
    in_channels: z.optional(count),
    stacked_convs: z._default(z.int().check(z.nonnegative()), 4),
    feat_channels: z._default(count, 256),
    anchor_generator: z.prefault(anchors, {
      type: 'AnchorGenerator',
      octave_base_scale: 4,
      scales_per_octave: 3,
      ratios: [0.5, 1, 2],
      strides: [8, 16, 32, 64, 128],
    }),
    bbox_coder: z.prefault(coder, { type: 'DeltaXYWHBBoxCoder' }),
    conv_cfg: plainConv,
    norm_cfg: none,
    loss_cls: sigmoidLoss,
    ...denseUnneeded,
  }),
  z.transform((head) => ({
    classes: head.num_classes,
    head: {
      convs: head.stacked_convs,
      channels: head.feat_channels,
      anchors: head.anchor_generator,
      deltas: head.bbox_coder,
    },
  })),
);

const read = <S extends z.ZodMiniType>(schemas: Readonly<Record<string, S>>, data: unknown, part: string) =>
  parsePart(schemas, data, 'mmdet model', part);

/** Reads the network of an RPNHead. The thresholds for its outputs are in the model's `test_cfg`. */
export function rpnHeadFromMm(data: unknown) {
  const head = read({ RPNHead: rpnHead }, data, 'rpn_head');
  return { channels: head.feat_channels, anchors: head.anchor_generator, deltas: head.bbox_coder };
}

/** Reads classes and network of a box head with shared layers. The pooling of its regions is in the extractor. */
export const boxHeadFromMm = (head: unknown) =>
  read({ Shared2FCBBoxHead: boxHead, Shared4Conv1FCBBoxHead: boxHead, ConvFCBBoxHead: boxHead }, head, 'bbox_head');

/** Reads the network of an FCNMaskHead. */
export const maskHeadFromMm = (head: unknown) => read({ FCNMaskHead: maskHead }, head, 'mask_head');

/** Reads the pooling of regions. mmcv's defaults are `aligned` and `finest_scale` 56. */
export const regionsFromMm = (data: unknown, part = 'roi_extractor') =>
  read({ SingleRoIExtractor: extractor }, data, part);

/** Reads classes and network of a RetinaHead. The thresholds for its outputs are in the model's `test_cfg`. */
export const retinaHeadFromMm = (head: unknown) => read({ RetinaHead: retinaHead }, head, 'bbox_head');
