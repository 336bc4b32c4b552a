import * as z from 'zod';
import type { BoxConfig } from '../../heads/box.ts';
import { ConfigError, UnsupportedError } from '../errors.ts';
import type { ClassNames, ModelConfig } from './config.ts';
import {
  boxHeadFromMm,
  maskHeadFromMm,
  neckFromMm,
  regionsFromMm,
  retinaHeadFromMm,
  rpnHeadFromMm,
} from './from_mm_heads.ts';
import { parsePart } from './from_mm_types.ts';
import { parseConfig } from './parse_config.ts';

/** The model dicts of mmdet's detectors. */

type Detector = NonNullable<ModelConfig['detector']>;

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
 * The detector of a `MaskRCNN` or `FasterRCNN` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, ConfigError where a field does not fit
 */
export function rcnnFromMm(model: unknown, classes: ClassNames): Detector {
  const dict = parseConfig(twoStage, model, what);
  const roi = parsePart({ StandardRoIHead: standardRoiHead }, dict.roi_head, what, 'roi_head');
  const { box, ...head } = boxHeadFromMm(roi.bbox_head);
  return {
    type: 'mask_rcnn',
    classes: classes(head.classes),
    ...twoStageParts(dict),
    box: { ...box, region: regionsFromMm(roi.bbox_roi_extractor) },
    ...maskOf(roi.mask_head, roi.mask_roi_extractor ?? roi.bbox_roi_extractor),
  };
}

/**
 * The detector of a `CascadeRCNN` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, or mask heads that differ; ConfigError where a
 *   field does not fit
 */
export function cascadeFromMm(model: unknown, classes: ClassNames): Detector {
  const dict = parseConfig(twoStage, model, what);
  const roi = parsePart({ CascadeRoIHead: cascadeRoiHead }, dict.roi_head, what, 'roi_head');
  const perStage = (name: keyof typeof roiHead) => stagesOf(name, roi[name], roi.num_stages);
  const extractors = perStage('bbox_roi_extractor').map(regionsFromMm);
  const heads = perStage('bbox_head').map(boxHeadFromMm);
  const numbers = heads.map((head) => head.classes);
  if (new Set(numbers).size > 1) {
    throw new ConfigError(`${what}: bbox_head: its stages have ${numbers.join(', ')} classes.`);
  }
  const equal = (name: keyof typeof roiHead) => onlyOne(name, perStage(name));
  return {
    type: 'cascade_mask_rcnn',
    classes: classes(numbers[0]!),
    ...twoStageParts(dict),
    box: heads.map(({ box }, i): BoxConfig => ({ ...box, region: extractors[i]! })),
    ...maskOf(equal('mask_head'), equal('mask_roi_extractor') ?? equal('bbox_roi_extractor')),
  };
}

/** mmdet takes one dict for all stages, or a list with one for each. */
function stagesOf(name: string, value: unknown, stages: number): unknown[] {
  if (!Array.isArray(value)) return Array.from({ length: stages }, () => value);
  if (value.length === stages) return value;
  throw new ConfigError(`${what}: ${name}: num_stages is ${stages}, it lists ${value.length}.`);
}

/** Ours has one configuration for the mask heads of all stages. */
function onlyOne(name: string, stages: readonly unknown[]): unknown {
  const [first, ...rest] = stages.map((stage) => JSON.stringify(stage));
  if (rest.every((other) => other === first)) return stages[0];
  throw new UnsupportedError(`${what}: ${name} differs between the stages, which is not supported.`);
}

/** What does not depend on the heads on regions. */
function twoStageParts({ neck, rpn_head, test_cfg: { rpn, rcnn } }: z.output<typeof twoStage>) {
  return {
    neck: neckFromMm(neck),
    rpn: {
      ...rpnHeadFromMm(rpn_head),
      nmsPre: rpn.nms_pre,
      maxPerImage: rpn.max_per_img,
      nmsIou: rpn.nms.iou_threshold,
      minSize: rpn.min_bbox_size,
    },
    test: {
      scoreThr: rcnn.score_thr,
      nmsIou: rcnn.nms.iou_threshold,
      maxPerImage: rcnn.max_per_img,
      maskThr: rcnn.mask_thr_binary,
    },
    input: {},
  };
}

const maskOf = (head: unknown, extractor: unknown) =>
  head !== undefined && head !== null && { mask: { ...maskHeadFromMm(head), region: regionsFromMm(extractor) } };

const retinaNet = z.looseObject({
  neck: part,
  bbox_head: part,
  test_cfg: z.looseObject({ ...kept, nms_pre: z.int().positive(), min_bbox_size: z.number().default(0) }),
});

/**
 * The detector of a `RetinaNet` dict.
 *
 * @throws UnsupportedError naming the type of a part that is not read, ConfigError where a field does not fit
 */
export function retinaNetFromMm(model: unknown, classes: ClassNames): Detector {
  const { neck, bbox_head, test_cfg: test } = parseConfig(retinaNet, model, what);
  const { head, ...found } = retinaHeadFromMm(bbox_head);
  return {
    type: 'retinanet',
    classes: classes(found.classes),
    neck: neckFromMm(neck),
    head,
    test: {
      scoreThr: test.score_thr,
      nmsIou: test.nms.iou_threshold,
      maxPerImage: test.max_per_img,
      nmsPre: test.nms_pre,
      minSize: test.min_bbox_size,
    },
    input: {},
  };
}
