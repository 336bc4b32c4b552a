import { expect } from 'chai';
import { ConfigError, UnsupportedError } from '../../src/errors.ts';
import { backboneFromMm } from '../../src/models/mm/backbones.ts';
import { fromMm } from '../../src/models/mm/index.ts';
import { segmentationFromMm } from '../../src/models/mm/segmentation.ts';

const resNet = { type: 'ResNet', depth: 50, num_stages: 4, out_indices: [0, 1, 2, 3], norm_eval: true };
const convNext = { type: 'mmpretrain.ConvNeXt', arch: 'tiny', out_indices: [0, 1, 2, 3], gap_before_final_norm: false };

describe('ResNet of an mm model', () => {
  it('is told apart by depth, stem and style', () => {
    expect(backboneFromMm(resNet)).to.deep.include({ type: 'resnet', depth: 50, stem: '7x7', style: 'pytorch' });
    expect(backboneFromMm({ ...resNet, style: 'caffe' })).to.deep.include({ style: 'caffe' });
    expect(backboneFromMm({ ...resNet, type: 'ResNetV1c', depth: 101 })).to.deep.include({ depth: 101, stem: '3x3' });
    expect(backboneFromMm({ ...resNet, deep_stem: true })).to.deep.include({ stem: '3x3' });
  });

  const refused: readonly [what: string, options: object, text: string][] = [
    ['deformable convolutions', { dcn: { type: 'DCN' } }, 'dcn'],
    ['dilated stages', { dilations: [1, 1, 2, 4] }, 'dilations.2'],
    ['stages that keep the size', { strides: [1, 2, 1, 1] }, 'strides.2'],
    ['averaging shortcuts (V1d)', { avg_down: true }, 'avg_down'],
    ['plugins', { plugins: [{ cfg: { type: 'ContextBlock' } }] }, 'plugins'],
    ['group norm', { norm_cfg: { type: 'GN' } }, 'norm_cfg.type'],
    ['an unknown depth', { depth: 26 }, 'depth'],
    ['an argument that the class does not have', { depths: 50 }, 'unknown key "depths"'],
  ];
  for (const [what, options, text] of refused) {
    it(`is refused by name with ${what}`, () => {
      expect(() => backboneFromMm({ ...resNet, ...options })).to.throw(ConfigError, text);
    });
  }
});

describe('ConvNeXt of an mm model', () => {
  it('is a published size by mmpretrain’s name or by the official arguments', () => {
    expect(backboneFromMm(convNext)).to.deep.equal({ type: 'convnext', arch: 't' });
    expect(backboneFromMm({ ...convNext, type: 'mmcls.ConvNeXt', arch: 'xlarge' })).to.deep.include({ arch: 'xl' });
    const official = { type: 'ConvNeXt', in_chans: 3, depths: [3, 3, 27, 3], dims: [128, 256, 512, 1024] };
    expect(backboneFromMm(official)).to.deep.equal({ type: 'convnext', arch: 'b', inChannels: 3 });
  });

  it('may have a custom size', () => {
    const arch = { depths: [2, 2, 6, 2], channels: [40, 80, 160, 320] };
    expect(backboneFromMm({ ...convNext, arch })).to.deep.equal({
      type: 'convnext',
      arch: { depths: [2, 2, 6, 2], dims: [40, 80, 160, 320] },
    });
  });

  it('is refused if it would need another network', () => {
    const refusal = (options: object, text: string) =>
      expect(() => backboneFromMm({ ...convNext, ...options })).to.throw(ConfigError, text);
    refusal({ use_grn: true }, 'use_grn');
    refusal({ arch: 'enormous' }, 'arch');
    refusal({ layer_scale_init_value: 0 }, 'layer_scale_init_value');
    refusal({ gap_before_final_norm: true }, 'gap_before_final_norm');
    const { out_indices: _, ...last } = convNext;
    expect(() => backboneFromMm(last)).to.throw(UnsupportedError, 'without out_indices gives one map');
  });
});

describe('a segmentation model of mmseg', () => {
  const head = { type: 'UPerHead', channels: 8, num_classes: 3, in_index: [0, 1, 2, 3], norm_cfg: { type: 'BN' } };
  const model = { type: 'EncoderDecoder', backbone: convNext, decode_head: head };
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
