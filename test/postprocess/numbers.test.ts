import { expect } from 'chai';
import { ndarray } from '../../src/arrays.ts';
import { anchorLevels } from '../../src/postprocess/anchors.ts';
import { type BoxCoder, decodeDeltas } from '../../src/postprocess/boxes.ts';
import { refinedRegions, secondStageDetections, singleStageDetections } from '../../src/postprocess/detections.ts';
import { nms } from '../../src/postprocess/nms.ts';
import { pasteMasks } from '../../src/postprocess/paste_masks.ts';
import { proposalsFrom } from '../../src/postprocess/proposals.ts';
import { labelsFrom } from '../../src/postprocess/segmentation.ts';
import { labelsFromWindows } from '../harness/at_once.ts';

/** Numbers that mean nothing are errors: no function of the postprocessing passes over them, or puts them first. */

const coder: BoxCoder = { means: [0, 0, 0, 0], stds: [1, 1, 1, 1] };
const imageSize = { height: 64, width: 64 };
const levels = anchorLevels({ strides: [8], ratios: [1], scales: [1] });
const keep = { coder, score: 0, iou: 0.5, max: 0 };
const dense = { ...keep, nmsPre: 0, minSize: 0 };

/** Calls with arrays of ones, in one of which `value` stands at `index`. */
const calls: Readonly<Record<string, (arrays: Float32Array[]) => unknown>> = {
  'nms, boxes and scores': ([boxes, scores]) => nms(boxes!, scores!, { iou: 0.5 }),
  'a box head, regions, logits and deltas': ([regions, logits, deltas]) =>
    secondStageDetections(regions!, ndarray([2, 3], logits!), ndarray([2, 8], deltas!), { imageSize }, keep),
  'a stage of a cascade, regions, logits and deltas': ([regions, logits, deltas]) =>
    refinedRegions(regions!, ndarray([2, 3], logits!), ndarray([2, 8], deltas!), coder, imageSize),
  'a dense head, scores and deltas': ([scores, deltas]) =>
    singleStageDetections(
      levels,
      [ndarray([1, 2, 2, 2], scores!)],
      [ndarray([1, 4, 2, 2], deltas!)],
      { imageSize },
      { ...dense, classes: 2 },
    ),
  'an RPN, scores and deltas': ([scores, deltas]) =>
    proposalsFrom(levels, [ndarray([1, 1, 2, 2], scores!)], [ndarray([1, 4, 2, 2], deltas!)], imageSize, dense),
  'masks, logits': ([logits]) =>
    pasteMasks(
      ndarray([2, 1, 4, 4], logits!),
      Float32Array.of(0, 0, 8, 8, 0, 0, 9, 9),
      Int32Array.of(0, 0),
      imageSize,
      0.5,
    ),
  'a segmentation, logits': ([logits]) =>
    labelsFrom(ndarray([1, 2, 3, 3], logits!), { steps: [{ size: { height: 6, width: 6 } }], alignCorners: false }),
  'windows of a segmentation, logits': ([logits]) =>
    labelsFromWindows(
      [{ window: { left: 0, top: 0, height: 6, width: 6 }, logits: ndarray([1, 2, 3, 3], logits!) }],
      { resized: { height: 6, width: 6 }, original: { height: 6, width: 6 } },
      false,
    ),
  'deltas, boxes and deltas': ([boxes, deltas]) => decodeDeltas(boxes!, ndarray([2, 4], deltas!), coder),
};

/** Boxes of two things, and a length of each array that follows. */
const lengths: Readonly<Record<string, readonly number[]>> = {
  'nms, boxes and scores': [8, 2],
  'a box head, regions, logits and deltas': [8, 6, 16],
  'a stage of a cascade, regions, logits and deltas': [8, 6, 16],
  'a dense head, scores and deltas': [8, 16],
  'an RPN, scores and deltas': [4, 16],
  'masks, logits': [32],
  'a segmentation, logits': [18],
  'windows of a segmentation, logits': [18],
  'deltas, boxes and deltas': [8, 8],
};

describe('a number that is not finite', () => {
  for (const [what, call] of Object.entries(calls)) {
    it(`is refused wherever it stands in the arrays of ${what}`, () => {
      const sizes = lengths[what]!;
      const arrays = () => sizes.map((length) => Float32Array.from({ length }, (_, i) => (i % 4 < 2 ? 1 : 2)));
      expect(() => call(arrays())).not.to.throw();
      for (const [array, length] of sizes.entries()) {
        for (let index = 0; index < length; index++) {
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
            const given = arrays();
            given[array]![index] = value;
            expect(() => call(given), `array ${array}, value ${index}: ${value}`).to.throw(RangeError, /finite/);
          }
        }
      }
    });
  }

  it('is named with its array and index', () => {
    const boxes = Float32Array.of(0, 0, 4, 4, 0, 0, 4, 4);
    expect(() => nms(boxes, Float32Array.of(1, Number.NaN), { iou: 0.5 })).to.throw(
      RangeError,
      'nms: value 1 of scores is NaN, not a finite number.',
    );
  });
});
