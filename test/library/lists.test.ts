import { expect } from 'chai';
import {
  CheckpointError,
  ConfigError,
  EngineError,
  encodePng,
  ImageError,
  isRefusal,
  loadModel,
  type Model,
  type Raster,
  type Result,
} from 'moganet';
import { rejection } from '../harness/rejection.ts';
import { imageOf, smallBoth, smallFile } from '../harness/small_model.ts';

const good = encodePng(imageOf(20, 20));
const text = new TextEncoder().encode('not an image');
const cut = good.slice(0, 60);

const numbersOf = ({ boxes, scores, segmentation }: Result) => [
  [...boxes],
  [...scores],
  [...(segmentation?.labels ?? [])],
];

describe('a list of images', () => {
  let model: Model;
  before(async () => {
    model = await loadModel({ weights: await smallFile(smallBoth) }, { engine: 'cpu' });
  });
  after(() => model.dispose());

  it('with bad images costs only their slots, in order, if it is settled', async () => {
    const settled = await model.predictSettled([good, text, imageOf(30, 20), 'gone.jpg', cut]);
    expect(settled.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    const [first, second, third, fourth, fifth] = settled;
    const alone = [await model.predict(good), await model.predict(imageOf(30, 20))];
    expect([first, third].map((one) => one?.status === 'fulfilled' && numbersOf(one.value))).to.deep.equal(
      alone.map(numbersOf),
    );
    const reasons = [second, fourth, fifth].flatMap((one) => (one?.status === 'rejected' ? [one.reason] : []));
    expect(reasons.map((reason) => [reason instanceof ImageError, isRefusal(reason) && reason.code])).to.deep.equal([
      [true, 'not-an-image'],
      [true, 'unreadable'],
      [true, 'truncated'],
    ]);
    expect(reasons[0].message).to.match(/^images\[1\]: bytes: /);
    expect(reasons[1].message).to.match(/^images\[3\]: gone\.jpg: /);
    expect(reasons[2].message).to.match(/^images\[4\]: bytes/);
    expect(`${reasons[0].stack}`).to.include('images[1]: bytes');
    expect(await model.predictSettled([])).to.deep.equal([]);
  });

  it('takes a value that is no image as the failure of its slot', async () => {
    const [bad, fine] = await model.predictSettled([5 as never, imageOf(8, 8)]);
    expect(bad).to.have.property('status', 'rejected');
    expect(fine).to.have.property('status', 'fulfilled');
    const empty = { width: 0, height: 3, data: new Uint8ClampedArray(0) };
    const [none] = await model.predictSettled([empty]);
    expect(none?.status === 'rejected' && `${none.reason}`).to.match(/images\[0\]: image is 0×3/);
  });

  it('refuses memory that was transferred to another thread as the failure of its slot', async () => {
    const [bytes, buffer, pixels] = [good.slice(), good.slice().buffer, imageOf(20, 20)];
    structuredClone(0, { transfer: [bytes.buffer, buffer, pixels.data.buffer as ArrayBuffer] });
    const images = [good, bytes, buffer, pixels, good];
    const states = ['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'];
    expect((await model.predictSettled(images)).map(({ status }) => status)).to.deep.equal(states);
    const streamed: PromiseSettledResult<Result>[] = [];
    for await (const one of model.streamSettled(images)) streamed.push(one);
    expect(streamed.map(({ status }) => status)).to.deep.equal(states);
    for (const call of [model.predict(bytes), model.features(pixels), model.predictBatch([buffer])]) {
      const error = await rejection(call);
      expect(error).to.be.instanceOf(ImageError);
      expect(error.message).to.match(/transferred to another thread/);
    }
  });

  it('gives the reason of an abort, or the failures of slots, whatever has failed before', async () => {
    const controller = new AbortController();
    const source = async function* () {
      yield text;
      await new Promise((resolve) => setTimeout(resolve, 20)); // until it has failed
      controller.abort(new Error('enough'));
    };
    const aborted = model.streamSettled(source(), { signal: controller.signal });
    expect((await aborted.next()).value).to.have.property('status', 'rejected');
    expect((await rejection(aborted.next())).message).to.equal('enough');

    const other = await loadModel({ weights: await smallFile(smallBoth) }, { engine: 'cpu' });
    const stream = other.streamSettled([good, text, good]);
    const states = [(await stream.next()).value?.status];
    const disposed = other.dispose();
    for await (const { status } of stream) states.push(status);
    await disposed;
    expect(states).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('ends as a whole for what concerns every image', async () => {
    const images = [imageOf(8, 8), imageOf(8, 8)];
    expect(await rejection(model.predictSettled(images, { classes: ['rihgt'] }))).to.be.instanceOf(ConfigError);
    const wrong = await rejection(model.predictSettled(images, { scor: 1 } as never));
    expect(wrong.message).to.match(/^options of predictSettled: unknown option "scor"/);
    expect((await rejection(model.predictSettled('a.jpg' as never))).message).to.match(
      /^predictSettled takes a list of images, got "a\.jpg"/,
    );
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 0);
    const aborted = await rejection(model.predictSettled(images, { signal: controller.signal }));
    expect(aborted.message).to.equal('enough');
    const another = await loadModel({ weights: await smallFile(smallBoth) }, { engine: 'cpu' });
    await another.dispose();
    expect(await rejection(another.predictSettled(images))).to.be.instanceOf(EngineError);
    const unfilled = await loadModel({ config: smallBoth, weights: { backbone: await smallFile(smallBoth) } });
    expect(await rejection(unfilled.predictSettled(images))).to.be.instanceOf(CheckpointError);
    await unfilled.dispose();
  });

  it('that is not settled ends at the first failure, and says which image', async () => {
    const error = await rejection(model.predict([imageOf(8, 8), text, 'gone.jpg']));
    expect(error).to.be.instanceOf(ImageError).and.satisfy(isRefusal);
    expect(error.message).to.match(/^images\[1\]: bytes: /);
    const batch = await rejection(model.predictBatch([imageOf(8, 8), imageOf(9, 9), cut]));
    expect(batch.message).to.match(/^images\[2\]: bytes/);
    expect((await rejection(model.predictBatch([imageOf(8, 8), 5 as never]))).message).to.match(
      /^images\[1\]: an image/,
    );
    const named = await rejection(model.predictBatch([imageOf(8, 8)], { scor: 1 } as never));
    expect(named.message).to.match(/^options of predictBatch: /);
    // one image has no place
    expect((await rejection(model.predict(text))).message).to.match(/^bytes: /);
  });

  it('may be one or several by type', async () => {
    const either: Raster | Raster[] = Math.random() < 2 ? [imageOf(8, 8)] : imageOf(8, 8);
    const results: Result | Result[] = await model.predict(either);
    expect(results).to.be.an('array').of.length(1);
  });
});

describe('what a caller changes after the call', () => {
  let model: Model;
  before(async () => {
    model = await loadModel({ weights: await smallFile(smallBoth) }, { engine: 'cpu' });
  });
  after(() => model.dispose());

  /** Images that share memory with the caller, and the function that overwrites it. */
  const kinds = {
    'clamped pixels': () => {
      const image = imageOf(40, 30);
      return { image, change: () => (image.data as Uint8ClampedArray).fill(9) };
    },
    'pixels in a Buffer': () => {
      const { width, height, data: clamped } = imageOf(40, 30);
      const data = Buffer.from(clamped);
      return { image: { width, height, data }, change: () => data.fill(9) };
    },
    bytes: () => {
      const image = Uint8Array.from(encodePng(imageOf(40, 30)));
      return { image, change: () => image.fill(9) };
    },
    'a Buffer': () => {
      const image = Buffer.from(encodePng(imageOf(40, 30)));
      return { image, change: () => image.fill(9) };
    },
    'an ArrayBuffer': () => {
      const image = Uint8Array.from(encodePng(imageOf(40, 30))).buffer;
      return { image, change: () => new Uint8Array(image).fill(9) };
    },
  };

  for (const [kind, make] of Object.entries(kinds)) {
    it(`in ${kind} changes no result`, async () => {
      const expected = await model.predict(imageOf(40, 30));
      const picture = [...expected.image.data];
      const first = make();
      const alone = model.predict(first.image);
      first.change();
      const second = make();
      const busy = [model.predict(imageOf(64, 64)), model.predict([second.image, second.image])] as const;
      const third = make();
      const rest = [
        model.predictBatch([third.image]),
        model.predictSettled([third.image]),
        model.features(third.image),
      ] as const;
      second.change();
      third.change();
      const [, list] = await Promise.all(busy);
      const [batch, [settled], pyramid] = await Promise.all(rest);
      const results = [await alone, ...list, ...batch];
      if (settled?.status === 'fulfilled') results.push(settled.value);
      expect(results).to.have.length(5);
      for (const result of results) {
        expect(numbersOf(result)).to.deep.equal(numbersOf(expected));
        expect([...result.image.data]).to.deep.equal(picture);
      }
      const whole = await model.features(imageOf(40, 30));
      expect([...pyramid[0]!.data]).to.deep.equal([...whole[0]!.data]);
    });
  }

  it('in the list or the options changes no result', async () => {
    const images = [imageOf(40, 30), imageOf(30, 40)];
    const options = { max: 1, classes: ['right'] };
    const expected = (await model.predict(images, options)).map(numbersOf);
    const running = model.predict(images, options);
    images.reverse();
    options.max = 5;
    options.classes[0] = 'left';
    expect((await running).map(numbersOf)).to.deep.equal(expected);
  });
});
