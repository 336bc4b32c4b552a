import { expect } from 'chai';
import fc from 'fast-check';
import { ShapeError } from '../../src/errors.ts';
import { compactMask } from '../../src/postprocess/masks.ts';
import { fillBoxXywh, fillPolygons, fillRings, maskRings, rleRings } from '../../src/postprocess/polygons.ts';
import { decodeBitmap, encodeBitmap, rleArea } from '../../src/postprocess/rle.ts';
import { bitmaps } from './arbitraries.ts';

const size = { height: 5, width: 5 };
const square = (from: number, to: number) => [from, from, to, from, to, to, from, to];
const rows = (text: string) => Uint8Array.from(text.replace(/\s/g, ''), (character) => (character === '#' ? 1 : 0));

/** Positive for clockwise rings, with y downwards. */
function signedArea(ring: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const next = (i + 2) % ring.length;
    sum += ring[i]! * ring[next + 1]! - ring[next]! * ring[i + 1]!;
  }
  return sum / 2;
}

describe('filling', () => {
  it('covers the pixels between corner coordinates', () => {
    expect([...decodeBitmap(fillRings([square(1, 4)], size))]).to.deep.equal([
      ...rows('..... .###. .###. .###. .....'),
    ]);
  });

  it('takes a ring within a ring as a hole, and polygons as a union', () => {
    const rings = [square(0, 5), square(2, 3)];
    expect(rleArea(fillRings(rings, size))).to.equal(24);
    expect(rleArea(fillPolygons(rings, size))).to.equal(25);
  });

  it('cuts at the image', () => {
    expect(rleArea(fillRings([square(-3, 2)], size))).to.equal(4);
    expect(rleArea(fillBoxXywh([3, 3, 9, 9], size))).to.equal(4);
  });

  it('fills nothing for nothing, and for a line', () => {
    expect([...fillRings([], size).counts]).to.deep.equal([25]);
    expect(rleArea(fillRings([[1, 1, 4, 1, 1, 1]], size))).to.equal(0);
  });

  it('refuses coordinates of no image', () => {
    expect(() => fillRings([[0, 0, Number.NaN, 1]], size)).to.throw(ShapeError, /polygon: NaN .*5×5/);
    expect(() => fillRings([[0, 0, 1e9, 1]], size)).to.throw(ShapeError, /1000000000/);
  });
});

describe('tracing', () => {
  it('runs clockwise around a pixel, corner by corner', () => {
    const pixel = encodeBitmap(rows('... .#. ...'), { height: 3, width: 3 });
    expect(rleRings(pixel)).to.deep.equal([[2, 1, 2, 2, 1, 2, 1, 1]]);
    expect(maskRings(compactMask(pixel))).to.deep.equal([[2, 1, 2, 2, 1, 2, 1, 1]]);
  });

  it('gives holes as rings of the other direction', () => {
    const rings = rleRings(encodeBitmap(rows('##### #...# #.#.# #...# #####'), size));
    // in the order of their upper edges: that of the pixel below the hole comes last
    expect(rings.map(signedArea)).to.deep.equal([25, 1, -9]);
  });

  it('parts pixels that touch only at a corner', () => {
    const rings = rleRings(encodeBitmap(rows('#. .#'), { height: 2, width: 2 }));
    expect(rings.map(signedArea)).to.deep.equal([1, 1]);
  });

  it('gives no ring for an empty mask', () => {
    expect(rleRings(encodeBitmap(new Uint8Array(25), size))).to.deep.equal([]);
  });

  it('gives back the mask when filled', () => {
    fc.assert(
      fc.property(bitmaps, ({ size, bits }) => {
        const rle = encodeBitmap(bits, size);
        const rings = maskRings(compactMask(rle));
        expect(fillRings(rings, size)).to.deep.equal(rle);
        expect(rings.reduce((sum, ring) => sum + signedArea(ring), 0)).to.equal(rleArea(rle));
      }),
      { numRuns: 300 },
    );
  });
});
