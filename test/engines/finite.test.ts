import { expect } from 'chai';
import { areFinite } from '../../src/engines/finite.ts';

describe('areFinite', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it(`finds ${value} at every place of arrays of every length`, () => {
      for (let length = 1; length <= 20; length++) {
        for (let place = 0; place < length; place++) {
          const data = new Float32Array(length).fill(1);
          data[place] = value;
          expect(areFinite(data), `${place} of ${length}`).to.equal(false);
        }
      }
    });
  }

  it('finds infinities that cancel each other', () => {
    const data = new Float32Array(16);
    data.set([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 3);
    expect(areFinite(data)).to.equal(false);
  });

  it('takes the largest and the smallest values as finite, however many there are', () => {
    const largest = 3.4028234663852886e38;
    expect(areFinite(new Float32Array(100_003).fill(largest))).to.equal(true);
    expect(areFinite(new Float32Array(100_003).fill(-largest))).to.equal(true);
    expect(areFinite(Float32Array.of(1e-45, -0, 0))).to.equal(true);
    expect(areFinite(new Float32Array(0))).to.equal(true);
  });
});
