import { expect } from 'chai';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import { createModel } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { segmentationFromMm } from '../../../src/models/mm/segmentation.ts';
import { findEntry } from '../../../src/zoo/index.ts';
import { cascadeGiouS, cascadeS, retinaNetXt, semanticFpnXt } from './dicts.data.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests edit mm dicts freely
type Dict = any;

function changed(dict: Dict, change: (copy: Dict) => void): Dict {
  const copy = structuredClone(dict);
  change(copy);
  return copy;
}

const resolved = (model: Dict) => {
  const dataset_type = model.type === 'EncoderDecoder' ? 'ADE20KDataset' : 'CocoDataset';
  return createModel(fromMm({ model, dataset_type }, { name: 'ours' })).config;
};
const refusal = (dict: Dict, type: typeof ConfigError | typeof UnsupportedError, text: string) =>
  expect(() => fromMm(dict)).to.throw(type, text);

describe('an mm configuration', () => {
  const published: readonly [what: string, dict: Dict, entry: string][] = [
    ['RetinaNet', retinaNetXt, 'retinanet_moganet_xt_fpn_1x_coco'],
    ['Cascade Mask R-CNN', cascadeS, 'cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco'],
    ['Cascade Mask R-CNN with GIoU', cascadeGiouS, 'cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco'],
    ['Semantic FPN', semanticFpnXt, 'fpn_moganet_xt_80k_ade20k'],
  ];
  for (const [what, dict, entry] of published) {
    it(`of the published ${what} equals the configuration of the package`, () => {
      const { config } = findEntry(entry);
      expect(resolved(dict)).to.deep.equal(createModel({ ...config, name: 'ours' }).config);
    });
  }

  describe('of RetinaNet', () => {
    it('has mmdet’s anchors, four convolutions and 256 channels by default', () => {
      const dict = changed(retinaNetXt, ({ bbox_head }) => {
        for (const key of ['stacked_convs', 'feat_channels', 'anchor_generator', 'bbox_coder']) delete bbox_head[key];
      });
      expect(resolved(dict)).to.deep.equal(resolved(retinaNetXt));
    });

    it('is refused if its head has norms, or scores by softmax', () => {
      const norms = changed(retinaNetXt, ({ bbox_head }) => {
        bbox_head.norm_cfg = { type: 'GN', num_groups: 32 };
      });
      refusal(norms, ConfigError, 'mmdet model: bbox_head: norm_cfg: ');
      const softmax = changed(retinaNetXt, ({ bbox_head }) => {
        bbox_head.loss_cls.use_sigmoid = false;
      });
      refusal(softmax, ConfigError, 'mmdet model: bbox_head: loss_cls.use_sigmoid: ');
    });
  });

  describe('of a cascade', () => {
    it('may have one box head and extractor for all stages, or one for each', () => {
      const one = changed(cascadeS, ({ roi_head }) => {
        roi_head.bbox_head = roi_head.bbox_head[0];
        roi_head.bbox_roi_extractor = [1, 2, 3].map(() => structuredClone(roi_head.bbox_roi_extractor));
        roi_head.mask_head = [1, 2, 3].map(() => structuredClone(roi_head.mask_head));
      });
      const { detection: detector } = resolved(one);
      if (detector?.type !== 'cascade_mask_rcnn') throw new Error('it is no cascade');
      expect(detector.box.map(({ deltas }) => deltas.stds)).to.deep.equal([0, 1, 2].map(() => [0.1, 0.1, 0.2, 0.2]));
    });

    it('finds boxes without masks if it has no mask head', () => {
      const dict = changed(cascadeS, ({ roi_head }) => {
        delete roi_head.mask_head;
        delete roi_head.mask_roi_extractor;
      });
      const parts = Object.keys(createModel(fromMm(dict)).parts);
      expect(parts).to.deep.equal(['features', 'box0', 'box1', 'box2']);
    });

    it('is refused if its lists have another length than its number of stages', () => {
      const dict = changed(cascadeS, ({ roi_head }) => roi_head.bbox_head.pop());
      refusal(dict, ConfigError, 'mmdet model: bbox_head: num_stages is 3, it lists 2.');
    });

    it('is refused if its stages have different numbers of classes', () => {
      const dict = changed(cascadeS, ({ roi_head }) => {
        roi_head.bbox_head[1].num_classes = 79;
      });
      refusal(dict, ConfigError, 'mmdet model: bbox_head: the stages have 80, 79, 80 classes');
    });

    it('is refused if its mask heads differ', () => {
      const dict = changed(cascadeS, ({ roi_head }) => {
        roi_head.mask_head = [4, 4, 2].map((num_convs) => ({ ...roi_head.mask_head, num_convs }));
      });
      refusal(dict, UnsupportedError, 'mmdet model: mask_head differs between the stages, which is not supported.');
    });
  });

  describe('of Semantic FPN', () => {
    it('is refused if its strides do not double', () => {
      const dict = changed(semanticFpnXt, ({ decode_head }) => {
        decode_head.feature_strides = [4, 8, 16, 16];
      });
      refusal(dict, ConfigError, 'mmseg model: decode_head: feature_strides: each must be twice');
    });

    it('is refused for another neck', () => {
      const dict = changed(semanticFpnXt, ({ neck }) => {
        neck.type = 'JPU';
      });
      refusal(dict, UnsupportedError, 'the neck "JPU" is not supported. Known: FPN.');
    });
  });
});

describe('a segmentation model of mmseg', () => {
  const head = { type: 'UPerHead', channels: 8, num_classes: 3, in_index: [0, 1, 2, 3], norm_cfg: { type: 'BN' } };
  const backbone = {
    type: 'mmpretrain.ConvNeXt',
    arch: 'tiny',
    out_indices: [0, 1, 2, 3],
    gap_before_final_norm: false,
  };
  const model = { type: 'EncoderDecoder', backbone, decode_head: head };
  const threeOf = (count: number) => ({ classes: Array.from({ length: count }, (_, i) => `${i}`) });

  it('slides if its test_cfg does, with height before width', () => {
    const test_cfg = { mode: 'slide', crop_size: [512, 640], stride: [341, 426] };
    expect(segmentationFromMm({ ...model, test_cfg }, threeOf).slide).to.deep.equal({
      crop: { height: 512, width: 640 },
      stride: { height: 341, width: 426 },
    });
    expect(segmentationFromMm({ ...model, test_cfg: { mode: 'whole' } }, threeOf)).to.not.have.property('slide');
    expect(() => segmentationFromMm({ ...model, test_cfg: { mode: 'slide' } }, threeOf)).to.throw(
      ConfigError,
      'crop_size',
    );
  });

  it('stretches its input only if its pipeline aligns it', () => {
    const inputOf = (test_pipeline: unknown[]) => fromMm({ model, test_pipeline }).segmentation?.input;
    expect(inputOf([{ type: 'Resize', scale: [2048, 512], keep_ratio: true }])).to.deep.equal({
      scale: [2048, 512],
      divisor: 1,
    });
    const augmented = (first: object) => [{ type: 'MultiScaleFlipAug', img_scale: [1024, 256], transforms: [first] }];
    expect(inputOf(augmented({ type: 'AlignResize', size_divisor: 16 }))).to.deep.equal({
      scale: [1024, 256],
      divisor: 16,
    });
    expect(inputOf(augmented({ type: 'Resize', keep_ratio: true }))).to.deep.equal({ scale: [1024, 256], divisor: 1 });
    expect(inputOf([])).to.deep.equal({});
  });
});
