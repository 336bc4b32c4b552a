import { expect } from 'chai';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import { backboneFromMm, onWholePyramid } from '../../../src/models/mm/backbones.ts';

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

/** Swin as the mm libraries and Microsoft's detection repository configure it. */

const tiny = { type: 'SwinTransformer', depths: [2, 2, 6, 2], num_heads: [3, 6, 12, 24] };
const plain = { type: 'swin', window: 7, mlpRatio: 4, qkvBias: true, patchNorm: true };

describe('SwinTransformer of an mm model', () => {
  it('is a published size if it has its depths and heads', () => {
    expect(
      backboneFromMm({ ...tiny, embed_dims: 96, window_size: 7, drop_path_rate: 0.2, with_cp: false }),
    ).to.deep.equal({ ...plain, arch: 't' });
    const large = { embed_dims: 192, depths: [2, 2, 18, 2], num_heads: [6, 12, 24, 48], window_size: 12 };
    expect(backboneFromMm({ ...tiny, ...large })).to.deep.equal({ ...plain, arch: 'l', window: 12 });
  });

  it('is read in the words of Microsoft’s detection repository as well', () => {
    const official = { ...tiny, embed_dim: 96, ape: false, use_checkpoint: false, patch_norm: true, qk_scale: null };
    expect(backboneFromMm(official)).to.deep.equal({ ...plain, arch: 't' });
  });

  it('may have a custom size', () => {
    const arch = { dim: 24, depths: [1, 1, 2, 1], heads: [1, 2, 4, 8] };
    expect(backboneFromMm({ ...tiny, embed_dims: 24, depths: [1, 1, 2, 1], num_heads: [1, 2, 4, 8] })).to.deep.equal({
      ...plain,
      arch,
    });
  });

  it('with later stages only has norms for those, below a neck that begins with them', () => {
    expect(backboneFromMm({ ...tiny, out_indices: [1, 2, 3] })).to.deep.equal({
      ...plain,
      arch: 't',
      outputNorms: [1, 2, 3],
    });
    const backbone = { out_indices: [1, 2, 3] };
    const neck = (start?: number) => ({ type: 'FPN', start_level: start });
    const startOf = (model: { neck?: unknown }) => (model.neck as { start_level: number }).start_level;
    expect(startOf(onWholePyramid({ backbone, neck: neck() }))).to.equal(1);
    expect(startOf(onWholePyramid({ backbone, neck: neck(1) }))).to.equal(2);
    expect(onWholePyramid({ backbone: {}, neck: neck(1) })).to.deep.equal({ backbone: {}, neck: neck(1) });
  });

  it('with later stages only is refused below anything else', () => {
    expect(() => onWholePyramid({ backbone: { out_indices: [2, 3] } })).to.throw(
      UnsupportedError,
      'out_indices begin at 2',
    );
    expect(() => backboneFromMm({ ...tiny, out_indices: [0, 2] })).to.throw(
      ConfigError,
      'out_indices: must list all stages',
    );
  });

  it('is refused if it would need another network', () => {
    expect(() => backboneFromMm({ ...tiny, use_abs_pos_embed: true })).to.throw(ConfigError, /use_abs_pos_embed/);
    expect(() => backboneFromMm({ ...tiny, patch_size: 2 })).to.throw(ConfigError, /patch_size/);
    expect(() => backboneFromMm({ ...tiny, window: 7 })).to.throw(ConfigError, 'unknown key "window"');
  });
});
