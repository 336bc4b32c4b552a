import { expect } from 'chai';
import {
  ConfigError,
  DroppedError,
  EngineError,
  encodePng,
  loadModel,
  type Model,
  type ModelConfig,
  Result,
} from 'moganet';
import { withDetector } from '../../src/library/with_detector.ts';
import { rejection } from '../harness/rejection.ts';
import {
  imageOf,
  smallDetection,
  smallFile,
  smallPersons,
  smallPose,
  smallSegmentation,
} from '../harness/small_model.ts';
import { testLibrary } from '../harness/threads.ts';

const cpu = { engine: 'cpu' } as const;

const load = async (config: ModelConfig): Promise<Model> =>
  loadModel({ weights: await smallFile(config) }, { engine: 'onnxruntime', threads: 1 });

const numbersOf = ({ poses }: Result) => [
  [...(poses?.boxes ?? [])],
  [...(poses?.scores ?? [])],
  [...(poses?.points ?? [])],
  [...(poses?.pointScores ?? [])],
];

describe('a pose model with a detector', () => {
  const images = [imageOf(60, 40), imageOf(40, 60, 3), encodePng(imageOf(50, 50, 7))];
  let pose: Model;
  let detector: Model;
  let other: Model;
  before(async () => {
    [pose, detector, other] = [await load(smallPose), await load(smallPersons), await load(smallDetection)];
  });
  after(() => Promise.all([pose.dispose(), detector.dispose(), other.dispose()]));

  it('finds the poses in the boxes of one class, as the two calls do', async () => {
    const both = withDetector(pose, detector, { score: 0 });
    const [first] = images;
    const result = await both.predict(first!);
    const all = await detector.predict(first!, { score: 0, max: 100 });
    const found = all.filter(({ name }) => name === 'person');
    expect(found.length).to.be.within(1, all.length - 1); // the class makes a difference
    const persons = await detector.predict(first!, { score: 0, classes: ['person'] });
    const alone = await pose.predict(persons.image, { boxes: persons, oks: 0.9 });
    expect(result.poses?.length).to.be.greaterThan(0);
    expect(numbersOf(result)).to.deep.equal(numbersOf(alone));
    expect([both.class, both.name, both.sha256]).to.deep.equal(['person', pose.name, pose.sha256]);
    expect(both.config).to.equal(pose.config);
  });

  it('takes the detector’s options, and at a call those of the pose model', async () => {
    const [first] = images;
    const kept = (oks: number, max?: number) =>
      withDetector(pose, detector, { score: 0, max, oks })
        .predict(first!)
        .then(({ poses }) => poses!.length);
    const all = await kept(1);
    expect(all).to.be.greaterThan(2);
    expect(await kept(0.01)).to.be.lessThan(all);
    expect(await kept(1, 2)).to.equal(2);
    const both = withDetector(pose, detector, { score: 0, oks: 0.01 });
    expect((await both.predict(first!, { oks: 1 })).poses).to.have.length(all);
    expect((await both.predict(first!, { oks: 1, max: 1 })).poses).to.have.length(1);
    expect((await withDetector(pose, detector, { score: 1 }).predict(first!)).poses).to.have.length(0);
    const animals = await withDetector(pose, detector, { score: 0, class: 'dog', oks: 1 }).predict(first!);
    const dogs = await detector.predict(first!, { score: 0, classes: ['dog'] });
    expect([...animals.poses!.boxes]).to.have.members([...dogs.boxes]);
  });

  it('takes boxes with a score of 0.3 or more, and drops similar poses, by default', async () => {
    const [first] = images;
    const expected = await withDetector(pose, detector, { score: 0.3, oks: 0.9 }).predict(first!);
    expect(numbersOf(await withDetector(pose, detector).predict(first!))).to.deep.equal(numbersOf(expected));
  });

  it('keeps every pose by default if its keypoints have no sigmas', async () => {
    const own = { names: ['head', 'foot'] };
    const model = await load({ ...smallPose, pose: { ...smallPose.pose, dataset: undefined, keypoints: own } });
    const result = await withDetector(model, detector, { score: 0 }).predict(images[0]!);
    const boxes = await detector.predict(images[0]!, { score: 0, classes: ['person'] });
    expect([...result.poses!.boxes]).to.deep.equal([...boxes.boxes]);
    await model.dispose();
  });

  it('leaves out boxes that have no area', async () => {
    const fields = { labels: Int32Array.of(0, 0, 0), classes: ['person', 'dog'], timings: {}, image: imageOf(60, 40) };
    const boxes = Float32Array.of(60, 5, 60, 30, 5, 5, 30, 35, 5, 40, 30, 40);
    const found = new Result({ ...fields, boxes, scores: Float32Array.of(0.9, 0.8, 0.7) });
    const both = withDetector(pose, Object.assign(await load(smallPersons), { runAlone: async () => found }));
    const result = await both.predict(images[0]!);
    expect([...result.poses!.boxes]).to.deep.equal([5, 5, 30, 35]);
    await both.detector.dispose();
  });

  it('gives for lists, streams and batches what it gives alone', async () => {
    const both = withDetector(pose, detector, { score: 0 });
    const alone: unknown[] = [];
    for (const image of images) alone.push(numbersOf(await both.predict(image)));
    expect((await both.predict(images)).map(numbersOf)).to.deep.equal(alone);
    expect((await both.predictBatch(images)).map(numbersOf)).to.deep.equal(alone);
    const streamed: unknown[] = [];
    for await (const result of both.stream(images)) streamed.push(numbersOf(result));
    expect(streamed).to.deep.equal(alone);
    const settled = await both.predictSettled([images[0]!, new Uint8Array(4), images[1]!]);
    expect(settled.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(settled[1]?.status === 'rejected' && `${settled[1].reason}`).to.include('images[1]');
  });

  it('names the file and the time of both models', async () => {
    const both = withDetector(pose, detector, { score: 0 });
    const file = new File([encodePng(imageOf(30, 30)) as Uint8Array<ArrayBuffer>], 'people.png');
    const { origin, timings } = await both.predict(file);
    expect(origin).to.deep.include({ file: 'people.png', model: { name: pose.name, sha256: pose.sha256 } });
    expect(timings).to.include.keys('decode', 'detection', 'pose', 'network', 'total');
    expect(timings.total).to.be.at.least(timings.network!);
  });

  it('refuses options that belong to one of the two alone', async () => {
    const both = withDetector(pose, detector);
    const boxes = await rejection(both.predict(images[0]!, { boxes: [[0, 0, 9, 9]] }));
    expect(boxes).to.be.instanceOf(ConfigError).and.have.property('message').that.includes('"small_persons"');
    expect(await rejection(both.predict(images, { only: 'detection' }))).to.be.instanceOf(ConfigError);
    expect(await rejection(both.predict(images[0]!, { classes: ['person'] }))).to.be.instanceOf(ConfigError);
    expect(() => withDetector(pose, detector, { iuo: 1 } as never)).to.throw(ConfigError, /withDetector.*iuo/);
    expect(() => withDetector(pose, detector, { score: 2 })).to.throw(ConfigError, 'score');
  });

  it('refuses models that do not belong together, with both names', async () => {
    expect(() => withDetector(pose, other)).to.throw(ConfigError, /"small_detection".*"person".*left, right/);
    expect(() => withDetector(pose, detector, { class: 'persn' })).to.throw(ConfigError, 'Did you mean "person"?');
    expect(() => withDetector(detector, pose)).to.throw(ConfigError, '"small_persons" finds no poses');
    const segments = await load(smallSegmentation);
    expect(() => withDetector(pose, segments)).to.throw(ConfigError, /"small_segmentation" detects no instances/);
    await segments.dispose();
    expect(withDetector(pose, other, { class: 'left' }).class).to.equal('left');
  });

  it('works with models in a worker, and with one of each, for the same poses', async () => {
    const library = testLibrary();
    const loadRemote = async (config: ModelConfig) => library.loadModel({ weights: await smallFile(config) }, cpu);
    const loadHere = async (config: ModelConfig) => loadModel({ weights: await smallFile(config) }, cpu);
    const [remotePose, remoteDetector] = [await loadRemote(smallPose), await loadRemote(smallPersons)];
    const [herePose, hereDetector] = [await loadHere(smallPose), await loadHere(smallPersons)];
    const options = { score: 0 };
    const expected = numbersOf(await withDetector(herePose, hereDetector, options).predict(images[0]!));
    expect(expected[1]).to.have.length.greaterThan(0);
    const remote = withDetector(remotePose, remoteDetector, options);
    const file = new File([encodePng(imageOf(60, 40)) as Uint8Array<ArrayBuffer>], 'people.png');
    const result = await remote.predict(file);
    expect(numbersOf(result)).to.deep.equal(expected);
    expect(result.origin).to.include({ file: 'people.png' });
    expect(numbersOf(await withDetector(herePose, remoteDetector, options).predict(images[0]!))).to.deep.equal(
      expected,
    );
    expect(numbersOf(await withDetector(remotePose, hereDetector, options).predict(images[0]!))).to.deep.equal(
      expected,
    );
    // frames: one runs and one waits
    const frames = await Promise.allSettled([0, 1, 2].map(() => remote.predict(images[0]!, { latest: true })));
    expect(frames.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(frames[1]).to.have.property('reason').that.is.instanceOf(DroppedError);
    await Promise.all([remote.dispose(), herePose.dispose(), hereDetector.dispose()]);
  });

  it('ends with both models, and with the signal of a call', async () => {
    const both = withDetector(await load(smallPose), await load(smallPersons), { score: 0 });
    await both.warmUp();
    const reason = new Error('enough');
    expect(await rejection(both.predict(images, { signal: AbortSignal.abort(reason) }))).to.equal(reason);
    await both.dispose();
    expect(await rejection(both.predict(images[0]!))).to.be.instanceOf(EngineError);
    expect(await rejection(both.pose.predict(images[0]!))).to.be.instanceOf(EngineError);
    expect(await rejection(both.predictSettled(images))).to.be.instanceOf(EngineError);
  });

  it('ends after the calls that have begun', async () => {
    const both = withDetector(await load(smallPose), await load(smallPersons), { score: 0 });
    const calls = [both.predict(images[0]!), both.predictBatch(images), both.warmUp()];
    const end = both.dispose();
    expect(await rejection(both.predict(images[0]!))).to.be.instanceOf(EngineError);
    await Promise.all(calls);
    await end;
    expect(await rejection(both.pose.predict(images[0]!))).to.be.instanceOf(EngineError);
  });
});
