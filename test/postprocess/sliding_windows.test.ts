import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { ShapeError } from '../../src/errors.ts';
import {
  labelsFrom,
  labelsFromWindows,
  resizedLogits,
  slidingWindows,
  windowOf,
} from '../../src/postprocess/segmentation.ts';
import { seededInput } from '../harness/seeded.ts';

const square = (extent: number) => ({ height: extent, width: extent });

describe('sliding windows', () => {
  const columnsOf = (width: number) =>
    slidingWindows({ height: 3, width }, { crop: square(3), stride: square(2) }).map(({ left, width: w }) => [left, w]);

  it('step by the stride', () => {
    expect(columnsOf(5)).to.deep.equal([
      [0, 3],
      [2, 3],
    ]);
  });

  it('end with the input: the last is moved back', () => {
    expect(columnsOf(6)).to.deep.equal([
      [0, 3],
      [2, 3],
      [3, 3],
    ]);
  });

  it('are one of the input’s size where that is smaller than the crop', () => {
    expect(columnsOf(2)).to.deep.equal([[0, 2]]);
  });

  it('go row by row', () => {
    const windows = slidingWindows(square(4), { crop: square(2), stride: square(2) });
    expect(windows.map(({ top, left }) => [top, left])).to.deep.equal([
      [0, 0],
      [0, 2],
      [2, 0],
      [2, 2],
    ]);
  });

  it('are cut from one image of a batch', () => {
    const data = Float32Array.from({ length: 2 * 2 * 3 * 3 }, (_, i) => i);
    const cut = windowOf({ shape: [2, 2, 3, 3], data }, 1, { top: 1, left: 0, height: 2, width: 2 });
    expect(cut.shape).to.deep.equal([1, 2, 2, 2]);
    expect([...cut.data]).to.deep.equal([21, 22, 24, 25, 30, 31, 33, 34]);
  });
});

describe('classes from sliding windows', () => {
  /** One row; class 1 where its logit is above class 0's, which is 0. */
  const strip = (left: number, ...ones: number[]) => ({
    window: { top: 0, left, height: 1, width: ones.length },
    logits: { shape: [1, 2, 1, ones.length], data: Float32Array.from([...ones.map(() => 0), ...ones]) },
  });
  const wide = { height: 1, width: 4 };

  it('take the mean where windows overlap', () => {
    // the third pixel: (3 − 1) / 2 > 0; the second: (−1 − 1) / 2 < 0
    const windows = [strip(0, 1, -1, 3), strip(1, -1, -1, -2)];
    expect([...labelsFromWindows(windows, { resized: wide, original: wide }, false)]).to.deep.equal([1, 0, 1, 0]);
  });

  it('are those of the whole map where one window covers the input', () => {
    const logits = seededInput('logits', [1, 5, 6, 8]);
    const [resized, original] = [
      { height: 24, width: 32 },
      { height: 31, width: 45 },
    ];
    const windows = [{ window: { top: 0, left: 0, ...resized }, logits }];
    const whole = labelsFrom(logits, { steps: [{ size: resized }, { size: original }], alignCorners: false });
    expect([...labelsFromWindows(windows, { resized, original }, false)]).to.deep.equal([...whole]);
  });

  it('are those of the mean written out', () => {
    const input = { height: 9, width: 11 };
    const windows = slidingWindows(input, { crop: square(6), stride: square(4) }).map((window, i) => ({
      window,
      logits: seededInput(`window${i}`, [1, 3, 3, 3]),
    }));
    const mean = meanOf(windows, input);
    const expected = labelsFrom(mean, { steps: [{ size: square(20) }], alignCorners: false });
    const labels = labelsFromWindows(windows, { resized: input, original: square(20) }, false);
    expect([...labels]).to.deep.equal([...expected]);
  });

  it('leave out what a batch has padded', () => {
    const windows = [strip(0, 1, -1, 3), strip(1, -1, -1, -2)];
    const shown = { height: 1, width: 2 };
    expect([...labelsFromWindows(windows, { resized: shown, original: shown }, false)]).to.deep.equal([1, 0]);
  });

  it('need a window', () => {
    expect(() => labelsFromWindows([], { resized: wide, original: wide }, false)).to.throw(ShapeError, 'got none');
  });
});

/** Every window resized as a whole map, added and divided. */
function meanOf(
  windows: readonly Parameters<typeof labelsFromWindows>[0][number][],
  { height, width }: { height: number; width: number },
): NDArray {
  const sum = new Float32Array(3 * height * width);
  const count = new Float32Array(height * width);
  for (const { window, logits } of windows) {
    const { data } = resizedLogits(logits, { steps: [{ size: window }], alignCorners: false });
    for (let y = 0; y < window.height; y++) {
      for (let x = 0; x < window.width; x++) {
        const at = (window.top + y) * width + window.left + x;
        count[at]!++;
        for (let c = 0; c < 3; c++) {
          sum[c * height * width + at]! += data[(c * window.height + y) * window.width + x]!;
        }
      }
    }
  }
  return { shape: [1, 3, height, width], data: sum.map((value, i) => value / count[i % count.length]!) };
}
