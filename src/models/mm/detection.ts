import * as z from 'zod';
import type { BoxConfig } from '../../../heads/box.ts';
import type { FpnConfig } from '../../../heads/fpn.ts';
import { itemAt } from '../../arrays.ts';
import { ConfigError, UnsupportedError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import { count, none, parsePart } from './parts.ts';

/**
 * Reads the detectors of mmdet, and the parts of their model dicts. Defaults are those of mmdet and mmcv. A field whose value would need
 * another network is a literal in its schema, so that any other value is refused by the field's name.
 */

const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const coder = z
  .looseObject({
    type: z.literal('DeltaXYWHBBoxCoder'),
    target_means: four.default([0, 0, 0, 0]),
    target_stds: four.default([1, 1, 1, 1]),
    add_ctr_clamp: z.literal(false).optional(),
    clip_border: z.literal(true).optional(),
  })
  .transform(({ target_means, target_stds }) => ({ means: target_means, stds: target_stds }));

const fpn = z
  .looseObject({
    type: z.literal('FPN'),
    out_channels: count,
    num_outs: count,
    start_level: z.int().nonnegative().default(0),
    end_level: z.literal(-1).optional(),
    add_extra_convs: z.union([z.boolean(), z.enum(['on_input', 'on_lateral', 'on_output'])]).default(false),
    relu_before_extra_convs: z.boolean().default(false),
    norm_cfg: none,
    act_cfg: none,
  })
  .transform((neck) => ({
    type: 'fpn' as const,
    channels: neck.out_channels,
    outs: neck.num_outs,
    startLevel: neck.start_level,
    extraConvs: neck.add_extra_convs === true ? ('on_input' as const) : neck.add_extra_convs || undefined,
    reluBeforeExtraConvs: neck.relu_before_extra_convs,
  }));

/** Returns `count` scales of an octave. Empty if a number is missing, which the configuration's schema refuses. */
function octaveScales(base?: number | null, count?: number | null): number[] {
  return base && count ? Array.from({ length: count }, (_, k) => base * 2 ** (k / count)) : [];
}

const anchors = z
  .looseObject({
    type: z.literal('AnchorGenerator'),
    scales: z.array(z.number()).nullish(),
    octave_base_scale: z.number().nullish(),
    scales_per_octave: z.int().positive().nullish(),
    ratios: z.array(z.number()),
    strides: z.array(z.number()),
    base_sizes: z.array(z.number()).nullish(),
    center_offset: z.literal(0).optional(),
    scale_major: z.literal(true).optional(),
  })
  .transform(({ scales, octave_base_scale, scales_per_octave, ratios, strides, base_sizes }) => ({
    scales: scales ?? octaveScales(octave_base_scale, scales_per_octave),
    ratios,
    strides,
    baseSizes: base_sizes ?? undefined,
  }));

const extractor = z
  .looseObject({
    type: z.literal('SingleRoIExtractor'),
    roi_layer: z.looseObject({
      type: z.literal('RoIAlign'),
      output_size: count,
      sampling_ratio: z.int().nonnegative().default(0),
      aligned: z.boolean().default(true),
      pool_mode: z.literal('avg').optional(),
    }),
    featmap_strides: z.array(z.number()),
    finest_scale: z.number().default(56),
  })
  .transform(({ roi_layer, featmap_strides, finest_scale }) => ({
    size: roi_layer.output_size,
    samplingRatio: roi_layer.sampling_ratio,
    aligned: roi_layer.aligned,
    finestScale: finest_scale,
    strides: featmap_strides,
  }));

/** The shared layers of the heads by type. ConvFCBBoxHead says them in its fields. */
const layouts = {
  Shared2FCBBoxHead: { convs: 0, fcs: 2 },
  Shared4Conv1FCBBoxHead: { convs: 4, fcs: 1 },
  ConvFCBBoxHead: { convs: 0, fcs: 0 },
} as const;

const boxHead = z
  .looseObject({
    type: z.enum(Object.keys(layouts) as (keyof typeof layouts)[]),
    num_classes: count.default(80),
    num_shared_convs: z.int().nonnegative().optional(),
    num_shared_fcs: z.int().nonnegative().optional(),
    num_cls_convs: z.literal(0).optional(),
    num_cls_fcs: z.literal(0).optional(),
    num_reg_convs: z.literal(0).optional(),
    num_reg_fcs: z.literal(0).optional(),
    conv_out_channels: count.default(256),
    fc_out_channels: count.default(1024),
    reg_class_agnostic: z.boolean().default(false),
    norm_cfg: z.looseObject({ type: z.enum(['BN', 'SyncBN']) }).nullish(),
    bbox_coder: coder.prefault({ type: 'DeltaXYWHBBoxCoder', target_stds: [0.1, 0.1, 0.2, 0.2] }),
  })
  .transform((head) => ({
    classes: head.num_classes,
    box: {
      convs: head.num_shared_convs ?? layouts[head.type].convs,
      fcs: head.num_shared_fcs ?? layouts[head.type].fcs,
      convChannels: head.conv_out_channels,
      convNorm: Boolean(head.norm_cfg),
      channels: head.fc_out_channels,
      classAgnostic: head.reg_class_agnostic,
      deltas: head.bbox_coder,
    },
  }));

const maskHead = z
  .looseObject({
    type: z.literal('FCNMaskHead'),
    num_convs: z.int().nonnegative().default(4),
    conv_kernel_size: z.literal(3).optional(),
    conv_out_channels: count.default(256),
    class_agnostic: z.boolean().default(false),
    upsample_cfg: z.looseObject({ type: z.literal('deconv'), scale_factor: z.literal(2) }).optional(),
    norm_cfg: none,
  })
  .transform((head) => ({
    convs: head.num_convs,
    channels: head.conv_out_channels,
    classAgnostic: head.class_agnostic,
  }));

const rpnHead = z.looseObject({
  type: z.literal('RPNHead'),
  feat_channels: count.default(256),
  num_convs: z.literal(1).optional(),
  anchor_generator: anchors,
  bbox_coder: coder.prefault({ type: 'DeltaXYWHBBoxCoder' }),
  loss_cls: z.looseObject({ use_sigmoid: z.literal(true) }).optional(),
});

const retinaHead = z
  .looseObject({
    type: z.literal('RetinaHead'),
    num_classes: count,
    stacked_convs: z.int().nonnegative().default(4),
    feat_channels: count.default(256),
    anchor_generator: anchors.prefault({
      type: 'AnchorGenerator',
      octave_base_scale: 4,
      scales_per_octave: 3,
      ratios: [0.5, 1, 2],
      strides: [8, 16, 32, 64, 128],
    }),
    bbox_coder: coder.prefault({ type: 'DeltaXYWHBBoxCoder' }),
    norm_cfg: none,
    loss_cls: z.looseObject({ use_sigmoid: z.literal(true) }).optional(),
  })
  .transform((head) => ({
    classes: head.num_classes,
    head: {
      convs: head.stacked_convs,
      channels: head.feat_channels,
      anchors: head.anchor_generator,
      deltas: head.bbox_coder,
    },
  }));

const read = <S extends z.ZodType>(schemas: Readonly<Record<string, S>>, data: unknown, part: string) =>
  parsePart(schemas, data, 'mmdet model', part);

/** Reads a neck. @throws UnsupportedError for a neck other than FPN, ConfigError if a field does not fit */
export const neckFromMm = (neck: unknown): FpnConfig => read({ FPN: fpn }, neck, 'neck');

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
export const regionsFromMm = (data: unknown) => read({ SingleRoIExtractor: extractor }, data, 'roi_extractor');

/** Reads classes and network of a RetinaHead. The thresholds for its outputs are in the model's `test_cfg`. */
export const retinaHeadFromMm = (head: unknown) => read({ RetinaHead: retinaHead }, head, 'bbox_head');

type Detector = NonNullable<ModelConfig['detection']>;

const what = 'mmdet model';
const part = z.unknown().optional();
const nms = z.looseObject({ type: z.literal('nms').default('nms'), iou_threshold: z.number() });
const kept = { score_thr: z.number(), nms, max_per_img: z.int().positive() };

const roiHead = {
  bbox_roi_extractor: part,
  bbox_head: part,
  mask_roi_extractor: part,
  mask_head: part,
};
const standardRoiHead = z.looseObject({ type: z.literal('StandardRoIHead'), ...roiHead });
const cascadeRoiHead = z.looseObject({
  type: z.literal('CascadeRoIHead'),
  num_stages: z.int().positive(),
  ...roiHead,
});

const twoStage = z.looseObject({
  neck: part,
  rpn_head: part,
  roi_head: part,
  test_cfg: z.looseObject({
    rpn: z.looseObject({
      nms_pre: z.int().positive(),
      max_per_img: z.int().positive(),
      nms,
      min_bbox_size: z.number().default(0),
    }),
    rcnn: z.looseObject({ ...kept, mask_thr_binary: z.number().default(0.5) }),
  }),
});

/**
 * Reads a `MaskRCNN` or `FasterRCNN` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, ConfigError if a field does not fit
 */
export function rcnnFromMm(model: unknown, classes: ClassesOf): Detector {
  const dict = validate(twoStage, model, what);
  const roi = parsePart({ StandardRoIHead: standardRoiHead }, dict.roi_head, what, 'roi_head');
  const { box, ...head } = boxHeadFromMm(roi.bbox_head);
  return {
    type: 'mask_rcnn',
    ...classes(head.classes),
    ...twoStageParts(dict),
    box: { ...box, region: regionsFromMm(roi.bbox_roi_extractor) },
    mask: maskOf(roi.mask_head, roi.mask_roi_extractor ?? roi.bbox_roi_extractor),
  };
}

/**
 * Reads a `CascadeRCNN` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, or mask heads that differ; ConfigError if a
 *   field does not fit
 */
export function cascadeFromMm(model: unknown, classes: ClassesOf): Detector {
  const dict = validate(twoStage, model, what);
  const roi = parsePart({ CascadeRoIHead: cascadeRoiHead }, dict.roi_head, what, 'roi_head');
  const perStage = (name: keyof typeof roiHead) => stagesOf(name, roi[name], roi.num_stages);
  const extractors = perStage('bbox_roi_extractor').map(regionsFromMm);
  const heads = perStage('bbox_head').map(boxHeadFromMm);
  const numbers = heads.map((head) => head.classes);
  if (new Set(numbers).size > 1) {
    throw new ConfigError(
      `${what}: bbox_head: the stages have ${numbers.join(', ')} classes, but need the same number.`,
    );
  }
  const equal = (name: keyof typeof roiHead) => onlyOne(name, perStage(name));
  return {
    type: 'cascade_mask_rcnn',
    ...classes(itemAt(numbers, 0)),
    ...twoStageParts(dict),
    box: heads.map(({ box }, i): BoxConfig => ({ ...box, region: itemAt(extractors, i) })),
    mask: maskOf(equal('mask_head'), equal('mask_roi_extractor') ?? equal('bbox_roi_extractor')),
  };
}

/** Returns one dict per stage: mmdet takes one for all stages, or a list. */
function stagesOf(name: string, value: unknown, stages: number): unknown[] {
  if (!Array.isArray(value)) return Array.from({ length: stages }, () => value);
  if (value.length === stages) return value;
  throw new ConfigError(`${what}: ${name}: num_stages is ${stages}, it lists ${value.length}.`);
}

/** Returns the dict that all stages share: this package has one configuration for the mask heads of all stages. @throws UnsupportedError */
function onlyOne(name: string, stages: readonly unknown[]): unknown {
  const [first, ...rest] = stages.map((stage) => JSON.stringify(stage));
  if (rest.every((other) => other === first)) return stages[0];
  throw new UnsupportedError(`${what}: ${name} differs between the stages, which is not supported.`);
}

/** Returns the fields that do not depend on the heads on regions. */
function twoStageParts({ neck, rpn_head, test_cfg: { rpn, rcnn } }: z.output<typeof twoStage>) {
  return {
    neck: neckFromMm(neck),
    rpn: {
      ...rpnHeadFromMm(rpn_head),
      nmsPre: rpn.nms_pre,
      max: rpn.max_per_img,
      iou: rpn.nms.iou_threshold,
      minSize: rpn.min_bbox_size,
    },
    test: {
      score: rcnn.score_thr,
      iou: rcnn.nms.iou_threshold,
      max: rcnn.max_per_img,
      maskThreshold: rcnn.mask_thr_binary,
    },
    input: {},
  };
}

const maskOf = (head: unknown, extractor: unknown) =>
  head === undefined || head === null ? undefined : { ...maskHeadFromMm(head), region: regionsFromMm(extractor) };

const retinaNet = z.looseObject({
  neck: part,
  bbox_head: part,
  test_cfg: z.looseObject({ ...kept, nms_pre: z.int().positive(), min_bbox_size: z.number().default(0) }),
});

/**
 * Reads a `RetinaNet` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, ConfigError if a field does not fit
 */
export function retinaNetFromMm(model: unknown, classes: ClassesOf): Detector {
  const { neck, bbox_head, test_cfg: test } = validate(retinaNet, model, what);
  const { head, ...found } = retinaHeadFromMm(bbox_head);
  return {
    type: 'retinanet',
    ...classes(found.classes),
    neck: neckFromMm(neck),
    head,
    test: {
      score: test.score_thr,
      iou: test.nms.iou_threshold,
      max: test.max_per_img,
      nmsPre: test.nms_pre,
      minSize: test.min_bbox_size,
    },
    input: {},
  };
}
