import { expect } from 'chai';
import type { Size } from '../../src/arrays.ts';
import { ConfigError, ShapeError } from '../../src/errors.ts';
import { boundaryIou, boundaryOf, boundarySimilarity, boundaryWidth } from '../../src/evaluate/boundary.ts';
import { evaluateCoco } from '../../src/evaluate/coco.ts';
import { labelMapEvaluator } from '../../src/evaluate/label_maps.ts';
import { decodeBitmap, encodeBitmap, type Rle, rleOf } from '../../src/postprocess/rle.ts';

/** The same by the definition: a pixel is on the boundary if the square around it leaves the mask or the image. */
function slowBoundary(bitmap: Uint8Array, { height, width }: Size, d: number): number[] {
  const isSet = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && bitmap[y * width + x] === 1;
  return Array.from(bitmap, (value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let inside = true;
    for (let dy = -d; dy <= d; dy++) for (let dx = -d; dx <= d; dx++) inside &&= isSet(x + dx, y + dy);
    return value === 1 && !inside ? 1 : 0;
  });
}

/** A generator of whole numbers below `limit`, the same every time. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Overlapping rectangles: masks with straight and stepped outlines, holes, and parts at the edges. */
function rectangles(size: Size, values: number, next: (limit: number) => number): Uint8Array {
  const bitmap = new Uint8Array(size.height * size.width);
  for (let count = 1 + next(6); count > 0; count--) {
    const [x, y, value] = [next(size.width), next(size.height), next(values)];
    const [right, bottom] = [x + 1 + next(size.width), y + 1 + next(size.height)];
    for (let row = y; row < Math.min(bottom, size.height); row++) {
      bitmap.fill(value, row * size.width + x, row * size.width + Math.min(right, size.width));
    }
  }
  return bitmap;
}

describe('boundaries of masks', () => {
  it('are the mask without its erosion; what is outside the image is background', () => {
    // 1 1 1 1 1        1 1 1 1 1
    // 1 1 1 1 1   d=1  1 0 0 0 1
    // 1 1 1 1 1        1 1 1 1 1
    // 0 0 0 0 0        0 0 0 0 0
    const size = { height: 4, width: 5 };
    const bitmap = Uint8Array.from({ length: 20 }, (_, i) => (i < 15 ? 1 : 0));
    const boundary = decodeBitmap(boundaryOf(encodeBitmap(bitmap, size), 1));
    expect([...boundary]).to.deep.equal([1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  });

  it('are the same as by the definition, for any shape and width', () => {
    const next = numbers(13);
    for (let round = 0; round < 300; round++) {
      const size = { height: 1 + next(14), width: 1 + next(14) };
      const bitmap = rectangles(size, 2, next);
      const d = 1 + next(4);
      const boundary = boundaryOf(encodeBitmap(bitmap, size), d);
      expect([...decodeBitmap(boundary)], `round ${round}`).to.deep.equal(slowBoundary(bitmap, size, d));
    }
  });

  it('do not depend on how the runs are written', () => {
    // one stretch of 9 pixels of a 3×3 image, in two runs with an empty one between them
    const [plain, split] = [
      [0, 9],
      [0, 4, 0, 5],
    ].map((counts) => rleOf(counts, { height: 3, width: 3 })) as [Rle, Rle];
    expect(boundaryOf(split, 1)).to.deep.equal(boundaryOf(plain, 1));
    expect([...boundaryOf(plain, 1).counts]).to.deep.equal([0, 4, 1, 4]);
  });

  it('are as wide as the share of the diagonal, halves to the even number, at least 1', () => {
    expect(boundaryWidth({ height: 75, width: 100 }, 0.02)).to.equal(2); // 2.5
    expect(boundaryWidth({ height: 105, width: 140 }, 0.02)).to.equal(4); // 3.5
    expect(boundaryWidth({ height: 3, width: 4 }, 0.02)).to.equal(1); // 0.1
  });

  it('are compared by intersection over union', () => {
    // two rows of three pixels, the second one pixel further right: all of both is boundary
    const size = { height: 1, width: 4 };
    const [a, b] = [encodeBitmap(Uint8Array.of(1, 1, 1, 0), size), encodeBitmap(Uint8Array.of(0, 1, 1, 1), size)];
    expect(boundaryIou(a, b)).to.deep.equal({ intersection: 2, union: 4, iou: 0.5 });
    const none = encodeBitmap(new Uint8Array(4), size);
    expect(boundaryIou(none, none).iou).to.be.NaN;
    expect(boundaryIou(a, none).iou).to.equal(0);
    expect(() => boundaryIou(a, rleOf([1], { height: 1, width: 1 }))).to.throw(ShapeError, /1×4 and 1×1/);
    for (const ratio of [0, -1, 1.5, Number.NaN]) expect(() => boundaryIou(a, b, ratio)).to.throw(ConfigError, /ratio/);
  });
});

describe('boundaries of label maps', () => {
  it('are those of each class by itself, for any map, with ignored pixels in neither', () => {
    const next = numbers(7);
    const [classes, ignore] = [3, 4]; // 3 is beyond the classes
    for (let round = 0; round < 150; round++) {
      const size = { height: 1 + next(16), width: 1 + next(16) };
      const ratio = 0.02 + next(20) / 100;
      const evaluator = labelMapEvaluator({ classes, ignore, boundary: ratio });
      const sums = { intersection: [0, 0, 0], union: [0, 0, 0] };
      for (let image = 0; image < 2; image++) {
        const [labels, prediction] = [rectangles(size, 5, next), rectangles(size, 4, next)];
        evaluator.add({ ...size, labels: prediction }, { ...size, labels });
        const d = boundaryWidth(size, ratio);
        for (let k = 0; k < classes; k++) {
          const of = (map: Uint8Array) => map.map((value, i) => (value === k && labels[i] !== ignore ? 1 : 0));
          const [a, b] = [slowBoundary(of(labels), size, d), slowBoundary(of(prediction), size, d)];
          sums.intersection[k]! += a.filter((value, i) => value === 1 && b[i] === 1).length;
          sums.union[k]! += a.filter((value, i) => value === 1 || b[i] === 1).length;
        }
      }
      const { intersection, union, iou } = evaluator.scores().boundary!;
      expect({ intersection, union }, `round ${round}`).to.deep.equal(sums);
      expect(iou).to.deep.equal(sums.intersection.map((both, k) => both / sums.union[k]!));
    }
  });

  it('are not measured unless asked for', () => {
    expect(labelMapEvaluator({ classes: 2 }).scores().boundary).to.equal(undefined);
  });
});

describe('boundary AP', () => {
  const size = { height: 20, width: 20 };
  const square = (x: number, y: number, side: number) => [[x, y, x + side, y, x + side, y + side, x, y + side]];
  const truth = (iscrowd: 0 | 1) => ({
    images: [{ id: 1, ...size }],
    categories: [{ id: 1, name: 'thing' }],
    annotations: [
      {
        id: 1,
        image_id: 1,
        category_id: 1,
        bbox: [0, 0, 10, 10] as const,
        area: 100,
        iscrowd,
        segmentation: square(0, 0, 10),
      },
    ],
  });
  const found = { image_id: 1, category_id: 1, score: 1, segmentation: square(0, 0, 9) };
  const ious = (iscrowd: 0 | 1, ratio?: number) =>
    evaluateCoco(truth(iscrowd), [found], {
      type: 'segm',
      iouThresholds: [0.3, 0.5, 0.8],
      maskSimilarity: ratio === undefined ? undefined : boundarySimilarity(ratio),
    }).matching.matches[0];

  it('takes the smaller of IoU and boundary IoU', () => {
    // squares of 10 and 9 in one corner, IoU 81 / 100. Their boundaries, one pixel wide, have 36 and 32 pixels and share
    // the 17 along the two outer sides: 17 / (36 + 32 - 17) = 0.33
    expect([...ious(0)!]).to.deep.equal([0, 0, 0]);
    expect([...ious(0, 0.02)!]).to.deep.equal([0, -1, -1]);
  });

  it('compares crowds by their masks alone', () => {
    expect([...ious(1, 0.02)!]).to.deep.equal([0, 0, 0]);
  });

  it('refuses a ratio that is none', () => {
    expect(() => boundarySimilarity(0)).to.throw(ConfigError, /ratio/);
  });
});
