import { expect } from 'chai';
import { fillRings, type Ring, rleRings, simplifyRing } from '../../src/postprocess/polygons.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';

/** The distance of a point from the nearest edge of a closed ring. */
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

/** The outline of a disc: all steps of its stairs. */
function disc(radius: number): Ring {
  const side = 2 * radius + 3;
  const bitmap = Uint8Array.from({ length: side * side }, (_, i) =>
    Math.hypot((i % side) - radius - 1, Math.floor(i / side) - radius - 1) <= radius ? 1 : 0,
  );
  return rleRings(encodeBitmap(bitmap, { height: side, width: side }))[0]!;
}

describe('a simplified ring', () => {
  it('loses the points that lie on straight lines, at a tolerance of 0', () => {
    // a square of 4 with a point in the middle of each side
    const ring = [0, 0, 2, 0, 4, 0, 4, 2, 4, 4, 2, 4, 0, 4, 0, 2];
    expect(simplifyRing(ring, 0)).to.deep.equal([0, 0, 4, 0, 4, 4, 0, 4]);
  });

  it('leaves out what is nearer than the tolerance and keeps what is farther', () => {
    // a square of 10 whose upper side has a dent of 1 and whose right side has a tooth of 3
    const ring = [0, 0, 5, 1, 10, 0, 13, 5, 10, 10, 0, 10];
    expect(simplifyRing(ring, 1.5)).to.deep.equal([0, 0, 10, 0, 13, 5, 10, 10, 0, 10]);
    expect(simplifyRing(ring, 0.5)).to.deep.equal(ring);
  });

  it('stays within the tolerance of every point that it had', () => {
    for (const radius of [3, 10, 40]) {
      const ring = disc(radius);
      for (const tolerance of [0.5, 1, 2.5]) {
        const simple = simplifyRing(ring, tolerance);
        expect(simple.length).to.be.at.most(ring.length);
        if (tolerance >= 1) expect(simple.length).to.be.lessThan(ring.length);
        for (let i = 0; i < ring.length; i += 2) {
          // what rounding may add to a distance of a few pixels
          expect(distanceTo(simple, ring[i]!, ring[i + 1]!)).to.be.at.most(tolerance + 1e-9);
        }
      }
    }
  });

  it('has three points at the least, whatever the tolerance', () => {
    for (const ring of [disc(1), disc(5), [0, 0, 1, 0, 2, 0, 3, 0], [0, 0, 9, 1, 9, 2, 0, 1]]) {
      for (const tolerance of [0, 3, 1e6]) expect(simplifyRing(ring, tolerance).length).to.be.at.least(6);
    }
    const triangle = [0, 0, 1, 0, 0, 1];
    expect(simplifyRing(triangle, 100)).to.equal(triangle);
  });

  it('covers nearly the same pixels', () => {
    const size = { height: 83, width: 83 };
    const areaOf = (ring: Ring) => fillRings([ring], size).counts.reduce((sum, n, i) => sum + (i % 2 ? n : 0), 0);
    const ring = disc(40);
    // a pixel off along a circumference of 251 pixels would be 5 %
    expect(areaOf(simplifyRing(ring, 1)) / areaOf(ring)).to.be.closeTo(1, 0.02);
  });

  it('is refused with a tolerance that is none', () => {
    expect(() => simplifyRing([0, 0, 1, 0, 0, 1], -1)).to.throw(RangeError, /tolerance.*at least 0, got -1/);
    expect(() => simplifyRing([0, 0, 1, 0, 0, 1], Number.NaN)).to.throw(RangeError);
  });
});
