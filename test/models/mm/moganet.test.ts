import { expect } from 'chai';
import { mogaNetSize, moganet } from '../../../src/backbones/moganet.ts';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import { fromOfficial } from '../../../src/models/mm/moganet.ts';

describe('mogaNetSize', () => {
  it('knows its sizes by every official spelling', () => {
    for (const [spelling, size] of [
      ['xt', 'xt'],
      ['xtiny', 'xt'],
      ['x-tiny', 'xt'],
      ['X_Tiny', 'xt'],
      ['moganet_xt', 'xt'],
      ['moganet-tiny', 't'],
      ['small', 's'],
      ['x-large', 'xl'],
    ] as const) {
      expect(mogaNetSize(spelling), spelling).to.equal(size);
    }
    expect(mogaNetSize('constructor')).to.equal(undefined);
  });
});

describe('fromOfficial', () => {
  it('reads the sizes in every official spelling', () => {
    for (const [arch, expected] of [
      ['x-tiny', 'xt'],
      ['xtiny', 'xt'],
      ['tiny', 't'],
      ['Small', 's'],
      ['b', 'b'],
      ['x-large', 'xl'],
    ] as const) {
      expect(fromOfficial({ arch })).to.deep.equal({
        config: { type: 'moganet', arch: expected },
        classes: 1000,
      });
    }
    expect(fromOfficial({}).config.arch).to.equal('t');
  });

  it('reads a custom arch and every argument that changes the network', () => {
    const { config, classes } = fromOfficial({
      arch: { embed_dims: [16, 32], depths: [1, 2], ffn_ratios: [8, 2.5] },
      in_channels: 4,
      num_classes: 7,
      patch_sizes: [3, 5],
      patchembed_types: ['Conv', 'Conv'],
      attn_dw_dilation: [1, 2, 2],
      attn_channel_split: [1, 1, 2],
      attn_act_type: null,
      attn_final_dilation: false,
      attn_force_fp32: true,
      stem_norm_type: 'GN',
      conv_norm_type: 'SyncBN',
      fork_feat: false,
    });
    expect(classes).to.equal(7);
    expect(config).to.deep.equal({
      type: 'moganet',
      arch: { dims: [16, 32], depths: [1, 2], ratios: [8, 2.5] },
      inChannels: 4,
      patchSizes: [3, 5],
      patchEmbedTypes: ['Conv', 'Conv'],
      dilations: [1, 2, 2],
      channelSplit: [1, 1, 2],
      activation: null,
      finalDilation: false,
      doubleActivation: true,
      stemNorm: 'GN',
      convNorm: 'SyncBN',
    });
    expect(moganet(config).stages).to.deep.equal([
      { channels: 16, stride: 2 },
      { channels: 32, stride: 6 },
    ]);
  });

  it('takes the backbone of a published detector, whose norm_cfg has no effect', () => {
    const official = {
      type: 'MogaNet_feat',
      arch: 'tiny',
      init_value: 1e-5,
      drop_path_rate: 0.1,
      stem_norm_cfg: { type: 'SyncBN', requires_grad: true },
      conv_norm_cfg: { type: 'SyncBN', requires_grad: true },
      out_indices: [0, 1, 2, 3],
      init_cfg: { type: 'Pretrained', checkpoint: 'moganet_tiny.pth.tar' },
    };
    expect(fromOfficial(official)).to.deep.equal({ config: { type: 'moganet', arch: 't' }, classes: 0 });
  });

  it('has no classifier with fork_feat, or without classes', () => {
    expect(fromOfficial({ arch: 'tiny', fork_feat: true, num_classes: 10 }).classes).to.equal(0);
    expect(fromOfficial({ arch: 'tiny', num_classes: -1 }).classes).to.equal(0);
  });

  const refusals: readonly [what: string, args: Record<string, unknown>, facts: RegExp][] = [
    ['an unknown argument', { attn_dw_dilatoin: [1, 2, 3] }, /^MogaNet: .*"attn_dw_dilatoin".*"attn_dw_dilation"\?/],
    ['one that only looks known', { constructor: 1 }, /unknown key "constructor"/],
    ['an unknown size', { arch: 'tinny' }, /"tinny"\. Known: xt, t, s, b, l, xl\./],
    ['an arch of another kind', { arch: 3 }, /arch: .*string.*object.*got 3/],
    ['an arch without depths', { arch: { embed_dims: [8], ffn_ratios: [4] } }, /arch\.depths: .*list.*got nothing/],
    ['an arch with more', { arch: { embed_dims: [8], depths: [1], ffn_ratios: [4], heads: [1] } }, /arch: .*"heads"/],
    ['a list of another length', { attn_channel_split: [1, 3] }, /attn_channel_split: .*3 entries.*got \[1,3\]/],
    ['a number that is text', { num_classes: '10' }, /num_classes: .*number.*got "10"/],
    ['an unknown activation', { attn_act_type: 'Mish' }, /attn_act_type.*"Mish".*SiLU, GELU, ReLU/],
    ['another class', { type: 'ConvNeXt' }, /type.*"ConvNeXt".*MogaNet, MogaNet_feat/],
  ];
  for (const [what, args, facts] of refusals) {
    it(`refuses ${what}`, () => {
      expect(() => fromOfficial(args)).to.throw(ConfigError, facts);
    });
  }

  it('leaves it to the backbone to refuse the norm LN2d by name', () => {
    const { config } = fromOfficial({ arch: 'tiny', conv_norm_type: 'LN2d' });
    expect(() => moganet(config)).to.throw(UnsupportedError, /LN2d/);
  });
});
