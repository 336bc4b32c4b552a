import { expect } from 'chai';
import { Result } from 'moganet';
import { toDetPrediction } from 'moganet/adapters';
import { nothing, result } from './images.ts';

describe('results as DetInferencer of mmdet gives them', () => {
  it('have boxes, labels, scores and run lengths of masks in lists', () => {
    const { masks, ...others } = toDetPrediction(result);
    expect(others).to.deep.equal({
      bboxes: [
        [0.75, 1.5, 3.25, 3.5],
        [3, 0, 6, 2.5],
        [0, 0, 1, 1],
      ],
      labels: [1, 0, 1],
      scores: [0.9375, 0.75, 0.25],
    });
    // columns of 4: 5 free, 2 set, 2 free, 1 set, 14 free; from the fourth run on the difference to the run two before
    expect(masks?.[0]).to.deep.equal({ size: [4, 6], counts: '522O<' });
    expect(JSON.parse(JSON.stringify(toDetPrediction(result)))).to.deep.equal(toDetPrediction(result));
  });

  it('have no masks if the model gives none', () => {
    expect(toDetPrediction(new Result({ ...result, masks: undefined }))).to.have.all.keys('bboxes', 'labels', 'scores');
    expect(() => toDetPrediction(nothing)).to.throw(RangeError, /no detection/);
  });
});
