import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  ConfigError,
  createModel,
  type Head,
  loadModel,
  type Model,
  type ModelConfig,
  type PredictOptions,
  type Raster,
  type Result,
} from 'moganet';
import * as z from 'zod/mini';
import { mirroredInputs } from '../../src/image/preprocess.ts';
import type { Detector } from '../../src/models/detection.ts';
import { augmentationsOf } from '../../src/models/task.ts';
import { rejection } from '../harness/rejection.ts';
import { smallDetectors, smallSegmentationHeads } from '../harness/small_heads.ts';
import { imageOf, numbersOf, smallBoth, smallClassification, smallFile } from '../harness/small_model.ts';

/** Test-time augmentation through the library's entry. */

const backbone = smallBoth.backbone;
/** An image that the models take as it is: nothing is resized, so a mirrored one gives mirrored numbers. */
const image = imageOf(64, 48);

function mirrored({ width, height, data }: Raster): Raster {
  const out = new Uint8ClampedArray(data.length);
  for (let i = 0; i < width * height; i++) {
    const from = i - (i % width) + width - 1 - (i % width);
    out.set(data.subarray(4 * from, 4 * from + 4), 4 * i);
  }
  return { width, height, data: out };
}

async function using<T>(config: ModelConfig, work: (model: Model) => Promise<T>): Promise<T> {
  const model = await loadModel({ config, weights: await smallFile(config) }, { engine: 'cpu' });
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

const detectors = Object.entries(smallDetectors).map(([name, detection]) => ({
  name,
  config: { backbone, detection } as ModelConfig,
}));

describe('several views of an image', () => {
  it('come scale by scale, each as it is and then mirrored', () => {
    expect(augmentationsOf({ flip: true, scales: [0.5, 1] })).to.deep.equal([
      { scale: 0.5, flipped: false },
      { scale: 0.5, flipped: true },
      { scale: 1, flipped: false },
      { scale: 1, flipped: true },
    ]);
    expect(augmentationsOf({})).to.deep.equal([{ scale: 1, flipped: false }]);
  });

  it('are mirrored within the image, with the padding where it was', () => {
    const input = { shape: [1, 1, 2, 4], data: Float32Array.of(1, 2, 3, 0, 4, 5, 6, 0) };
    const once = mirroredInputs(input, [{ height: 2, width: 3 }]);
    expect([...once.data]).to.deep.equal([3, 2, 1, 0, 6, 5, 4, 0]);
    expect([...mirroredInputs(once, [{ height: 2, width: 3 }]).data]).to.deep.equal([...input.data]);
  });

  for (const { name, config } of detectors) {
    it(`give mirrored instances for a mirrored image: ${name}`, () =>
      using(config, async (model) => {
        const there = await model.predict(image, { flip: true, scales: [1, 1.5] });
        const here = await model.predict(mirrored(image), { flip: true, scales: [1, 1.5] });
        expect(there.length).to.equal(5);
        expect([...here.labels]).to.deep.equal([...there.labels]);
        // the views come in another order, so sums are rounded differently
        for (const [i, score] of there.scores.entries()) expect(here.scores[i]).to.be.closeTo(score, 1e-5);
        for (let i = 0; i < 5; i++) {
          const [x1, y1, x2, y2] = there.boxes.subarray(4 * i, 4 * i + 4);
          const box = [64 - x2!, y1!, 64 - x1!, y2!];
          for (const [k, edge] of box.entries()) expect(here.boxes[4 * i + k]).to.be.closeTo(edge, 1e-3);
        }
      }));

    it(`are the plain prediction with scales [1]: ${name}`, () =>
      using(config, async (model) => {
        const plain = numbersOf(await model.predict(imageOf(50, 30)));
        expect(numbersOf(await model.predict(imageOf(50, 30), { scales: [1], flip: false }))).to.deep.equal(plain);
        expect(numbersOf(await model.predict(imageOf(50, 30), { flip: true }))).not.to.deep.equal(plain);
      }));
  }

  it('of one scale are the image at that size', () =>
    using(smallBoth, async (model) => {
      const half = numbersOf(await model.predict(imageOf(50, 30), { size: { height: 32, width: 32 } }));
      expect(numbersOf(await model.predict(imageOf(50, 30), { scales: [0.5] }))).to.deep.equal(half);
    }));

  it('that are equal give the instances of one: retinanet', () =>
    using({ backbone, detection: smallDetectors.retinanet }, async (model) => {
      const plain = numbersOf(await model.predict(imageOf(50, 30)));
      expect(numbersOf(await model.predict(imageOf(50, 30), { scales: [1, 1] }))).to.deep.equal(plain);
    }));

  for (const [name, segmentation] of Object.entries(smallSegmentationHeads)) {
    it(`give mirrored label maps for a mirrored image: ${name}`, () =>
      using({ backbone, segmentation }, async (model) => {
        const options = { flip: true };
        const there = (await model.predict(image, options)).segmentation?.labels ?? [];
        const here = (await model.predict(mirrored(image), options)).segmentation?.labels ?? [];
        expect(there).to.have.length(64 * 48);
        const rows = Array.from({ length: 48 }, (_, y) => [...there].slice(64 * y, 64 * (y + 1)).reverse());
        expect([...here]).to.deep.equal(rows.flat());
        const plain = numbersOf(await model.predict(image));
        expect(numbersOf(await model.predict(image, { scales: [1, 1] }))).to.deep.equal(plain);
      }));
  }

  it('of a model with two tasks give each what it gives alone', () =>
    using(smallBoth, async (model) => {
      const both = numbersOf(await model.predict(image, { flip: true }));
      const detection = numbersOf(await model.predict(image, { flip: true, only: 'detection' }));
      const segmentation = numbersOf(await model.predict(image, { flip: true, only: 'segmentation' }));
      expect(both).to.deep.equal({ ...detection, segmentation: segmentation.segmentation });
    }));

  it('of windows are those of the whole input if one window covers it', async () => {
    const segmentation = smallSegmentationHeads.uper_head;
    const square = { height: 128, width: 128 };
    const sliding = { ...segmentation, slide: { crop: square, stride: square } };
    const options = { flip: true, scales: [0.75, 1] };
    const whole = await using({ backbone, segmentation }, (model) => model.predict(image, options));
    const windows = await using({ backbone, segmentation: sliding }, (model) => model.predict(image, options));
    expect([...windows.segmentation!.labels]).to.deep.equal([...whole.segmentation!.labels]);
  });

  it('of a classifier give the mean of the softmax, the same for a mirrored image', () =>
    using(smallClassification, async (model) => {
      const all = { top: 7 };
      const there = await model.predict(image, { ...all, flip: true });
      const here = await model.predict(mirrored(image), { ...all, flip: true });
      expect(numbersOf(here).classification).to.deep.equal(numbersOf(there).classification);
      const scoresOf = ({ classification }: Result) =>
        new Map([...classification!.labels].map((label, i) => [label, classification!.scores[i]!]));
      const [one, other] = [await model.predict(image, all), await model.predict(mirrored(image), all)].map(scoresOf);
      for (const [label, score] of scoresOf(there)) {
        expect(score).to.be.closeTo((one!.get(label)! + other!.get(label)!) / 2, 1e-6);
      }
      expect((await rejection(model.predict(image, { scales: [0.5, 1] }))).message).to.include('several `scales`');
    }));

  it('of a classifier at one scale are its crop at that size', () =>
    using(smallClassification, async (model) => {
      const { size: edge } = smallClassification.classification!.input!;
      const small = Math.floor(edge! * 0.75);
      const there = await model.predict(image, { size: { height: small, width: small }, flip: true });
      const here = await model.predict(image, { scales: [0.75], flip: true });
      expect(numbersOf(here).classification).to.deep.equal(numbersOf(there).classification);
      expect(numbersOf(here)).not.to.deep.equal(numbersOf(await model.predict(image, { flip: true })));
      const half = { height: edge! / 2, width: edge! / 2 };
      const again = await model.predict(image, { size: half, scales: [2] });
      expect(numbersOf(again)).to.deep.equal(numbersOf(await model.predict(image)));
      const large = { height: 16_384, width: 16_384 };
      expect(await rejection(model.predict(image, { size: large, scales: [10] }))).to.be.instanceOf(ConfigError);
    }));

  it('are refused by name by custom heads and detectors that take one', () => {
    const detectViews = undefined;
    const tables = {
      heads: { mine: (): Head => ({ forward: () => ({}), decode: () => 1 }) },
      detectors: {
        ours: {
          config: z.looseObject({ type: z.literal('ours') }),
          make: (): Detector => ({ modules: [], forward: () => ({}), parts: [], detect: async () => [], detectViews }),
        },
      },
    };
    const detection = { ...smallDetectors.retinanet, type: 'ours' } as never;
    const models = { mine: { backbone, head: { type: 'mine' } }, ours: { backbone, detection } };
    for (const [name, config] of Object.entries(models)) {
      const [task] = createModel(config as ModelConfig, tables as never).tasks;
      for (const options of [{ flip: true }, { scales: [0.5, 1] }]) {
        expect(() => task?.check?.(options), name).to.throw(ConfigError, `"${name}" takes one view`);
      }
      expect(() => task?.check?.({ scales: [0.5] }), name).not.to.throw();
    }
  });

  it('leave no tensor on the device, whether they are merged or end in an abort', () =>
    using(smallBoth, async (model) => {
      const options = { flip: true, scales: [0.5, 1] };
      await model.predict(image, options); // what the engine keeps is there
      const { numTensors } = tf.memory();
      await model.predict(image, options);
      const stop = new AbortController();
      const call = rejection(model.predict(image, { ...options, signal: stop.signal }));
      setTimeout(() => stop.abort(new Error('enough')), 20);
      expect((await call).message).to.equal('enough');
      expect(tf.memory().numTensors).to.equal(numTensors);
    }));

  it('are checked', () =>
    using(smallClassification, async (model) => {
      for (const [options, fact] of [
        [{ flip: 1 }, 'flip: must be true or false'],
        [{ scales: 1 }, 'list of 1 to 8 factors'],
        [{ scales: [] }, 'list of 1 to 8 factors'],
        [{ scales: Array(9).fill(1) }, 'list of 1 to 8 factors'],
        [{ scales: [0] }, 'at least 0.1'],
        [{ scales: [Number.NaN] }, 'must be a number'],
        [{ scales: [11] }, 'at most 10'],
      ] as const) {
        const error = await rejection(model.predict(image, options as PredictOptions));
        expect(error).to.be.instanceOf(ConfigError);
        expect(error.message).to.include(fact);
      }
    }));
});
