import { expect } from 'chai';
import { ConfigError, DataError } from '../../src/errors.ts';
import { type LabelMapOptions, labelMapEvaluator } from '../../src/evaluate/label_maps.ts';
import type { LabelMap } from '../../src/image/raster.ts';

/** A map of one row, or of rows of equal length. */
function map(...rows: readonly (readonly number[])[]): LabelMap {
  return { height: rows.length, width: rows[0]!.length, labels: Uint8Array.from(rows.flat()) };
}

const compare = (options: LabelMapOptions, prediction: LabelMap, labels: LabelMap) => {
  const evaluator = labelMapEvaluator(options);
  evaluator.add(prediction, labels);
  return evaluator.scores();
};

describe('metrics of label maps', () => {
  //  labels      0 0 0 1 1 2 · ·     (· is 255: ignored)
  //  prediction  0 0 1 1 1 1 2 0
  //  class 0: 2 right, 3 labelled, 2 predicted; 1: 2, 2, 4; 2: 0, 1, 0 (its only prediction is ignored)
  const labels = map([0, 0, 0, 1, 1, 2, 255, 255]);
  const prediction = map([0, 0, 1, 1, 1, 1, 2, 0]);

  it('are those of a row that is counted by hand', () => {
    const scores = compare({ classes: 4 }, prediction, labels);
    expect(scores.areas).to.deep.equal({
      intersection: [2, 2, 0, 0],
      union: [3, 4, 1, 0],
      prediction: [2, 4, 0, 0],
      label: [3, 2, 1, 0],
    });
    expect(scores.iou).to.deep.equal([2 / 3, 2 / 4, 0, Number.NaN]);
    expect(scores.miou).to.equal((2 / 3 + 2 / 4 + 0) / 3);
    expect(scores.aacc).to.equal(4 / 6);
    expect(scores.macc).to.equal((2 / 3 + 1 + 0) / 3);
    expect(scores.dice).to.deep.equal([4 / 5, 4 / 6, 0, Number.NaN]);
    expect(scores.precision).to.deep.equal([1, 1 / 2, Number.NaN, Number.NaN]);
    expect(scores.fwiou).to.be.closeTo((3 * (2 / 3) + 2 * (2 / 4) + 0) / 6, 1e-15);
    expect(scores.confusion).to.deep.equal([
      [2, 1, 0, 0, 0],
      [0, 2, 0, 0, 0],
      [0, 1, 0, 0, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('write NaN as null in JSON', () => {
    const { iou, mfscore } = JSON.parse(JSON.stringify(compare({ classes: 4 }, prediction, labels)));
    expect(iou[3]).to.equal(null);
    expect(mfscore).to.be.a('number');
  });

  it('add areas over images; the figures of one image are returned by add', () => {
    const evaluator = labelMapEvaluator({ classes: 2 });
    expect(evaluator.add(map([0, 0]), map([0, 0]))).to.deep.equal({ miou: 1, aacc: 1 });
    expect(evaluator.add(map([0, 0, 0, 1]), map([0, 1, 1, 1]))).to.deep.equal({ miou: 1 / 3, aacc: 0.5 });
    expect(evaluator.scores()).to.include({ images: 2, aacc: 4 / 6 });
    expect(evaluator.scores().iou).to.deep.equal([3 / 5, 1 / 3]);
  });

  it('are NaN without a labelled pixel, of an image and of the set', () => {
    const evaluator = labelMapEvaluator({ classes: 2 });
    expect(evaluator.scores().miou).to.be.NaN;
    expect(evaluator.add(map([1]), map([255]))).to.deep.equal({ miou: Number.NaN, aacc: Number.NaN });
    expect(evaluator.scores()).to.deep.include({ iou: [Number.NaN, Number.NaN], aacc: Number.NaN, fwiou: Number.NaN });
  });

  it('drop what is beyond the classes from its own area only', () => {
    // 7 is no class: where it is labelled the prediction still counts, and the other way round
    const { areas, confusion } = compare({ classes: 2 }, map([0, 0, 7, 1]), map([0, 7, 1, 1]));
    expect(areas).to.deep.equal({ intersection: [1, 1], union: [2, 2], prediction: [2, 1], label: [1, 2] });
    expect(confusion).to.deep.equal([
      [1, 0, 0],
      [0, 1, 1],
      [1, 0, 0],
    ]);
  });

  it('lower labels by one with reduceZeroLabel, after the table', () => {
    //  file 0 → 255; 1 → 0; 2 → 1; 255 → 255
    const reduced = compare({ classes: 2, reduceZeroLabel: true }, map([0, 0, 1, 1]), map([0, 1, 2, 255]));
    expect(reduced.areas.label).to.deep.equal([1, 1]);
    expect(reduced.miou).to.equal(1);
    //  file 30 → 2 → 1, 31 → 1 → 0; 5 is not in the table: 255
    const labelTable = new Map([
      [30, 2],
      [31, 1],
    ]);
    const both = compare({ classes: 2, reduceZeroLabel: true, labelTable }, map([1, 0, 1]), map([30, 31, 5]));
    expect(both.areas.label).to.deep.equal([1, 1]);
    expect(both.miou).to.equal(1);
  });

  it('count every pixel if nothing is ignored', () => {
    expect(compare({ classes: 256, ignore: null }, map([255, 0]), map([255, 255])).aacc).to.equal(0.5);
    expect(compare({ classes: 256 }, map([255, 0]), map([255, 255])).aacc).to.be.NaN;
  });

  it('replace NaN before the mean if asked to', () => {
    const evaluator = labelMapEvaluator({ classes: 3 });
    evaluator.add(map([0, 1]), map([0, 1]));
    expect(evaluator.scores().miou).to.equal(1);
    expect(evaluator.scores({ nanToNum: 0 })).to.deep.include({ miou: 2 / 3, iou: [1, 1, 0] });
    expect(evaluator.scores({ nanToNum: -1 }).miou).to.equal(1 / 3);
  });

  it('have no confusion matrix for thousands of classes, and the same areas', () => {
    const wide: LabelMap = { height: 1, width: 3, labels: Uint16Array.from([0, 4000, 5]) };
    const scores = compare({ classes: 5000 }, wide, wide);
    expect(scores.confusion).to.equal(undefined);
    expect(scores.areas.intersection[4000]).to.equal(1);
    expect(scores.miou).to.equal(1);
  });

  it('refuse maps that do not fit and options that mean nothing', () => {
    const evaluator = labelMapEvaluator({ classes: 2 });
    expect(() => evaluator.add(map([0, 1]), map([0], [1]))).to.throw(DataError, /prediction is 1×2.*labels are 2×1/);
    const short = { height: 2, width: 2, labels: new Uint8Array(3) };
    expect(() => evaluator.add(short, short)).to.throw(DataError, /prediction has 3 values.*2×2/);
    const floats = { height: 1, width: 1, labels: new Float32Array(1) } as unknown as LabelMap;
    expect(() => evaluator.add(floats, floats)).to.throw(DataError, /Uint8Array or Uint16Array/);
    expect(() => labelMapEvaluator({ classes: 0 })).to.throw(ConfigError, /classes.*got 0/);
    expect(() => labelMapEvaluator({ classes: 2, ignore: -1 })).to.throw(ConfigError, /-1 is not a label/);
    expect(() => labelMapEvaluator({ classes: 2, labelTable: new Map([[1, 1e9]]) })).to.throw(
      ConfigError,
      /1000000000/,
    );
    expect(() => labelMapEvaluator({ classes: 2, boundary: 0 })).to.throw(ConfigError, /ratio.*got 0/);
    expect(() => evaluator.scores({ beta: Number.NaN })).to.throw(ConfigError, /beta.*NaN/);
    expect(evaluator.scores().images).to.equal(0);
  });
});
