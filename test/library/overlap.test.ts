import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { ConfigError, encodePng, ImageError, type ImageRef, loadModel, type Model, type Result } from 'moganet';
import { openNodeEngine } from '../../src/engines/node.ts';
import { changedEngine } from '../harness/changed_engine.ts';
import { collectGarbage } from '../harness/garbage.ts';
import { rejection } from '../harness/rejection.ts';
import { imageOf, smallBoth, smallDetection, smallFile, smallSegmentation } from '../harness/small_model.ts';

const numbersOf = ({ boxes, scores, segmentation }: Result) => [
  [...boxes],
  [...scores],
  [...(segmentation?.labels ?? [])],
];

/** Images of several sizes, as PNG. */
const files = Array.from({ length: 6 }, (_, i) => encodePng(imageOf(20 + 4 * i, 40 - 3 * i, i)));

/** A file that tells when it is read. */
function watched(bytes: Uint8Array, onRead: () => void): Blob {
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  return Object.assign(blob, {
    arrayBuffer: async () => {
      onRead();
      return Blob.prototype.arrayBuffer.call(blob);
    },
  });
}

/** A model whose engine notes the parts that it runs and waits in each as long as it is told. */
async function noting(config = smallBoth, wait = () => new Promise<void>((resolve) => setTimeout(resolve, 2))) {
  const engine = await openNodeEngine('cpu');
  const steps: string[] = [];
  let onDevice = 0;
  let most = 0;
  const noted = changedEngine(engine, {
    blocking: false,
    load: async (program) => {
      const runner = await engine.load(program);
      return {
        dispose: () => runner.dispose(),
        run: async (...given) => {
          steps.push(program.name);
          most = Math.max(most, ++onDevice);
          await wait();
          const outputs = await runner.run(...given);
          onDevice--;
          return outputs;
        },
      };
    },
  });
  const model = await loadModel({ weights: await smallFile(config) }, { engine: noted });
  return { model, steps, mostOnDevice: () => most };
}

describe('images one after the other', () => {
  it('are decoded while the network runs the one before, and give the same results in order', async () => {
    const { model, steps, mostOnDevice } = await noting();
    const alone: unknown[] = [];
    for (const file of files) alone.push(numbersOf(await model.predict(file)));
    steps.length = 0;
    const images = files.map((file, i) => watched(file, () => steps.push(`read ${i}`)));
    const results = await model.predict(images);
    expect(results.map(numbersOf)).to.deep.equal(alone);
    expect(steps.indexOf('read 1'), steps.join()).to.be.below(steps.indexOf('box'));
    expect(steps.filter((step) => !step.startsWith('read')).join()).to.equal(
      files.map(() => 'features,box,mask').join(),
    );
    expect(mostOnDevice()).to.equal(1);
    const atOnce = await Promise.all(files.map((file) => model.predict(file)));
    expect(atOnce.map(numbersOf)).to.deep.equal(alone);
    expect(mostOnDevice()).to.equal(1);
    await model.dispose();
  });

  it('are decoded three at a time at most, however many are asked for at once', async () => {
    const { model } = await noting(smallSegmentation);
    const [read, found] = [new Set<number>(), new Set<number>()];
    let most = 0;
    const images = files.map((file, i) =>
      watched(file, () => {
        read.add(i);
        most = Math.max(most, read.size - found.size);
      }),
    );
    await Promise.all(images.map(async (image, i) => model.predict(image).then(() => found.add(i))));
    // a call that ends lets the next one begin before its caller hears of it
    expect(most).to.be.within(2, 4);
    await model.dispose();
  });

  it('leave the device before they are finished, and no tensor of two images is on it', async () => {
    const { numTensors } = tf.memory();
    const alive: number[] = [];
    let loaded = 0;
    const { model } = await noting(smallDetection, async () => void alive.push(tf.memory().numTensors - loaded));
    loaded = tf.memory().numTensors;
    await model.predict(files);
    // at the first part of each image nothing of another one is there
    expect(alive.filter((_, i) => i % 3 === 0)).to.deep.equal(files.map(() => 0));
    expect(alive[1]).to.be.above(0);
    await model.dispose();
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  it('go on after one that cannot be read, also if it was to be next', async () => {
    const { model } = await noting(smallSegmentation);
    const calls = [files[0], new Uint8Array(9), files[1], new Uint8Array(7), files[2]].map((image) =>
      model.predict(image as ImageRef),
    );
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status[0]).join('')).to.equal('frfrf');
    await model.dispose();
  });
});

describe('calls of a model', () => {
  it('leave nothing of their results behind', async () => {
    const { model } = await noting(smallSegmentation);
    const once = async () => new WeakRef(await model.predict(imageOf(30, 20)));
    const results = [await once(), await once(), await once()];
    await collectGarbage();
    expect(results.map((result) => result.deref())).to.deep.equal([undefined, undefined, undefined]);
    await model.dispose();
  });

  it('end at once when they are aborted while they wait for others', async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { model } = await noting(smallSegmentation, () => held);
    const aborted = new AbortController();
    const { signal } = aborted;
    const first = model.predict(imageOf(30, 20));
    // two wait for the network, and two for a place among those at work
    const waiting = [
      model.predict(imageOf(30, 20), { signal }),
      model.features(imageOf(30, 20), { signal }),
      model.predict(imageOf(30, 20), { signal }),
      model.stream([imageOf(30, 20)], { signal }).next(),
    ].map(rejection);
    const last = model.predict(imageOf(30, 20));
    await new Promise((resolve) => setTimeout(resolve, 20));
    aborted.abort(new Error('enough'));
    for (const error of await Promise.all(waiting)) expect(error.message).to.equal('enough');
    go();
    expect(numbersOf(await last)).to.deep.equal(numbersOf(await first));
    await model.dispose();
  });

  it('of features give the engine their signal', async () => {
    const signals: unknown[] = [];
    const engine = await openNodeEngine('cpu');
    const noted = changedEngine(engine, {
      load: async (program) => {
        const runner = await engine.load(program);
        return {
          dispose: () => runner.dispose(),
          run: (inputs, wanted, signal) => {
            signals.push(signal);
            return runner.run(inputs, wanted, signal);
          },
        };
      },
    });
    const model = await loadModel({ weights: await smallFile(smallSegmentation) }, { engine: noted });
    const { signal } = new AbortController();
    await model.features(imageOf(30, 20), { signal });
    expect(signals).to.deep.equal([signal]);
    await model.dispose();
  });
});

describe('a stream of images', () => {
  let model: Model;
  before(async () => {
    model = await loadModel({ weights: await smallFile(smallBoth) }, { engine: 'cpu' });
  });
  after(() => model.dispose());

  /** Images without an end, in one buffer that is overwritten as a camera does. */
  function camera() {
    const seen = { taken: 0, closed: false };
    const frame = imageOf(30, 20);
    async function* source() {
      try {
        for (let i = 0; ; i++) {
          (frame.data as Uint8ClampedArray).set(imageOf(30, 20, i).data);
          seen.taken = i + 1;
          yield frame;
        }
      } finally {
        seen.closed = true;
      }
    }
    return { seen, source: source() };
  }

  it('gives results in order, takes few images ahead, and ends when the loop is left', async () => {
    const { seen, source } = camera();
    const results: unknown[] = [];
    for await (const result of model.stream(source, { max: 2 })) {
      results.push(numbersOf(result));
      expect(seen.taken).to.be.at.most(results.length + 3);
      if (results.length === 4) break;
    }
    expect(seen.closed).to.equal(true);
    const alone: unknown[] = [];
    for (let i = 0; i < 4; i++) alone.push(numbersOf(await model.predict(imageOf(30, 20, i), { max: 2 })));
    expect(results).to.deep.equal(alone);
  });

  it('ends at the first failure, or costs only its slot', async () => {
    const images = [files[0]!, new Uint8Array(5), files[1]!];
    const all = async () => {
      let n = 0;
      for await (const _ of model.stream(new Set(images))) n++;
      return n;
    };
    const error = await rejection(all());
    expect(error).to.be.instanceOf(ImageError);
    expect(error.message).to.match(/^images\[1\]: bytes/);
    const states: string[] = [];
    for await (const { status } of model.streamSettled(images)) states.push(status);
    expect(states).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('ends with the reason of its signal', async () => {
    const stopping = new AbortController();
    const { source, seen } = camera();
    const all = async () => {
      for await (const _ of model.streamSettled(source, { signal: stopping.signal }))
        stopping.abort(new Error('enough'));
    };
    expect((await rejection(all())).message).to.equal('enough');
    expect(seen.closed).to.equal(true);
  });

  it('says what it cannot iterate over, and which option it does not know', async () => {
    const first = (images: unknown, options?: unknown) => model.stream(images as never, options as never).next();
    expect(await rejection(first('photo.jpg'))).to.be.instanceOf(ConfigError);
    expect((await rejection(first('photo.jpg'))).message).to.match(/^a stream takes a list.*got "photo\.jpg"/);
    expect((await rejection(first([], { scor: 1 }))).message).to.match(/^options of stream: unknown option "scor"/);
  });
});

describe('timings', () => {
  it('add up, leave out the time in queues, and are grouped as `speed`', async () => {
    const { model } = await noting();
    const results = await Promise.all(files.map((file) => model.predict(file)));
    for (const { timings, speed } of results) {
      const { decode = 0, preprocess = 0, network = 0, postprocess = 0, total = 0, waited = 0 } = timings;
      const { features = 0, box = 0, mask = 0, detection = 0, segmentation = 0 } = timings;
      expect(features + box + mask).to.be.closeTo(network, 1e-6);
      expect(detection + segmentation).to.be.closeTo(postprocess, 1e-6);
      expect(decode + preprocess + network + postprocess).to.be.at.most(total + 1e-6);
      expect(Math.min(...Object.values(timings))).to.be.at.least(0);
      expect(speed).to.deep.equal({ decode, preprocess, inference: network, postprocess });
      expect(waited).to.be.a('number');
    }
    // six at once: the last waits for all others, which is not its own work
    const [first, last] = [results[0]!.timings, results.at(-1)!.timings];
    expect(last.waited).to.be.above(first.waited!);
    expect(last.waited).to.be.above(2 * last.network!);
    await model.dispose();
  });
});
