import { expect } from 'chai';
import fc from 'fast-check';
import type { NDArray, Size } from '../../src/arrays.ts';
import { ShapeError } from '../../src/errors.ts';
import { sigmoid } from '../../src/postprocess/scores.ts';
import { labelsFrom, resizedLogits, resizeLabels } from '../../src/postprocess/segmentation.ts';
import { type Blend, slidingWindows, windowLogitRows, windowOf } from '../../src/postprocess/windows.ts';
import { labelsFromWindows } from '../harness/at_once.ts';
import { seededInput } from '../harness/seeded.ts';
import { noise } from './arbitraries.ts';

/** PyTorch's bilinear resize of one whole map, then a cut. */
function resized(map: number[][], size: Size, crop: Size, alignCorners: boolean): number[][] {
  const sample = (i: number, from: number, to: number) => {
    const position = alignCorners
      ? to > 1
        ? (i * (from - 1)) / (to - 1)
        : 0
      : Math.max(((i + 0.5) * from) / to - 0.5, 0);
    const low = Math.min(Math.floor(position), from - 1);
    return { low, high: Math.min(low + 1, from - 1), share: position - low };
  };
  const [height, width] = [map.length, map[0]!.length];
  return Array.from({ length: crop.height }, (_, i) => {
    const y = sample(i, height, size.height);
    return Array.from({ length: crop.width }, (_, j) => {
      const x = sample(j, width, size.width);
      const row = (r: number) => map[r]![x.low]! * (1 - x.share) + map[r]![x.high]! * x.share;
      return row(y.low) * (1 - y.share) + row(y.high) * y.share;
    });
  });
}

const planes = ({ shape, data }: NDArray, image: number): number[][][] => {
  const [, classes = 0, height = 0, width = 0] = shape;
  return Array.from({ length: classes }, (_, c) =>
    Array.from({ length: height }, (_, y) => {
      const start = ((image * classes + c) * height + y) * width;
      return [...data.subarray(start, start + width)];
    }),
  );
};

describe('labelsFrom', () => {
  it('takes the highest class of each pixel, the lowest of equal ones', () => {
    const logits = { shape: [1, 3, 1, 3], data: Float32Array.of(1, 0, 2, 1, 5, 2, 0, 5, 3) };
    const labels = labelsFrom(logits, { steps: [{ size: { height: 1, width: 3 } }], alignCorners: false });
    expect([...labels]).to.deep.equal([0, 1, 2]);
  });

  it('puts half-pixel centres on the pixels, and aligned corners on the corners', () => {
    // class 0 is 0, class 1 falls from 1 to -1.5: it wins up to 0.4 of the way
    const logits = { shape: [1, 2, 1, 2], data: Float32Array.of(0, 0, 1, -1.5) };
    const labels = (alignCorners: boolean) =>
      [...labelsFrom(logits, { steps: [{ size: { height: 1, width: 8 } }], alignCorners })].join('');
    // 0, 0, 1/8, 3/8, 5/8, …
    expect(labels(false)).to.equal('11110000');
    // 0, 1/7, 2/7, 3/7, …
    expect(labels(true)).to.equal('11100000');
  });

  it('equals resizing whole maps one after another, for any image of a batch', () => {
    const logits = { shape: [2, 4, 6, 5], data: noise(2 * 4 * 6 * 5) };
    const size = fc.record({ height: fc.integer({ min: 1, max: 24 }), width: fc.integer({ min: 1, max: 24 }) });
    const step = fc.tuple(size, fc.constantFrom(0.5, 0.8, 1)).map(([size, part]) => ({
      size,
      crop: { height: Math.ceil(size.height * part), width: Math.ceil(size.width * part) },
    }));
    const steps = fc.array(step, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(steps, fc.boolean(), fc.constantFrom(0, 1), (steps, alignCorners, image) => {
        const maps = planes(logits, image).map((plane) =>
          steps.reduce((map, { size, crop }) => resized(map, size, crop, alignCorners), plane),
        );
        const labels = labelsFrom(logits, { steps, alignCorners }, image);
        const { height, width } = steps.at(-1)!.crop;
        expect(labels.length).to.equal(height * width);
        labels.forEach((label, i) => {
          const values = maps.map((map) => map[Math.floor(i / width)]![i % width]!);
          // float32 against double, values up to 1: the class chosen may be below the best by rounding
          expect(values[label]).to.be.closeTo(Math.max(...values), 1e-6);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('gives each pixel the highest of the resized logits to the bit, with smooth maps and with noise', () => {
    const edge = fc.integer({ min: 1, max: 40 });
    const size = fc.record({ height: edge, width: edge });
    const step = fc.tuple(size, fc.constantFrom(0.3, 0.8, 1)).map(([size, part]) => ({
      size,
      crop: { height: Math.ceil(size.height * part), width: Math.ceil(size.width * part) },
    }));
    const cases = fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 3 }),
      repeated: fc.boolean(),
      map: fc.record({ height: fc.integer({ min: 1, max: 20 }), width: fc.integer({ min: 1, max: 20 }) }),
      classes: fc.constantFrom(1, 2, 7, 150, 300),
      // few levels give ties
      levels: fc.constantFrom(2, 5, 1e6),
      smooth: fc.boolean(),
      alignCorners: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ steps, repeated, map, classes, levels, smooth, alignCorners, seed }) => {
        const logits = randomLogits(seed, classes, map, levels, smooth);
        const [first] = steps as [(typeof steps)[number]];
        // a resize to the same size as the official pipeline does it if the image has the size of the input
        const all = repeated ? [first, { size: first.crop, crop: first.crop }, ...steps.slice(1)] : steps;
        const expected = highestOf(resizedLogits(logits, { steps: all, alignCorners }));
        expect([...labelsFrom(logits, { steps: all, alignCorners })]).to.deep.equal(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('gives class 1 where the sigmoid of one resized channel is above the threshold, to the bit', () => {
    const size = fc.record({ height: fc.integer({ min: 1, max: 40 }), width: fc.integer({ min: 1, max: 40 }) });
    const cases = fc.record({
      steps: fc.array(fc.record({ size }), { minLength: 1, maxLength: 3 }),
      map: fc.record({ height: fc.integer({ min: 1, max: 20 }), width: fc.integer({ min: 1, max: 20 }) }),
      threshold,
      // few levels give sigmoids that are the threshold
      levels: fc.constantFrom(2, 5, 1e6),
      smooth: fc.boolean(),
      alignCorners: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ steps, map, threshold, levels, smooth, alignCorners, seed }) => {
        const logits = randomLogits(seed, 1, map, levels, smooth);
        const { data } = resizedLogits(logits, { steps, alignCorners });
        const labels = labelsFrom(logits, { steps, alignCorners, threshold });
        expect([...labels]).to.deep.equal(Array.from(data, (logit) => Number(sigmoid(logit) > threshold)));
      }),
      { numRuns: 400 },
    );
  });

  it('counts beyond a byte', () => {
    const data = new Float32Array(300);
    data[299] = 1;
    const labels = labelsFrom(
      { shape: [1, 300, 1, 1], data },
      { steps: [{ size: { height: 1, width: 2 } }], alignCorners: false },
    );
    expect(labels).to.deep.equal(Uint16Array.of(299, 299));
  });

  it('refuses a crop larger than the map, and no steps', () => {
    const logits = { shape: [1, 1, 1, 1], data: new Float32Array(1) };
    const steps = [{ size: { height: 2, width: 2 }, crop: { height: 2, width: 3 } }];
    expect(() => labelsFrom(logits, { steps, alignCorners: false })).to.throw(
      ShapeError,
      /cut 2×3 out of logits resized to 2×2/,
    );
    expect(() => labelsFrom(logits, { steps: [], alignCorners: false })).to.throw(
      ShapeError,
      /at least one size.*got none/,
    );
  });
});

/** From 0 to 1, both included. 0.5 is the sigmoid of a level. */
const threshold = fc.oneof(fc.constantFrom(0, 0.3, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }));

/** Makes logits of a few levels, random or smooth. */
function randomLogits(
  seed: number,
  classes: number,
  { height, width }: Size,
  levels: number,
  smooth: boolean,
): NDArray {
  const noise = seededInput(`${seed}`, [classes, height, width], { scale: 1 }).data;
  const data = noise.map((value, i) => {
    const wave = Math.sin((noise[Math.floor(i / (height * width))]! + 1.1) * (i % (height * width)) * 0.2);
    return Math.round((smooth ? wave + value / 20 : value) * levels) / levels;
  });
  return { shape: [1, classes, height, width], data };
}

/** The highest class of each pixel of whole maps, the lowest of equal ones. */
function highestOf({ shape, data }: NDArray): number[] {
  const [classes = 0, height = 0, width = 0] = shape;
  const pixels = height * width;
  return Array.from({ length: pixels }, (_, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[c * pixels + i]! > data[best * pixels + i]!) best = c;
    return best;
  });
}

describe('resizeLabels', () => {
  it('repeats labels when growing and takes every other when halving', () => {
    const labels = Uint8Array.of(1, 2, 3, 4);
    const grown = resizeLabels(labels, { height: 2, width: 2 }, { height: 2, width: 5 });
    // floor(x * 2 / 5): 0 0 0 1 1
    expect([...grown]).to.deep.equal([1, 1, 1, 2, 2, 3, 3, 3, 4, 4]);
    expect([...resizeLabels(labels, { height: 1, width: 4 }, { height: 1, width: 2 })]).to.deep.equal([1, 3]);
  });

  it('keeps the kind of array', () => {
    const size = { height: 1, width: 1 };
    expect(resizeLabels(Uint16Array.of(300), size, { height: 1, width: 2 })).to.deep.equal(Uint16Array.of(300, 300));
  });
});

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

  it('end with the input, so the last one is moved back', () => {
    expect(columnsOf(6)).to.deep.equal([
      [0, 3],
      [2, 3],
      [3, 3],
    ]);
  });

  it('are one window of the input’s size if it is smaller than the crop', () => {
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
  /** Makes one row of class 1 for positive values, and class 0 for others. */
  const strip = (left: number, ...ones: number[]) => ({
    window: { top: 0, left, height: 1, width: ones.length },
    logits: { shape: [1, 2, 1, ones.length], data: Float32Array.from([...ones.map(() => 0), ...ones]) },
  });
  const wide = { height: 1, width: 4 };

  it('take the mean in overlaps', () => {
    // the third pixel: (3 − 1) / 2 > 0; the second: (−1 − 1) / 2 < 0
    const windows = [strip(0, 1, -1, 3), strip(1, -1, -1, -2)];
    expect([...labelsFromWindows(windows, { resized: wide, original: wide }, false)]).to.deep.equal([1, 0, 1, 0]);
  });

  it('are those of the whole map if one window covers the input', () => {
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

  it('are those of the mean written out, to the bit, for any windows', () => {
    const edge = fc.integer({ min: 1, max: 24 });
    const size = fc.record({ height: edge, width: edge });
    const cases = fc.record({
      input: size,
      crop: fc.integer({ min: 2, max: 12 }),
      stride: fc.integer({ min: 1, max: 12 }),
      shown: fc.constantFrom(0.6, 1),
      original: size,
      classes: fc.constantFrom(2, 9, 40),
      smooth: fc.boolean(),
      alignCorners: fc.boolean(),
      blend: fc.constantFrom<Blend>('mean', 'hann'),
      // the input of a tile may have another size, and padding
      tiles: fc.constantFrom(undefined, 0.7, 1.6),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, (one) => {
        const { input, crop, stride, shown, original, classes, smooth, alignCorners, blend, tiles, seed } = one;
        const sliding = { crop: square(crop), stride: square(Math.min(stride, crop)) };
        const windows = slidingWindows(input, sliding).map((window, i) => {
          const map = { height: Math.ceil(window.height / 4), width: Math.ceil(window.width / 4) };
          const logits = randomLogits(seed + i, classes, map, 1e6, smooth);
          return { window, logits, steps: tiles ? stepsOf(window, tiles) : undefined };
        });
        // the image's edges, towards which the weights stay 1, are those of the part that is shown
        const part = blend === 'hann' ? 1 : shown;
        const resized = { height: Math.ceil(input.height * part), width: Math.ceil(input.width * part) };
        const mean = meanOf(windows, input, alignCorners, blend);
        const cut = resizedLogits(mean, { steps: [{ size: input, crop: resized }], alignCorners });
        const steps = [{ size: original }];
        const expected = highestOf(
          resizedLogits({ shape: [1, ...cut.shape], data: cut.data }, { steps, alignCorners }),
        );
        const labels = labelsFromWindows(windows, { resized, original }, alignCorners, undefined, blend);
        expect([...labels]).to.deep.equal(expected);
        const rows = windowLogitRows(windows, { base: resized, original, alignCorners, blend });
        const written = Array.from({ length: original.height }, (_, y) => rows.row(y).slice());
        const byRow = written.flatMap((data) => highestOf({ shape: [classes, 1, original.width], data }));
        expect(byRow).to.deep.equal(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('are those of one channel by its threshold, to the bit', () => {
    const size = fc.record({ height: fc.integer({ min: 1, max: 24 }), width: fc.integer({ min: 1, max: 24 }) });
    const cases = fc.record({
      input: size,
      crop: fc.integer({ min: 2, max: 12 }),
      stride: fc.integer({ min: 1, max: 12 }),
      original: size,
      threshold,
      smooth: fc.boolean(),
      blend: fc.constantFrom<Blend>('mean', 'hann'),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ input, crop, stride, original, threshold, smooth, blend, seed }) => {
        const sliding = { crop: square(crop), stride: square(Math.min(stride, crop)) };
        const windows = slidingWindows(input, sliding).map((window, i) => {
          const map = { height: Math.ceil(window.height / 4), width: Math.ceil(window.width / 4) };
          return { window, logits: randomLogits(seed + i, 1, map, 1e6, smooth) };
        });
        const rows = windowLogitRows(windows, { base: input, original, alignCorners: false, blend });
        const logits = Array.from({ length: original.height }, (_, y) => [...rows.row(y)]).flat();
        const labels = labelsFromWindows(windows, { resized: input, original }, false, threshold, blend);
        expect([...labels]).to.deep.equal(logits.map((logit) => Number(sigmoid(logit) > threshold)));
      }),
      { numRuns: 300 },
    );
  });

  it('leave out the padding of a batch', () => {
    const windows = [strip(0, 1, -1, 3), strip(1, -1, -1, -2)];
    const shown = { height: 1, width: 2 };
    expect([...labelsFromWindows(windows, { resized: shown, original: shown }, false)]).to.deep.equal([1, 0]);
  });

  it('need a window', () => {
    expect(() => labelsFromWindows([], { resized: wide, original: wide }, false)).to.throw(ShapeError, 'got none');
  });
});

/** Steps of a tile that the network sees at another size, with padding right and below. */
function stepsOf(window: Size, factor: number) {
  const crop = { height: Math.ceil(window.height * factor), width: Math.ceil(window.width * factor) };
  return [{ size: { height: crop.height + 3, width: crop.width + 1 }, crop }, { size: window }];
}

/** Resizes every window as a whole map, adds it with its weights, and divides by their sum. */
function meanOf(
  windows: readonly Parameters<typeof labelsFromWindows>[0][number][],
  { height, width }: { height: number; width: number },
  alignCorners = false,
  blend = 'mean',
): NDArray {
  const classes = windows[0]!.logits.shape[1]!;
  const sum = new Float32Array(classes * height * width);
  const total = new Float32Array(height * width);
  const weight = (i: number, start: number, length: number, extent: number) => {
    const position = (i + 0.5) / length;
    const atEdge = position < 0.5 ? start === 0 : start + length === extent;
    return blend === 'mean' || atEdge ? 1 : Math.fround(Math.sin(Math.PI * position) ** 2);
  };
  for (const { window, logits, steps = [{ size: window }] } of windows) {
    const { data } = resizedLogits(logits, { steps, alignCorners });
    for (let y = 0; y < window.height; y++) {
      for (let x = 0; x < window.width; x++) {
        const at = (window.top + y) * width + window.left + x;
        const one = weight(y, window.top, window.height, height) * weight(x, window.left, window.width, width);
        total[at]! += one;
        for (let c = 0; c < classes; c++) {
          sum[c * height * width + at]! += one * data[(c * window.height + y) * window.width + x]!;
        }
      }
    }
  }
  return { shape: [1, classes, height, width], data: sum.map((value, i) => value / total[i % total.length]!) };
}
