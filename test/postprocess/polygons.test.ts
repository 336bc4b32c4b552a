import { expect } from 'chai';
import fc from 'fast-check';
import { ShapeError } from '../../src/errors.ts';
import { compactMask } from '../../src/postprocess/masks.ts';
import {
  fillBoxXywh,
  fillPolygons,
  fillRings,
  joinRings,
  maskRings,
  type Part,
  partsOf,
  type Ring,
  rleRings,
  withSlits,
} from '../../src/postprocess/polygons.ts';
import { decodeBitmap, encodeBitmap, rleArea } from '../../src/postprocess/rle.ts';
import { simplifyRing } from '../../src/postprocess/simplify.ts';
import { seededInput } from '../harness/seeded.ts';
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

  it('fills nothing for an empty ring and for a line', () => {
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

describe('rings of a mask', () => {
  const frames = { height: 7, width: 11 };
  const bitmap = rows(`
    #######.###
    #.....#.#.#
    #.###.#.###
    #.#.#.#....
    #.###.#.##.
    #.....#....
    #######...#
  `);
  const rle = encodeBitmap(bitmap, frames);

  it('form parts, each with its holes', () => {
    const parts = partsOf(rleRings(rle));
    // the frame, the square with a hole at the upper right, the square in the frame, two spots
    expect(parts.map(({ holes }) => holes.length).sort()).to.deep.equal([0, 0, 1, 1, 1]);
    const { outer, holes } = parts[0] as Part; // the frame, whose first pixel comes first
    expect(Math.min(...outer)).to.equal(0);
    // its hole is five pixels wide and high, unlike that of the square in it
    expect(holes.map((hole) => [Math.min(...hole), Math.max(...hole)])).to.deep.equal([[1, 6]]);
  });

  it('with slits to their holes enclose the mask', () => {
    expect(fillRings(partsOf(rleRings(rle)).map(withSlits), frames)).to.deep.equal(rle);
  });

  it('joined into one ring enclose any mask, too', () => {
    expect(fillRings([joinRings(rleRings(rle))], frames)).to.deep.equal(rle);
    for (let seed = 0; seed < 20; seed++) {
      const { data } = seededInput(`mask ${seed}`, [12, 15], { scale: 1 }); // -1 to 1
      const noise = Uint8Array.from(data, (value) => (value < 0.2 ? 1 : 0));
      const random = encodeBitmap(noise, { height: 12, width: 15 });
      expect(fillRings([joinRings(rleRings(random))], random), `seed ${seed}`).to.deep.equal(random);
      const parts = partsOf(rleRings(random)).map(withSlits);
      expect(fillRings(parts, random), `seed ${seed}`).to.deep.equal(random);
    }
  });

  it('are unchanged if there is only one, and empty without a mask', () => {
    const ring = [0, 0, 2, 0, 2, 2];
    expect(joinRings([ring])).to.equal(ring);
    expect(joinRings([])).to.deep.equal([]);
  });
});

/** Returns the distance of a point from the nearest edge of a closed ring. */
function distanceTo(ring: Ring, x: number, y: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    const [dx, dy] = [ring[i]! - ring[j]!, ring[i + 1]! - ring[j + 1]!];
    const t = ((x - ring[j]!) * dx + (y - ring[j + 1]!) * dy) / (dx * dx + dy * dy || 1);
    const along = Math.min(1, Math.max(0, t));
    least = Math.min(least, Math.hypot(x - ring[j]! - along * dx, y - ring[j + 1]! - along * dy));
  }
  return least;
}

/** Returns the outline of a disc with all its steps. */
function disc(radius: number): Ring {
  const side = 2 * radius + 3;
  const bitmap = Uint8Array.from({ length: side * side }, (_, i) =>
    Math.hypot((i % side) - radius - 1, Math.floor(i / side) - radius - 1) <= radius ? 1 : 0,
  );
  const [outline = []] = rleRings(encodeBitmap(bitmap, { height: side, width: side }));
  return outline;
}

describe('a simplified ring', () => {
  it('loses the points on straight lines at a tolerance of 0', () => {
    // a square of 4 with a point in the middle of each side
    const ring = [0, 0, 2, 0, 4, 0, 4, 2, 4, 4, 2, 4, 0, 4, 0, 2];
    expect(simplifyRing(ring, 0)).to.deep.equal([0, 0, 4, 0, 4, 4, 0, 4]);
  });

  it('loses points nearer than the tolerance and keeps farther ones', () => {
    // a square of 10 whose upper side has a dent of 1 and whose right side has a tooth of 3
    const ring = [0, 0, 5, 1, 10, 0, 13, 5, 10, 10, 0, 10];
    expect(simplifyRing(ring, 1.5)).to.deep.equal([0, 0, 10, 0, 13, 5, 10, 10, 0, 10]);
    expect(simplifyRing(ring, 0.5)).to.deep.equal(ring);
  });

  it('stays within the tolerance of every original point', () => {
    for (const radius of [3, 10, 40]) {
      const ring = disc(radius);
      for (const tolerance of [0.5, 1, 2.5]) {
        const simple = simplifyRing(ring, tolerance);
        expect(simple.length).to.be.at.most(ring.length);
        if (tolerance >= 1) expect(simple.length).to.be.lessThan(ring.length);
        for (let i = 0; i < ring.length; i += 2) {
          // 1e-9 for the rounding of distances of a few pixels
          expect(distanceTo(simple, ring[i]!, ring[i + 1]!)).to.be.at.most(tolerance + 1e-9);
        }
      }
    }
  });

  it('has at least three points at any tolerance', () => {
    for (const ring of [disc(1), disc(5), [0, 0, 1, 0, 2, 0, 3, 0], [0, 0, 9, 1, 9, 2, 0, 1]]) {
      for (const tolerance of [0, 3, 1e6]) expect(simplifyRing(ring, tolerance).length).to.be.at.least(6);
    }
    const triangle = [0, 0, 1, 0, 0, 1];
    expect(simplifyRing(triangle, 100)).to.equal(triangle);
  });

  it('covers nearly the same pixels', () => {
    const canvas = { height: 83, width: 83 };
    const areaOf = (ring: Ring) => fillRings([ring], canvas).counts.reduce((sum, n, i) => sum + (i % 2 ? n : 0), 0);
    const ring = disc(40);
    // a pixel off along a circumference of 251 pixels would be 5 %
    expect(areaOf(simplifyRing(ring, 1)) / areaOf(ring)).to.be.closeTo(1, 0.02);
  });

  it('refuses an invalid tolerance', () => {
    expect(() => simplifyRing([0, 0, 1, 0, 0, 1], -1)).to.throw(RangeError, /tolerance.*at least 0, got -1/);
    expect(() => simplifyRing([0, 0, 1, 0, 0, 1], Number.NaN)).to.throw(RangeError);
  });
});
