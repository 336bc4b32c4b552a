import { expect } from 'chai';
import fc from 'fast-check';
import { ImageError, ShapeError } from '../../src/errors.ts';
import {
  decodeBitmap,
  encodeBitmap,
  forEachColumnStretch,
  mergeRles,
  rleArea,
  rleBoxXywh,
  rleFromString,
  rleIou,
  rleOf,
  rleToString,
} from '../../src/postprocess/rle.ts';
import { bitmaps } from './arbitraries.ts';

// . # #      columns: .##  #..  #.#
// # . .
// # . #
const bits = Uint8Array.of(0, 1, 1, 1, 0, 0, 1, 0, 1);
const size = { height: 3, width: 3 };
const mask = encodeBitmap(bits, size);

/** Two bitmaps of one size. */
const pairs = fc
  .tuple(bitmaps, fc.infiniteStream(fc.boolean()))
  .map(([{ size, bits }, stream]) => ({ size, a: bits, b: bits.map(() => Number(stream.next().value)) }));

describe('run-length masks', () => {
  it('count column by column, zeros first', () => {
    expect([...mask.counts]).to.deep.equal([1, 3, 2, 1, 1, 1]);
    expect([...encodeBitmap(Uint8Array.of(1, 1), { height: 1, width: 2 }).counts]).to.deep.equal([0, 2]);
    expect([...encodeBitmap(Uint8Array.of(0, 0), { height: 1, width: 2 }).counts]).to.deep.equal([2]);
  });

  it('give their stretches cut at the ends of columns', () => {
    const stretches: number[][] = [];
    forEachColumnStretch(mask, (...stretch) => stretches.push(stretch));
    expect(stretches).to.deep.equal([
      [0, 1, 3],
      [1, 0, 1],
      [2, 0, 1],
      [2, 2, 3],
    ]);
  });

  it('know area and box', () => {
    const pixel = encodeBitmap(Uint8Array.of(0, 0, 0, 0, 0, 1), { height: 2, width: 3 });
    expect([rleArea(mask), rleBoxXywh(mask)]).to.deep.equal([5, [0, 0, 3, 3]]);
    expect([rleArea(pixel), rleBoxXywh(pixel)]).to.deep.equal([1, [2, 1, 1, 1]]);
    expect(rleBoxXywh(encodeBitmap(new Uint8Array(6), { height: 2, width: 3 }))).to.deep.equal([0, 0, 0, 0]);
  });

  it('come back from bitmaps, with the same area and box', () => {
    fc.assert(
      fc.property(bitmaps, ({ size, bits }) => {
        const rle = encodeBitmap(bits, size);
        expect([...decodeBitmap(rle)]).to.deep.equal([...bits]);
        const set = Array.from(bits.keys()).filter((i) => bits[i]);
        expect(rleArea(rle)).to.equal(set.length);
        if (set.length === 0) return;
        const [xs, ys] = [set.map((i) => i % size.width), set.map((i) => Math.floor(i / size.width))];
        const [left, top] = [Math.min(...xs), Math.min(...ys)];
        const box = [left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1];
        expect(rleBoxXywh(rle)).to.deep.equal(box);
      }),
    );
  });

  it('merge and overlap as their bitmaps do', () => {
    fc.assert(
      fc.property(pairs, fc.boolean(), ({ size, a, b }, crowd) => {
        const [first, second] = [encodeBitmap(a, size), encodeBitmap(b, size)];
        const merged = (how: 'union' | 'intersection' | 'difference') => [
          ...decodeBitmap(mergeRles([first, second], how)),
        ];
        const [or, and] = [a.map((bit, i) => bit | b[i]!), a.map((bit, i) => bit & b[i]!)];
        expect(merged('union')).to.deep.equal([...or]);
        expect(merged('intersection')).to.deep.equal([...and]);
        expect(merged('difference')).to.deep.equal([...a.map((bit, i) => bit & ~b[i]! & 1)]);
        const count = (set: Uint8Array) => set.reduce((sum, bit) => sum + bit, 0);
        const whole = crowd ? count(a) : count(or);
        expect([...rleIou([first], [second], [crowd])]).to.deep.equal([whole && count(and) / whole]);
      }),
    );
  });

  it('keep one mask as it is when merging it alone', () => {
    expect(mergeRles([mask], 'union')).to.equal(mask);
  });

  it('refuse masks of different sizes and invalid runs', () => {
    const other = encodeBitmap(new Uint8Array(2), { height: 1, width: 2 });
    expect(() => mergeRles([mask, other], 'union')).to.throw(ShapeError, /3×3 and 1×2.*one image size/);
    expect(() => mergeRles([], 'union')).to.throw(ShapeError, /at least one.*none/);
    expect(() => rleOf([1, 3], size)).to.throw(ShapeError, /4 pixels.*3×3 has 9.*size of the image/);
    expect(() => rleOf([10, -1], size)).to.throw(ShapeError, /run 1 is -1.*at least 0/);
  });
});

describe('COCO’s run-length string', () => {
  it('is written in groups of five bits', () => {
    // 40 = 8 + 1·32: '8' with the mark for "another follows" is code 40 + 48 = 'X', then '1'
    expect(rleToString(rleOf([40, 60], { height: 10, width: 10 }))).to.equal('X1l1');
  });

  it('holds differences from the fourth run on', () => {
    // 5, 2, 1, then 6 - 2 = 4 and 2 - 1 = 1
    expect(rleToString(rleOf([5, 2, 1, 6, 2], { height: 4, width: 4 }))).to.equal('52141');
    // 2 - 9 = -7: 25 with the sign bit, 'I'
    expect(rleToString(rleOf([1, 9, 4, 2], { height: 4, width: 4 }))).to.equal('194I');
  });

  it('comes back, also for runs of millions', () => {
    const runs = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 24 })), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(runs, (counts) => {
        const size = { height: 1, width: counts.reduce((sum, count) => sum + count, 0) };
        const text = rleToString(rleOf(counts, size));
        expect([...rleFromString(text, size).counts]).to.deep.equal(counts);
      }),
    );
  });

  it('is refused if it is invalid', () => {
    expect(() => rleFromString('1 2', size)).to.throw(ImageError, /" " at 1.*"0" to "o"/);
    expect(() => rleFromString('1X', size)).to.throw(ImageError, /2 characters.*ends inside number 1/);
    expect(() => rleFromString('ooooooooo1', size)).to.throw(ImageError, 'ends inside number 0');
    expect(() => rleFromString('5', size)).to.throw(ShapeError, /5 pixels.*3×3 has 9/);
  });
});
