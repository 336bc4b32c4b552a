import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { anchorLevels, gridAnchors } from '../../src/postprocess/anchors.ts';
import { decodeDeltas } from '../../src/postprocess/boxes.ts';
import { nms } from '../../src/postprocess/nms.ts';
import { proposalsFrom } from '../../src/postprocess/proposals.ts';
import { noise } from './arbitraries.ts';

const coder = { means: [0, 0, 0, 0], stds: [1, 1, 1, 1] } as const;
const options = { coder, nmsPre: 50, iou: 0.7, max: 40, minSize: 0 };

describe('proposals', () => {
  const levels = anchorLevels({ strides: [4, 8], ratios: [0.5, 1, 2], scales: [2] });
  const sizes = [
    { height: 9, width: 7 },
    { height: 5, width: 4 },
  ];
  const image = { height: 33, width: 27 };
  const maps = (channels: number, seed: number) =>
    sizes.map(({ height, width }, i) => ({
      shape: [2, channels, height, width],
      data: noise(2 * channels * height * width, seed + i),
    }));
  const [scores, deltas] = [maps(3, 1), maps(12, 7)];

  /** The reference's way: everything permuted, decoded and sorted whole. */
  function wholeSort(batchIndex: number) {
    const boxes: number[] = [];
    const logits: number[] = [];
    const level: number[] = [];
    sizes.forEach((size, l) => {
      const positions = size.height * size.width;
      const permuted = (map: { data: Float32Array }, channels: number) =>
        Float32Array.from({ length: positions * channels }, (_, i) => {
          const [position, channel] = [Math.floor(i / channels), i % channels];
          return map.data[(batchIndex * channels + channel) * positions + position]!;
        });
      const score = permuted(scores[l]!, 3);
      const delta = { shape: [positions * 3, 4], data: permuted(deltas[l]!, 12) };
      const decoded = decodeDeltas(gridAnchors(levels[l]!, size), delta, coder, image);
      const order = Array.from(score, (_, i) => i).sort((a, b) => score[b]! - score[a]! || a - b);
      for (const i of order.slice(0, options.nmsPre)) {
        const box = decoded.subarray(4 * i, 4 * i + 4);
        if (!(box[2]! > box[0]! && box[3]! > box[1]!)) continue;
        boxes.push(...box);
        logits.push(score[i]!);
        level.push(l);
      }
    });
    const all = Float32Array.from(boxes);
    const kept = nms(all, Float32Array.from(logits), { iou: 0.7, classes: level }).slice(0, 40);
    return Array.from(kept, (i) => [...all.subarray(4 * i, 4 * i + 4), Math.fround(1 / (1 + Math.exp(-logits[i]!)))]);
  }

  for (const index of [0, 1]) {
    it(`of image ${index} of a batch are those of permuting, decoding and sorting everything`, () => {
      const { boxes, scores: found } = proposalsFrom(levels, scores, deltas, image, options, index);
      const rows = Array.from(found, (score, i) => [...boxes.subarray(4 * i, 4 * i + 4), score]);
      const expected = wholeSort(index);
      expect(rows.length).to.equal(expected.length);
      // a grid of anchors is rounded to float32 (1e-6 at 20 pixels), single ones are not
      expected.forEach((row, i) => {
        row.forEach((value, k) => {
          expect(rows[i]![k]).to.be.closeTo(value, 1e-5);
        });
      });
    });
  }

  it('take all anchors and all boxes if the limits are not positive', () => {
    const all = proposalsFrom(levels, scores, deltas, image, {
      ...options,
      nmsPre: -1,
      max: -1,
      iou: 1,
      minSize: -1,
    });
    expect(all.scores.length).to.equal(3 * (9 * 7 + 5 * 4));
  });

  it('need sides longer than the minimum', () => {
    const { boxes } = proposalsFrom(levels, scores, deltas, image, { ...options, minSize: 6 });
    expect(boxes.length).to.be.greaterThan(0);
    for (let i = 0; i < boxes.length; i += 4) {
      expect(Math.min(boxes[i + 2]! - boxes[i]!, boxes[i + 3]! - boxes[i + 1]!)).to.be.greaterThan(6);
    }
  });

  it('refuse maps that do not belong to the anchors', () => {
    expect(() => proposalsFrom(levels, scores.slice(1), deltas, image, options)).to.throw(
      ShapeError,
      /2 anchor levels.*1 of scores and 2 of deltas/,
    );
    expect(() => proposalsFrom(levels, deltas, deltas, image, options)).to.throw(
      ShapeError,
      /level 0.* 3 anchors.*3 score channels and deltas 2×12×9×7.*got scores 2×12×9×7 and deltas 2×12×9×7/,
    );
  });
});
