import { expect } from 'chai';
import { numpyMean, pairwiseSum } from '../../src/evaluate/numpy_sum.ts';

describe('numpy’s sums', () => {
  const values = (count: number) => Float64Array.from({ length: count }, (_, i) => (((i * 7919) % 1009) / 1009) * 0.1);

  // np.add.reduce and np.mean of numpy 2.4
  const sums: readonly (readonly [count: number, sum: number, mean: number])[] = [
    [7, 0.2815659068384539, 0.04022370097692198],
    [8, 0.3754212091179386, 0.04692765113974232],
    [100, 5.040535183349851, 0.05040535183349851],
    [129, 6.509910802775025, 0.05046442482771337],
    [1000, 50.017641228939546, 0.05001764122893954],
    [2049, 102.34895936570864, 0.04995068783099494],
  ];
  for (const [count, sum, mean] of sums) {
    it(`are equal to the last bit for ${count} values`, () => {
      expect(pairwiseSum(values(count), 0, count)).to.equal(sum);
      expect(numpyMean(values(count))).to.equal(mean);
    });
  }

  it('differ from sums from left to right', () => {
    const plain = values(1000).reduce((sum, value) => sum + value, 0);
    expect(pairwiseSum(values(1000), 0, 1000)).not.to.equal(plain);
    expect(pairwiseSum(values(1000), 0, 1000)).to.be.closeTo(plain, 1e-12);
  });

  it('begin where they are told', () => {
    expect(pairwiseSum([100, 1, 2, 3, 100], 1, 3)).to.equal(6);
  });
});
