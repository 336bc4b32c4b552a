import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  ConfigError,
  type Engine,
  EngineError,
  ImageError,
  loadModel,
  type Model,
  type ModelConfig,
  type Progress,
  type Raster,
  type Result,
  shippedWeights,
} from 'moganet';
import { openNodeEngine } from '../../src/engines/node.ts';
import { changedEngine } from '../harness/changed_engine.ts';
import { rejection } from '../harness/rejection.ts';
import { smallBoth, smallDetection, smallFile } from '../harness/small_model.ts';

/** Stripes that depend on the position; needs no file. */
function imageOf(width: number, height: number, seed = 0): Raster {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) {
    data[4 * i] = (i * 7 + seed * 31) % 256;
    data[4 * i + 1] = (Math.floor(i / width) * 11) % 256;
  }
  return { width, height, data };
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: Error) => error,
  );
  if (!outcome) throw new Error('nothing was thrown');
  return outcome;
}

/** Notes the parts that an engine runs. */
function countingRuns(engine: Engine) {
  const ran: string[] = [];
  const load: Engine['load'] = async (program) => {
    const runner = await engine.load(program);
    return {
      run: (...given) => {
        ran.push(program.name);
        return runner.run(...given);
      },
      dispose: () => runner.dispose(),
    };
  };
  return {
    engine: { ...engine, name: engine.name, detail: engine.detail, load, dispose: () => engine.dispose() },
    ran,
  };
}

const numbersOf = ({ boxes, scores, labels, segmentation }: Result) => ({
  boxes: [...boxes],
  scores: [...scores],
  labels: [...labels],
  map: [...(segmentation?.labels ?? [])],
});

describe('a loaded model', () => {
  let model: Model;
  let weights: Uint8Array;
  const progress: string[] = [];

  before(async () => {
    weights = await smallFile(smallBoth);
    model = await loadModel({ weights }, { engine: 'cpu', onProgress: ({ stage }) => progress.push(stage) });
  });
  after(() => model.dispose());

  it('knows its name, its classes and its engine', () => {
    expect(model.name).to.equal('small_both');
    expect(model.classes).to.deep.equal({ detection: ['left', 'right'], segmentation: ['sky', 'ground', 'water'] });
    expect(model.engine.name).to.equal('cpu');
    expect([...new Set(progress)]).to.deep.equal(['weights', 'engine']);
  });

  it('asks the engine for the outputs that its tasks read, and for no others', async () => {
    const asked: string[][] = [];
    const engine = await openNodeEngine('cpu');
    const watched = await loadModel(
      { weights },
      {
        engine: changedEngine(engine, {
          load: async (program) => {
            const runner = await engine.load(program);
            const run: typeof runner.run = (inputs, wanted) => {
              if (program.name === 'features') asked.push([...(wanted ?? ['all'])].sort());
              return runner.run(inputs, wanted);
            };
            return { run, dispose: () => runner.dispose() };
          },
        }),
      },
    );
    await watched.predict(imageOf(50, 30), { only: 'segmentation' });
    await watched.predict(imageOf(50, 30), { only: 'detection' });
    await watched.predict(imageOf(50, 30));
    await watched.features(imageOf(50, 30));
    await watched.dispose();
    const levels = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);
    const detection = [...levels('fpn', 5), ...levels('rpn_cls', 5), ...levels('rpn_reg', 5)];
    expect(asked).to.deep.equal([['seg_logits'], detection, [...detection, 'seg_logits'], levels('stage', 4)]);
  });

  it('gives parallel arrays, best first, in pixels of the image', async () => {
    const result = await model.predict(imageOf(50, 30));
    expect(result.length).to.equal(5);
    expect(result.boxes).to.have.length(20);
    expect(result.masks).to.have.length(5);
    expect([...result.scores]).to.deep.equal([...result.scores].sort((a, b) => b - a));
    for (let i = 0; i < 20; i++) expect(result.boxes[i]).to.be.within(0, i % 2 === 0 ? 50 : 30);
    expect(result.segmentation?.labels).to.have.length(1500);
    expect(result.imageSize).to.deep.equal({ height: 30, width: 50 });
    expect(result.timings).to.include.keys(
      'decode',
      'preprocess',
      'features',
      'box',
      'detection',
      'segmentation',
      'total',
    );
  });

  it('gives the same whether images come alone, in a list or at once', async () => {
    const images = [imageOf(50, 30), imageOf(30, 44, 1), imageOf(64, 64, 2)];
    const alone = [];
    for (const image of images) alone.push(numbersOf(await model.predict(image)));
    const list = await model.predict(images);
    const atOnce = await Promise.all(images.map((image) => model.predict(image)));
    expect(list.map(numbersOf)).to.deep.equal(alone);
    expect(atOnce.map(numbersOf)).to.deep.equal(alone);
  });

  it('runs images of one batch together, each cropped to its size', async () => {
    const images = [imageOf(50, 30), imageOf(30, 44, 1)];
    const results = await model.predictBatch(images);
    expect(results.map(({ imageSize }) => imageSize)).to.deep.equal([
      { height: 30, width: 50 },
      { height: 44, width: 30 },
    ]);
    expect(results[1]?.segmentation?.labels).to.have.length(44 * 30);
    expect(await model.predictBatch([])).to.deep.equal([]);
  });

  it('takes options of the caller', async () => {
    const image = imageOf(50, 30);
    expect((await model.predict(image, { max: 2 })).length).to.equal(2);
    expect((await model.predict(image, { score: 1 })).length).to.equal(0);
    const named = await model.predict(image, { classes: ['right'] });
    const all = await model.predict(image);
    expect(named.length).to.equal([...all].filter(({ name }) => name === 'right').length);
    const last = [...all].findLast(({ name }) => name === 'right');
    expect(last, 'an instance that is not the best').not.to.deep.equal(all.at(0));
    expect([...(await model.predict(image, { classes: ['right'], max: 1 }))]).to.deep.equal([named.at(0)]);
    const error = await errorOf(model.predict(image, { classes: ['rihgt'] }));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.include('unknown class "rihgt". Did you mean "right"? Known: left, right.');
  });

  it('runs one task alone with `only`, and gives the same for it', async () => {
    const image = imageOf(50, 30);
    const both = numbersOf(await model.predict(image));
    const segmented = await model.predict(image, { only: 'segmentation' });
    expect(numbersOf(segmented).map).to.deep.equal(both.map);
    expect(segmented.length).to.equal(0);
    expect(segmented.names).to.deep.equal([]);
    expect(segmented.timings).not.to.have.any.keys('box', 'mask');
    expect(segmented.toJSON().detection).to.equal(undefined);
    expect(() => segmented.render({ draw: 'detection' })).to.throw(RangeError, /no detection.*`only`/);
    expect(segmented.render()).to.deep.equal(segmented.render({ draw: 'segmentation' }));
    const instances = await model.predict(image, { only: 'detection' });
    expect([...instances.boxes]).to.deep.equal(both.boxes);
    expect(instances.segmentation).to.equal(undefined);
    const detector = await loadModel({ weights: await smallFile(smallDetection) }, { engine: 'cpu' });
    const refused = await errorOf(detector.predict(image, { only: 'segmentation' }));
    await detector.dispose();
    expect(refused).to.be.instanceOf(ConfigError);
    expect(refused.message).to.match(/"small_detection" does detection, not segmentation.*`only`/);
  });

  it('refuses invalid images, and goes on', async () => {
    const empty = await errorOf(model.predict({ width: 0, height: 4, data: new Uint8ClampedArray(0) }));
    expect(empty).to.be.instanceOf(ImageError);
    expect(empty.message).to.match(/0×4.*at least 1/);
    const short = await errorOf(model.predict({ width: 2, height: 2, data: new Uint8ClampedArray(12) }));
    expect(short.message).to.match(/2×2.*16 bytes.*12/);
    expect(await errorOf(model.predict('gone.jpg'))).to.be.instanceOf(ImageError);
    expect((await model.predict(imageOf(8, 8))).imageSize).to.deep.equal({ height: 8, width: 8 });
  });

  it('stops if its signal is aborted', async () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    const { signal } = controller;
    for (const image of [imageOf(50, 30), 'test/fixtures/none.jpg', new URL('http://localhost:1/none.jpg')]) {
      expect(await errorOf(model.predict(image, { signal })), `${image}`).to.equal(signal.reason);
    }
  });

  it('keeps as many tensors after twenty sizes as after one', async () => {
    await model.predict(imageOf(50, 30));
    const { numTensors } = tf.memory();
    for (let i = 0; i < 20; i++) await model.predict(imageOf(20 + 3 * i, 60 - 2 * i, i));
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  it('loads each part once for all sizes', async () => {
    const engine = await openNodeEngine('cpu');
    const loaded: string[] = [];
    const counting = changedEngine(engine, {
      load: (program) => {
        loaded.push(program.name);
        return engine.load(program);
      },
    });
    const counted = await loadModel({ weights }, { engine: counting });
    for (let i = 0; i < 4; i++) await counted.predict(imageOf(20 + 9 * i, 60 - 7 * i, i));
    expect(loaded).to.deep.equal(['features', 'box', 'mask']);
    await counted.dispose();
  });

  it('builds only the heads that its configuration keeps', async () => {
    const configure = () => smallDetection;
    const detector = await loadModel({ weights }, { engine: 'cpu', configure });
    const image = imageOf(50, 30);
    const alone = await detector.predict(image);
    expect(alone.segmentation).to.equal(undefined);
    expect([...alone.scores]).to.deep.equal([...(await model.predict(image)).scores]);
    await detector.dispose();
  });

  it('says that configure has to return the configuration', async () => {
    const inPlace = (() => undefined) as unknown as () => ModelConfig;
    const loading = loadModel({ weights }, { engine: 'cpu', configure: inPlace });
    expect((await rejection(loading)).message).to.match(/^configure must return the configuration.*got nothing/);
  });

  it('computes masks only for what it keeps', async () => {
    const engine = await openNodeEngine('cpu');
    const regions: number[] = [];
    const counting = changedEngine(engine, {
      load: async (program) => {
        const runner = await engine.load(program);
        return {
          dispose: () => runner.dispose(),
          run: (inputs) => {
            const rois = Object.entries(inputs).filter(([name]) => /^rois/.test(name));
            if (program.name === 'mask') regions.push(rois.reduce((sum, [, { shape }]) => sum + shape[0]!, 0));
            return runner.run(inputs);
          },
        };
      },
    });
    const counted = await loadModel({ weights }, { engine: counting });
    const all = await counted.predict(imageOf(50, 30), { max: 1000 });
    const right = await counted.predict(imageOf(50, 30), { max: 1000, classes: ['right'] });
    const two = await counted.predict(imageOf(50, 30), { max: 2 });
    expect(right.length).to.be.within(1, all.length - 1);
    expect(regions).to.deep.equal([all.length, right.length, 2]);
    expect([two.length, right.masks?.length]).to.deep.equal([2, right.length]);
    await counted.dispose();
  });

  it('stops after the last part, too', async () => {
    const engine = await openNodeEngine('cpu');
    const stopping = new AbortController();
    const parts: string[] = [];
    const slow = changedEngine(engine, {
      load: async (program) => {
        const runner = await engine.load(program);
        return {
          dispose: () => runner.dispose(),
          run: async (inputs) => {
            parts.push(program.name);
            // due when the last part has run, before the arithmetic on its outputs ends
            if (program.name === 'mask') stopping.abort(new Error('enough'));
            return runner.run(inputs);
          },
        };
      },
    });
    const stopped = await loadModel({ weights }, { engine: slow });
    const error = await errorOf(stopped.predict(imageOf(50, 30), { signal: stopping.signal }));
    expect(error.message).to.equal('enough');
    expect(parts).to.deep.equal(['features', 'box', 'mask']);
    await stopped.dispose();
  });

  it('gives features with the way back to the image', async () => {
    const features = await model.features(imageOf(50, 30));
    expect(features).to.have.length(4);
    const { original, scaleX, scaleY } = features.geometry!;
    expect(original).to.deep.equal({ height: 30, width: 50 });
    const [stage] = model.definition.stages;
    const [, , rows, columns] = features[0]!.shape;
    // the last cell of the finest map lies within a stride of the image's lower right corner, or in the padding
    expect((columns! * stage!.stride) / scaleX).to.be.at.least(50);
    expect((rows! * stage!.stride) / scaleY).to.be.at.least(30);
    expect(features.geometry).to.deep.equal(model.definition.prepare([imageOf(50, 30)]).geometries[0]);
  });

  it('warms up on an image of noise, with every part of it', async () => {
    const { engine, ran } = countingRuns(await openNodeEngine('cpu', {}));
    const one = await loadModel({ weights }, { engine });
    await one.warmUp({ size: { width: 48, height: 32 } });
    expect([...new Set(ran)].sort()).to.deep.equal(['box', 'features', 'mask']);
    expect(await errorOf(one.warmUp({ edge: 3 } as object))).to.be.instanceOf(ConfigError);
    await one.dispose();
  });

  it('is disposed once: every call waits for the end, and so does `await using`', async () => {
    const engine = await openNodeEngine('cpu');
    let ended = 0;
    const counting = changedEngine(engine, {
      dispose: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        ended++;
      },
    });
    const another = await loadModel({ weights }, { engine: counting });
    void another.dispose();
    await another.dispose();
    expect(ended).to.equal(1);
    await another[Symbol.asyncDispose]();
    expect(ended).to.equal(1);
    await engine.dispose();
  });

  it('finishes calls from before it is disposed, and refuses later ones', async () => {
    const { numTensors } = tf.memory();
    const another = await loadModel({ weights }, { engine: 'cpu' });
    const running = another.predict(imageOf(50, 30));
    const end = another.dispose();
    expect((await running).length).to.equal(5);
    await end;
    const error = await errorOf(another.predict(imageOf(50, 30)));
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.equal('the model "small_both" was disposed. Load it again.');
    await another.dispose();
    expect(tf.memory().numTensors).to.equal(numTensors);
  });
});

describe('loading', () => {
  it('counts tensors from zero to all, under the name of the file', async () => {
    const steps: Progress[] = [];
    const weights = shippedWeights('facade.safetensors');
    const model = await loadModel({ weights }, { engine: 'cpu', onProgress: (step) => steps.push(step) });
    await model.dispose();
    const found = steps.filter(({ stage }) => stage === 'weights');
    const [{ total }] = found as [Progress];
    expect(total).to.be.greaterThan(500);
    expect(found).to.have.length.within(99, 101);
    expect(found[0]).to.deep.equal({ stage: 'weights', done: 0, total, text: 'facade.safetensors' });
    expect(found.at(-1)).to.deep.equal({ stage: 'weights', done: total, total, text: 'facade.safetensors' });
    expect(found.every((step) => step.total === total)).to.equal(true);
  });

  it('names the nearest model, and the way to its weights', async () => {
    expect((await errorOf(loadModel('facde'))).message)
      .to.include('unknown model "facde".')
      .and.include('Did you mean "facade"?');
    expect((await errorOf(loadModel('moganet_s'))).message).to.match(
      /moganet_s .*moganet pull moganet_s .*\{ pull: true \}/,
    );
    expect((await errorOf(loadModel({}))).message).to.equal(
      'loadModel needs weights: a file, a URL or bytes, or the name of a model.',
    );
  });
});
