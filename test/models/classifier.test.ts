import { expect } from 'chai';
import { classifier, topClasses } from '../../src/models/classification.ts';
import { classifierConfig } from '../../src/models/config.ts';

const rounded = ({ labels, scores }: { labels: Int32Array; scores: Float32Array }) => ({
  labels: [...labels],
  scores: Array.from(scores, (score) => Number(score.toFixed(6))),
});

describe('topClasses', () => {
  it('is the softmax over all, best first', () => {
    // e^0 : e^ln 2 : e^ln 5 = 1 : 2 : 5
    const logits = Float32Array.of(0, Math.log(2), Math.log(5));
    expect(rounded(topClasses(logits, 3))).to.deep.equal({ labels: [2, 1, 0], scores: [0.625, 0.25, 0.125] });
    // the others count, named or not
    expect(rounded(topClasses(logits, 1))).to.deep.equal({ labels: [2], scores: [0.625] });
  });

  it('keeps the lower index when scores tie', () => {
    const logits = Float32Array.of(1, 3, 3, 1, 3, 1);
    expect([...topClasses(logits, 6).labels]).to.deep.equal([1, 2, 4, 0, 3, 5]);
    expect([...topClasses(logits, 2).labels]).to.deep.equal([1, 2]);
    expect([...topClasses(logits, 4).labels]).to.deep.equal([1, 2, 4, 0]);
  });

  it('gives all where more are asked for than there are', () => {
    expect([...topClasses(Float32Array.of(0, 1), 5).labels]).to.deep.equal([1, 0]);
  });

  it('survives logits whose exponential overflows', () => {
    const halves = topClasses(Float32Array.of(5000, -5000, 5000), 2);
    expect(rounded(halves)).to.deep.equal({ labels: [0, 2], scores: [0.5, 0.5] });
  });
});

describe('a classifier', () => {
  it('reads its image of the batch, five classes where no number is given', () => {
    const seven = classifier(classifierConfig.parse({ classes: 7 }));
    const data = Float32Array.from([...[0, 1, 2, 3, 4, 5, 6], ...[6, 5, 4, 3, 2, 1, 0]]);
    const logits = { shape: [2, 7, 1, 1], data };
    expect([...seven.classify(logits, 0).labels]).to.deep.equal([6, 5, 4, 3, 2]);
    expect([...seven.classify(logits, 1, { top: 2 }).labels]).to.deep.equal([0, 1]);
    expect(seven.classes[6]).to.equal('class 6');
  });
});
