import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { conv2d, convTranspose2d, costOf, F, gelu, linear, map, recordPart, totalCost } from '../../src/nn/index.ts';
import { type CostRowSpec, expectCosts } from '../harness/golden/network_costs.ts';
import { GoldenMismatch, goldenFolders, shippedGolden } from '../harness/golden.ts';

const rowsIn = (folder: string): CostRowSpec[] => {
  const { rows } = JSON.parse(readFileSync(join(folder, 'macs.json'), 'utf8')) as { rows: CostRowSpec[] };
  return rows.filter(({ model }) => model.startsWith('moganet_'));
};

describe('cost', () => {
  const small = recordPart({
    name: 'small',
    inputs: { x: map(4) },
    forward: (scope, { x }) => {
      const y = gelu(scope.at('act'), conv2d(scope.at('conv'), x, 6, { kernel: 3, stride: 2, groups: 2 }));
      const up = convTranspose2d(scope.at('up'), F.relu(y), 2, { kernel: 2, stride: 2 });
      return { y: linear(scope.at('head.fc'), F.globalAvgPool(up), 5) };
    },
  });
  const rows = costOf(small, { x: { batch: 2, height: 8, width: 6 } });
  const costAt = (path: string) => totalCost(rows, path);

  it('counts a convolution’s multiply-adds at its outputs, per group, and its biases apart', () => {
    // 2 images × 6 channels × 4×3 outputs = 144, each of 3×3 × 2 channels
    expect(costAt('conv')).to.include({ macs: 144 * 18, convBias: 144, elementwise: 0 });
  });

  it('counts a transposed convolution at its inputs', () => {
    expect(costAt('up')).to.include({ macs: 144 * 4 * 2, convBias: 2 * 2 * 8 * 6 });
    const plain = recordPart({
      name: 'plain',
      inputs: { x: map(6) },
      forward: (scope, { x }) => ({
        y: convTranspose2d(scope, x, 2, { kernel: 4, stride: 2, padding: 1, bias: false }),
      }),
    });
    const { macs, convBias } = totalCost(costOf(plain, { x: { batch: 1, height: 4, width: 3 } }));
    expect({ macs, convBias }).to.deep.equal({ macs: 6 * 12 * 16 * 2, convBias: 0 });
  });

  it('counts linear layers with their biases apart from the convolutions’', () => {
    expect(costAt('head')).to.include({ macs: 2 * 2 * 5, convBias: 0, linearBias: 10 });
  });

  it('tells activations that are modules from functional ones', () => {
    expect(costAt('act')).to.include({ activation: 144, elementwise: 0 });
    expect(rows.find(({ path }) => path === ':relu')).to.include({ activation: 0, elementwise: 144 });
  });

  it('sums by module path, not by its letters', () => {
    expect(costAt('head.f').macs).to.equal(0);
    expect(totalCost(rows).macs).to.equal(rows.reduce((sum, { macs }) => sum + macs, 0));
  });

  describe('of MogaNet', () => {
    for (const folder of [shippedGolden, ...goldenFolders().filter((each) => !each.endsWith('heads'))]) {
      const where = folder === shippedGolden ? 'shipped' : folder;
      it(`is that of fvcore to the unit, by operation and by module (${where})`, () => {
        const all = rowsIn(folder);
        expect(all).to.have.length.at.least(1);
        const start = performance.now();
        for (const row of all) expectCosts(row);
        expect(performance.now() - start, 'milliseconds').to.be.below(5000);
      });
    }

    it('fails with the name of the count that differs', () => {
      const [row] = rowsIn(shippedGolden);
      expect(() => expectCosts({ ...(row as CostRowSpec), bias_adds: 13803027 })).to.throw(
        GoldenMismatch,
        /^moganet_xt at 224×224: bias adds: 13803026, expected 13803027$/,
      );
    });
  });
});
