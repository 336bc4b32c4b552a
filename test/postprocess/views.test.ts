import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { secondStageDetections } from '../../src/postprocess/detections.ts';
import { maskBitmap } from '../../src/postprocess/masks.ts';
import { pasteMasks } from '../../src/postprocess/paste_masks.ts';
import {
  boxMerger,
  fromView,
  maskMerger,
  mergedProposals,
  mirroredBoxes,
  toView,
} from '../../src/postprocess/views.ts';
import { atOnce } from '../../src/slices.ts';

/** Views of an image of 100×60 pixels: twice as large as the image, and that mirrored. */
const resized = { height: 120, width: 200 };
const upright = { resized, scaleX: 2, scaleY: 2, flipped: false };
const mirrored = { ...upright, flipped: true };

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const values = (length: number, spread: number) => Float32Array.from({ length }, () => (random() - 0.5) * spread);
const coder = { means: [0, 0, 0, 0], stds: [0.1, 0.1, 0.2, 0.2] } as const;
const keep = { score: 0.05, iou: 0.5, max: 10 };

/** Regions of the upright view, with logits of two classes and a background. */
function boxHead(count = 30) {
  const regions = Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 < 2 ? random() * 90 : 95 + random() * 25));
  const logits: NDArray = { shape: [count, 3], data: values(3 * count, 6) };
  const deltas: NDArray = { shape: [count, 8], data: values(8 * count, 2) };
  return { regions, logits, deltas };
}

/** What a box head that sees the image mirrored would answer: dx changes its sign. */
const mirroredHead = ({ regions, logits, deltas }: ReturnType<typeof boxHead>) => ({
  regions: mirroredBoxes(regions, resized.width),
  logits,
  deltas: { ...deltas, data: deltas.data.map((value, i) => (i % 4 === 0 ? -value : value)) },
});

describe('boxes of a view', () => {
  const boxes = Float32Array.of(10, 5, 30, 25);

  it('are scaled, then mirrored, and back in the other order', () => {
    // 10…30 of 100 is 20…60 of 200, which is 140…180 from the other side
    expect([...toView(boxes, upright)]).to.deep.equal([20, 10, 60, 50]);
    expect([...toView(boxes, mirrored)]).to.deep.equal([140, 10, 180, 50]);
    expect([...fromView(toView(boxes, mirrored), mirrored)]).to.deep.equal([...boxes]);
  });

  it('are the same if they are mirrored twice', () => {
    expect([...mirroredBoxes(mirroredBoxes(boxes, 200), 200)]).to.deep.equal([...boxes]);
  });
});

describe('merged proposals', () => {
  it('suppress each other across views and levels, and the best stay', () => {
    const one = { boxes: Float32Array.of(0, 0, 10, 10, 50, 0, 60, 10), scores: Float32Array.of(0.9, 0.4) };
    // IoU 90 / 110 with the first
    const other = { boxes: Float32Array.of(1, 0, 11, 10, 20, 20, 30, 30), scores: Float32Array.of(0.8, 0.6) };
    const merged = mergedProposals([one, other], { iou: 0.7, max: 2 });
    expect([...merged.boxes]).to.deep.equal([0, 0, 10, 10, 20, 20, 30, 30]);
    expect([...merged.scores]).to.deep.equal([...Float32Array.of(0.9, 0.6)]);
  });
});

describe('the mean of box heads', () => {
  const head = boxHead();
  const plain = secondStageDetections(
    head.regions,
    head.logits,
    head.deltas,
    { imageSize: resized, scale: { x: 2, y: 2 } },
    { coder, ...keep },
  );

  it('is that of a view if there is one', () => {
    const merger = boxMerger(coder);
    merger.add({ view: upright, ...head });
    const found = merger.detections(keep);
    expect(plain.scores).to.have.length.above(3);
    expect([...found.labels]).to.deep.equal([...plain.labels]);
    expect([...found.scores]).to.deep.equal([...plain.scores]);
    expect([...found.boxes]).to.deep.equal([...plain.boxes]);
  });

  it('is the same with a mirrored view that says the same', () => {
    const merger = boxMerger(coder);
    merger.add({ view: upright, ...head });
    merger.add({ view: mirrored, ...mirroredHead(head) });
    const found = merger.detections(keep);
    expect([...found.labels]).to.deep.equal([...plain.labels]);
    for (const [i, value] of plain.scores.entries()) expect(found.scores[i]).to.be.closeTo(value, 1e-6);
    // float32 at 200 pixels: 1.5e-5
    for (const [i, value] of plain.boxes.entries()) expect(found.boxes[i]).to.be.closeTo(value, 4e-5);
  });

  it('is taken of boxes and scores one by one', () => {
    // one region, one class: probabilities 1/2 and 3/4, and boxes 10 pixels apart in the view
    const merger = boxMerger(coder);
    const at = (x: number) => ({
      regions: Float32Array.of(x, 0, x + 20, 20),
      deltas: { shape: [1, 4], data: new Float32Array(4) },
    });
    merger.add({ view: upright, ...at(40), logits: { shape: [1, 2], data: Float32Array.of(0, 0) } });
    merger.add({ view: upright, ...at(50), logits: { shape: [1, 2], data: Float32Array.of(Math.log(3), 0) } });
    const { boxes, scores } = merger.detections(keep);
    expect([...boxes]).to.deep.equal([22.5, 0, 32.5, 10]);
    expect(scores[0]).to.be.closeTo(0.625, 1e-7);
  });

  it('refuses views of other shapes', () => {
    const merger = boxMerger(coder);
    merger.add({ view: upright, ...head });
    expect(() => merger.add({ view: upright, ...boxHead(3) })).to.throw('others 90 and 60');
  });
});

describe('the mean of masks', () => {
  const labels = Int32Array.of(1, 0);
  const boxes = Float32Array.of(5, 5, 45, 40, 50, 10, 90, 50);
  const image = { height: 60, width: 100 };
  const logits: NDArray = { shape: [2, 2, 7, 7], data: values(2 * 2 * 49, 8) };
  const flippedLogits: NDArray = {
    ...logits,
    data: logits.data.map((_, i) => logits.data[i - (i % 7) + 6 - (i % 7)] ?? 0),
  };
  const bitmaps = (masks: Parameters<typeof maskBitmap>[0][]) => masks.map((mask) => [...maskBitmap(mask)]);
  const plain = bitmaps(pasteMasks(logits, boxes, labels, image, 0.5));

  it('is that of a view if there is one, and of a mirrored one that shows the same', () => {
    for (const views of [[false], [true], [false, true]]) {
      const merger = maskMerger(labels);
      for (const flipped of views) merger.add([flipped ? flippedLogits : logits], flipped);
      expect(bitmaps(atOnce(merger.paste(boxes, image, 0.5))), `${views}`).to.deep.equal(plain);
    }
  });

  it('is empty without detections', () => {
    const merger = maskMerger(new Int32Array(0));
    merger.add([{ shape: [0, 2, 7, 7], data: new Float32Array(0) }], false);
    expect(atOnce(merger.paste(new Float32Array(0), image, 0.5))).to.deep.equal([]);
  });
});
