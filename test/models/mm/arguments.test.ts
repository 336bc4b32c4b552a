import { expect } from 'chai';
import { createModel } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { effects } from './arguments.data.ts';
import { signatures } from './signatures.data.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests edit mm dicts freely
type Dict = any;

/** Whole configurations that the arguments are put into. */

const norm = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
const resNet = { type: 'ResNet', depth: 50 };
const levels = [256, 512, 1024, 2048];
const fpn = { type: 'FPN', in_channels: levels, out_channels: 256, num_outs: 5 };
const coder = { type: 'DeltaXYWHBBoxCoder', target_stds: [0.1, 0.1, 0.2, 0.2] };
const regions = (output_size: number) => ({
  type: 'SingleRoIExtractor',
  roi_layer: { type: 'RoIAlign', output_size, sampling_ratio: 0 },
  out_channels: 256,
  featmap_strides: [4, 8, 16, 32],
});
const anchors = { type: 'AnchorGenerator', scales: [8], ratios: [0.5, 1, 2], strides: [4, 8, 16, 32, 64] };
const rpnHead = { type: 'RPNHead', in_channels: 256, anchor_generator: anchors, bbox_coder: { type: coder.type } };
const boxHead = { type: 'Shared2FCBBoxHead', in_channels: 256, num_classes: 80, bbox_coder: coder };
const convBoxHead = {
  ...boxHead,
  type: 'ConvFCBBoxHead',
  num_shared_convs: 4,
  num_shared_fcs: 1,
  norm_cfg: { type: 'BN' },
};
const roiHead = {
  type: 'StandardRoIHead',
  bbox_roi_extractor: regions(7),
  bbox_head: boxHead,
  mask_roi_extractor: regions(14),
  mask_head: { type: 'FCNMaskHead', in_channels: 256, num_classes: 80 },
};
const nms = { type: 'nms', iou_threshold: 0.5 };
const rpnTest = { nms_pre: 1000, max_per_img: 1000, nms: { type: 'nms', iou_threshold: 0.7 }, min_bbox_size: 0 };
const test_cfg = { rpn: rpnTest, rcnn: { score_thr: 0.05, nms, max_per_img: 100, mask_thr_binary: 0.5 } };
const maskRcnn = { type: 'MaskRCNN', backbone: resNet, neck: fpn, rpn_head: rpnHead, roi_head: roiHead, test_cfg };
const cascade = {
  ...maskRcnn,
  type: 'CascadeRCNN',
  roi_head: { ...roiHead, type: 'CascadeRoIHead', num_stages: 3, bbox_head: [boxHead, boxHead, boxHead] },
};
const retinaNet = {
  type: 'RetinaNet',
  backbone: resNet,
  neck: { ...fpn, start_level: 1, add_extra_convs: 'on_input' },
  bbox_head: { type: 'RetinaHead', in_channels: 256, num_classes: 80 },
  test_cfg: { nms_pre: 1000, min_bbox_size: 0, score_thr: 0.05, nms, max_per_img: 100 },
};
const head = { channels: 128, num_classes: 19, norm_cfg: { type: 'SyncBN' }, align_corners: false };
const onLevels = { in_channels: [256, 256, 256, 256], in_index: [0, 1, 2, 3] };
const segmentor = {
  type: 'EncoderDecoder',
  backbone: resNet,
  neck: { ...fpn, num_outs: 4, add_extra_convs: true },
  decode_head: { type: 'FPNHead', ...onLevels, feature_strides: [4, 8, 16, 32], ...head },
  auxiliary_head: { type: 'FCNHead', in_channels: 256, in_index: 1, ...head },
  test_cfg: { mode: 'whole' },
};

const older = (...steps: object[]) => [
  { type: 'LoadImageFromFile' },
  { type: 'LoadAnnotations' },
  {
    type: 'MultiScaleFlipAug',
    img_scale: [1333, 800],
    flip: false,
    transforms: [
      { type: 'Resize', keep_ratio: true },
      ...steps,
      { type: 'RandomFlip' },
      { type: 'Normalize', ...norm, to_rgb: true },
      { type: 'Pad', size_divisor: 32 },
      { type: 'DefaultFormatBundle' },
      { type: 'ImageToTensor', keys: ['img'] },
      { type: 'Collect', keys: ['img'] },
    ],
  },
];
const newer = (resize: object, pack: string) => [
  { type: 'LoadImageFromFile', backend_args: null },
  resize,
  { type: 'LoadAnnotations' },
  { type: 'RandomFlip', prob: 0 },
  { type: pack },
];
const fit = { type: 'Resize', scale: [1333, 800], keep_ratio: true };
const det2 = (model: Dict) => ({ model, test_pipeline: older() });
const det3 = (model: Dict, resize: object = fit) => ({
  model: {
    ...model,
    data_preprocessor: { type: 'DetDataPreprocessor', ...norm, bgr_to_rgb: true, pad_size_divisor: 32 },
  },
  test_dataloader: { dataset: { pipeline: newer(resize, 'PackDetInputs') } },
});
const seg0 = (model: Dict, ...steps: object[]) => ({ model, data: { test: { pipeline: older(...steps) } } });
const seg1 = (model: Dict, resize: object = fit, ...more: object[]) => {
  const { list, ...pipeline } = { list: newer(resize, 'PackSegInputs') };
  list.splice(2, 0, ...more);
  return {
    ...pipeline,
    model: {
      ...model,
      data_preprocessor: { type: 'SegDataPreProcessor', ...norm, bgr_to_rgb: true, test_cfg: { size_divisor: 32 } },
    },
    test_dataloader: { dataset: { pipeline: list } },
  };
};
/** A pipeline of mmcv's own transforms. */
const cv = (first: object) => ({
  model: maskRcnn,
  test_pipeline: [
    { type: 'LoadImageFromFile' },
    first,
    { type: 'RandomFlip', prob: 0 },
    { type: 'Normalize', ...norm },
    { type: 'Pad', size_divisor: 32 },
  ],
});

/** Returns the dicts of a type anywhere in a configuration. */
function ofType(value: Dict, type: string): Dict[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap((field) => ofType(field, type));
  return value.type === type ? [value, ...inner] : inner;
}

type Library = keyof typeof signatures;
/** The configuration that an argument of a part is put into, and where. By default the first dict of the type. */
function baseOf(library: Library, part: string): { config: Dict; at?: (config: Dict) => Dict } {
  const isSeg = library.startsWith('mmseg');
  const isNew = !/^(mmdet 2|mmseg 0)/.test(library);
  const detect = isNew ? det3 : det2;
  const segment = isNew ? seg1 : seg0;
  const swin = { type: 'SwinTransformer' };
  const onSwin = isSeg
    ? segment({ ...segmentor, backbone: swin, neck: { ...segmentor.neck, in_channels: undefined } })
    : detect({ ...maskRcnn, backbone: swin, neck: { ...fpn, in_channels: undefined } });
  const convNext = {
    type: 'mmpretrain.ConvNeXt',
    arch: 'tiny',
    out_indices: [0, 1, 2, 3],
    gap_before_final_norm: false,
  };
  const onConvNext = { ...maskRcnn, backbone: convNext, neck: { ...fpn, in_channels: undefined } };
  const withHead = (decode_head: object) => segment({ ...segmentor, decode_head, auxiliary_head: null });
  const perStage = { config: det3(maskRcnn) };
  const rescaled = { type: 'ResizeShortestEdge', scale: 800, max_size: 1333 };
  const bases: Record<string, { config: Dict; at?: (config: Dict) => Dict }> = {
    CascadeRCNN: { config: detect(cascade) },
    CascadeRoIHead: { config: detect(cascade) },
    RetinaNet: { config: detect(retinaNet) },
    RetinaHead: { config: detect(retinaNet) },
    SwinTransformer: { config: onSwin },
    ConvNeXt: { config: det3(onConvNext), at: ({ model }) => model.backbone },
    ConvFCBBoxHead: { config: detect({ ...maskRcnn, roi_head: { ...roiHead, bbox_head: convBoxHead } }) },
    RoIAlign: perStage,
    FPNHead: { config: withHead(segmentor.decode_head) },
    UPerHead: { config: withHead({ type: 'UPerHead', ...onLevels, ...head }) },
    FCNHead: { config: withHead({ type: 'FCNHead', in_channels: 256, in_index: 3, ...head }) },
    ResNetV1c: { config: segment({ ...segmentor, backbone: { ...resNet, type: 'ResNetV1c' } }) },
    'test_cfg.rpn': { config: detect(maskRcnn), at: ({ model }) => model.test_cfg.rpn },
    'test_cfg.rcnn': { config: detect(maskRcnn), at: ({ model }) => model.test_cfg.rcnn },
    'test_cfg of RetinaNet': { config: detect(retinaNet), at: ({ model }) => model.test_cfg },
    'test_cfg of EncoderDecoder': { config: segment(segmentor), at: ({ model }) => model.test_cfg },
    nms: { ...perStage, at: ({ model }) => model.test_cfg.rcnn.nms },
    BatchNorm: {
      config: seg1({ ...segmentor, backbone: { ...resNet, norm_cfg: { type: 'BN' } } }),
      at: ({ model }) => model.backbone.norm_cfg,
    },
    upsample_cfg: {
      config: det3({ ...maskRcnn, neck: { ...fpn, upsample_cfg: { mode: 'nearest' } } }),
      at: ({ model }) => model.neck.upsample_cfg,
    },
    FixScaleResize: { config: det3(maskRcnn, { type: 'FixScaleResize', scale: [800, 800] }) },
    ResizeShortestEdge: { config: isSeg ? seg1(segmentor, rescaled) : det3(maskRcnn, rescaled) },
    ResizeToMultiple: {
      config: isNew
        ? seg1(segmentor, fit, { type: 'ResizeToMultiple' })
        : seg0(segmentor, { type: 'ResizeToMultiple' }),
    },
    ImgDataPreprocessor: {
      config: {
        ...det3(maskRcnn),
        model: { ...maskRcnn, data_preprocessor: { type: 'ImgDataPreprocessor', ...norm, bgr_to_rgb: true } },
      },
    },
  };
  const ofOlder: typeof bases = {
    Resize: { config: cv({ type: 'Resize', img_scale: [1333, 800] }) },
    RandomFlip: { config: cv({ type: 'Resize', img_scale: [1333, 800] }) },
  };
  const ofCv: typeof bases = {
    MultiScaleFlipAug: { config: cv({ type: 'MultiScaleFlipAug', scales: [1333, 800], transforms: [] }) },
    TestTimeAug: { config: cv({ type: 'TestTimeAug', transforms: [[fit]] }) },
  };
  const own =
    !isNew && ofOlder[part]
      ? ofOlder[part]
      : library.startsWith('mmcv')
        ? (ofCv[part] ?? bases[part] ?? { config: cv(fit) })
        : bases[part];
  return own ?? { config: isSeg ? segment(segmentor) : detect(maskRcnn) };
}

/** Returns the effect of an argument: `done`, `unneeded`, or the message that refuses it. */
function effectOf({ config, at }: ReturnType<typeof baseOf>, part: string, argument: string, value: unknown): string {
  const resolved = (dict: Dict) => JSON.stringify(createModel(fromMm(dict)).config);
  const before = resolved(config);
  const changed = structuredClone(config);
  const place = at ? at(changed) : ofType(changed, part)[0];
  expect(place, `a ${part} in the configuration`).to.be.an('object');
  place[argument] = value;
  try {
    return resolved(changed) === before ? 'unneeded' : 'done';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a configuration of mm is read strictly', () => {
  for (const [library, parts] of Object.entries(signatures)) {
    describe(`by every argument of ${library}:`, () => {
      for (const [part, names] of Object.entries(parts)) {
        it(`each of ${part} is done, refused by its name, or not needed`, () => {
          const {
            done = {},
            refused = {},
            unneeded = {},
          } = (library.startsWith('mmseg') && effects[`${part} of mmseg`]) || effects[part] || {};
          const all = { done, refused, unneeded };
          for (const name of names) {
            const kinds = Object.entries(all).filter(([, values]) => Object.hasOwn(values, name));
            expect(kinds, `${part}.${name} has one effect`).to.have.length(1);
            for (const [kind, values] of kinds) {
              const found = effectOf(baseOf(library, part), part, name, (values as Dict)[name]);
              if (kind !== 'refused') expect(found, `${part}.${name}`).to.equal(kind);
              else expect(found, `${part}.${name}`).to.include(name);
            }
          }
        });
      }
    });
  }

  it('and an argument that no class has is refused, with those that it has', () => {
    const strays: readonly [part: string, base: Dict][] = Object.keys(signatures['mmdet 3.3'] ?? {}).map((part) => [
      part,
      baseOf('mmdet 3.3', part),
    ]);
    for (const [part, base] of strays) {
      expect(effectOf(base, part, 'no_such_argument', 1), part).to.match(
        /unknown key "no_such_argument".* Known: \w+/s,
      );
    }
  });
});
