import { expect } from 'chai';
import fc from 'fast-check';
import { compactMask, fullRle, maskBitmap } from '../../src/postprocess/masks.ts';
import { mergeDetections, moved, uncut } from '../../src/postprocess/merge.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';

/** A 10×10 image; one box per detection, x1 y1 x2 y2 in pixels of the part. */
const image = { height: 10, width: 10 };
const part = (top: number, left: number, extent = 6) => ({ top, left, height: extent, width: extent });
const found = (...rows: readonly [box: number[], score: number, label?: number][]) => ({
  boxes: Float32Array.from(rows.flatMap(([box]) => box)),
  scores: Float32Array.from(rows, ([, score]) => score),
  labels: Int32Array.from(rows, ([, , label = 0]) => label),
});

describe('detections of parts', () => {
  it('move to their place in the image, clipped to it', () => {
    const { boxes } = moved(found([[-1, 1, 4, 7], 0.5]), part(4, 4), image);
    expect([...boxes]).to.deep.equal([3, 5, 8, 10]);
  });

  it('are cut by an inner edge, not by an edge of the image', () => {
    const all = found([[1, 1, 4, 4], 0.9], [[3, 3, 5.5, 4], 0.9], [[0, 3, 2, 4], 0.9], [[2, 3, 4, 6], 0.9]);
    const margin = { x: 1, y: 0.5 };
    expect(uncut(all, part(0, 0), image, margin)).to.deep.equal([0, 2]); // right and below goes on
    expect(uncut(all, part(4, 4), image, margin)).to.deep.equal([0, 1, 3]); // left and above goes on
    expect(uncut(all, part(0, 0, 10), image, margin)).to.deep.equal([0, 1, 2, 3]);
  });

  it('keep their masks, for any mask and place', () => {
    const cases = fc.record({
      bits: fc.array(fc.constantFrom(0, 1), { minLength: 36, maxLength: 36 }),
      top: fc.integer({ min: 0, max: 4 }),
      left: fc.integer({ min: 0, max: 4 }),
    });
    fc.assert(
      fc.property(cases, ({ bits, top, left }) => {
        const mask = compactMask(encodeBitmap(Uint8Array.from(bits), { height: 6, width: 6 }));
        const { masks = [] } = moved({ ...found([[0, 0, 6, 6], 1]), masks: [mask] }, part(top, left), image);
        const expected = new Uint8Array(100);
        for (const [i, bit] of bits.entries()) expected[(top + Math.floor(i / 6)) * 10 + left + (i % 6)] = bit;
        expect([...maskBitmap(masks[0]!)]).to.deep.equal([...expected]);
        expect(fullRle(masks[0]!)).to.deep.equal(encodeBitmap(expected, image));
      }),
    );
  });

  it('are best first, and of equal scores the earlier part comes first', () => {
    const merged = mergeDetections(
      [
        { part: part(0, 0), found: found([[0, 0, 2, 2], 0.5], [[3, 3, 5, 5], 0.4]) },
        { part: part(4, 4), found: found([[4, 4, 6, 6], 0.9], [[2, 4, 3, 6], 0.5]) },
      ],
      image,
      { merge: 'nms', iou: 0.5 },
    );
    expect([...merged.scores].map((score) => score.toFixed(1))).to.deep.equal(['0.9', '0.5', '0.5', '0.4']);
    expect([...merged.boxes]).to.deep.equal([8, 8, 10, 10, 0, 0, 2, 2, 6, 8, 7, 10, 3, 3, 5, 5]);
    expect(merged.masks).to.equal(undefined);
  });

  it('drop the worse of one class: by IoU, or by the share of the smaller box', () => {
    // the whole object is 4×2 in one part, and half of it 2×2 in the other: IoU 0.5, share of the smaller 1
    const parts = [
      { part: part(0, 0), found: found([[2, 0, 6, 2], 0.9], [[2, 4, 6, 6], 0.8, 1]) },
      { part: part(0, 4), found: found([[0, 0, 2, 2], 0.7]) },
    ];
    const count = (merge: 'nms' | 'ios', iou: number) => mergeDetections(parts, image, { merge, iou }).scores.length;
    expect(count('nms', 0.5)).to.equal(3); // not equal, greater
    expect(count('nms', 0.49)).to.equal(2);
    expect(count('ios', 0.99)).to.equal(2);
    expect(count('ios', 1)).to.equal(3);
    const others = [parts[0]!, { part: part(0, 4), found: found([[0, 0, 2, 2], 0.7, 1]) }];
    expect(mergeDetections(others, image, { merge: 'ios', iou: 0.5 }).scores).to.have.length(3); // of another class
  });

  it('are at most so many, with their masks', () => {
    const mask = compactMask(encodeBitmap(new Uint8Array(36).fill(1), { height: 6, width: 6 }));
    const parts = [0, 4].map((left) => ({
      part: part(0, left),
      found: { ...found([[1, 1, 2, 2], 0.5 + left / 10]), masks: [mask] },
    }));
    const merged = mergeDetections(parts, image, { merge: 'ios', iou: 0.5, max: 1 });
    expect([...merged.boxes]).to.deep.equal([5, 1, 6, 2]);
    expect(merged.masks).to.deep.equal([{ ...mask, imageSize: image, left: 4 }]);
  });

  it('may be none', () => {
    const merged = mergeDetections([{ part: part(0, 0), found: { ...found(), masks: [] } }], image, {
      merge: 'ios',
      iou: 0.5,
    });
    expect(merged.scores).to.have.length(0);
    expect(merged.masks).to.deep.equal([]);
  });
});
