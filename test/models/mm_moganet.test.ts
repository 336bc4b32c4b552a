import { expect } from 'chai';
import { moganet } from '../../src/backbones/moganet.ts';
import { ConfigError, UnsupportedError } from '../../src/errors.ts';
import { fromOfficial } from '../../src/models/mm/moganet.ts';

describe('fromOfficial', () => {
  it('reads the sizes in every official spelling', () => {
    for (const [arch, expected] of [
      ['x-tiny', 'xt'],
      ['xtiny', 'xt'],
      ['tiny', 't'],
      ['Small', 's'],
      ['b', 'b'],
      ['x-large', 'xl'],
    ]) {
      expect(fromOfficial({ arch })).to.deep.equal({ config: { type: 'moganet', arch: expected }, classes: 1000 });
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

  it('takes the backbone of a published detector, whose norm_cfg does nothing', () => {
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

  const refusals: readonly [what: string, args: Record<string, unknown>, message: string | RegExp][] = [
    [
      'an unknown argument',
      { attn_dw_dilatoin: [1, 2, 3] },
      /^MogaNet: unknown argument "attn_dw_dilatoin"\. .* Did you mean "attn_dw_dilation"\?$/,
    ],
    ['one that only looks known', { constructor: 1 }, /unknown argument "constructor"/],
    ['an unknown size', { arch: 'tinny' }, /^unknown MogaNet arch "tinny"\. Known: xt, t, s, b, l, xl\./],
    ['an arch of another kind', { arch: 3 }, 'MogaNet: arch is a size or a record, got 3.'],
    [
      'an arch without depths',
      { arch: { embed_dims: [8], ffn_ratios: [4] } },
      'MogaNet: arch.depths is a list of positive numbers, got undefined.',
    ],
    [
      'an arch with more',
      { arch: { embed_dims: [8], depths: [1], ffn_ratios: [4], heads: [1] } },
      /unknown key of arch "heads"/,
    ],
    [
      'a list of another length',
      { attn_channel_split: [1, 3] },
      'MogaNet: attn_channel_split is three positive integers, got [1,3].',
    ],
    ['a number that is text', { num_classes: '10' }, 'MogaNet: num_classes is an integer, got "10".'],
    [
      'an activation that is not there',
      { attn_act_type: 'Mish' },
      'MogaNet: attn_act_type is SiLU, GELU, ReLU or None, got "Mish".',
    ],
    ['another class', { type: 'ConvNeXt' }, 'MogaNet: type is MogaNet or MogaNet_feat, got "ConvNeXt".'],
  ];
  for (const [what, args, message] of refusals) {
    it(`refuses ${what}`, () => {
      expect(() => fromOfficial(args)).to.throw(ConfigError, message);
    });
  }

  it('leaves it to the backbone to refuse the norm LN2d by name', () => {
    const { config } = fromOfficial({ arch: 'tiny', conv_norm_type: 'LN2d' });
    expect(() => moganet(config)).to.throw(UnsupportedError, /LN2d/);
  });
});
