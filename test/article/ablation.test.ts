import { expect } from 'chai';
import {
  type ArchName,
  ablatedRatios,
  ablation,
  ablationText,
  archNames,
  articleStatements,
  whereLines,
} from '../../src/article/ablation.ts';
import { mogaNetArchs } from '../../src/backbones/index.ts';
import { ConfigError } from '../../src/errors.ts';
import { classifiers } from '../zoo/expected.data.ts';

type Found = ReturnType<typeof articleStatements>[number]['readings'][number]['found'];

const square = (edge: number) => ({ height: edge, width: edge });

/** Σ over all blocks of what a block of C channels adds. */
const overBlocks = (arch: ArchName, of: (channels: number) => number): number =>
  mogaNetArchs[arch].dims.reduce((sum, channels, i) => sum + (mogaNetArchs[arch].depths[i] ?? 0) * of(channels), 0);

describe("the article's ablation", () => {
  const counted = Object.fromEntries(archNames.map((arch) => [arch, ablation(arch, square(224))])) as Record<
    ArchName,
    ReturnType<typeof ablation>
  >;

  describe('counts at 224×224', () => {
    const expected: Readonly<Record<ArchName, readonly (readonly [parameters: number, flops: number])[]>> = {
      xt: [
        [2738632, 742788392],
        [2921512, 784390568],
        [2939056, 791470088],
        [2940688, 791470088],
      ],
      t: [
        [4803496, 1020573416],
        [5148872, 1085576424],
        [5173984, 1093937000],
        [5176320, 1093937000],
      ],
      s: [
        [23409576, 4602843880],
        [25225384, 4935109352],
        [25283176, 4951291112],
        [25288552, 4951291112],
      ],
      b: [
        [40298312, 9213441256],
        [43517320, 9868338408],
        [43622584, 9900701928],
        [43632376, 9900701928],
      ],
      l: [
        [75786696, 14688028008],
        [82118536, 15827650408],
        [82310488, 15875386600],
        [82328344, 15875386600],
      ],
      xl: [
        [166323784, 31886319400],
        [180450952, 34407776296],
        [180737848, 34483426024],
        [180764536, 34483426024],
      ],
    };
    for (const arch of archNames) {
      it(`the spatial mixers of ${arch}`, () => {
        const { spatial } = counted[arch];
        expect(spatial.map(({ name }) => name)).to.deep.equal(['DW 7×7', '+ gating', '+ multi-order', '+ FD']);
        expect(spatial.map(({ parameters, flops }) => [parameters, flops])).to.deep.equal(expected[arch]);
      });
    }

    it('the channel mixers of xt', () => {
      const rows = counted.xt.channel.map(({ name, ratio, parameters, flops }) => [name, ratio, parameters, flops]);
      expect(rows).to.deep.equal([
        ['MLP', 2, 2044240, 439196936],
        ['MLP + SE', 2, 2138332, 439291028],
        ['CA', 2, 2050786, 440527874],
        ['MLP', 4, 2805136, 617459720],
        ['MLP + SE', 4, 3174568, 617829152],
        ['CA', 4, 2818210, 620107778],
        ['MLP', 6, 3566032, 795722504],
        ['MLP + SE', 6, 4392052, 796548524],
        ['CA', 6, 3585634, 799687682],
        ['MLP', 8, 4326928, 973985288],
        ['MLP + SE', 8, 5790784, 975449144],
        ['CA', 8, 4353058, 979267586],
      ]);
    });
  });

  for (const arch of archNames) {
    it(`adds the parameters worked out by hand in ${arch}`, () => {
      const { spatial, channel } = counted[arch];
      // a gate is a 1×1 convolution; 5×5 on all, 5×5 on three eighths and 7×7 on a half, with biases, are 60¾ to a
      // channel, DW 7×7 are 50; FD has one weight per channel
      const steps = [(C: number) => C * C + C, (C: number) => (60.75 - 50) * C, (C: number) => C];
      const parameters = steps.map((step) => overBlocks(arch, step));
      expect(spatial.map(({ added }) => added?.parameters)).to.deep.equal([undefined, ...parameters]);
      expect(spatial.at(-1)?.added?.flops).to.equal(0);
      for (const ratio of ablatedRatios) {
        const [mlp, se, ca] = channel.filter((row) => row.ratio === ratio);
        expect(mlp?.added).to.equal(undefined);
        // one weight and one σ per hidden channel, and a bias
        expect(ca?.added?.parameters).to.equal(overBlocks(arch, (C) => 2 * ratio * C + 1));
        // to a sixteenth of the hidden channels and back
        const squeezed = (C: number) => Math.floor((ratio * C) / 16);
        expect(se?.added?.parameters).to.equal(
          overBlocks(arch, (C) => 2 * ratio * C * squeezed(C) + squeezed(C) + ratio * C),
        );
      }
    });
  }

  it('gives the counts of the published networks for the whole', () => {
    const ours = classifiers.filter(({ name }) => name.startsWith('moganet_'));
    expect(ours).to.have.length.above(archNames.length);
    for (const { name, size, params, macs, biases } of ours) {
      const arch = name.replace(/^moganet_|_256$/g, '') as ArchName;
      const { whole } = size === 224 ? counted[arch] : ablation(arch, square(size));
      expect({ parameters: whole.parameters, flops: whole.flops }, name).to.deep.equal({
        parameters: params,
        flops: macs + biases,
      });
    }
    expect(counted.xt.whole.top1?.percent).to.equal(76.5);
    expect(counted.t.whole.top1?.percent).to.equal(79.0);
    expect(ablation('xt', { height: 224, width: 256 }).whole.top1).to.equal(undefined);
  });

  const statements = articleStatements();

  describe('finds the models for which the statements of the article hold:', () => {
    // multi-order and FD in one reading; channel aggregation in two
    const [orders, aggregation] = statements.map(({ readings }) => readings.map(({ found }) => found)) as [
      [Found],
      [Found, Found],
    ];

    it('multi-order and FD add 0.04 M in no MogaNet; 0.01 G in the two smallest', () => {
      expect(whereLines(orders[0])).to.deep.equal([
        'parameters: for no arch; the nearest is MogaNet-T, +0.027 M',
        'FLOPs: for MogaNet-XT at 224, 256, 320; MogaNet-T at 224, 256',
        'both: nowhere',
      ]);
    });

    it('CA adds both to the MLP with a depthwise convolution in MogaNet-S', () => {
      expect(whereLines(aggregation[0])).to.deep.equal([
        'parameters: for MogaNet-S',
        'FLOPs: for MogaNet-XT at 320, 384; MogaNet-T at 320, 384; MogaNet-S at 224, 256, 320; MogaNet-B at 224',
        'both: for MogaNet-S at 224, 256, 320',
      ]);
    });

    it('CA adds them to an MLP without it nowhere', () => {
      expect(whereLines(aggregation[1])).to.deep.equal([
        'parameters: for no arch; the nearest is MogaNet-XT, +0.078 M',
        'FLOPs: nowhere',
        'both: nowhere',
      ]);
    });

    it('at every arch and size, and at one more', () => {
      const found = articleStatements({ height: 192, width: 256 })[0]?.readings[0]?.found;
      expect(found).to.have.length(6 * 5);
      expect(orders[0]).to.have.length(6 * 4);
      expect(found?.at(-1)?.size).to.deep.equal({ height: 192, width: 256 });
    });
  });

  it('has a text for the requested arch and size', () => {
    const text = ablationText(counted.s, statements);
    expect(text).to.match(/^The ablation of the MogaNet article \(arXiv 2211\.03295\): MogaNet-S at 224×224/);
    expect(text).to.match(/\n {2}\+ multi-order +25\.283 +\+0\.058 +4\.951 +\+0\.016\n/);
    expect(text).to.match(/\n {2}CA, ratio 4 +24\.850 +\+0\.043 +4\.413 +\+0\.006\n/);
    expect(text).to.include('25.336 M, 4.960 G; published top-1 83.4 % (github.com/Westlake-AI/MogaNet, README at');
    expect(text).to.include('here: +0.063 M, +0.016 G: neither follows\n');
    expect(text).to.include('here: +0.043 M, +0.006 G: both follow\n');
    expect(ablationText(counted.xt, statements)).to.include(
      'here: +0.019 M, +0.007 G: the FLOPs follow, the parameters do not',
    );
  });

  it('refuses an unknown arch', () => {
    expect(() => ablation('xs' as 's', square(224))).to.throw(
      ConfigError,
      /unknown MogaNet arch "xs"\..* Known: xt, t, s, b, l, xl\./,
    );
  });
});
