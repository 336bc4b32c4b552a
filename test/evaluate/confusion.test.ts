import { expect } from 'chai';
import type { CocoAnnotation, CocoDetection, CocoFile } from '../../src/data/coco_file.ts';
import { ConfigError } from '../../src/errors.ts';
import { confusionMatrix, rowShares } from '../../src/evaluate/confusion.ts';

type Box = readonly [x: number, y: number, width: number, height: number];

const truth: CocoFile = {
  images: [{ id: 1 }, { id: 2 }],
  categories: [
    { id: 9, name: 'dog' },
    { id: 4, name: 'cat' },
  ],
  annotations: [
    object(1, 1, 4, [0, 0, 10, 10]),
    object(2, 1, 9, [20, 0, 10, 10]),
    object(3, 1, 4, [40, 0, 10, 10], 1),
    object(4, 2, 4, [0, 0, 10, 10]),
    object(5, 2, 4, [0, 0, 10, 10]),
  ],
};

function object(id: number, image_id: number, category_id: number, bbox: Box, iscrowd: 0 | 1 = 0): CocoAnnotation {
  return { id, image_id, category_id, bbox, area: 100, iscrowd };
}

const found = (image_id: number, category_id: number, bbox: Box, score: number): CocoDetection => ({
  image_id,
  category_id,
  bbox,
  score,
});

describe('the confusion matrix of detections', () => {
  it('matches objects of any class, the last of equal ones, and counts crowds as background', () => {
    const results = [
      found(1, 9, [0, 0, 10, 10], 0.9), // a dog on the cat 1
      found(1, 4, [0, 0, 10, 10], 0.8), // a cat, but 1 is taken: background
      found(1, 4, [40, 0, 10, 10], 0.7), // on the crowd: background
      found(1, 9, [20, 0, 10, 10], 0.2), // below the score
      found(2, 4, [0, 0, 10, 10], 0.6), // takes 5, the last of two
    ];
    const { categoryIds, matrix, pairs } = confusionMatrix(truth, results, { type: 'bbox' });
    expect(categoryIds).to.deep.equal([4, 9]);
    //                    cat dog background
    expect(matrix).to.deep.equal([
      [1, 1, 1], // cats: 5 right, 1 as a dog, 4 not found
      [0, 0, 1], // the dog 2 is not found
      [2, 0, 0],
    ]);
    expect(pairs).to.deep.equal([
      { result: 0, truth: 1 },
      { result: 1, truth: null },
      { result: 2, truth: null },
      { result: null, truth: 2 },
      { result: 4, truth: 5 },
      { result: null, truth: 4 },
    ]);
    expect(rowShares(matrix)).to.deep.equal([
      [1 / 3, 1 / 3, 1 / 3],
      [0, 0, 1],
      [1, 0, 0],
    ]);
  });

  it('takes detections by score over all classes, equal scores by class', () => {
    const results = [found(2, 9, [0, 0, 10, 10], 0.5), found(2, 4, [0, 0, 10, 10], 0.5)];
    const first = confusionMatrix(truth, results, { type: 'bbox', maxDetections: 1 });
    expect(first.pairs.find(({ result }) => result !== null)).to.deep.equal({ result: 1, truth: 5 });
  });

  it('leaves classes that are not asked for out on both sides', () => {
    const results = [found(1, 9, [0, 0, 10, 10], 0.9)];
    const { matrix } = confusionMatrix(truth, results, { type: 'bbox', categoryIds: [4] });
    expect(matrix).to.deep.equal([
      [0, 3],
      [0, 0],
    ]);
    expect(rowShares(matrix)[1]).to.deep.equal([0, 0]);
  });

  it('refuses thresholds that mean nothing', () => {
    for (const iou of [0, 1.1, Number.NaN]) {
      expect(() => confusionMatrix(truth, [], { type: 'bbox', iou })).to.throw(ConfigError, /iou/);
    }
    expect(() => confusionMatrix(truth, [], { type: 'bbox', score: Number.NaN })).to.throw(ConfigError, /score/);
    expect(() => confusionMatrix(truth, [], { type: 'bbox', maxDetections: 0.5 })).to.throw(ConfigError, /0\.5/);
  });
});
