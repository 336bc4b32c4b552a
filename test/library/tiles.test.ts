import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { ConfigError, loadModel, type Model, type PredictOptions, type Raster, type Result } from 'moganet';
import { cutRaster } from '../../src/image/raster.ts';
import { mergeDetections } from '../../src/postprocess/merge.ts';
import { slidingWindows, windowLabelSlices } from '../../src/postprocess/windows.ts';
import { atOnce } from '../../src/slices.ts';
import { rejection } from '../harness/rejection.ts';
import { smallBoth, smallClassification, smallFile } from '../harness/small_model.ts';

/** Tiles through the library's entry: what a tile shows, how tiles are joined, and what the option refuses. */

/** Stripes and blobs that differ from place to place. */
function imageOf(width: number, height: number): Raster {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      data[i] = 128 + 127 * Math.sin(x / 9);
      data[i + 1] = 128 + 127 * Math.sin(y / 7 + x / 40);
      data[i + 2] = ((x >> 4) * 37 + (y >> 4) * 101) % 256;
    }
  }
  return { width, height, data };
}

const image = imageOf(150, 100);
const crop = { height: 64, width: 64 };
const stride = { height: 52, width: 52 }; // 64 - floor(0.2 · 64)
const windows = slidingWindows(image, { crop, stride });

const detectionsOf = ({ boxes, scores, labels, masks }: Result) => ({ boxes, scores, labels, masks });
const numbersOf = (result: Result) => ({ ...detectionsOf(result), pixels: result.segmentation?.labels });

describe('tiles', () => {
  let model: Model;
  before(async () => {
    model = await loadModel({ config: smallBoth, weights: await smallFile(smallBoth) }, { engine: 'cpu' });
  });
  after(() => model.dispose());
  const predict = (options: PredictOptions, of: Raster = image) => model.predict(of, { score: 0, ...options });

  it('are images of their own, whose detections are merged after those of the whole', async () => {
    const only = 'detection';
    const whole = { top: 0, left: 0, height: 100, width: 150 };
    const parts = [{ part: whole, found: detectionsOf(await predict({ only })) }];
    for (const part of windows)
      parts.push({ part, found: detectionsOf(await predict({ only }, cutRaster(image, part))) });
    const [first, ...tiles] = parts;
    const size = { height: 100, width: 150 };
    const expected = mergeDetections([first!, ...tiles], size, { merge: 'ios', iou: 0.5 });
    expect(expected.scores.length).to.be.greaterThan(3);
    expect(detectionsOf(await predict({ tiles: { size: 64, edges: 'keep' }, only }))).to.deep.equal(expected);
    const alone = mergeDetections(tiles, size, { merge: 'nms', iou: 0.3 });
    expect(alone).to.not.deep.equal(expected);
    const options = { size: 64, whole: false, edges: 'keep', merge: 'nms', iou: 0.3 } as const;
    expect(detectionsOf(await predict({ tiles: options, only }))).to.deep.equal(alone);
  });

  it('drop what an inner edge cuts, by default', async () => {
    const only = 'detection';
    const all = await predict({ tiles: { size: 64, edges: 'keep', whole: false }, only });
    const uncut = await predict({ tiles: { size: 64, whole: false }, only });
    expect(uncut.length).to.be.within(1, all.length - 1);
  });

  it('give every pixel the class of the mean of their logits', async () => {
    const logits = [];
    for (const window of windows) {
      const input = model.definition.prepare([cutRaster(image, window)]);
      const [{ padded, resized } = { padded: crop, resized: crop }] = input.geometries;
      const steps = [{ size: padded, crop: resized }, { size: window }];
      logits.push({ window, logits: await segLogits(model, input.image), steps });
    }
    const size = { height: 100, width: 150 };
    for (const blend of ['mean', 'hann'] as const) {
      const expected = atOnce(windowLabelSlices(logits, { base: size, original: size, alignCorners: false, blend }));
      expect(new Set(expected).size).to.be.greaterThan(1);
      const result = await predict({ tiles: { size: 64, blend }, only: 'segmentation' });
      expect(result.segmentation?.labels).to.deep.equal(expected);
    }
  });

  it('serve both tasks with one call of the network', async () => {
    const both = await predict({ tiles: 64 });
    const detection = await predict({ tiles: 64, only: 'detection' });
    const segmentation = await predict({ tiles: 64, only: 'segmentation' });
    expect(detectionsOf(both)).to.deep.equal(detectionsOf(detection));
    expect(both.segmentation).to.deep.equal(segmentation.segmentation);
  });

  it('as large as the image or larger change nothing', async () => {
    const expected = numbersOf(await predict({}));
    expect(numbersOf(await predict({ tiles: 150 }))).to.deep.equal(expected);
    expect(numbersOf(await predict({ tiles: { size: { height: 100, width: 400 } } }))).to.deep.equal(expected);
  });

  it('are cut along one edge only if the other fits', async () => {
    const result = await predict({ tiles: { size: { height: 400, width: 64 } } });
    expect(result.segmentation?.labels).to.have.length(150 * 100);
  });

  it('of a batch belong to their images', async () => {
    const small = imageOf(40, 50);
    const [large, whole] = await model.predictBatch([image, small], { score: 0, tiles: 64 });
    expect(numbersOf(large!)).to.deep.equal(numbersOf(await predict({ tiles: 64 })));
    expect(numbersOf(whole!)).to.deep.equal(numbersOf(await predict({}, small)));
  });

  it('keep score, max and classes', async () => {
    const all = await predict({ tiles: 64, only: 'detection' });
    const best = await predict({ tiles: 64, only: 'detection', max: 2 });
    expect(best.length).to.equal(2);
    expect(best.scores[0]).to.equal(all.scores[0]);
    const right = await predict({ tiles: 64, only: 'detection', classes: ['right'] });
    expect(new Set(right.labels)).to.deep.equal(new Set([1]));
  });

  it('fit each tile into `size`', async () => {
    const small = await predict({ tiles: 64, size: { height: 32, width: 32 }, only: 'segmentation' });
    expect(small.segmentation?.labels).to.not.deep.equal(
      (await predict({ tiles: 64, only: 'segmentation' })).segmentation?.labels,
    );
  });

  it('sum up their times', async () => {
    const one = await predict({ tiles: 64, only: 'segmentation' });
    const { timings, speed } = one;
    const parts = speed.decode + speed.preprocess + speed.inference + speed.postprocess;
    expect(parts).to.be.greaterThan(0.8 * timings.total!);
    expect(parts).to.be.at.most(timings.total! + 1e-6);
  });

  it('leave no tensor behind, also after an abort', async () => {
    const before = tf.memory().numTensors;
    await predict({ tiles: 40 });
    expect(tf.memory().numTensors).to.equal(before);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 60);
    const error = await rejection(predict({ tiles: { size: 40, overlap: 0.8 }, signal: stop.signal }));
    expect(error.message).to.equal('enough');
    expect(tf.memory().numTensors).to.equal(before);
    expect(numbersOf(await predict({ tiles: 150 }))).to.deep.equal(numbersOf(await predict({}))); // the network is free
  });

  it('are refused by what sees an image whole', async () => {
    const weights = await smallFile(smallClassification);
    const classifier = await loadModel({ config: smallClassification, weights }, { engine: 'cpu' });
    const error = await rejection(classifier.predict(image, { tiles: 64 }));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.match(/tiles.*classification sees an image whole.*Leave `tiles` out/);
    await classifier.dispose();
  });

  it('are checked', async () => {
    const wrong: [unknown, RegExp][] = [
      [31, /tiles: must be a whole number of pixels from 32 to 16384, got 31/],
      ['64', /tiles: must be/],
      [{ size: 64, overlap: 1 }, /tiles\.overlap: must be a number from 0 to 0\.9, got 1/],
      [{ size: { height: 64 } }, /tiles\.size\.width/],
      [{ size: 64, merge: 'nmm' }, /tiles\.merge: unknown value "nmm"\. Did you mean "nms"\?/],
      [{ size: 64, blend: 'linear' }, /tiles\.blend: unknown value "linear"/],
      [{ size: 64, tile: 3 }, /tiles: unknown key "tile"/],
      [{ overlap: 0.5 }, /tiles\.size/],
      [null, /tiles: must be/],
    ];
    for (const [tiles, message] of wrong) {
      const error = await rejection(model.predict(image, { tiles } as PredictOptions));
      expect(error, JSON.stringify(tiles)).to.be.instanceOf(ConfigError);
      expect(error.message).to.match(message);
    }
  });
});

/** Runs the network on a prepared input. */
async function segLogits(model: Model, image: Parameters<typeof windowLabelSlices>[0][number]['logits']) {
  const { runners } = model as unknown as {
    readonly runners: {
      readonly features: {
        run(
          inputs: object,
          outputs: string[],
        ): Promise<Record<string, { read(): Promise<typeof image>; dispose(): void }>>;
      };
    };
  };
  const outputs = await runners.features.run({ image }, ['seg_logits']);
  const { data, shape } = await outputs.seg_logits!.read();
  const copy = { shape, data: data.slice() };
  for (const tensor of Object.values(outputs)) tensor.dispose();
  return copy;
}
