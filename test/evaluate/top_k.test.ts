import { expect } from 'chai';
import { ConfigError, DataError } from '../../src/errors.ts';
import { topKEvaluator } from '../../src/evaluate/top_k.ts';

describe('top-k accuracy', () => {
  it('counts the classes ahead of the label; of equal scores the lower index is ahead', () => {
    const evaluator = topKEvaluator({ classes: 3, ks: [1, 2] });
    expect(evaluator.add([0.5, 0.5, 0.1], 0)).to.deep.equal({ rank: 0, predicted: 0 });
    expect(evaluator.add([0.5, 0.5, 0.1], 1)).to.deep.equal({ rank: 1, predicted: 0 });
    expect(evaluator.add([0, -0, 0], 2)).to.deep.equal({ rank: 2, predicted: 0 });
    const scores = evaluator.scores();
    expect(scores.top).to.deep.equal([
      { k: 1, accuracy: 1 / 3 },
      { k: 2, accuracy: 2 / 3 },
    ]);
    expect(scores.confusion).to.deep.equal([
      [1, 0, 0],
      [1, 0, 0],
      [1, 0, 0],
    ]);
    expect(scores.meanClassAccuracy).to.equal(1 / 3);
    expect(scores.perClass[0]).to.deep.include({ support: 1, predicted: 3, precision: 1 / 3, recall: 1, f1: 0.5 });
    expect(scores.perClass[1]).to.deep.include({ precision: Number.NaN, recall: 0, f1: 0 });
    expect(scores.macro).to.deep.equal({ precision: 1 / 9, recall: 1 / 3, f1: 0.5 / 3 });
  });

  it('compares scores, however large; a k beyond the classes is always right', () => {
    const evaluator = topKEvaluator({ classes: 2 });
    expect(evaluator.add([1e308, -1e308], 1)).to.deep.equal({ rank: 1, predicted: 0 });
    expect(evaluator.add([-Infinity, Infinity], 1)).to.deep.equal({ rank: 0, predicted: 1 });
    expect(evaluator.scores().top).to.deep.equal([
      { k: 1, accuracy: 0.5 },
      { k: 5, accuracy: 1 },
    ]);
  });

  it('is NaN without an image, and null in JSON', () => {
    const { top, meanClassAccuracy } = JSON.parse(JSON.stringify(topKEvaluator({ classes: 2, ks: [1] }).scores()));
    expect({ top, meanClassAccuracy }).to.deep.equal({ top: [{ k: 1, accuracy: null }], meanClassAccuracy: null });
  });

  it('refuses NaN, wrong numbers of scores and labels that are no class, and counts nothing of them', () => {
    const evaluator = topKEvaluator({ classes: 2 });
    expect(() => evaluator.add([0, Number.NaN], 0)).to.throw(DataError, /score 1 of image 0 is NaN/);
    expect(() => evaluator.add([0], 0)).to.throw(DataError, /1 scores.*2 classes/);
    for (const label of [2, -1, 0.5, Number.NaN]) {
      expect(() => evaluator.add([0, 1], label)).to.throw(DataError, /from 0 to 1/);
    }
    expect(evaluator.scores().images).to.equal(0);
    expect(() => topKEvaluator({ classes: 2, ks: [0] })).to.throw(ConfigError, /k must be.*got 0/);
    expect(() => topKEvaluator({ classes: 1.5 })).to.throw(ConfigError, /classes.*1.5/);
  });
});
