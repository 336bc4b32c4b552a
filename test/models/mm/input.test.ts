import { expect } from 'chai';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { inputFromMm } from '../../../src/models/mm/input.ts';
import { retinaNetXt } from './dicts.data.ts';

/** How configurations of mm prepare images. */

const load = { type: 'LoadImageFromFile' };
const norm = { mean: [100, 110, 120], std: [50, 55, 60] };
const normalize = { type: 'Normalize', ...norm, to_rgb: true };
const collect = { type: 'Collect', keys: ['img'] };
const pack = { type: 'PackDetInputs' };
const fit = { type: 'Resize', scale: [1333, 800], keep_ratio: true };
const inside = (...transforms: object[]) => [
  load,
  { type: 'MultiScaleFlipAug', img_scale: [1333, 800], flip: false, transforms: [...transforms, collect] },
];
const detection = (test_pipeline: object[], model: object = {}) => {
  const { input, image } = inputFromMm({ test_pipeline }, model, 'detection');
  return { input: JSON.parse(JSON.stringify(input)), image };
};
const segmentation = (test_pipeline: object[], model: object = {}) =>
  JSON.parse(JSON.stringify(inputFromMm({ test_pipeline }, model, 'segmentation').input));
const raw = (channelOrder: 'rgb' | 'bgr') => ({ mean: [0, 0, 0], std: [1, 1, 1], channelOrder });

describe('the test pipeline of a detector', () => {
  it('is resized, normalised and padded in its steps', () => {
    expect(detection(inside({ type: 'Resize' }, normalize, { type: 'Pad', size_divisor: 32 }))).to.deep.equal({
      input: { scale: [1333, 800], divisor: 32 },
      image: { ...norm, channelOrder: 'rgb' },
    });
  });

  it('is padded as it says, or not at all', () => {
    const padded = (...steps: object[]) => detection(inside({ type: 'Resize' }, normalize, ...steps)).input;
    expect(padded()).to.deep.equal({ scale: [1333, 800], divisor: 1 });
    expect(padded({ type: 'Pad', size_divisor: 64, pad_val: { img: 2 } })).to.deep.equal({
      scale: [1333, 800],
      divisor: 64,
      padValue: 2,
    });
    expect(padded({ type: 'Pad', size: [800, 1344] })).to.deep.equal({
      scale: [1333, 800],
      divisor: 1,
      padSize: { height: 800, width: 1344 },
    });
  });

  it('pads bytes if Pad comes before Normalize, in the order of the bytes', () => {
    const steps = [{ type: 'Resize' }, { type: 'Pad', size_divisor: 32, pad_val: [120, 165, 200] }, normalize];
    // the bytes are blue, green, red; the network takes red first
    expect(detection(inside(...steps)).input.padValue).to.deep.equal([(200 - 100) / 50, (165 - 110) / 55, 0]);
  });

  it('normalises nothing if no step does', () => {
    expect(detection(inside({ type: 'Resize' })).image).to.deep.equal(raw('bgr'));
    const whole = { test_pipeline: inside({ type: 'Resize' }), img_norm_cfg: norm };
    expect(inputFromMm(whole, {}, 'detection').image).to.deep.equal(raw('bgr'));
  });

  it('keeps the ratio by default in mm 2.x, and not in mm 3.x', () => {
    const keep = (steps: object[]) => detection(steps).input.keepRatio;
    expect(keep(inside({ type: 'Resize' }))).to.equal(undefined);
    expect(keep([load, { type: 'Resize', img_scale: [640, 480] }])).to.equal(undefined);
    expect(keep(inside({ type: 'Resize', keep_ratio: false }))).to.equal(false);
    expect(keep([load, { type: 'Resize', scale: [640, 480] }, pack])).to.equal(false);
    expect(keep([load, fit, pack])).to.equal(undefined);
  });

  it('has its scale as a pair, a number, or a list of one', () => {
    const scale = (options: object) => detection([load, { type: 'Resize', keep_ratio: true, ...options }]).input.scale;
    expect(scale({ scale: [640, 480] })).to.deep.equal([640, 480]);
    expect(scale({ scale: 512 })).to.deep.equal([512, 512]);
    expect(scale({ img_scale: [[640, 480]] })).to.deep.equal([640, 480]);
    expect(() =>
      scale({
        img_scale: [
          [640, 480],
          [1333, 800],
        ],
      }),
    ).to.throw(ConfigError, /img_scale: .*one scale/s);
    expect(
      detection([load, { type: 'ResizeShortestEdge', scale: [800, 900], max_size: 1333 }]).input.scale,
    ).to.deep.equal([1333, 800]);
    expect(detection([load, { type: 'FixScaleResize', scale: [640, 480] }]).input).to.include({ keepRatio: false });
  });

  it('is found in the data set, below wrappers and lists, which counts more than the variable', () => {
    const pipeline = [load, { ...fit, scale: [500, 400] }, pack];
    const scaleOf = (whole: object) =>
      inputFromMm({ ...whole, test_pipeline: [load, fit] }, {}, 'detection').input.scale;
    expect(scaleOf({ test_dataloader: { dataset: { pipeline } } })).to.deep.equal([500, 400]);
    expect(scaleOf({ test_dataloader: { dataset: { type: 'RepeatDataset', dataset: { pipeline } } } })).to.deep.equal([
      500, 400,
    ]);
    expect(scaleOf({ data: { test: [{ pipeline }, {}] } })).to.deep.equal([500, 400]);
    expect(scaleOf({ data: { test: {} } })).to.deep.equal([1333, 800]);
  });

  const refused: readonly [what: string, steps: object[], text: string | RegExp][] = [
    ['an unknown step', [load, fit, { type: 'CenterCrop', crop_size: 8 }], 'step of the test pipeline "CenterCrop"'],
    ['two resizes', [load, fit, fit], 'Resize: the image is resized a second time'],
    ['Resize after Normalize', [load, normalize, fit], 'Resize: comes after Normalize'],
    ['no resize', [load, normalize, collect], 'no step resizes the image'],
    ['a flip', [load, fit, { type: 'RandomFlip', prob: 1 }], 'RandomFlip.prob: must be 0'],
    ['a stretched image', inside({ type: 'AlignResize' }), 'stretched to a multiple'],
    ['a step without a type', [load, { scale: [1, 2] }], 'step 1: must be an object with a type'],
    ['Pad in mm 3.x', [load, fit, { type: 'Pad', size_divisor: 32 }, pack], /Pad: .*pad_size_divisor/],
    ['two normalisations', [load, fit, normalize, normalize], 'Normalize: the image is normalised a second time'],
    ['several views', [load, { type: 'TestTimeAug', transforms: [[fit, fit]] }], 'TestTimeAug: transforms.0: '],
    [
      'FixScaleResize, whose edges are rounded down',
      [load, { ...fit, type: 'FixScaleResize' }],
      'FixScaleResize.keep_ratio',
    ],
  ];
  for (const [what, steps, text] of refused) {
    it(`is refused by name with ${what}`, () => {
      expect(() => detection(steps)).to.throw(Error, text);
      try {
        detection(steps);
      } catch (error) {
        expect(error).to.satisfy((one: unknown) => one instanceof ConfigError || one instanceof UnsupportedError);
      }
    });
  }
});

describe('the test pipeline of a segmentor', () => {
  it('stretches by AlignResize, or by ResizeToMultiple after Resize', () => {
    expect(segmentation(inside({ type: 'AlignResize', size_divisor: 16 }))).to.deep.equal({
      scale: [1333, 800],
      divisor: 16,
    });
    expect(segmentation(inside({ type: 'Resize' }, { type: 'ResizeToMultiple' }))).to.deep.equal({
      scale: [1333, 800],
      divisor: 32,
    });
    expect(() => segmentation([load, { type: 'ResizeToMultiple' }])).to.throw(ConfigError, 'must come after Resize');
  });

  it('pads by its steps, or by its preprocessor in tests', () => {
    expect(segmentation(inside({ type: 'Resize' }, { type: 'Pad', size_divisor: 8 }))).to.deep.equal({
      scale: [1333, 800],
      divisor: 1,
      padDivisor: 8,
    });
    const padded = (test_cfg: object) =>
      segmentation([load, fit, { type: 'PackSegInputs' }], {
        data_preprocessor: { type: 'SegDataPreProcessor', size: [512, 512], pad_val: 1, test_cfg },
      });
    expect(padded({ size_divisor: 32 })).to.deep.equal({ scale: [1333, 800], divisor: 1, padDivisor: 32, padValue: 1 });
    expect(padded({ size: [512, 600] })).to.deep.include({ padSize: { height: 512, width: 600 }, divisor: 1 });
  });

  it('multiplies its scale by a ratio', () => {
    const [first, aug] = inside({ type: 'Resize' });
    expect(segmentation([first!, { ...aug, img_ratios: [0.5] }]).scale).to.deep.equal([666, 400]);
    expect(() => segmentation([first!, { ...aug, img_ratios: [0.5, 1] }])).to.throw(ConfigError, 'img_ratios');
  });

  it('names the option of predict for several views', () => {
    const [first, aug] = inside({ type: 'Resize' });
    const several = (views: object) => () => segmentation([first!, { ...aug, ...views }]);
    expect(several({ flip: true })).to.throw(ConfigError, 'predict, { flip: true }');
    expect(
      several({
        img_scale: [
          [1333, 800],
          [666, 400],
        ],
      }),
    ).to.throw(ConfigError, 'predict: { scales:');
    expect(several({ flip: false, img_scale: [[1333, 800]] })).not.to.throw();
  });
});

describe('the preprocessor of mm 3.x', () => {
  const image = (dict: object, steps: object[] = [load, fit, pack]) =>
    detection(steps, { data_preprocessor: { type: 'mmdet.DetDataPreprocessor', ...dict } });

  it('normalises nothing without mean and std', () => {
    expect(image({}).image).to.deep.equal(raw('bgr'));
    expect(image({ mean: null, std: null, bgr_to_rgb: true }).image).to.deep.equal(raw('rgb'));
    expect(() => image({ mean: [1, 2, 3] })).to.throw(ConfigError, 'std: must be given');
  });

  it('takes one number for all channels', () => {
    expect(image({ mean: [127.5], std: [64] }).image).to.deep.equal({
      mean: [127.5, 127.5, 127.5],
      std: [64, 64, 64],
      channelOrder: 'bgr',
    });
    expect(() => image({ mean: [1, 2], std: [1, 2] })).to.throw(ConfigError, 'mean: must have one entry or three');
  });

  it('reverses the channels as they are loaded', () => {
    expect(image({ ...norm, bgr_to_rgb: true }).image.channelOrder).to.equal('rgb');
    const rgb = { ...load, channel_order: 'rgb' };
    expect(image({ ...norm, bgr_to_rgb: true }, [rgb, fit, pack]).image.channelOrder).to.equal('bgr');
    expect(image(norm, [rgb, fit, pack]).image.channelOrder).to.equal('rgb');
  });

  it('pads to its divisor, which is 1 by default', () => {
    expect(image(norm).input).to.deep.equal({ scale: [1333, 800], divisor: 1 });
    expect(image({ ...norm, pad_size_divisor: 32, pad_value: 4 }).input).to.deep.equal({
      scale: [1333, 800],
      divisor: 32,
      padValue: 4,
    });
  });

  it('is refused beside a Normalize, or with both reversals', () => {
    expect(() => image(norm, [load, fit, normalize, pack])).to.throw(UnsupportedError, 'Normalize');
    expect(() => image({ bgr_to_rgb: true, rgb_to_bgr: true })).to.throw(ConfigError, 'rgb_to_bgr: ');
    expect(() => image({ type: 'TrackDataPreprocessor' })).to.throw(UnsupportedError, '"TrackDataPreprocessor"');
  });
});

describe('a whole configuration of mm', () => {
  it('is read with scopes in the types of its parts, and with keys for joining files', () => {
    const { anchor_generator } = retinaNetXt.bbox_head;
    const model = {
      ...retinaNetXt,
      _scope_: 'mmdet',
      neck: { ...retinaNetXt.neck, type: 'mmdet.models.necks.FPN', _delete_: true },
      bbox_head: {
        ...retinaNetXt.bbox_head,
        _scope_: 'mmdet',
        anchor_generator: { ...anchor_generator, type: 'mmdet.AnchorGenerator' },
      },
    };
    const whole = { model, default_scope: 'mmdet', custom_imports: { imports: ['moganet'] }, optimizer: {} };
    expect(fromMm(whole)).to.deep.equal(fromMm(retinaNetXt));
  });

  it('is refused if it names files that it is based on', () => {
    expect(() => fromMm({ _base_: ['../_base_/models/x.py'], model: retinaNetXt })).to.throw(ConfigError, '_base_');
  });

  it('of the first versions of mmdet 2 has its thresholds beside the model', () => {
    const { test_cfg, ...model } = retinaNetXt;
    expect(fromMm({ model, test_cfg })).to.deep.equal(fromMm(retinaNetXt));
    expect(() => fromMm({ model, test_cfg: { type: 'TestLoop' } })).to.throw(ConfigError, 'test_cfg');
  });
});

describe('the limits of mmdet', () => {
  it('of -1 keep all, in either form of a detector', () => {
    const test = { ...retinaNetXt.test_cfg, max_per_img: -1, nms_pre: -1, min_bbox_size: -1 };
    const { detection } = fromMm({ ...retinaNetXt, test_cfg: test });
    expect(detection?.test).to.deep.include({ max: 2 ** 20, nmsPre: 2 ** 20, minSize: 0, keepEmpty: true });
    const { min_bbox_size: _, ...newer } = retinaNetXt.test_cfg;
    expect(fromMm({ ...retinaNetXt, test_cfg: newer }).detection?.test).to.include({ keepEmpty: true });
    expect(fromMm(retinaNetXt).detection?.test).to.not.have.property('keepEmpty');
  });

  it('are the smaller of two, and the same by their older names', () => {
    const limited = (more: object) => fromMm({ ...retinaNetXt, test_cfg: { ...retinaNetXt.test_cfg, ...more } });
    const nms = { type: 'nms', iou_threshold: 0.5 };
    expect(limited({ nms: { ...nms, max_num: 7 } }).detection?.test).to.include({ max: 7 });
    expect(limited({ nms: { ...nms, max_num: 700 } }).detection?.test).to.include({ max: 100 });
    expect(limited({ max_per_img: undefined, max_num: 9 }).detection?.test).to.include({ max: 9 });
    expect(() => limited({ max_num: 9 })).to.throw(ConfigError, 'max_num: is 9, but max_per_img 100');
    expect(limited({ nms: { iou_thr: 0.4 } }).detection?.test).to.include({ iou: 0.4 });
  });
});
