import { expect } from 'chai';
import { conv2d, F, map, module, recordPart } from '../../src/nn/index.ts';
import { receptiveFields } from '../../src/nn/receptive_field.ts';
import { summaryLines, summaryOf, withUnit } from '../../src/nn/summary.ts';

const block = module((scope, x: Parameters<typeof conv2d>[1]) => {
  const y = conv2d(scope.at('conv1'), x, 4, { kernel: 3, stride: 2, padding: 1 });
  return F.add(conv2d(scope.at('conv2'), y, 4, { kernel: 5, padding: 4, dilation: 2 }), y);
});

const graph = recordPart({
  name: 'small',
  inputs: { image: map(3) },
  forward: (scope, { image }) => {
    const features = block(scope.at('blocks.0'), image);
    return { features, mixed: F.mul(features, F.globalAvgPool(features)), mean: F.globalAvgPool(features) };
  },
});

describe('summaries', () => {
  it('give every module its output, parameters and multiply-adds', () => {
    const rows = summaryOf(graph, { image: { batch: 1, height: 8, width: 16 } }, 3);
    expect(rows.map(({ path, depth, parameters, macs }) => [path, depth, parameters, macs])).to.deep.equal([
      ['blocks', 1, 112 + 404, 3456 + 12800],
      ['blocks.0', 2, 112 + 404, 3456 + 12800],
      // 4·(3·9) + 4 parameters; 4·8 outputs of 4 channels, 27 products each
      ['blocks.0.conv1', 3, 112, 3456],
      // 4·(4·25) + 4; 4·8·4 outputs, 100 products each
      ['blocks.0.conv2', 3, 404, 12800],
    ]);
    expect(summaryLines(rows)).to.deep.equal([
      'module     output  parameters    MACs',
      'blocks      4×4×8         516  16.3 k',
      '  0         4×4×8         516  16.3 k',
      '    conv1   4×4×8         112  3.46 k',
      '    conv2   4×4×8         404  12.8 k',
    ]);
  });

  it('stop at the depth that was asked for', () => {
    expect(summaryOf(graph, { image: { batch: 1, height: 8, width: 8 } }, 1)).to.have.length(1);
  });

  it('write numbers with three digits or more', () => {
    expect([999, 1000, 9994, 99_960, 999_949, 185_412_000_000].map(withUnit)).to.deep.equal([
      '999',
      '1.00 k',
      '9.99 k',
      '100.0 k',
      '999.9 k',
      '185.4 G',
    ]);
  });
});

describe('receptive fields', () => {
  it('grow with kernels, dilations and strides; pooling of the whole map is not counted', () => {
    const fields = receptiveFields(graph);
    // 3, then 4 steps of dilation 2 at stride 2: 3 + 4·2·2
    const extent = { height: 19, width: 19 };
    expect(fields.features).to.deep.equal({ stride: { height: 2, width: 2 }, extent });
    expect(fields.mixed?.extent).to.deep.equal(extent);
    expect(fields.mean).to.equal(undefined);
  });
});
