import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { meanLogits, refinedRegions } from '../../src/postprocess/detections.ts';

const array = (shape: number[], data: number[]) => ({ shape, data: Float32Array.from(data) });
const coder = { means: [0, 0, 0, 0], stds: [0.5, 0.5, 1, 1] } as const;
const image = { height: 100, width: 80 };

describe('the regions of a cascade’s next stage', () => {
  // 20×10 boxes
  const regions = Float32Array.of(10, 10, 30, 20, 60, 50, 80, 60);

  it('are moved by the one box of a class-agnostic head, and clipped to the image without its padding', () => {
    // 0.5 · 1 of the width to the right; the second one leaves the image
    const deltas = array([2, 4, 1, 1], [1, 0, 0, 0, 1, 0, 0, 0]);
    const logits = array([2, 3, 1, 1], [0, 0, 9, 0, 0, 9]);
    expect([...refinedRegions(regions, logits, deltas, coder, image)]).to.deep.equal([20, 10, 40, 20, 70, 50, 80, 60]);
  });

  it('are moved by the best class, which is never the background; of equal ones by the lower', () => {
    const right = [1, 0, 0, 0];
    const down = [0, 1, 0, 0];
    const deltas = array([2, 8], [...right, ...down, ...right, ...down]);
    const logits = array([2, 3], [1, 2, 9, 5, 5, 9]);
    expect([...refinedRegions(regions, logits, deltas, coder, image)]).to.deep.equal([10, 15, 30, 25, 70, 50, 80, 60]);
  });

  it('stay as many, though one has lost its area', () => {
    const outside = Float32Array.of(80, 0, 90, 10);
    const refined = refinedRegions(outside, array([1, 2], [0, 0]), array([1, 4], [0, 0, 0, 0]), coder, image);
    expect([...refined]).to.deep.equal([80, 0, 80, 10]);
  });

  it('are none of none', () => {
    const none = refinedRegions(new Float32Array(0), array([0, 3], []), array([0, 8], []), coder, image);
    expect(none.length).to.equal(0);
  });

  it('are refused where the head is of other classes than its boxes', () => {
    expect(() =>
      refinedRegions(regions, array([2, 3], new Array(6).fill(0)), array([2, 12], new Array(24).fill(0)), coder, image),
    ).to.throw(ShapeError, /box head.*2×\(classes \+ 1\).*got logits 2×3 and deltas 2×12/);
  });
});

describe('the logits of a cascade', () => {
  it('are the mean of its stages', () => {
    const mean = meanLogits([array([1, 2], [1, 3]), array([1, 2], [2, 3]), array([1, 2], [6, -3])]);
    expect(mean).to.deep.equal(array([1, 2], [3, 1]));
  });

  it('are those of the one stage where there is one', () => {
    const only = array([1, 2], [1, 3]);
    expect(meanLogits([only])).to.equal(only);
  });
});
