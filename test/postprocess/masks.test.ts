import { expect } from 'chai';
import fc from 'fast-check';
import { ndarray, type Size } from '../../src/arrays.ts';
import { ShapeError } from '../../src/errors.ts';
import { compactMask, fullRle, maskArea, maskBitmap, maskBox } from '../../src/postprocess/masks.ts';
import { forEachPastedColumn, type ProbabilityMap, pasteMask, pasteMasks } from '../../src/postprocess/paste_masks.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';
import { bitmaps, noise } from './arbitraries.ts';

describe('compact masks', () => {
  // . . . .
  // . # # .
  // . . # .
  const size = { height: 3, width: 4 };
  const mask = compactMask(encodeBitmap(Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0), size));

  it('keep the crop around the set pixels', () => {
    expect([mask.left, mask.top, mask.rle.height, mask.rle.width]).to.deep.equal([1, 1, 2, 2]);
    expect([...mask.rle.counts]).to.deep.equal([0, 1, 1, 2]);
    expect([maskArea(mask), maskBox(mask)]).to.deep.equal([3, [1, 1, 3, 3]]);
  });

  it('say the same as the mask of the whole image', () => {
    fc.assert(
      fc.property(bitmaps, ({ size, bits }) => {
        const rle = encodeBitmap(bits, size);
        const compact = compactMask(rle);
        expect(fullRle(compact)).to.deep.equal(rle);
        expect([...maskBitmap(compact)]).to.deep.equal([...bits]);
      }),
    );
  });

  it('may be empty', () => {
    const empty = compactMask(encodeBitmap(new Uint8Array(12), size));
    expect([maskArea(empty), maskBox(empty)]).to.deep.equal([0, [0, 0, 0, 0]]);
    expect([...fullRle(empty).counts]).to.deep.equal([12]);
    expect(maskBitmap(empty).length).to.equal(12);
  });
});

/** The definition, pixel by pixel, on a dense map of probabilities. */
function dense(map: ProbabilityMap, box: readonly number[], { height, width }: Size): number[] {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box;
  const at = (y: number, x: number) =>
    y < 0 || x < 0 || y >= map.height || x >= map.width ? 0 : map.data[y * map.width + x]!;
  return Array.from({ length: height * width }, (_, i) => {
    const [px, py] = [i % width, Math.floor(i / width)];
    if (px < Math.floor(x1) - 1 || px > Math.ceil(x2) || py < Math.floor(y1) - 1 || py > Math.ceil(y2)) return 0;
    const x = ((px + 0.5 - x1) / (x2 - x1)) * map.width - 0.5;
    const y = ((py + 0.5 - y1) / (y2 - y1)) * map.height - 0.5;
    const [lx, ly] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - lx, y - ly];
    const upper = at(ly, lx) * (1 - fx) + at(ly, lx + 1) * fx;
    const lower = at(ly + 1, lx) * (1 - fx) + at(ly + 1, lx + 1) * fx;
    return upper * (1 - fy) + lower * fy;
  });
}

describe('pasting masks', () => {
  it('sets the pixels whose centre lies in the box of a full map', () => {
    const full = { height: 2, width: 2, data: [1, 1, 1, 1] };
    // from 0.5 to 2.5: the centres 1.5 lie inside, 0.5 on the left edge, where the value is half of 1
    const mask = pasteMask(full, [0.5, 1, 2.5, 3], { height: 4, width: 4 }, 0.5);
    expect([...maskBitmap(mask)]).to.deep.equal([0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0]);
  });

  it('gives an empty mask for a box beside the image and for a map below the threshold', () => {
    const full = { height: 2, width: 2, data: [1, 1, 1, 1] };
    const size = { height: 4, width: 4 };
    for (const mask of [pasteMask(full, [9, 9, 12, 12], size, 0.5), pasteMask(full, [0, 0, 4, 4], size, 1.01)]) {
      expect([maskArea(mask), mask.imageSize]).to.deep.equal([0, size]);
    }
  });

  it('equals the definition at any threshold, also over the edges', () => {
    const map = { height: 5, width: 4, data: noise(20).map((value) => (value + 1) / 2) };
    const edge = fc.integer({ min: -640, max: 1280 }).map((n) => n / 32);
    const length = fc.integer({ min: 16, max: 900 }).map((n) => n / 32);
    const threshold = fc.constantFrom(0.123, 0.5, 0.789);
    fc.assert(
      fc.property(fc.tuple(edge, edge), fc.tuple(length, length), threshold, ([x, y], [w, h], level) => {
        const size = { height: 17, width: 23 };
        const box = [x, y, x + w, y + h];
        const bitmap = maskBitmap(pasteMask(map, box, size, level));
        dense(map, box, size).forEach((value, i) => {
          // float32 positions (4e-6 at 40 cells) on edges as steep as 1 per cell, in both axes
          if (Math.abs(value - level) > 1e-5) expect(bitmap[i]).to.equal(value >= level ? 1 : 0);
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe('the mask of a box without a pixel of the image', () => {
  const map = { height: 28, width: 28, data: new Float32Array(784).fill(1) };
  const size = { height: 60, width: 90 };
  const cases: Readonly<Record<string, readonly number[]>> = {
    'no width': [4, 4, 4, 8],
    'no height': [4, 4, 8, 4],
    'neither width nor height': [4, 4, 4, 4],
    'no width between columns': [4.5, 4, 4.5, 8],
    'no width at the left edge': [0, 10, 0, 50],
    'no width at the right edge': [90, 10, 90, 50],
    'a place to the right of the image': [90, 10, 130, 50],
    'a place just outside of the image': [90.2, 10, 400, 50],
    'a place above the image': [10, -40, 50, 0],
    'its edges swapped': [8, 4, 4, 8],
    'NaN as an edge': [Number.NaN, 4, 8, 8],
    'an infinite edge': [4, 4, Number.POSITIVE_INFINITY, 8],
  };
  for (const [what, box] of Object.entries(cases)) {
    it(`is empty: one with ${what}`, () => {
      for (const threshold of [0.5, 0.1]) {
        expect(maskArea(pasteMask(map, box, size, threshold))).to.equal(0);
        const logits = ndarray([1, 1, 28, 28], new Float32Array(784).fill(9));
        const [mask] = pasteMasks(logits, Float32Array.from(box), Int32Array.of(0), size, threshold);
        expect(maskArea(mask!)).to.equal(0);
      }
    });
  }

  it('is not that of a box which has one', () => {
    expect(maskArea(pasteMask(map, [4, 4, 5, 5], size, 0.5))).to.equal(1);
    expect(maskArea(pasteMask(map, [-5, -5, 2, 2], size, 0.5))).to.equal(4);
  });
});

describe('masks of detections', () => {
  const size = { height: 2, width: 2 };
  const whole = Float32Array.of(0, 0, 2, 2);
  // two classes of 2×2 logits: the first sets the left column, the second the right one
  const logits = (scale: number) => ({
    shape: [1, 2, 2, 2],
    data: Float32Array.of(1, -1, 1, -1, -1, 1, -1, 1).map((value) => value * scale),
  });
  const bits = (masks: ReturnType<typeof pasteMasks>) => masks.map((mask) => [...maskBitmap(mask)]);

  it('are those of the predicted class', () => {
    expect(bits(pasteMasks(logits(1), whole, Int32Array.of(1), size, 0.5))).to.deep.equal([[0, 1, 0, 1]]);
  });

  it('come from the only map of a class-agnostic head', () => {
    const agnostic = { shape: [1, 1, 2, 2], data: logits(1).data.slice(0, 4) };
    expect(bits(pasteMasks(agnostic, whole, Int32Array.of(7), size, 0.5))).to.deep.equal([[1, 0, 1, 0]]);
  });

  it('are averaged over stages after the sigmoid', () => {
    // sigmoid(9) + 2 sigmoid(-1) is 3 · 0.51; the sigmoid of the mean logit would be 0.91
    const stages = [logits(9), logits(-1), logits(-1)];
    expect(bits(pasteMasks(stages, whole, Int32Array.of(0), size, 0.5))).to.deep.equal([[1, 0, 1, 0]]);
    expect(bits(pasteMasks(stages, whole, Int32Array.of(0), size, 0.6))).to.deep.equal([[0, 0, 0, 0]]);
  });

  it('are refused if a detection has no map', () => {
    expect(() => pasteMasks(logits(1), whole, Int32Array.of(2), size, 0.5)).to.throw(
      ShapeError,
      /detection 0 of class 2 .*1×2×2×2/,
    );
  });
});

describe('pasting without arithmetic for most rows', () => {
  it('gives the mask of the pasted values, to the bit', () => {
    const edge = fc.integer({ min: 1, max: 120 });
    const position = fc.double({ min: -60, max: 180, noNaN: true });
    const cases = fc.record({
      image: fc.record({ height: edge, width: edge }),
      corners: fc.tuple(position, position, position, position),
      map: fc.record({ height: fc.integer({ min: 1, max: 28 }), width: fc.integer({ min: 1, max: 28 }) }),
      threshold: fc.constantFrom(0, 0.25, 0.5, 0.7, 1),
      // few levels, some of which are the threshold
      levels: fc.constantFrom(2, 4, 1000),
      seed: fc.nat(1000),
    });
    fc.assert(
      fc.property(cases, ({ image, corners: [x1, y1, x2, y2], map: size, threshold, levels, seed }) => {
        const values = noise(size.height * size.width + seed).subarray(seed);
        const map = { ...size, data: values.map((value) => Math.round(Math.abs(value) * levels) / levels) };
        const box = Float32Array.of(Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2));
        const bits = new Uint8Array(image.height * image.width);
        forEachPastedColumn(map, box, image, (x, top, column) => {
          for (const [y, value] of column.entries()) {
            if (value >= threshold) bits[(top + y) * image.width + x] = 1;
          }
        });
        const mask = pasteMask(map, box, image, threshold);
        const reaches = box[0]! < box[2]! && box[1]! < box[3]! && box[2]! > 0 && box[3]! > 0;
        const isIn = reaches && box[0]! < image.width && box[1]! < image.height;
        expect([...maskBitmap(mask)]).to.deep.equal([...(isIn ? bits : bits.fill(0))]);
      }),
      { numRuns: 500 },
    );
  });
});
