import { expect } from 'chai';
import { ConfigError, DataError } from '../../src/errors.ts';
import { calibrationFigures, calibrationOf } from '../../src/evaluate/calibration.ts';
import { evaluateCoco } from '../../src/evaluate/coco.ts';

describe('calibration', () => {
  it('compares mean scores with shares that are right, bin by bin', () => {
    // 0.0–0.5: 0.2, 0.4, one right: |0.5 - 0.3|; 0.5–1.0: 0.5, 1, 1, all right: |1 - 2.5 / 3|
    const { bins, ece, mce } = calibrationOf([0.2, 0.4, 0.5, 1, 1], [false, true, true, true, true], 2);
    expect(bins[0]).to.deep.include({ from: 0, to: 0.5, count: 2, accuracy: 0.5 });
    expect(bins[1]).to.deep.include({ from: 0.5, to: 1, count: 3, accuracy: 1, meanScore: 2.5 / 3 });
    expect(ece).to.be.closeTo((2 / 5) * 0.2 + (3 / 5) * (0.5 / 3), 1e-15);
    expect(mce).to.be.closeTo(0.2, 1e-15);
  });

  it('sorts by the product in double: 0.29 × 100 is below 29', () => {
    const { bins } = calibrationOf([0.29], [true], 100);
    expect(bins[28]?.count).to.equal(1);
  });

  it('is 0 of nothing', () => {
    expect(calibrationOf([], [])).to.include({ ece: 0, mce: 0, count: 0 });
    expect(calibrationOf([], []).bins[3]).to.deep.equal({ from: 0.3, to: 0.4, count: 0, meanScore: 0, accuracy: 0 });
  });

  it('refuses what is no probability, and names the first', () => {
    expect(() => calibrationOf([0.5, 1.25, -0.1], [true, true, true])).to.throw(DataError, /score 1 is 1\.25/);
    expect(() => calibrationOf([Number.NaN], [true])).to.throw(DataError, /score 0 is NaN/);
    expect(() => calibrationOf([0.5], [])).to.throw(DataError, /1 scores.*0 values/);
    for (const bins of [0, 2.5, 1e9]) expect(() => calibrationOf([0.5], [true], bins)).to.throw(ConfigError, /bins/);
  });

  it('of detections leaves out what lies on crowds', () => {
    const truth = {
      images: [{ id: 1 }],
      categories: [
        { id: 1, name: 'cat' },
        { id: 2, name: 'dog' },
      ],
      annotations: [
        { id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 10, 10], area: 100, iscrowd: 0 },
        { id: 2, image_id: 1, category_id: 1, bbox: [0, 50, 50, 50], area: 2500, iscrowd: 1 },
      ],
    } as const;
    const found = (category_id: number, y: number, score: number) =>
      ({ image_id: 1, category_id, bbox: [0, y, 10, 10], score }) as const;
    const evaluation = evaluateCoco(truth, [found(1, 0, 0.75), found(1, 60, 0.5), found(2, 0, 0.25)], { type: 'bbox' });
    const { count, ece, perClass, iou } = calibrationFigures(evaluation, { bins: 4 });
    expect({ count, ece, iou }).to.deep.equal({ count: 2, ece: 0.25, iou: 0.5 });
    expect(perClass).to.deep.equal([
      { name: 'cat', ece: 0.25, count: 1 },
      { name: 'dog', ece: 0.25, count: 1 },
    ]);
    expect(() => calibrationFigures(evaluation, { iou: 0.33 })).to.throw(ConfigError, /0\.33 was not evaluated/);
  });
});
