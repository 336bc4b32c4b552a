import { expect } from 'chai';
import fc from 'fast-check';
import { bestOf, descendingOrder, reachedBy } from '../../src/postprocess/scores.ts';
import { noise } from './arbitraries.ts';

const floats = fc.array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 0.5, -0.5, 1)), { maxLength: 60 });
const sorted = (values: ArrayLike<number>) =>
  Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);

describe('orders of scores', () => {
  it('go from high to low, and equal scores keep the lower index', () => {
    expect([...descendingOrder(Float32Array.of(0.5, 2, -1, 2, 0, -0, 0.5))]).to.deep.equal([1, 3, 0, 6, 4, 5, 2]);
  });

  it('are those of a stable sort', () => {
    // infinities are left out only because their difference is no number to the comparison above
    fc.assert(
      fc.property(
        floats.map((list) => list.filter(Number.isFinite)),
        (list) => {
          const scores = Float32Array.from(list);
          expect([...descendingOrder(scores)]).to.deep.equal(sorted(scores));
        },
      ),
    );
  });

  it('put infinities at the ends', () => {
    expect([...descendingOrder(Float32Array.of(-Infinity, 3e38, Infinity))]).to.deep.equal([2, 1, 0]);
  });
});

describe('the best few', () => {
  it('are the head of the sorted list, in any order of the input', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 80 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: -6, max: 5 }),
        fc.boolean(),
        (values, limit, threshold, backwards) => {
          const selector = bestOf(limit, threshold);
          const indices = values.map((_, i) => i);
          for (const i of backwards ? indices.reverse() : indices) selector.offer(values[i]!, i);
          const expected = sorted(values)
            .filter((i) => values[i]! > threshold)
            .slice(0, limit);
          const best = selector.take();
          expect([...best.indices]).to.deep.equal(expected);
          expect([...best.values]).to.deep.equal(expected.map((i) => values[i]));
        },
      ),
    );
  });

  it('may be all, however many there are', () => {
    const values = noise(5000);
    const selector = bestOf(Infinity, -Infinity);
    values.forEach((value, i) => {
      selector.offer(value, i);
    });
    expect([...selector.take().indices]).to.deep.equal(sorted(values));
  });

  it('skip NaN', () => {
    const selector = bestOf(2, -Infinity);
    [Number.NaN, 1, 2, Number.NaN, 3].forEach((value, i) => {
      selector.offer(value, i);
    });
    expect([...selector.take().indices]).to.deep.equal([4, 2]);
  });
});

describe('the number that enough values reach', () => {
  it('is no larger than the last of them, and close to it', () => {
    fc.assert(
      fc.property(floats, fc.integer({ min: 1, max: 20 }), (list, limit) => {
        const values = Float32Array.from(list.filter(Number.isFinite));
        fc.pre(values.length > limit);
        const least = reachedBy(limit, values);
        const last = values.toSorted().at(-limit) ?? Number.NaN;
        expect(least).to.be.at.most(last);
        expect(last - least).to.be.at.most(Math.max(Math.abs(last) / 32, 2 ** -130));
      }),
    );
  });

  it('is below all where no more values are there', () => {
    expect(reachedBy(3, Float32Array.of(1, 2, 3))).to.equal(-Infinity);
    expect(reachedBy(Infinity, Float32Array.of(1, 2, 3))).to.equal(-Infinity);
  });

  it('reads the stretch of an array that it is given', () => {
    expect(reachedBy(1, Float32Array.of(8, 1, 2, 9).subarray(1, 3))).to.equal(2);
  });
});
