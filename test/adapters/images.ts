import { type PredictOptions, Result } from 'moganet';
import { compactMask } from '../../src/postprocess/masks.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';

/** A result of every task on an image of 6×4 pixels: what the adapters are compared on. */

const size = { height: 4, width: 6 };
const image = { ...size, data: new Uint8ClampedArray(4 * 6 * 4).fill(255) };
const maskOf = (rows: readonly string[]) =>
  compactMask(
    encodeBitmap(
      Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)),
      size,
    ),
  );

/** Scores are exact in float32. */
export const result = new Result({
  boxes: Float32Array.of(0.75, 1.5, 3.25, 3.5, 3, 0, 6, 2.5, 0, 0, 1, 1),
  scores: Float32Array.of(0.9375, 0.75, 0.25),
  labels: Int32Array.of(1, 0, 1),
  masks: [
    maskOf(['......', '.##...', '.#....', '......']),
    maskOf(['...###', '...###', '......', '......']),
    maskOf(['#.....', '......', '......', '......']),
  ],
  classes: ['cat', 'dog'],
  segmentation: {
    labels: Uint8Array.from({ length: 24 }, (_, i) => (i % 6 < 3 ? 2 : i === 23 ? 255 : 0)),
    classes: ['sky', 'sea', 'sand'],
  },
  classification: {
    labels: Int32Array.of(2, 0),
    scores: Float32Array.of(0.5, 0.375),
    classes: ['tabby', 'tiger', 'lynx'],
  },
  image,
  timings: {},
});

/** The same image without any task. */
export const nothing = new Result({
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
  classes: [],
  image,
  timings: {},
});

/** A model that gives one result and keeps what it was asked for. */
export function modelOf(one: Result) {
  const asked: (PredictOptions | undefined)[] = [];
  let isDisposed = false;
  return {
    asked,
    get isDisposed() {
      return isDisposed;
    },
    predict: async (_: unknown, options?: PredictOptions) => {
      asked.push(options);
      return one;
    },
    dispose: async () => {
      isDisposed = true;
    },
  };
}
