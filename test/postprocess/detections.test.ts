import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { anchorLevels } from '../../src/postprocess/anchors.ts';
import {
  meanLogits,
  refinedRegions,
  secondStageDetections,
  singleStageDetections,
} from '../../src/postprocess/detections.ts';

const coder = { means: [0, 0, 0, 0], stds: [1, 1, 1, 1] } as const;
const imageSize = { height: 100, width: 100 };
const array = (shape: number[], data: number[]) => ({ shape, data: Float32Array.from(data) });
const log = Math.log;

describe('detections of a box head', () => {
  const options = { coder, score: 0.2, iou: 0.5, max: -1 };
  const region = Float32Array.of(10, 10, 30, 30);
  // probabilities 0.3, 0.5 and 0.2 for the background
  const logits = array([1, 3], [log(3), log(5), log(2)]);

  it('are every class above the threshold, not only the best, and never the background', () => {
    const found = secondStageDetections(region, logits, array([1, 4], [0, 0, 0, 0]), { imageSize }, options);
    expect([...found.labels]).to.deep.equal([1, 0]);
    expect(found.scores[0]).to.be.closeTo(0.5, 1e-6);
    expect(found.scores[1]).to.be.closeTo(0.3, 1e-6);
  });

  it('have the labels asked for, and other classes do not count towards `max`', () => {
    const only = { ...options, max: 1, labels: new Set([0]) };
    const found = secondStageDetections(region, logits, array([1, 4], [0, 0, 0, 0]), { imageSize }, only);
    expect([...found.labels]).to.deep.equal([0]);
  });

  it('have the box of their class if the head is class-specific', () => {
    const deltas = array([1, 8], [0, 0, 0, 0, 1, 0, 0, 0]);
    const found = secondStageDetections(region, logits, deltas, { imageSize }, options);
    expect([...found.boxes]).to.deep.equal([30, 10, 50, 30, 10, 10, 30, 30]);
  });

  it('are clipped and then scaled to original pixels if a scale is given', () => {
    const far = Float32Array.of(90, 10, 130, 30);
    const image = { imageSize, scale: { x: 2, y: 4 } };
    const found = secondStageDetections(far, logits, array([1, 4], [0, 0, 0, 0]), image, options);
    expect([...found.boxes.subarray(0, 4)]).to.deep.equal([45, 2.5, 50, 7.5]);
  });

  it('may be empty: without regions, or without a score above the threshold', () => {
    const none = secondStageDetections(
      new Float32Array(0),
      array([0, 3], []),
      array([0, 8], []),
      { imageSize },
      options,
    );
    expect([none.boxes.length, none.scores.length, none.labels.length]).to.deep.equal([0, 0, 0]);
    const strict = { ...options, score: 1 };
    const low = secondStageDetections(region, logits, array([1, 4], [0, 0, 0, 0]), { imageSize }, strict);
    expect(low.scores.length).to.equal(0);
  });

  it('refuse deltas of another number of classes', () => {
    expect(() =>
      secondStageDetections(region, logits, array([1, 12], Array(12).fill(0)), { imageSize }, options),
    ).to.throw(ShapeError, /box head.*1×\(classes \+ 1\).*got logits 1×3 and deltas 1×12/);
  });
});

describe('detections of a dense head', () => {
  // one anchor of 8×8 at each of two positions, 8 apart; two classes
  const levels = anchorLevels({ strides: [8], ratios: [1], scales: [1] });
  const options = {
    classes: 2,
    coder,
    nmsPre: 10,
    score: 0.5,
    iou: 0.5,
    max: 10,
    minSize: -1,
  };
  const deltas = [array([1, 4, 1, 2], Array(8).fill(0))];
  // class 0: positions 0 and 1, then class 1
  const scores = [array([1, 2, 1, 2], [1, -1, 3, 2])];

  it('are pairs of anchor and class above the threshold, best first', () => {
    const found = singleStageDetections(levels, scores, deltas, { imageSize }, options);
    expect([...found.labels]).to.deep.equal([1, 1, 0]);
    expect([...found.boxes]).to.deep.equal([0, 0, 4, 4, 4, 0, 12, 4, 0, 0, 4, 4]);
    expect(found.scores[0]).to.be.closeTo(1 / (1 + Math.exp(-3)), 1e-7);
  });

  it('have the labels asked for, and other classes do not count towards `max`', () => {
    const only = { ...options, max: 1, labels: new Set([0]) };
    const found = singleStageDetections(levels, scores, deltas, { imageSize }, only);
    expect([...found.labels]).to.deep.equal([0]);
  });

  it('are limited per level by pairs, not by anchors', () => {
    const found = singleStageDetections(levels, scores, deltas, { imageSize }, { ...options, nmsPre: 2 });
    expect([...found.labels]).to.deep.equal([1, 1]);
  });

  it('are all classes at a score of 0 and none at 1', () => {
    const counts = [0, 1].map(
      (score) => singleStageDetections(levels, scores, deltas, { imageSize }, { ...options, score }).scores.length,
    );
    expect(counts).to.deep.equal([4, 0]);
  });
});

describe('the regions of a cascade’s next stage', () => {
  const halves = { means: [0, 0, 0, 0], stds: [0.5, 0.5, 1, 1] } as const;
  const image = { height: 100, width: 80 };
  // 20×10 boxes
  const regions = Float32Array.of(10, 10, 30, 20, 60, 50, 80, 60);

  it('are moved by the one box of a class-agnostic head, and clipped to the image without its padding', () => {
    // 0.5 · 1 of the width to the right; the second one leaves the image
    const deltas = array([2, 4, 1, 1], [1, 0, 0, 0, 1, 0, 0, 0]);
    const logits = array([2, 3, 1, 1], [0, 0, 9, 0, 0, 9]);
    expect([...refinedRegions(regions, logits, deltas, halves, image)]).to.deep.equal([20, 10, 40, 20, 70, 50, 80, 60]);
  });

  it('are moved by the best class except the background; the lower one if scores tie', () => {
    const right = [1, 0, 0, 0];
    const down = [0, 1, 0, 0];
    const deltas = array([2, 8], [...right, ...down, ...right, ...down]);
    const logits = array([2, 3], [1, 2, 9, 5, 5, 9]);
    expect([...refinedRegions(regions, logits, deltas, halves, image)]).to.deep.equal([10, 15, 30, 25, 70, 50, 80, 60]);
  });

  it('keep their number even if one has no area left', () => {
    const outside = Float32Array.of(80, 0, 90, 10);
    const refined = refinedRegions(outside, array([1, 2], [0, 0]), array([1, 4], [0, 0, 0, 0]), halves, image);
    expect([...refined]).to.deep.equal([80, 0, 80, 10]);
  });

  it('may be empty', () => {
    const none = refinedRegions(new Float32Array(0), array([0, 3], []), array([0, 8], []), halves, image);
    expect(none.length).to.equal(0);
  });

  it('are refused if scores and boxes have different classes', () => {
    expect(() =>
      refinedRegions(
        regions,
        array([2, 3], new Array(6).fill(0)),
        array([2, 12], new Array(24).fill(0)),
        halves,
        image,
      ),
    ).to.throw(ShapeError, /box head.*2×\(classes \+ 1\).*got logits 2×3 and deltas 2×12/);
  });
});

describe('the logits of a cascade', () => {
  it('are the mean of its stages', () => {
    const mean = meanLogits([array([1, 2], [1, 3]), array([1, 2], [2, 3]), array([1, 2], [6, -3])]);
    expect(mean).to.deep.equal(array([1, 2], [3, 1]));
  });

  it('are those of the stage if there is only one', () => {
    const only = array([1, 2], [1, 3]);
    expect(meanLogits([only])).to.equal(only);
  });
});

describe('detections of a dense head with chosen classes', () => {
  it('leave the places of `nmsPre` to these classes', () => {
    const levels = anchorLevels({ strides: [50], ratios: [1], scales: [1] });
    // class 1 is better at both positions, and there is one place
    const scores = [array([1, 2, 1, 2], [1, 2, 5, 6])];
    const deltas = [array([1, 4, 1, 2], [0, 0, 0, 0, 0, 0, 0, 0])];
    const options = { classes: 2, coder, nmsPre: 1, minSize: -1, score: 0.05, iou: 0.5, max: 100 };
    const labels = (chosen?: ReadonlySet<number>) => [
      ...singleStageDetections(levels, scores, deltas, { imageSize }, { ...options, labels: chosen }).labels,
    ];
    expect(labels()).to.deep.equal([1]);
    expect(labels(new Set([0]))).to.deep.equal([0]);
  });
});
