import { expect } from 'chai';
import fc from 'fast-check';
import {
  clipBoxes,
  decodeDeltas,
  encodeDeltas,
  iouMatrix,
  iouXywh,
  takeBoxes,
  toNetwork,
  toOriginal,
} from '../../src/postprocess/boxes.ts';

const plain = { means: [0, 0, 0, 0], stds: [1, 1, 1, 1] } as const;
const box = Float32Array.of(10, 20, 30, 60); // 20×40 around (20, 40)
const deltas = (...data: number[]) => ({ shape: [data.length / 4, 4], data: Float32Array.from(data) });

describe('box deltas', () => {
  it('move the centre by shares of the size and scale the size', () => {
    const decoded = decodeDeltas(box, deltas(0.5, -0.25, Math.log(2), 0), plain);
    // centre (30, 30), size 40×40; float32 of ln 2 is 1e-8 off
    [10, 10, 50, 50].forEach((value, i) => {
      expect(decoded[i]).to.be.closeTo(value, 1e-5);
    });
  });

  it('apply stds, then means, and clamp only the size', () => {
    const coder = { means: [0.5, 0, 0, 0], stds: [0.1, 1, 10, 1], whRatioClip: 0.5 } as const;
    const decoded = decodeDeltas(box, deltas(5, 100, 1, 0), coder);
    // x: 20 + 20 * (5 * 0.1 + 0.5) = 40; width 20 * exp(min(10, ln 2)) = 40; y: 40 + 40 * 100
    [20, 4020, 60, 4060].forEach((value, i) => {
      expect(decoded[i]).to.be.closeTo(value, 1e-3); // float32 of 4000: 2.4e-4
    });
  });

  it('clip to the image with its edges', () => {
    const decoded = decodeDeltas(box, deltas(-1, 0, 0, 3), plain, { height: 50, width: 40 });
    expect([...decoded]).to.deep.equal([0, 0, 10, 50]);
  });

  it('are read class by class from a class-specific head', () => {
    const data = Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0);
    const decoded = decodeDeltas(box, { shape: [1, 8], data }, plain);
    expect([...decoded]).to.deep.equal([10, 20, 30, 60, 30, 20, 50, 60]);
  });

  it('come back from the boxes that they made', () => {
    const value = fc.integer({ min: -200, max: 200 }).map((n) => n / 100);
    const coder = { means: [0.1, -0.1, 0, 0.2], stds: [0.1, 0.1, 0.2, 0.2] } as const;
    fc.assert(
      fc.property(fc.tuple(value, value, value, value), (given) => {
        const back = encodeDeltas(box, decodeDeltas(box, deltas(...given), coder), coder);
        // coordinates near 100 are float32 (8e-6), sizes of 10 and more make 1e-6 of it, the stds ten times that
        given.forEach((expected, i) => {
          expect(back[i]).to.be.closeTo(expected, 5e-5);
        });
      }),
    );
  });
});

describe('boxes', () => {
  it('are clipped with both edges in the image', () => {
    const clipped = clipBoxes(Float32Array.of(-3, 2, 99, 98), { height: 50, width: 80 });
    expect([...clipped]).to.deep.equal([0, 2, 80, 50]);
  });

  it('go to the original image and back by the factor of each axis', () => {
    const scale = { x: 2, y: 4 };
    const original = toOriginal(box, scale);
    expect([...original]).to.deep.equal([5, 5, 15, 15]);
    expect([...toNetwork(original, scale)]).to.deep.equal([...box]);
  });

  it('are taken by index', () => {
    expect([...takeBoxes(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), Uint32Array.of(1))]).to.deep.equal([4, 5, 6, 7]);
  });

  it('overlap by the shared part of their union; boxes without area do not', () => {
    const a = Float32Array.of(0, 0, 2, 2, 5, 5, 5, 5);
    const b = Float32Array.of(1, 0, 3, 2, 5, 5, 5, 5, 2, 0, 4, 2);
    // 2 of 6; they only touch in the last
    const expected = [2 / 6, 0, 0, 0, 0, 0];
    iouMatrix(a, b).forEach((value, i) => {
      expect(value).to.be.closeTo(expected[i]!, 1e-7);
    });
  });

  it('are compared with a crowd by their area', () => {
    // 2×2 within 4×4
    expect([...iouXywh([1, 1, 2, 2], [0, 0, 4, 4, 0, 0, 4, 4], [false, true])]).to.deep.equal([0.25, 1]);
  });
});
