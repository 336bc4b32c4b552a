import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { datasetOf, datasets } from '../../../src/datasets/index.ts';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import type { ModelConfig, RcnnConfig } from '../../../src/models/config.ts';
import { createModel } from '../../../src/models/create.ts';
import { neckFromMm } from '../../../src/models/mm/detection.ts';
import { fromMm, type MmContext } from '../../../src/models/mm/index.ts';
import { findEntry } from '../../../src/zoo/index.ts';
import { shippedGolden } from '../../harness/golden.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests edit mm dicts freely
type Dict = any;

const list = (name: string): Dict =>
  JSON.parse(readFileSync(join(shippedGolden, 'heads/keys', `${name}.json`), 'utf8'));
const detector: Dict = list('mask_rcnn_xt').official_model_dict;
const segmentor: Dict = list('upernet_xt').official_model_dict;
const lite: Dict = JSON.parse(readFileSync(join(shippedGolden, 'heads/e2e_mask_rcnn_scene.json'), 'utf8')).config;

/** The dict with a change. */
function changed(dict: Dict, change: (copy: Dict) => void): Dict {
  const copy = structuredClone(dict);
  change(copy);
  return copy;
}

const resolved = (dict: Dict, context?: MmContext) => createModel(fromMm(dict, context)).config;
/** Of a Mask R-CNN. */
function rcnnOf(dict: Dict): RcnnConfig {
  const { detection: found } = resolved(dict);
  if (found?.type !== 'mask_rcnn') throw new Error(`the detector is a ${found?.type}`);
  return found;
}
const refusal = (dict: Dict, type: typeof ConfigError | typeof UnsupportedError, text: string | RegExp) =>
  expect(() => fromMm(dict)).to.throw(type, text);

describe('an mm configuration', () => {
  it('of the published Mask R-CNN is the zoo’s', () => {
    const { name: _, ...ours } = createModel(findEntry('mask_rcnn_moganet_xt_fpn_1x_coco').config).config;
    expect(resolved({ model: detector, dataset_type: 'CocoDataset' })).to.deep.equal(ours);
  });

  it('of the published UperNet is the zoo’s', () => {
    const { name: _, ...ours } = createModel(findEntry('upernet_moganet_xt_512x512_160k_ade20k').config).config;
    expect(resolved({ model: segmentor, dataset_type: 'ADE20KDataset' })).to.deep.equal(ours);
  });

  it('cannot order more classes than memory has names for', () => {
    const endless = { ...segmentor, auxiliary_head: undefined };
    const dict = changed(endless, ({ decode_head }) => (decode_head.num_classes = 2 ** 21));
    refusal(dict, ConfigError, /mm config: num_classes: must be within ±1048576, got 2097152/);
  });

  it('cannot order more levels than an image has', () => {
    const dict = changed(lite, ({ neck }) => (neck.num_outs = 1e9));
    refusal(dict, ConfigError, /FPN: outs: at most 16 levels are possible, got 1000000000/);
  });

  it('may be of other channels, depths and limits', () => {
    const { backbone } = resolved(lite);
    const found = rcnnOf(lite);
    expect(backbone).to.deep.equal({
      type: 'moganet',
      arch: { dims: [16, 32, 48, 64], depths: [1, 1, 2, 1], ratios: [8, 8, 4, 4] },
    });
    expect(found.neck.channels).to.equal(32);
    expect(found.box.channels).to.equal(48);
    expect(found.rpn).to.include({ nmsPre: 200, max: 80 });
    expect(found.test).to.deep.equal({ score: 0.05, iou: 0.5, max: 40, maskThreshold: 0.5 });
  });

  it('is found within a whole configuration, with its pipeline’s scale and normalisation', () => {
    const { detection: found, image } = resolved({
      model: lite,
      img_norm_cfg: { mean: [1, 2, 3], std: [4, 5, 6], to_rgb: false },
      data: {
        test: { pipeline: [{ type: 'LoadImageFromFile' }, { type: 'MultiScaleFlipAug', img_scale: [640, 480] }] },
      },
    });
    expect(found?.input.scale).to.deep.equal([640, 480]);
    expect(image).to.deep.equal({ mean: [1, 2, 3], std: [4, 5, 6], channelOrder: 'bgr' });
  });

  it('of mm 3.x has the normalisation in its preprocessor and scopes in its types', () => {
    const dict = changed(lite, (copy) => {
      copy.type = 'mmdet.MaskRCNN';
      copy.backbone.type = 'mmdet.MogaNet_feat';
      copy.neck.type = 'mmdet.FPN';
      copy.data_preprocessor = { type: 'DetDataPreprocessor', mean: [1, 2, 3], std: [4, 5, 6], bgr_to_rgb: true };
    });
    const { image } = resolved(dict);
    expect(image).to.deep.equal({ mean: [1, 2, 3], std: [4, 5, 6], channelOrder: 'rgb' });
    expect(resolved(changed(segmentor, (copy) => (copy.type = 'mmseg.EncoderDecoder'))).segmentation).to.not.equal(
      undefined,
    );
  });

  it('takes the scale of the caller', () => {
    expect(resolved(lite, { scale: [320, 200] }).detection?.input.scale).to.deep.equal([320, 200]);
    expect(resolved(lite).detection?.input.scale).to.deep.equal([1333, 800]);
  });

  describe('by default', () => {
    it('pools regions aligned, with 56 as finest scale', () => {
      const { box } = rcnnOf(detector);
      expect(box.region).to.deep.equal({
        size: 7,
        samplingRatio: 0,
        aligned: true,
        finestScale: 56,
        strides: [4, 8, 16, 32],
      });
    });

    it('and with its fields otherwise', () => {
      const dict = changed(detector, ({ roi_head }) => {
        roi_head.bbox_roi_extractor.finest_scale = 28;
        roi_head.bbox_head.roi_feat_size = 5;
        roi_head.bbox_roi_extractor.roi_layer = { type: 'RoIAlign', output_size: 5, sampling_ratio: 2, aligned: false };
      });
      expect(rcnnOf(dict).box.region).to.include({
        size: 5,
        samplingRatio: 2,
        aligned: false,
        finestScale: 28,
      });
      expect(rcnnOf(dict).mask?.region).to.include({ size: 14, aligned: true, finestScale: 56 });
    });

    it('pools masks as boxes if there is no second extractor', () => {
      const dict = changed(detector, ({ roi_head }) => {
        roi_head.mask_roi_extractor = null;
      });
      const { box, mask } = rcnnOf(dict);
      expect(mask?.region).to.deep.equal(box.region);
    });

    it('finds boxes without masks (Faster R-CNN)', () => {
      const dict = changed(detector, (copy) => {
        copy.type = 'FasterRCNN';
        delete copy.roi_head.mask_head;
        delete copy.roi_head.mask_roi_extractor;
      });
      expect(rcnnOf(dict).mask).to.equal(undefined);
    });
  });

  it('reads the layers of each box head', () => {
    const layers = (type: string, more: Dict = {}) => {
      const dict = changed(detector, ({ roi_head }) => Object.assign(roi_head.bbox_head, { type, ...more }));
      const { convs, fcs, convNorm } = rcnnOf(dict).box;
      return { convs, fcs, convNorm };
    };
    expect(layers('Shared2FCBBoxHead')).to.deep.equal({ convs: 0, fcs: 2, convNorm: false });
    expect(layers('Shared4Conv1FCBBoxHead')).to.deep.equal({ convs: 4, fcs: 1, convNorm: false });
    const own = { num_shared_convs: 3, num_shared_fcs: 1, norm_cfg: { type: 'SyncBN' } };
    expect(layers('ConvFCBBoxHead', own)).to.deep.equal({ convs: 3, fcs: 1, convNorm: true });
  });

  it('reads extra levels of the pyramid, by their old spelling, too', () => {
    const extra = (add_extra_convs: unknown) => neckFromMm({ ...detector.neck, start_level: 1, add_extra_convs });
    expect(extra('on_output')).to.include({ startLevel: 1, extraConvs: 'on_output' });
    expect(extra(true)).to.include({ extraConvs: 'on_input' });
    expect(extra(false).extraConvs).to.equal(undefined);
  });

  it('spreads the octave’s scales', () => {
    const dict = changed(detector, ({ rpn_head: { anchor_generator } }) => {
      delete anchor_generator.scales;
      Object.assign(anchor_generator, { octave_base_scale: 4, scales_per_octave: 3 });
    });
    expect(rcnnOf(dict).rpn.anchors.scales).to.deep.equal([4, 4 * 2 ** (1 / 3), 4 * 2 ** (2 / 3)]);
  });

  describe('names its classes', () => {
    it('by the checkpoint', () => {
      const classes = ['a', 'b', 'c', 'd', 'e'];
      expect(resolved(lite, { classes }).detection?.classes).to.deep.equal(classes);
    });
    it('by the data set that the configuration tests on, in mm 2.x and 3.x', () => {
      const classes: readonly string[] = datasets.coco.classes;
      for (const says of [
        { dataset_type: 'CocoDataset' },
        { data: { test: { type: 'CocoDataset' } }, dataset_type: 'ADE20KDataset' },
        { test_dataloader: { dataset: { type: 'mmdet.CocoDataset' } } },
      ]) {
        const labels = ({ detection }: ModelConfig) => ({ dataset: detection?.dataset, classes: detection?.classes });
        const coco = { dataset: 'coco', classes: undefined };
        expect(labels(fromMm({ model: detector, ...says }))).to.deep.equal(coco);
        expect(labels(fromMm({ model: detector, ...says }, { classes }))).to.deep.equal(coco);
        const renamed = classes.with(79, 'comb');
        expect(labels(fromMm({ model: detector, ...says }, { classes: renamed }))).to.deep.equal({
          dataset: undefined,
          classes: renamed,
        });
      }
    });
    it('by the data set of the caller, if the configuration names none and the numbers agree', () => {
      expect(fromMm(detector, { dataset: 'coco' }).detection?.dataset).to.equal('coco');
      expect(fromMm(lite, { dataset: 'coco' }).detection?.classes).to.have.length(5);
    });
    it('by counting, for any number', () => {
      expect(datasetOf(resolved(detector).detection!).classes[79]).to.equal('class 79');
      expect(resolved({ model: lite, dataset_type: 'CocoDataset' }).detection?.classes).to.deep.equal([
        'class 0',
        'class 1',
        'class 2',
        'class 3',
        'class 4',
      ]);
    });
    it('and refuses names that are too few', () => {
      expect(() => fromMm(lite, { classes: ['a'] })).to.throw(ConfigError, /names 1 classes.*has 5/);
    });
  });

  describe('is refused by name', () => {
    const unsupported: readonly [what: string, dict: Dict, change: (copy: Dict) => void, text: string][] = [
      ['model', detector, (d) => (d.type = 'YOLOX'), 'the model "YOLOX" is not supported. Known: MaskRCNN,'],
      ['backbone', detector, (d) => (d.backbone.type = 'HRNet'), 'the backbone "HRNet" is not supported.'],
      ['neck', detector, (d) => (d.neck.type = 'PAFPN'), 'the neck "PAFPN" is not supported. Known: FPN.'],
      ['heads on regions', detector, (d) => (d.roi_head.type = 'PointRendRoIHead'), 'the roi_head "PointRendRoIHead"'],
      ['box head', detector, (d) => (d.roi_head.bbox_head.type = 'SABLHead'), 'the bbox_head "SABLHead"'],
      ['mask head', detector, (d) => (d.roi_head.mask_head.type = 'HTCMaskHead'), 'the mask_head "HTCMaskHead"'],
      ['decode head', segmentor, (d) => (d.decode_head.type = 'PSAHead'), 'the decode_head "PSAHead"'],
      ['auxiliary head', segmentor, (d) => (d.auxiliary_head.type = 'PSAHead'), 'the auxiliary_head "PSAHead"'],
      ['neck of a segmentor', segmentor, (d) => (d.neck = { type: 'Feature2Pyramid' }), 'the neck "Feature2Pyramid"'],
    ];
    for (const [what, dict, change, text] of unsupported) {
      it(`for an unsupported ${what}`, () => refusal(changed(dict, change), UnsupportedError, text));
    }

    const contradicting: readonly [what: string, dict: Dict, change: (copy: Dict) => void, text: string | RegExp][] = [
      ['norm in the FPN', detector, (d) => (d.neck.norm_cfg = { type: 'BN' }), 'mmdet model: neck: norm_cfg: '],
      ['soft NMS', detector, (d) => (d.test_cfg.rcnn.nms.type = 'soft_nms'), /test_cfg\.rcnn\.nms\.type: .*"soft_nms"/],
      ['anchors in another order', detector, (d) => (d.rpn_head.anchor_generator.scale_major = false), 'scale_major: '],
      ['sliding windows of no size', segmentor, (d) => (d.test_cfg.mode = 'slide'), 'test_cfg.crop_size: '],
      [
        'a part of the pyramid',
        segmentor,
        (d) => (d.decode_head.in_index = [1, 2, 3]),
        'decode_head: in_index: must list',
      ],
      ['no limits', detector, (d) => delete d.test_cfg, 'mmdet model: test_cfg: '],
      ['no neck', detector, (d) => delete d.neck, 'mmdet model: neck: '],
      [
        'heads of unequal classes',
        segmentor,
        (d) => (d.auxiliary_head.num_classes = 7),
        /has 7 classes.*decode head 150/,
      ],
      ['an unknown size', detector, (d) => (d.backbone.arch = 'huge'), 'unknown MogaNet arch "huge"'],
    ];
    for (const [what, dict, change, text] of contradicting) {
      it(`for ${what}`, () => refusal(changed(dict, change), ConfigError, text));
    }

    it('if it is not a model dict', () => {
      refusal({ type: 'MaskRCNN' }, ConfigError, 'mm config: backbone: ');
      refusal('MaskRCNN', ConfigError, 'mm config: must be an object, got "MaskRCNN".');
    });
  });
});
