import { expect } from 'chai';
import {
  CheckpointError,
  ConfigError,
  DroppedError,
  EngineError,
  ImageError,
  isRefusal,
  loadModel,
  type Model,
  createBackbone as makeBackbone,
  type Predictor,
  type Progress,
  Result,
  UnsupportedError,
} from 'moganet';
import { remoteLibrary } from '../../src/worker/library.ts';
import type { ServedLibrary } from '../../src/worker/serve.ts';
import { loadModel as loadInWorker, type RemoteModel } from '../../src/worker.ts';
import { rejection } from '../harness/rejection.ts';
import { imageOf, smallBoth, smallClassification, smallFile } from '../harness/small_model.ts';
import { pageLibrary, testLibrary, testWorker } from '../harness/threads.ts';
import { withShort } from '../harness/timers.ts';

/** Runs both ends of a worker on this thread. `worker.alone.slow.test.ts` has them in a browser. */

const numbersOf = (result: Result) => {
  const { timings: _, ...others } = result;
  return others;
};

describe('a model in a worker', () => {
  let weights: Uint8Array;
  let here: Model;
  let remote: RemoteModel;
  const progress: Progress[] = [];
  const { loadModel: load, workers } = testLibrary();

  before(async () => {
    weights = await smallFile(smallBoth);
    here = await loadModel({ weights }, { engine: 'cpu' });
    remote = await load({ weights }, { engine: 'cpu', onProgress: (one) => progress.push(one) });
  });
  after(async () => {
    await here.dispose();
    await remote.dispose();
  });

  it('says the same about itself as one on this thread', () => {
    for (const fact of ['name', 'classes', 'config', 'unfilled', 'notices', 'sha256'] as const) {
      expect(remote[fact], fact).to.deep.equal(here[fact]);
    }
    expect(`${remote.engine}`).to.equal(`${here.engine}`);
    expect(new Set(progress.map(({ stage }) => stage))).to.deep.equal(new Set(['weights', 'engine']));
  });

  it('gives the same results in tiles, and refuses a wrong tile before it sends anything', async () => {
    const image = imageOf(110, 70);
    const options = { score: 0, tiles: { size: 48, overlap: 0.3, blend: 'hann', edges: 'keep' } } as const;
    const [expected, result] = [await here.predict(image, options), await remote.predict(image, options)];
    expect(numbersOf(result)).to.deep.equal(numbersOf(expected));
    expect(numbersOf(result)).to.not.deep.equal(numbersOf(await here.predict(image, { score: 0 })));
    const error = await rejection(remote.predict(image, { tiles: 8 }));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.match(/tiles: must be a whole number of pixels from 32/);
  });

  it('gives the same results, which render, filter and write themselves', async () => {
    const image = imageOf(70, 50);
    const options = { score: 0 };
    const [expected, result] = [await here.predict(image, options), await remote.predict(image, options)];
    expect(result).to.be.instanceOf(Result);
    expect(result.length).to.be.above(0);
    expect(numbersOf(result)).to.deep.equal(numbersOf(expected));
    expect(result.toJSON()).to.deep.equal(expected.toJSON());
    expect(result.render()).to.deep.equal(expected.render());
    expect(result.crop(0)).to.deep.equal(expected.crop(0));
    expect(result.masks?.[0]?.toRle()).to.deep.equal(expected.masks?.[0]?.toRle());
    expect(result.filter(({ label }) => label === 0).names).to.deep.equal(
      expected.filter(({ label }) => label === 0).names,
    );
    expect(Object.keys(result.timings).sort()).to.deep.equal(Object.keys(expected.timings).sort());
  });

  it('answers in order, also a call that fails at once', async () => {
    const order: number[] = [];
    const text = new TextEncoder().encode('Dear reader, this is no image at all.');
    const images = [imageOf(60, 60), text, imageOf(8, 8), imageOf(30, 30)];
    const outcomes = await Promise.allSettled(
      images.map((image, i) => remote.predict(image).finally(() => void order.push(i))),
    );
    expect(order).to.deep.equal([0, 1, 2, 3]);
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  });

  it('gives errors in their class, with code, facts and cause', async () => {
    const refused = await rejection(remote.predict(new TextEncoder().encode('Dear reader, this is no image at all.')));
    expect(refused).to.be.instanceOf(ImageError);
    expect(isRefusal(refused) && refused.code).to.equal('not-an-image');
    expect(refused.message).to.equal(
      (await rejection(here.predict(new TextEncoder().encode('Dear reader, this is no image at all.')))).message,
    );
    expect(await rejection(remote.predict(imageOf(8, 8), { classes: ['lft'] })))
      .to.be.instanceOf(ConfigError)
      .with.property('message')
      .that.includes('left');
    const weightless = await rejection(load({ weights: new TextEncoder().encode('no weights, only text') }));
    expect(weightless).to.be.instanceOf(CheckpointError);
    expect(isRefusal(weightless) && weightless.file).to.equal('bytes');
    const unknown = await rejection(load({ weights }, { engine: 'wgl' }));
    expect(unknown).to.be.instanceOf(ConfigError);
    expect(unknown.message).to.include('webgl');
  });

  it('checks options before anything is sent, as one on this thread does', async () => {
    const [worker] = workers;
    const sent = worker?.sent.length;
    for (const options of [{ score: 50 }, { threshold: 0.5 }, { latest: 1 }, { draw: { labelOf: () => '' } }]) {
      expect(
        await rejection(remote.predict(imageOf(8, 8), options as object)),
        JSON.stringify(options),
      ).to.be.instanceOf(ConfigError);
    }
    expect(await rejection(remote.predictSettled([imageOf(8, 8)], { latest: true }))).to.be.instanceOf(ConfigError);
    expect(await rejection(remote.predict([imageOf(8, 8)], { latest: true }))).to.be.instanceOf(ConfigError);
    for (const image of [
      undefined,
      {},
      'iVBORw0KGgo'.padEnd(300, 'A'),
      { width: 2, height: 2, data: new Uint8Array(3) },
    ]) {
      const [there, before] = [
        await rejection(remote.predict(image as string)),
        await rejection(here.predict(image as string)),
      ];
      expect(there).to.be.instanceOf(ImageError);
      expect(there.message).to.equal(before.message);
    }
    expect(worker?.sent.length).to.equal(sent);
  });

  it('copies pixels at the call, and leaves the caller its own', async () => {
    const image = imageOf(40, 40);
    const expected = await here.predict(image);
    const result = remote.predict(image);
    image.data.fill(0);
    expect(numbersOf(await result)).to.deep.equal(numbersOf(expected));
    expect(image.data.length).to.equal(4 * 40 * 40);
  });

  it('takes lists and streams, where an image that fails costs its slot', async () => {
    const images = [imageOf(30, 30), new Uint8Array(40), imageOf(20, 30, 1)];
    const [settled, expected] = [await remote.predictSettled(images), await here.predictSettled(images)];
    for (const [i, one] of settled.entries()) {
      const other = expected[i]!;
      expect(one.status).to.equal(other.status);
      if (one.status === 'rejected' && other.status === 'rejected')
        expect(one.reason.message).to.equal(other.reason.message);
      if (one.status === 'fulfilled' && other.status === 'fulfilled')
        expect(numbersOf(one.value)).to.deep.equal(numbersOf(other.value));
    }
    const streamed: number[] = [];
    for await (const { image } of remote.stream([imageOf(30, 31), imageOf(30, 32)]))
      streamed.push(image.width * image.height);
    expect(streamed).to.deep.equal([930, 960]);
    const batch = [imageOf(30, 30), imageOf(20, 30, 1)];
    const [batched, together] = [await remote.predictBatch(batch), await here.predictBatch(batch)];
    expect(batched.map(numbersOf)).to.deep.equal(together.map(numbersOf));
    expect((await rejection(remote.predictBatch(images))).message).to.match(/^images\[1\]/);
    const options = { padTogether: true };
    const [padded, reference] = [await remote.predictBatch(batch, options), await here.predictBatch(batch, options)];
    expect(padded.map(numbersOf)).to.deep.equal(reference.map(numbersOf));
  });

  it('merges several views of an image', async () => {
    const options = { flip: true, scales: [0.5, 1] };
    const [there, expected] = [
      await remote.predict(imageOf(50, 30), options),
      await here.predict(imageOf(50, 30), options),
    ];
    expect(numbersOf(there)).to.deep.equal(numbersOf(expected));
    const { message } = await rejection(remote.predict(imageOf(8, 8), { scales: [] }));
    expect(message).to.equal((await rejection(here.predict(imageOf(8, 8), { scales: [] }))).message);
  });

  it('gives the same features, and the way back to the image', async () => {
    const [maps, expected] = [await remote.features(imageOf(64, 40)), await here.features(imageOf(64, 40))];
    expect([...maps]).to.deep.equal([...expected]);
    expect(maps.geometry).to.deep.equal(expected.geometry);
  });

  it('ends a call at its abort with the reason of the signal, and goes on with the next', async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const call = remote.predict(imageOf(64, 64), { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const since = performance.now();
    stop.abort(reason);
    expect(await rejection(call)).to.equal(reason);
    expect(performance.now() - since).to.be.below(100);
    expect(await rejection(remote.predict(imageOf(8, 8), { signal: AbortSignal.abort(reason) }))).to.equal(reason);
    expect((await remote.predict(imageOf(30, 30))).image.width).to.equal(30);
  });

  it('waits for an image that does not arrive until its abort, or until it counts as lost', async () => {
    const stalling = () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(3)) }));
    const stop = new AbortController();
    const order: string[] = [];
    const aborted = rejection(remote.predict(stalling(), { signal: stop.signal })).then((error) => {
      order.push(error.message);
    });
    const behind = remote.predict(imageOf(30, 30)).then(() => order.push('the next'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(order).to.deep.equal([]);
    stop.abort(new Error('enough'));
    await Promise.all([aborted, behind]);
    expect(order).to.deep.equal(['enough', 'the next']);
    const [lost, next] = await withShort(30_000, () =>
      Promise.all([rejection(remote.predict(stalling())), remote.predict(imageOf(31, 30))]),
    );
    expect(lost).to.be.instanceOf(ImageError);
    expect(lost.message).to.match(/the server sends no data for 30 s/);
    expect(next.image.width).to.equal(31);
  });

  it('does not wait for the weights of another model', async () => {
    const stop = new AbortController();
    const endless = new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(3)) }));
    const loading = rejection(load({ weights: endless }, { engine: 'cpu', signal: stop.signal }));
    expect((await remote.predict(imageOf(30, 30))).image.width).to.equal(30);
    stop.abort(new Error('enough'));
    expect((await loading).message).to.equal('enough');
  });

  it('runs the latest frame, and drops those before it with an error that says so', async () => {
    const outcomes = await Promise.allSettled(
      [20, 21, 22, 23, 24].map((width) => remote.predict(imageOf(width, 20), { latest: true })),
    );
    const seen = outcomes.map((one) => (one.status === 'fulfilled' ? one.value.image.width : one.reason.name));
    expect(seen).to.deep.equal([20, 'DroppedError', 'DroppedError', 'DroppedError', 24]);
    expect(outcomes[1]?.status === 'rejected' && outcomes[1].reason).to.be.instanceOf(DroppedError);
    const stop = new AbortController();
    const [first, aborted] = [
      remote.predict(imageOf(20, 20), { latest: true }),
      rejection(remote.predict(imageOf(21, 20), { latest: true, signal: stop.signal })),
    ];
    stop.abort(new Error('no more'));
    expect((await aborted).message).to.equal('no more');
    expect((await first).image.width).to.equal(20);
    expect((await remote.predict(imageOf(25, 20), { latest: true })).image.width, 'after the abort').to.equal(25);
  });

  it('has one frame at the network, also after a frame whose signal was aborted before', async () => {
    const frame = (width: number, signal?: AbortSignal) =>
      remote.predict(imageOf(width, 20), { latest: true, signal }).then(
        ({ image }) => image.width,
        (error: Error) => error.name,
      );
    const first = frame(20);
    expect(await frame(21, AbortSignal.abort(new RangeError('too late')))).to.equal('RangeError');
    expect(await Promise.all([first, frame(22), frame(23)])).to.deep.equal([20, 'DroppedError', 23]);
  });

  it('is warmed up', async () => {
    await remote.warmUp({ size: { width: 32, height: 32 } });
    expect(await rejection(remote.warmUp({ latest: true } as object))).to.be.instanceOf(ConfigError);
  });

  it('shares its methods with one on this thread, so that code can take either', async () => {
    const widthOf = async (model: Predictor) => (await model.predict(imageOf(30, 20), { score: 0.5 })).image.width;
    expect(await Promise.all([widthOf(here), widthOf(remote)])).to.deep.equal([30, 30]);
    const either: readonly (Model | RemoteModel)[] = [here, remote]; // the compiler takes the call of a union as well
    for (const model of either)
      expect((await model.predict([imageOf(30, 20)], { score: 0.5 }))[0]?.image.width).to.equal(30);
  });
});

describe('a worker', () => {
  let weights: Uint8Array;
  before(async () => {
    weights = await smallFile(smallBoth);
  });
  const cpu = { engine: 'cpu' };

  it('has several models, and ends with the last of them', async () => {
    const { loadModel: load, workers } = testLibrary();
    const other = await smallFile(smallClassification);
    const [first, second] = [await load({ weights }, cpu), await load({ weights: other }, cpu)];
    expect(workers).to.have.length(1);
    const [a, b] = await Promise.all([first.predict(imageOf(30, 30)), second.predict(imageOf(40, 40))]);
    expect([a.classes.length, b.classification?.labels.length]).to.deep.equal([2, 5]);
    await first.dispose();
    expect(workers[0]?.isTerminated).to.equal(false);
    expect(await rejection(first.predict(imageOf(8, 8))))
      .to.be.instanceOf(EngineError)
      .with.property('message')
      .that.includes('disposed');
    expect((await second.predict(imageOf(30, 30))).image.width).to.equal(30);
    const last = second.predict(imageOf(31, 30));
    await Promise.all([second.dispose(), second.dispose()]);
    expect((await last).image.width, 'a call from before').to.equal(31);
    expect(workers[0]?.isTerminated).to.equal(true);
    const third = await load({ weights }, cpu);
    expect(workers).to.have.length(2);
    await third.dispose();
    expect(workers[1]?.isTerminated).to.equal(true);
  });

  it('ends with models that are disposed at the same time', async () => {
    const { loadModel: load, createBackbone, workers } = testLibrary();
    const all = [
      await load({ weights }, cpu),
      await createBackbone(smallBoth.backbone, { weights, ...cpu }),
      await load({ weights }, cpu),
    ];
    await Promise.all(all.map((one) => one.dispose()));
    expect(workers.map(({ isTerminated }) => isTerminated)).to.deep.equal([true]);
  });

  it('is waited for no longer when it is ended before it has started', async () => {
    const policy = new Set<unknown>();
    const document = {
      baseURI: 'https://page.example/',
      addEventListener: (_: string, listener: unknown) => policy.add(listener),
      removeEventListener: (_: string, listener: unknown) => policy.delete(listener),
    };
    const { setTimeout: start, clearTimeout: end } = globalThis;
    const timers = new Set<unknown>();
    const setTimer = (run: () => void, milliseconds: number) => {
      const timer = start(run, milliseconds);
      if (milliseconds === 30_000) timers.add(timer);
      return timer;
    };
    const clearTimer = (timer: NodeJS.Timeout) => {
      timers.delete(timer);
      end(timer);
    };
    Object.assign(globalThis, { document, setTimeout: setTimer, clearTimeout: clearTimer });
    try {
      const worker = testWorker();
      const { loadModel: load } = remoteLibrary(() => worker, {});
      const stop = new AbortController();
      const loading = rejection(load({ weights }, { ...cpu, signal: stop.signal }));
      expect([policy.size, timers.size]).to.deep.equal([1, 1]);
      stop.abort(new Error('enough'));
      expect((await loading).message).to.equal('enough');
      expect([worker.isTerminated, policy.size, timers.size]).to.deep.equal([true, 0, 0]);
    } finally {
      Object.assign(globalThis, { setTimeout: start, clearTimeout: end });
      Reflect.deleteProperty(globalThis, 'document');
    }
  });

  it('ends after a load that fails or is aborted', async () => {
    const { loadModel: load, workers } = testLibrary();
    await rejection(load({ weights: new Uint8Array(20) }));
    const stop = new AbortController();
    const loading = rejection(
      load({ weights }, { ...cpu, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) }),
    );
    expect((await loading).message).to.equal('enough');
    expect(workers.map(({ isTerminated }) => isTerminated)).to.deep.equal([true, true]);
  });

  it('that fails rejects every call, and the next load starts another', async () => {
    const { loadModel: load, workers } = testLibrary();
    const model = await load({ weights }, cpu);
    const calls = [rejection(model.predict(imageOf(60, 60))), rejection(model.features(imageOf(60, 60)))];
    workers[0]?.crash('out of memory');
    for (const error of await Promise.all(calls)) {
      expect(error).to.be.instanceOf(EngineError);
      expect(error.message).to.match(/the worker failed \(out of memory\).*Load the model again/);
    }
    expect(await rejection(model.predict(imageOf(8, 8)))).to.be.instanceOf(EngineError);
    expect(workers[0]?.isTerminated).to.equal(true);
    await model.dispose();
    const again = await load({ weights }, cpu);
    expect((await again.predict(imageOf(30, 30))).image.width).to.equal(30);
    await again.dispose();
  });

  it('says that the device of its engine is lost', async () => {
    const { loadModel: served, createBackbone } = pageLibrary();
    const lost = { isLost: false };
    const losing: ServedLibrary = {
      createBackbone,
      loadModel: async (ref, options) => {
        const model = await served(ref, options);
        Object.defineProperty(model.engine, 'lost', { get: () => lost.isLost });
        return model;
      },
    };
    const model = await testLibrary(losing).loadModel({ weights }, cpu);
    await rejection(model.predict(new Uint8Array(9)));
    expect(model.engine.lost).to.equal(false);
    lost.isLost = true;
    await rejection(model.predict(new Uint8Array(9)));
    expect(model.engine.lost).to.equal(true);
    await model.dispose();
  });

  it('that does not start is an EngineError that says what to do', async () => {
    const silent = testWorker();
    const { loadModel: load } = remoteLibrary(() => silent, {});
    const loading = rejection(load({ weights }));
    silent.crash('');
    const error = await loading;
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.match(/did not start\. Check that the server has its script.*worker-src.*withAssets/);
    const refusing = remoteLibrary(() => {
      throw new Error('cannot be accessed from origin');
    }, {});
    expect((await rejection(refusing.loadModel({ weights }))).message).to.match(
      /cannot be started \(cannot be accessed/,
    );
  });

  it('refuses a page of another version', async () => {
    const worker = testWorker();
    const { loadModel: load } = remoteLibrary(() => worker, {});
    const loading = rejection(load({ weights }));
    worker.say({ kind: 'ready', version: '0.0.1' });
    expect((await loading).message).to.include('the worker has version 0.0.1');
  });

  it('is refused in Node by name', async () => {
    const error = await rejection(loadInWorker({ weights }));
    expect(error).to.be.instanceOf(UnsupportedError);
    expect(error.message).to.include('In Node import "moganet"');
  });

  it('takes no functions, and says where they go', async () => {
    const { loadModel: load } = testLibrary();
    const error = await rejection(load({ weights }, { configure: (config: object) => config } as object));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.match(/`configure` holds functions.*moganet\/worker\/serve/);
    expect(await rejection(load({ weights }, { heads: { mine: () => ({}) } } as object))).to.be.instanceOf(ConfigError);
    expect(await rejection(load({ weights }, { engine: { load: () => {} } } as object))).to.be.instanceOf(ConfigError);
  });

  it('serves a backbone, whose tensors stay there until they are read', async () => {
    const { createBackbone, workers } = testLibrary();
    const { backbone: config } = smallBoth;
    const expected = await makeBackbone(config, { weights, engine: 'cpu' });
    const remote = await createBackbone(config, { weights, engine: 'cpu' });
    expect(remote.stages).to.deep.equal(expected.stages);
    const image = { shape: [1, 3, 32, 32], data: new Float32Array(3 * 32 * 32).map((_, i) => Math.sin(i)) };
    expect(await remote.forward(image)).to.deep.equal(await expected.forward(image));
    const [tensor] = await remote.run(image);
    expect(await tensor?.read()).to.deep.equal((await expected.forward(image))[0]);
    tensor?.dispose();
    expect(await rejection(tensor!.read())).to.be.instanceOf(EngineError);
    const [taken] = await remote.run(image);
    const read = taken!.read();
    taken?.dispose(); // after the calls that take it
    expect(await read).to.deep.equal((await expected.forward(image))[0]);
    await Promise.all([remote.dispose(), expected.dispose()]);
    expect(workers[0]?.isTerminated).to.equal(true);
    expect(await rejection(remote.forward(image))).to.be.instanceOf(EngineError);
  });
});
