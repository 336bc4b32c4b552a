import { expect } from 'chai';
import { families } from '../../src/backbones/index.ts';
import { topClasses } from '../../src/models/classification.ts';
import { createModel } from '../../src/models/create.ts';
import { hostTensor, onFeatures, taskOf } from '../harness/tasks.ts';

const rounded = ({ labels, scores }: { labels: Int32Array; scores: Float32Array }) => ({
  labels: [...labels],
  scores: Array.from(scores, (score) => Number(score.toFixed(6))),
});

describe('topClasses', () => {
  it('is the softmax over all, best first', () => {
    // e^0 : e^ln 2 : e^ln 5 = 1 : 2 : 5
    const logits = Float32Array.of(0, Math.log(2), Math.log(5));
    expect(rounded(topClasses(logits, 3))).to.deep.equal({ labels: [2, 1, 0], scores: [0.625, 0.25, 0.125] });
    // classes beyond `top` are part of the softmax
    expect(rounded(topClasses(logits, 1))).to.deep.equal({ labels: [2], scores: [0.625] });
  });

  it('keeps the lower index when scores tie', () => {
    const logits = Float32Array.of(1, 3, 3, 1, 3, 1);
    expect([...topClasses(logits, 6).labels]).to.deep.equal([1, 2, 4, 0, 3, 5]);
    expect([...topClasses(logits, 2).labels]).to.deep.equal([1, 2]);
    expect([...topClasses(logits, 4).labels]).to.deep.equal([1, 2, 4, 0]);
  });

  it('gives all classes if `top` is larger', () => {
    expect([...topClasses(Float32Array.of(0, 1), 5).labels]).to.deep.equal([1, 0]);
  });

  it('survives logits whose exponential overflows', () => {
    const halves = topClasses(Float32Array.of(5000, -5000, 5000), 2);
    expect(rounded(halves)).to.deep.equal({ labels: [0, 2], scores: [0.5, 0.5] });
  });
});

describe('classification', () => {
  it('reads each image of the batch, five classes by default', async () => {
    const definition = createModel({ backbone: families.moganet.small, classification: { classes: 7 } });
    const task = taskOf(definition, 'classification');
    const logits = hostTensor([2, 7, 1, 1], [...[0, 1, 2, 3, 4, 5, 6], ...[6, 5, 4, 3, 2, 1, 0]]);
    const labels = async (top?: number) =>
      (await task.predict(onFeatures({ logits }, []), { top })).map(({ classification }) => [
        ...(classification?.labels ?? []),
      ]);
    expect(await labels()).to.deep.equal([
      [6, 5, 4, 3, 2],
      [0, 1, 2, 3, 4],
    ]);
    expect(await labels(2)).to.deep.equal([
      [6, 5],
      [0, 1],
    ]);
    expect(task.dataset?.classes[6]).to.equal('class 6');
  });
});
