import { expect } from 'chai';
import type { NDArray, Size } from '../../src/arrays.ts';
import { labelSlices, labelsFrom, resizedLogitRows, resizedLogits } from '../../src/postprocess/segmentation.ts';
import { type LabelView, meanLabels } from '../../src/postprocess/view_labels.ts';
import {
  slidingWindows,
  type WindowOptions,
  windowLabelSlices,
  windowLogitRows,
} from '../../src/postprocess/windows.ts';
import { atOnce } from '../../src/slices.ts';

let state = 7;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const map = (classes: number, height: number, width: number): NDArray => ({
  shape: [1, classes, height, width],
  data: Float32Array.from({ length: classes * height * width }, () => (random() - 0.5) * 6),
});

const original: Size = { height: 23, width: 31 };
const optionsOf = (padded: Size, resized: Size, threshold?: number) => ({
  steps: [{ size: padded, crop: resized }, { size: original }],
  alignCorners: false,
  threshold,
});
const viewOf = (logits: NDArray, options: ReturnType<typeof optionsOf>, flipped: boolean): LabelView => ({
  flipped,
  labels: () => labelSlices(logits, options),
  rows: () => resizedLogitRows(logits, options),
});

/** The mean of the softmax of whole maps, pixel by pixel. */
function byHand(maps: readonly { data: NDArray; flipped: boolean }[]): number[] {
  const { height, width } = original;
  return Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    const sums: number[] = [];
    for (const {
      data: { shape, data },
      flipped,
    } of maps) {
      const at = y * width + (flipped ? width - 1 - x : x);
      const logits = Array.from({ length: shape[0] ?? 0 }, (_, c) => data[c * height * width + at]!);
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      for (const [c, logit] of logits.entries()) sums[c] = (sums[c] ?? 0) + Math.exp(logit) / total;
    }
    return sums.indexOf(Math.max(...sums));
  });
}

describe('the classes of pixels from several views', () => {
  const sizes: [Size, Size][] = [
    [
      { height: 32, width: 32 },
      { height: 20, width: 27 },
    ],
    [
      { height: 32, width: 64 },
      { height: 30, width: 40 },
    ],
  ];
  const views = sizes.flatMap(([padded, resized]) =>
    [false, true].map((flipped) => ({
      logits: map(5, padded.height / 4, padded.width / 4),
      options: optionsOf(padded, resized),
      flipped,
    })),
  );

  it('are the highest of the mean softmax of whole maps', () => {
    const found = atOnce(
      meanLabels(
        views.map((one) => viewOf(one.logits, one.options, one.flipped)),
        original,
      ),
    );
    const whole = views.map(({ logits, options, flipped }) => ({ data: resizedLogits(logits, options), flipped }));
    expect([...found]).to.deep.equal(byHand(whole));
    expect(new Set(found).size).to.equal(5);
  });

  it('are those of a view if all are equal, or if there is one', () => {
    const [{ logits, options } = views[0]!] = views;
    const alone = [...labelsFrom(logits, options)];
    for (const count of [1, 3]) {
      const equal = Array.from({ length: count }, () => viewOf(logits, options, false));
      expect([...atOnce(meanLabels(equal, original))]).to.deep.equal(alone);
    }
    const mirrored = [...atOnce(meanLabels([viewOf(logits, options, true)], original))];
    const rows = Array.from({ length: original.height }, (_, y) => alone.slice(y * 31, (y + 1) * 31).reverse());
    expect(mirrored).to.deep.equal(rows.flat());
  });

  it('are told by the mean of sigmoids if there is one channel', () => {
    const [padded, resized] = sizes[0]!;
    const options = optionsOf(padded, resized, 0.4);
    const both = [map(1, 8, 8), map(1, 8, 8)];
    const found = atOnce(
      meanLabels(
        both.map((logits, i) => viewOf(logits, options, i === 1)),
        original,
        0.4,
      ),
    );
    const [first, second] = both.map((logits) => resizedLogits(logits, options).data);
    const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));
    const expected = Array.from(first!, (value, i) => {
      const x = i % 31;
      return (sigmoid(value) + sigmoid(second![i - x + 30 - x]!)) / 2 > 0.4 ? 1 : 0;
    });
    expect([...found]).to.deep.equal(expected);
    expect(new Set(found).size).to.equal(2);
  });

  it('are the same from windows that do not overlap as from the parts of a whole map', () => {
    const base = { height: 16, width: 24 };
    const windows = slidingWindows(base, { crop: { height: 16, width: 12 }, stride: { height: 16, width: 12 } });
    const options: WindowOptions = { windows, base, original: base, alignCorners: false, blend: 'mean' };
    // at the resolution of the windows nothing is resized
    const parts = windows.map(({ height, width }) => map(4, height, width));
    const whole: NDArray = { shape: [1, 4, 16, 24], data: new Float32Array(4 * 16 * 24) };
    for (const [i, { data }] of parts.entries()) {
      for (let row = 0; row < 64; row++) whole.data.set(data.subarray(row * 12, (row + 1) * 12), row * 24 + 12 * i);
    }
    const steps = { steps: [{ size: base }], alignCorners: false };
    const other = map(4, 16, 24);
    const second: LabelView = {
      flipped: true,
      labels: () => labelSlices(other, steps),
      rows: () => resizedLogitRows(other, steps),
    };
    const logits = windows.map((window, i) => ({ window, logits: parts[i]! }));
    const inWindows: LabelView = {
      flipped: false,
      labels: () => windowLabelSlices(logits, options),
      rows: () => windowLogitRows(logits, options),
    };
    const atWhole: LabelView = {
      flipped: false,
      labels: () => labelSlices(whole, steps),
      rows: () => resizedLogitRows(whole, steps),
    };
    expect([...atOnce(meanLabels([inWindows, second], base))]).to.deep.equal([
      ...atOnce(meanLabels([atWhole, second], base)),
    ]);
  });

  it('need a view', () => {
    expect(() => atOnce(meanLabels([], original))).to.throw('at least one view');
  });
});
