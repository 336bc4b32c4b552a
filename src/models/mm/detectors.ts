import * as z from 'zod/mini';
import type { BoxConfig } from '../../../heads/box.ts';
import { itemAt } from '../../arrays.ts';
import { ConfigError, UnsupportedError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import {
  boxHeadFromMm,
  maskHeadFromMm,
  neckFromMm,
  regionsFromMm,
  retinaHeadFromMm,
  rpnHeadFromMm,
} from './detection.ts';
import { type BackboneSource, neckSource } from './neck_source.ts';
import { checkAgrees, checkLevels, none, off, parsePart, plainPart, type Source, training, unneeded } from './parts.ts';

/** Reads mmdet's detectors: their parts, the thresholds in `test_cfg`, and whether the parts fit each other. */

type Detector = NonNullable<ModelConfig['detection']>;

const what = 'mmdet model';
const part = z.optional(z.unknown());
/** mmdet's limits and sizes, whose -1 keeps all. */
const limit = z
  .int()
  .check(z.refine((value) => value > 0 || value === -1, { error: 'must be at least 1, or -1 for no limit' }));
const minSize = z
  .number()
  .check(z.refine((value) => value >= 0 || value === -1, { error: 'must be at least 0, or -1' }));
/** More than any image has, and the largest number of a configuration. */
const all = 2 ** 20;
const sizeLimit = (least: number) => ({ minSize: Math.max(0, least), keepEmpty: least < 0 || undefined });

/** mmcv's plain NMS. `split_thr` only bounds its memory. Its older name for the threshold is `iou_thr`. */
const nms = z.pipe(
  z.strictObject({
    type: z._default(z.literal('nms'), 'nms'),
    iou_threshold: z.optional(z.number()),
    iou_thr: z.optional(z.number()),
    class_agnostic: z._default(z.boolean(), false),
    max_num: z.optional(z.int()),
    offset: z.optional(z.literal(0)),
    score_threshold: z.optional(z.literal(0)),
    ...unneeded('split_thr'),
  }),
  z.transform(({ iou_threshold, iou_thr, class_agnostic, max_num }, context) => {
    const iou = iou_threshold ?? iou_thr;
    if (iou === undefined) {
      context.issues.push({ code: 'custom', path: ['iou_threshold'], message: 'must be a number', input: iou });
      return z.NEVER;
    }
    return { iou, agnostic: class_agnostic || undefined, most: max_num };
  }),
);
type Nms = z.output<typeof nms>;

/** mmdet's limit after NMS, and its older name. mmdet's RPN and RetinaNet lose the last box by −1, which is not repeated here. */
const most = { max_per_img: z.optional(limit), max_num: z.optional(limit) };

/** Returns the smallest of the limits. @throws ConfigError if there is none, or if the older name says something else */
function mostOf(
  test: { max_per_img?: number | undefined; max_num?: number | undefined },
  nms: Nms,
  path: string,
): number {
  const { max_per_img, max_num } = test;
  const given = max_per_img ?? max_num;
  if (given === undefined) throw new ConfigError(`${what}: ${path}.max_per_img: must be a whole number, got nothing.`);
  if (max_num !== undefined && max_num !== given) {
    throw new ConfigError(`${what}: ${path}.max_num: is ${max_num}, but max_per_img ${given}. They mean the same.`);
  }
  const limits = [given, nms.most ?? -1].filter((value) => value > 0);
  return limits.length > 0 ? Math.min(...limits) : all;
}

const rpnTest = z.strictObject({
  nms_pre: z._default(limit, -1),
  ...most,
  /** mmdet's older name of the threshold. */
  nms_thr: z.optional(z.number()),
  nms: z.optional(nms),
  min_bbox_size: z._default(minSize, -1),
  nms_across_levels: off,
  /** mmdet's older limit, which its first versions took in place of `max_num`. */
  nms_post: z.optional(z.int().check(z.positive())),
  ...unneeded('deploy_nms_pre'),
});

/** A mask of probabilities, which mmdet gives for −1, has no place in results. */
const maskThreshold = z
  .number()
  .check(z.minimum(0, { error: 'must be at least 0: soft masks (-1) are not supported' }), z.maximum(1));

const rcnnTest = z.strictObject({
  score_thr: z.number(),
  nms,
  ...most,
  mask_thr_binary: z._default(maskThreshold, 0.5),
  ...unneeded('async_sleep_interval'),
});

const extractors = { bbox_roi_extractor: part, mask_roi_extractor: part };
const roiHead = { ...extractors, bbox_head: part, mask_head: part };
const roiHeadCommon = { ...roiHead, shared_head: none, ...training, ...unneeded('test_cfg', 'pretrained') };
const standardRoiHead = z.strictObject({ type: z.literal('StandardRoIHead'), ...roiHeadCommon });
const cascadeRoiHead = z.strictObject({
  type: z.literal('CascadeRoIHead'),
  num_stages: z.int().check(z.positive()),
  ...unneeded('stage_loss_weights'),
  ...roiHeadCommon,
});

/** The fields of every detector. The backbone and the preprocessor are read elsewhere. */
const detector = {
  type: z.string(),
  ...unneeded('backbone', 'data_preprocessor', 'pretrained'),
  neck: part,
  ...training,
};

const twoStage = z.strictObject({
  ...detector,
  rpn_head: part,
  roi_head: part,
  test_cfg: z.strictObject({ rpn: rpnTest, rcnn: rcnnTest }),
});

const read = <S extends z.ZodMiniType>(schema: S, model: unknown): z.output<S> => {
  const { test_cfg, ...rest } = model as Record<string, unknown>; // whose type has been read
  return validate(schema, { ...rest, test_cfg: plainPart(test_cfg) }, what);
};

/**
 * Reads a `MaskRCNN` or `FasterRCNN` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, ConfigError if a field does not fit
 */
export function rcnnFromMm(model: unknown, classes: ClassesOf, backbone: BackboneSource): Detector {
  const dict = read(twoStage, model);
  const roi = parsePart({ StandardRoIHead: standardRoiHead }, dict.roi_head, what, 'roi_head');
  const { source, ...common } = twoStageParts(dict, backbone);
  const { box, ...head } = boxHeadFromMm(roi.bbox_head);
  const region = extractorOf(roi.bbox_roi_extractor, 'bbox_roi_extractor', source);
  checkBox(roi.bbox_head, region.size, source);
  const extractor = roi.mask_roi_extractor ?? roi.bbox_roi_extractor;
  return {
    type: 'mask_rcnn',
    ...classes(head.classes),
    ...common,
    box: { ...box, region },
    mask: maskOf(roi.mask_head, extractor, head.classes, source),
  };
}

/**
 * Reads a `CascadeRCNN` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, or mask heads that differ; ConfigError if a
 *   field does not fit
 */
export function cascadeFromMm(model: unknown, classes: ClassesOf, backbone: BackboneSource): Detector {
  const dict = read(twoStage, model);
  const roi = parsePart({ CascadeRoIHead: cascadeRoiHead }, dict.roi_head, what, 'roi_head');
  const { source, ...common } = twoStageParts(dict, backbone);
  const perStage = (name: keyof typeof roiHead) => stagesOf(name, roi[name], roi.num_stages);
  const regions = perStage('bbox_roi_extractor').map((dict) => extractorOf(dict, 'bbox_roi_extractor', source));
  const dicts = perStage('bbox_head');
  const heads = dicts.map(boxHeadFromMm);
  const numbers = heads.map((head) => head.classes);
  if (new Set(numbers).size > 1) {
    throw new ConfigError(
      `${what}: bbox_head: the stages have ${numbers.join(', ')} classes, but need the same number (num_classes).`,
    );
  }
  for (const [i, dict] of dicts.entries()) checkBox(dict, itemAt(regions, i).size, source);
  const equal = (name: keyof typeof roiHead) => onlyOne(name, perStage(name));
  const extractor = equal('mask_roi_extractor') ?? (roi.mask_head ? equal('bbox_roi_extractor') : undefined);
  return {
    type: 'cascade_mask_rcnn',
    ...classes(itemAt(numbers, 0)),
    ...common,
    box: heads.map(({ box }, i): BoxConfig => ({ ...box, region: itemAt(regions, i) })),
    mask: maskOf(equal('mask_head'), extractor, itemAt(numbers, 0), source),
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

/** Returns the fields that do not depend on the heads on regions, and the neck as their source. */
function twoStageParts({ neck: dict, rpn_head, test_cfg }: z.output<typeof twoStage>, backbone: BackboneSource) {
  const { neck, source } = detectorNeck(dict, backbone);
  const head = rpnHeadFromMm(rpn_head);
  checkDense(rpn_head, 'rpn_head', head.anchors.strides, source);
  const { rpn, rcnn } = test_cfg;
  const rpnNms = rpnNmsOf(rpn);
  return {
    source,
    neck,
    rpn: {
      ...head,
      nmsPre: rpn.nms_pre < 0 ? all : rpn.nms_pre,
      max: mostOf(rpn, rpnNms, 'test_cfg.rpn'),
      iou: rpnNms.iou,
      acrossLevels: rpnNms.agnostic,
      ...sizeLimit(rpn.min_bbox_size),
    },
    test: {
      score: rcnn.score_thr,
      iou: rcnn.nms.iou,
      max: mostOf(rcnn, rcnn.nms, 'test_cfg.rcnn'),
      acrossClasses: rcnn.nms.agnostic,
      maskThreshold: rcnn.mask_thr_binary,
    },
    input: {},
  };
}

/** Returns the RPN's suppression, which the first versions of mmdet 2 wrote as `nms_thr`. @throws ConfigError if both are given and differ */
function rpnNmsOf({ nms, nms_thr, nms_post, max_per_img, max_num }: z.output<typeof rpnTest>): Nms {
  const path = `${what}: test_cfg.rpn`;
  if (nms_post !== undefined && nms_post !== (max_per_img ?? max_num)) {
    throw new ConfigError(
      `${path}.nms_post: is ${nms_post}, but max_per_img ${max_per_img ?? max_num}. Versions of mmdet take one or the other: make them equal.`,
    );
  }
  if (nms && nms_thr !== undefined && nms.iou !== nms_thr) {
    throw new ConfigError(`${path}.nms_thr: is ${nms_thr}, but nms.iou_threshold ${nms.iou}. They mean the same.`);
  }
  if (nms) return nms;
  if (nms_thr !== undefined) return { iou: nms_thr, agnostic: undefined, most: undefined };
  throw new ConfigError(`${path}.nms: must be an object, got nothing.`);
}

function detectorNeck(dict: unknown, backbone: BackboneSource) {
  const neck = neckFromMm(dict);
  return { neck, source: neckSource(dict, neck, backbone, what) };
}

/** Checks a head on every level of the neck. */
function checkDense(head: unknown, part: string, strides: readonly number[], source: Source): void {
  checkLevels(head, `${what}: ${part}`, 'in_channels', 'channels', source);
  checkLevels({ strides }, `${what}: ${part}: anchor_generator`, 'strides', 'stride', source);
  const { length } = source.levels;
  if (strides.length !== length) {
    const path = `${what}: ${part}: anchor_generator.strides`;
    throw new ConfigError(`${path}: has ${strides.length} levels, but the neck gives ${length} (num_outs).`);
  }
}

function extractorOf(dict: unknown, part: string, source: Source) {
  const region = regionsFromMm(dict, part);
  checkLevels(dict, `${what}: ${part}`, 'out_channels', 'channels', source);
  checkLevels(dict, `${what}: ${part}`, 'featmap_strides', 'stride', source);
  return region;
}

function checkBox(dict: unknown, size: number, source: Source): void {
  checkLevels(dict, `${what}: bbox_head`, 'in_channels', 'channels', source);
  checkAgrees(dict, `${what}: bbox_head`, 'roi_feat_size', size, 'the output_size of its regions is');
}

function maskOf(head: unknown, extractor: unknown, classes: number, source: Source) {
  if (head === undefined || head === null) return undefined;
  const read = maskHeadFromMm(head);
  const region = extractorOf(extractor, 'mask_roi_extractor', source);
  checkLevels(head, `${what}: mask_head`, 'in_channels', 'channels', source);
  checkAgrees(head, `${what}: mask_head`, 'num_classes', classes, 'the bbox_head has');
  checkAgrees(head, `${what}: mask_head`, 'roi_feat_size', region.size, 'the output_size of its regions is');
  return { ...read, region };
}

const retinaNet = z.strictObject({
  ...detector,
  bbox_head: part,
  test_cfg: z.strictObject({
    score_thr: z.number(),
    nms,
    ...most,
    nms_pre: z._default(limit, -1),
    min_bbox_size: z._default(minSize, -1),
    ...unneeded('deploy_nms_pre'),
  }),
});

/**
 * Reads a `RetinaNet` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, ConfigError if a field does not fit
 */
export function retinaNetFromMm(model: unknown, classes: ClassesOf, backbone: BackboneSource): Detector {
  const { neck: dict, bbox_head, test_cfg: test } = read(retinaNet, model);
  const { head, ...found } = retinaHeadFromMm(bbox_head);
  const { neck, source } = detectorNeck(dict, backbone);
  checkDense(bbox_head, 'bbox_head', head.anchors.strides, source);
  return {
    type: 'retinanet',
    ...classes(found.classes),
    neck,
    head,
    test: {
      score: test.score_thr,
      iou: test.nms.iou,
      max: mostOf(test, test.nms, 'test_cfg'),
      acrossClasses: test.nms.agnostic,
      nmsPre: test.nms_pre < 0 ? all : test.nms_pre,
      ...sizeLimit(test.min_bbox_size),
    },
    input: {},
  };
}
