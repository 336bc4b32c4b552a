import { expect } from 'chai';
import { fillRings, joinRings, partsOf, rleRings, withSlits } from '../../src/postprocess/polygons.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';
import { seededInput } from '../harness/seeded.ts';

/** Rows of an image: `#` is set. */
const bitmapOf = (...rows: readonly string[]) => ({
  size: { height: rows.length, width: rows[0]!.length },
  rle: encodeBitmap(
    Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)),
    {
      height: rows.length,
      width: rows[0]!.length,
    },
  ),
});

describe('rings of a mask', () => {
  const { rle, size } = bitmapOf(
    '#######.###', //
    '#.....#.#.#',
    '#.###.#.###',
    '#.#.#.#....',
    '#.###.#.##.',
    '#.....#....',
    '#######...#',
  );

  it('fall into parts, each with the holes that are its own', () => {
    const parts = partsOf(rleRings(rle));
    // the frame, the square with a hole at the upper right, the square in the frame, two spots
    expect(parts.map(({ holes }) => holes.length).sort()).to.deep.equal([0, 0, 1, 1, 1]);
    const [frame] = parts; // its first pixel comes first
    expect(Math.min(...frame!.outer)).to.equal(0);
    // the frame's own hole, five pixels wide and high, not that of what stands in it
    expect([Math.min(...frame!.holes[0]!), Math.max(...frame!.holes[0]!)]).to.deep.equal([1, 6]);
  });

  it('with slits to their holes enclose what the mask covers', () => {
    expect(fillRings(partsOf(rleRings(rle)).map(withSlits), size)).to.deep.equal(rle);
  });

  it('joined into one ring enclose it as well, for any mask', () => {
    expect(fillRings([joinRings(rleRings(rle))], size)).to.deep.equal(rle);
    for (let seed = 0; seed < 20; seed++) {
      const { data } = seededInput(`mask ${seed}`, [12, 15], { scale: 1 }); // -1 to 1
      const bitmap = Uint8Array.from(data, (value) => (value < 0.2 ? 1 : 0));
      const random = encodeBitmap(bitmap, { height: 12, width: 15 });
      expect(fillRings([joinRings(rleRings(random))], random), `seed ${seed}`).to.deep.equal(random);
      const parts = partsOf(rleRings(random)).map(withSlits);
      expect(fillRings(parts, random), `seed ${seed}`).to.deep.equal(random);
    }
  });

  it('need no slit where there is one, and are none where there is no mask', () => {
    const ring = [0, 0, 2, 0, 2, 2];
    expect(joinRings([ring])).to.equal(ring);
    expect(joinRings([])).to.deep.equal([]);
  });
});
