import { expect } from 'chai';
import fc from 'fast-check';
import { outlinesOf } from '../../src/postprocess/channels.ts';
import { compactMask } from '../../src/postprocess/masks.ts';
import { fillRings, maskRings, partsOf, type Ring } from '../../src/postprocess/polygons.ts';
import { encodeBitmap, type Rle, rleIou } from '../../src/postprocess/rle.ts';
import { simplifyRings } from '../../src/postprocess/simplify.ts';
import { seededInput } from '../harness/seeded.ts';
import { bitmaps } from './arbitraries.ts';

/** Masks whose outlines touch themselves, or that are thin. */
const drawn: Readonly<Record<string, readonly string[]>> = {
  'two holes that touch at a corner': ['#####', '#.###', '##.##', '#####', '#####'],
  'a hole that touches the rim at a corner': ['####.', '###.#', '#.###', '#####'],
  'a wire of one pixel': ['......................', '.####################.', '......................'],
  'one pixel': ['...', '.#.', '...'],
  'a comb': ['#.#.#.#.#.#.', '#.#.#.#.#.#.', '#.#.#.#.#.#.', '#.#.#.#.#.#.', '############'],
  'a hole of one pixel beside the rim': ['########', '#.######', '########', '########', '########'],
  'a checkerboard': ['#.#.#.', '.#.#.#', '#.#.#.', '.#.#.#'],
};

function rleOfRows(rows: readonly string[]): Rle {
  const size = { height: rows.length, width: rows[0]!.length };
  return encodeBitmap(
    Uint8Array.from(rows.join(''), (character) => Number(character === '#')),
    size,
  );
}

const shape = (side: number, isSet: (x: number, y: number) => boolean): Rle =>
  encodeBitmap(
    Uint8Array.from({ length: side * side }, (_, i) => Number(isSet(i % side, Math.floor(i / side)))),
    { height: side, width: side },
  );

const fromCentre = (x: number, y: number) => Math.hypot(x - 22, y - 22);

const noise = (seed: number, share: number): Rle => {
  const { data } = seededInput(`outline ${seed}`, [24, 24], { scale: 1 }); // -1 to 1
  return shape(24, (x, y) => data[24 * y + x]! < 2 * share - 1);
};

const masks: readonly (readonly [name: string, mask: Rle])[] = [
  ...Object.entries(drawn).map(([name, rows]) => [name, rleOfRows(rows)] as const),
  ...[0.2, 0.5, 0.6, 0.8, 0.95].map((share, i) => [`noise of ${share}`, noise(i, share)] as const),
  ['a ring of one pixel', shape(45, (x, y) => fromCentre(x, y) <= 20 && fromCentre(x, y) > 19)],
  ['a ring of five pixels', shape(45, (x, y) => fromCentre(x, y) <= 20 && fromCentre(x, y) > 15)],
  ['a diagonal wire', shape(45, (x, y) => Math.abs(y - 0.4 * x - 5) < 0.9)],
  ['a wave', shape(60, (x, y) => Math.abs(y - 30 - 20 * Math.sin(x / 6)) < 2.2)],
  ['a disc with a handle', shape(60, (x, y) => Math.hypot(x - 20, y - 30) <= 15 || (y === 30 && x > 20 && x < 58))],
];

type Point = readonly [x: number, y: number];
const pointsOf = (ring: Ring): Point[] =>
  Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i]!, ring[2 * i + 1]!]);

const crossProduct = ([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point) =>
  (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);

function isOn(a: Point, b: Point, p: Point): boolean {
  return (
    crossProduct(a, b, p) === 0 &&
    p[0] >= Math.min(a[0], b[0]) &&
    p[0] <= Math.max(a[0], b[0]) &&
    p[1] >= Math.min(a[1], b[1]) &&
    p[1] <= Math.max(a[1], b[1])
  );
}

function meets(a: Point, b: Point, c: Point, d: Point): boolean {
  const sides = [crossProduct(a, b, c), crossProduct(a, b, d), crossProduct(c, d, a), crossProduct(c, d, b)];
  if (sides[0]! * sides[1]! < 0 && sides[2]! * sides[3]! < 0) return true;
  return isOn(a, b, c) || isOn(a, b, d) || isOn(c, d, a) || isOn(c, d, b);
}

/** Says what makes a ring invalid, as shapely's `is_valid` does: two edges with a common point that are no neighbours. */
function faultOf(ring: Ring): string | undefined {
  const points = pointsOf(ring);
  const { length } = points;
  if (length < 3) return `${length} points`;
  let area = 0;
  for (let i = 0; i < length; i++) {
    const [a, b] = [points[i]!, points[(i + 1) % length]!];
    area += a[0] * b[1] - b[0] * a[1];
    for (let j = i + 1; j < length; j++) {
      const [c, d] = [points[j]!, points[(j + 1) % length]!];
      const isNext = j === i + 1;
      if (isNext || (j + 1) % length === i) {
        const folds = isNext ? isOn(a, b, d) || isOn(c, d, a) : isOn(a, b, c) || isOn(c, d, b);
        if (folds) return `a fold at ${c}`;
      } else if (meets(a, b, c, d)) return `${a} ${b} meets ${c} ${d}`;
    }
  }
  return area === 0 ? 'no area' : undefined;
}

const faultsOf = (rings: readonly Ring[]): string[] => rings.flatMap((ring) => faultOf(ring) ?? []);

const iouOf = (rings: readonly Ring[], mask: Rle): number => rleIou([fillRings(rings, mask)], [mask], [false])[0]!;

describe('exact outlines', () => {
  for (const [name, mask] of masks) {
    it(`of ${name} are valid rings, which enclose the mask to the pixel`, () => {
      const rings = maskRings(compactMask(mask));
      expect(faultsOf(rings)).to.deep.equal([]);
      expect(fillRings(rings, mask)).to.deep.equal(mask);
    });
  }

  it('of any mask are valid rings', () => {
    fc.assert(
      fc.property(bitmaps, ({ size, bits }) => {
        expect(faultsOf(maskRings(compactMask(encodeBitmap(bits, size))))).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });
});

describe('outlines with fewer points', () => {
  for (const [name, mask] of masks) {
    it(`of ${name} are valid rings and keep the mask`, () => {
      const rings = maskRings(compactMask(mask));
      for (const tolerance of [0, 0.5, 1, 2, 10]) {
        const simple = simplifyRings(rings, tolerance);
        expect(faultsOf(simple), `tolerance ${tolerance}`).to.deep.equal([]);
        // the bound is 0.85 / 1.15; corners on the centres of pixels may fall to either side
        expect(iouOf(simple, mask), `tolerance ${tolerance}`).to.be.greaterThan(0.7);
      }
    });
  }

  it('of a wire of one pixel are the wire', () => {
    const wire = rleOfRows(drawn['a wire of one pixel']!);
    expect(simplifyRings(maskRings(compactMask(wire)), 1)).to.deep.equal([[21, 1, 21, 2, 1, 2, 1, 1]]);
  });

  it('of any mask are valid rings, none of which crosses another or leaves its outline', () => {
    fc.assert(
      fc.property(bitmaps, fc.double({ min: 0, max: 4, noNaN: true }), ({ size, bits }, tolerance) => {
        const rings = maskRings(compactMask(encodeBitmap(bits, size)));
        const simple = simplifyRings(rings, tolerance);
        expect(faultsOf(simple)).to.deep.equal([]);
        expect(crossingsOf(simple)).to.deep.equal([]);
        const holes = (all: readonly Ring[]) => partsOf(all).reduce((sum, part) => sum + part.holes.length, 0);
        expect(holes(simple)).to.equal(holes(rings));
      }),
      { numRuns: 200 },
    );
  });

  it('may be as large as a map of the world', () => {
    const far = 1e9;
    // a square of a million kilometres with a dent, and a hole in it
    const rings = [
      [0, 0, far / 2, 1, far, 0, far, far, 0, far],
      [far / 4, far / 4, far / 4, far / 2, far / 2, far / 2, far / 2, far / 4],
    ];
    const start = performance.now();
    const simple = simplifyRings(rings, 2);
    expect(performance.now() - start, 'ms').to.be.lessThan(1000);
    expect(simple).to.deep.equal([[0, 0, far, 0, far, far, 0, far], rings[1]]);
  });

  it('are the same as before for a large mask', () => {
    // a disc of 80 pixels: no edge comes near another one
    const disc = shape(90, (x, y) => Math.hypot(x - 44, y - 44) <= 40);
    const [ring = []] = simplifyRings(maskRings(compactMask(disc)), 1);
    expect(ring.length / 2).to.equal(20);
  });
});

describe('parts with channels to their holes', () => {
  const partsWith = (mask: Rle, tolerance: number): Ring[] => outlinesOf(maskRings(compactMask(mask)), tolerance);

  for (const [name, mask] of masks) {
    it(`are valid rings of ${name}, one for each part, with the pixels of the mask`, () => {
      const rings = partsWith(mask, 0);
      expect(rings).to.have.length(partsOf(maskRings(compactMask(mask))).length);
      expect(faultsOf(rings)).to.deep.equal([]);
      expect(fillRings(rings, mask)).to.deep.equal(mask);
      for (const tolerance of [1, 2]) expect(faultsOf(partsWith(mask, tolerance))).to.deep.equal([]);
    });
  }

  it('are valid rings of any mask', () => {
    fc.assert(
      fc.property(bitmaps, ({ size, bits }) => {
        const mask = encodeBitmap(bits, size);
        const rings = partsWith(mask, 0);
        expect(faultsOf(rings)).to.deep.equal([]);
        expect(fillRings(rings, size)).to.deep.equal(mask);
        expect(faultsOf(partsWith(mask, 1))).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** The edges of different rings that cross. Rings may share single points. */
function crossingsOf(rings: readonly Ring[]): string[] {
  const edges = rings.flatMap((ring, of) => {
    const points = pointsOf(ring);
    return points.map((a, i) => ({ of, a, b: points[(i + 1) % points.length]! }));
  });
  const found: string[] = [];
  for (const [i, { of, a, b }] of edges.entries()) {
    for (const { of: other, a: c, b: d } of edges.slice(i + 1)) {
      if (of === other) continue;
      const crosses =
        crossProduct(a, b, c) * crossProduct(a, b, d) < 0 && crossProduct(c, d, a) * crossProduct(c, d, b) < 0;
      if (crosses) found.push(`${a} ${b} crosses ${c} ${d}`);
    }
  }
  return found;
}
