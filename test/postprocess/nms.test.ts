import { expect } from 'chai';
import fc from 'fast-check';
import { nms } from '../../src/postprocess/nms.ts';
import { boxes, scoresOf } from './arbitraries.ts';

/**
 * As the definition says: a box stays unless a better one of its class that stays overlaps it by more than the
 * threshold.
 */
function bruteForce(all: Float32Array, scores: Float32Array, classes: ArrayLike<number>, iou: number) {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  const area = ([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: ArrayLike<number> & Iterable<number>) => (x2 - x1) * (y2 - y1);
  for (const i of order) {
    const a = all.subarray(4 * i, 4 * i + 4);
    const suppressed = kept.some((j) => {
      const b = all.subarray(4 * j, 4 * j + 4);
      const width = Math.max(0, Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!));
      const height = Math.max(0, Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!));
      const both = width * height;
      return classes[i] === classes[j] && both / (area(a) + area(b) - both) > iou;
    });
    if (!suppressed) kept.push(i);
  }
  return kept;
}

describe('nms', () => {
  // three boxes of 2×4, each 1 further right: neighbours share 4 of 12 pixels, the first and the last only touch
  const row = Float32Array.of(0, 0, 2, 4, 1, 0, 3, 4, 2, 0, 4, 4);

  it('keeps boxes that a suppressed box would have suppressed', () => {
    expect([...nms(row, Float32Array.of(3, 2, 1), { iou: 0.3 })]).to.deep.equal([0, 2]);
  });

  it('suppresses only beyond the threshold, not at it', () => {
    // the second is half of the first: IoU 0.5
    const half = Float32Array.of(0, 0, 4, 4, 0, 0, 4, 2);
    expect([...nms(half, Float32Array.of(1, 0.5), { iou: 0.5 })]).to.deep.equal([0, 1]);
    expect([...nms(half, Float32Array.of(1, 0.5), { iou: 0.49 })]).to.deep.equal([0]);
  });

  it('keeps the lower index when scores tie', () => {
    const twice = Float32Array.of(0, 0, 4, 4, 0, 0, 4, 4);
    expect([...nms(twice, Float32Array.of(0.7, 0.7), { iou: 0.5 })]).to.deep.equal([0]);
  });

  it('keeps boxes without area, whose IoU is NaN', () => {
    const points = Float32Array.of(1, 1, 1, 1, 1, 1, 1, 1);
    expect([...nms(points, Float32Array.of(1, 2), { iou: 0.5 })]).to.deep.equal([1, 0]);
  });

  it('keeps classes apart for any labels', () => {
    const twice = Float32Array.of(0, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4);
    const kept = nms(twice, Float32Array.of(1, 2, 3), { iou: 0.5, classes: [70000, -1, 70000] });
    expect([...kept]).to.deep.equal([2, 1]);
  });

  it('keeps at most `max`, best first', () => {
    expect([...nms(row, Float32Array.of(1, 2, 3), { iou: 0.5, max: 2 })]).to.deep.equal([2, 1]);
  });

  it('returns nothing for no boxes', () => {
    expect([...nms(new Float32Array(0), new Float32Array(0), { iou: 0.5, classes: [] })]).to.deep.equal([]);
  });

  it('equals the definition', () => {
    const cases = boxes({ maxLength: 40 }).chain((all) =>
      fc.record({
        all: fc.constant(all),
        scores: scoresOf(all.length / 4),
        classes: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: all.length / 4, maxLength: all.length / 4 }),
        iou: fc.constantFrom(0, 0.25, 0.3, 0.5, 0.7),
        max: fc.constantFrom(1, 5, Infinity),
      }),
    );
    fc.assert(
      fc.property(cases, ({ all, scores, classes, iou, max }) => {
        const expected = bruteForce(all, scores, classes, iou).slice(0, max);
        expect([...nms(all, scores, { iou, classes, max })]).to.deep.equal(expected);
      }),
      { numRuns: 300 },
    );
  });
});
