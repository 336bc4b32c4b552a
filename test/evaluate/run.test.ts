import { expect } from 'chai';
import type { ImageSet, LabelledImage } from '../../src/data/image_set.ts';
import { ConfigError, DataError, ImageError } from '../../src/errors.ts';
import { compareResults } from '../../src/evaluate/compare_results.ts';
import { evaluationJson } from '../../src/evaluate/evaluation_json.ts';
import type { Observer } from '../../src/evaluate/observe.ts';
import { evaluateResults } from '../../src/evaluate/results_file.ts';
import { type EvaluatedOptions, evaluateModel } from '../../src/evaluate/run.ts';
import { FakeModel, instances } from '../harness/fake_model.ts';

const box = [10, 10, 30, 30] as const;
const size = { height: 40, width: 60 };
const none = instances([]);

/** A data set of `count` images with a cat each; what is asked of it is counted. */
function cats(
  count: number,
  more: Partial<ImageSet> = {},
  ofImage: (i: number) => Partial<LabelledImage> = () => ({}),
) {
  const asked = { bytes: 0 };
  const set: ImageSet = {
    format: 'voc',
    name: 'cats',
    split: undefined,
    kinds: ['objects'],
    classes: ['dog', 'cat'],
    count,
    notices: [],
    async *images() {
      for (let i = 0; i < count; i++) {
        yield {
          id: i + 1,
          file: `${i}.jpg`,
          size,
          objects: [{ id: i, label: 1, box, area: 400, crowd: false }],
          bytes: async () => {
            asked.bytes++;
            return new Uint8Array(8);
          },
          ...ofImage(i),
        };
      }
    },
    ...more,
  };
  return { set, asked };
}

const numberOf = (file: string): number => Number.parseInt(file, 10);

/** Finds the cat in images of even number, and a dog of which it is less sure. Numbers its classes otherwise than the data. */
const finder = () =>
  new FakeModel({
    classes: { detection: ['cat', 'bird', 'dog'] },
    find: (file) =>
      instances([
        ...(numberOf(file) % 2 === 0
          ? [{ box: [...box] as [number, number, number, number], score: 0.9, label: 0 }]
          : []),
        { box: [31, 1, 39, 9], score: 0.2, label: 1 },
      ]),
  });

describe('the evaluation of a model', () => {
  it('matches classes by name and measures boxes', async () => {
    const evaluation = await evaluateModel(finder(), cats(4).set);
    const [ap = 0] = evaluation.bbox?.stats ?? [];
    expect(ap).to.be.closeTo(51 / 101, 1e-9); // precision 1 up to a recall of 0.5
    expect(evaluation.bbox?.perClass.map(({ name, truths, detections }) => [name, truths, detections])).to.deep.equal([
      ['dog', 0, 0],
      ['cat', 4, 2],
    ]);
    expect(evaluation.detections).to.equal(2);
    expect(evaluation.notices.join('\n')).to.include('bird');
    expect(evaluation.notices.join('\n')).not.to.include('dog');
    expect(evaluation.images.map(({ bbox }) => bbox?.tp)).to.deep.equal([1, 0, 1, 0]);
    expect(evaluation.shown.map(({ row }) => row.file)).to.deep.equal(['1.jpg', '3.jpg']);
    expect(evaluation.shown[0]?.truths.map(({ name, status }) => [name, status])).to.deep.equal([['cat', 'missed']]);
  });

  it('takes the first images only if a limit is set, and says so', async () => {
    const { set, asked } = cats(6);
    const evaluation = await evaluateModel(finder(), set, { limit: 3 });
    expect(evaluation.images.map(({ file }) => file)).to.deep.equal(['0.jpg', '1.jpg', '2.jpg']);
    expect(asked.bytes).to.equal(3);
    expect(evaluation.data).to.include({ count: 6, evaluated: 3, limit: 3 });
    expect(evaluation.bbox?.perClass[1]?.truths).to.equal(3);
    const whole = await evaluateModel(finder(), set, { limit: 10 });
    expect(whole.data.limit).to.equal(undefined);
  });

  it('leaves an image that fails out on both sides and names it', async () => {
    const unreadable = (i: number) =>
      i === 1 ? { bytes: () => Promise.reject(new DataError('1.jpg: there is no such file.')) } : {};
    const model = new FakeModel({
      classes: { detection: ['cat'] },
      find: (file) => {
        if (file === '2.jpg') throw new ImageError('2.jpg: the file ends too early.');
        return instances([{ box: [...box], score: 0.9, label: 0 }]);
      },
    });
    const { data, failures, images, bbox } = await evaluateModel(model, cats(5, {}, unreadable).set);
    expect(failures).to.deep.equal([
      { file: '1.jpg', error: 'there is no such file.' },
      { file: '2.jpg', error: 'the file ends too early.' },
    ]);
    expect(images.map(({ file }) => file)).to.deep.equal(['0.jpg', '3.jpg', '4.jpg']);
    expect(data.evaluated).to.equal(3);
    expect(bbox?.stats[0]).to.be.closeTo(1, 1e-9);
  });

  it('goes on after labels that cannot be read', async () => {
    const { set } = cats(3);
    const faulty: ImageSet = {
      ...set,
      async *images({ onFault } = {}) {
        let i = 0;
        for await (const image of set.images()) {
          if (i++ === 1) onFault?.(new DataError('labels/1.xml: the file ends too early.'));
          else yield image;
        }
      },
    };
    const { failures, images, bbox } = await evaluateModel(finder(), faulty);
    expect(failures).to.deep.equal([{ file: 'labels/1.xml', error: 'the file ends too early.' }]);
    expect(images.map(({ file }) => file)).to.deep.equal(['0.jpg', '2.jpg']);
    expect(bbox?.perClass[1]?.truths).to.equal(2);
    const first = await evaluateModel(finder(), faulty, { limit: 2 });
    expect(first.images.map(({ file }) => file)).to.deep.equal(['0.jpg']);
  });

  it('is an error if every image fails', async () => {
    const failing = new FakeModel({
      classes: { detection: ['cat'] },
      find: () => {
        throw new ImageError('no image.');
      },
    });
    await rejects(evaluateModel(failing, cats(2).set), DataError, /none of 2.*0\.jpg/);
  });

  it('throws mistakes in code, and what concerns every image', async () => {
    const wrong = (error: Error) =>
      new FakeModel({
        classes: { detection: ['cat'] },
        find: () => {
          throw error;
        },
      });
    await rejects(evaluateModel(wrong(new TypeError('a mistake')), cats(2).set), TypeError, /a mistake/);
    await rejects(evaluateModel(wrong(new ConfigError('no such option')), cats(2).set), ConfigError, /no such option/);
  });

  it('refuses a data set without a class of the model, with both lists', async () => {
    const birds = new FakeModel({ classes: { detection: ['bird'] }, find: () => none });
    await rejects(evaluateModel(birds, cats(2).set), ConfigError, /bird.*dog, cat/);
    const classifier = new FakeModel({ classes: { classification: ['cat'] }, find: () => none });
    await rejects(evaluateModel(classifier, cats(2).set), ConfigError, /detects no instances/);
  });

  it('says which names are probably meant to be one', async () => {
    const upper = { classes: ['Dogs', 'CAT'] };
    await rejects(evaluateModel(finder(), cats(1, upper).set), ConfigError, /to the letter: .*"CAT" and "cat"/);
    const { notices } = await evaluateModel(finder(), cats(2, { classes: ['Dog', 'cat'] }).set);
    expect(notices.join()).to.include('"Dog" and "dog"');
  });

  it('runs only the task that is measured', async () => {
    const both = new FakeModel({ classes: { detection: ['cat'], segmentation: ['cat', 'sky'] }, find: () => none });
    const evaluation = await evaluateModel(both, cats(2).set);
    expect(both.asked.only).to.equal('detection');
    expect(evaluation.notMeasured.map(({ what }) => what)).to.deep.equal(['semseg']);
    expect(evaluation.semseg).to.equal(undefined);
  });

  it('compares label maps by name, without unlabelled pixels', async () => {
    const pixels = size.height * size.width;
    const truth = new Uint8Array(pixels).fill(0, 0, 1200).fill(1, 1200, 1800).fill(9, 1800);
    const { set } = cats(1, { kinds: ['labels'], labelClasses: ['sky', 'cat'], ignore: 9 }, () => ({
      labels: async () => ({ ...size, labels: truth }),
    }));
    const found = new Uint8Array(pixels).fill(1, 0, 1200).fill(0, 1200, 1500).fill(2, 1500, 1800).fill(0, 1800);
    const classes = ['cat', 'sky', 'fog'];
    const model = new FakeModel({
      classes: { segmentation: classes },
      find: () => ({ ...none, segmentation: { labels: found, classes } }),
    });
    const { semseg, shown, images } = await evaluateModel(model, set);
    // the cat: 300 of 600 pixels; the other 300 are fog, which the data does not have
    expect(semseg?.perClass.map(({ iou }) => iou)).to.deep.equal([1, 0.5]);
    expect(semseg).to.include({ miou: 0.75, macc: 0.75 });
    expect(semseg?.aacc).to.be.closeTo(1500 / 1800, 1e-12);
    expect(images[0]?.semseg?.miou).to.equal(0.75);
    expect([...(shown[0]?.predicted?.labels.slice(1498, 1502) ?? [])]).to.deep.equal([1, 1, 2, 2]);
  });

  it('counts an image whose label map has another size as failed', async () => {
    const labels = async () => ({ height: 20, width: 30, labels: new Uint8Array(600) });
    const { set } = cats(1, { kinds: ['labels'], labelClasses: ['cat'] }, () => ({ labels }));
    const segmentation = { labels: new Uint8Array(2400), classes: ['cat'] };
    const model = new FakeModel({ classes: { segmentation: ['cat'] }, find: () => ({ ...none, segmentation }) });
    await rejects(evaluateModel(model, set), DataError, /30×20.*60×40/);
  });

  it('ranks the classes of images', async () => {
    const { set } = cats(3, { kinds: ['class'] }, (i) => ({ label: i === 2 ? 0 : 1 }));
    const classification = {
      labels: Int32Array.of(1, 0, 2),
      scores: Float32Array.of(0.7, 0.2, 0.1),
      classes: ['dog', 'cat', 'bird'],
    };
    const model = new FakeModel({
      classes: { classification: classification.classes },
      find: () => ({ ...none, classification }),
    });
    const evaluation = await evaluateModel(model, set);
    expect(evaluation.classification?.top1).to.be.closeTo(2 / 3, 1e-12);
    expect(evaluation.classification?.top5).to.equal(undefined); // three classes
    expect(evaluation.images[2]?.classification).to.include({ truth: 'dog', predicted: 'cat', rank: 1 });
    expect(model.asked.top).to.equal(3);
  });

  it('keeps a few files and no decoded image, whatever the number of images', async () => {
    const { set, asked } = cats(300);
    let done = 0;
    let most = 0;
    let memory = 0;
    const large = { height: 1000, width: 1000 }; // 4 MB each, 1.2 GB in all
    const model = new FakeModel({ classes: { detection: ['cat'] }, find: () => none, size: large });
    model.onImage = () => {
      most = Math.max(most, asked.bytes - done);
      memory = Math.max(memory, process.memoryUsage().arrayBuffers);
    };
    const before = process.memoryUsage().arrayBuffers;
    await evaluateModel(model, set, { onProgress: (progress) => (done = progress.done) });
    expect(done).to.equal(300);
    expect(most).to.be.within(1, 5);
    expect((memory - before) / 1e6).to.be.lessThan(400);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const run = evaluateModel(finder(), cats(50).set, {
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 3) stop.abort(new Error('enough'));
      },
    });
    await rejects(run, Error, /enough/);
  });

  describe('with an observer', () => {
    const nothing = {
      size,
      boxes: new Float32Array(0),
      scores: new Float32Array(0),
      labels: new Int32Array(0),
      milliseconds: 1,
    };
    /** Observes two images at a time; those from the second on take longer. */
    function observing(first: () => void) {
      const seen = { begun: 0, done: 0 };
      const observer: Observer = {
        most: 2,
        observe: async () => {
          const isFirst = ++seen.begun === 1;
          await new Promise((resolve) => setTimeout(resolve, isFirst ? 10 : 30));
          if (isFirst) first();
          seen.done++;
          return nothing;
        },
      };
      return { seen, observer };
    }

    it('ends what it has begun before it fails', async () => {
      const { seen, observer } = observing(() => {
        throw new ConfigError('no such option.');
      });
      await rejects(evaluateModel(finder(), cats(4).set, { observer }), ConfigError, /no such option/);
      expect(seen).to.deep.equal({ begun: 2, done: 1 });
    });

    it('ends with the reason of its signal, whether the observer hears it or not', async () => {
      const stop = new AbortController();
      const { seen, observer } = observing(() => stop.abort(new Error('enough')));
      const options = { observer, signal: stop.signal };
      const failure = await evaluateModel(finder(), cats(100).set, options).catch((error: Error) => error);
      expect(failure).to.have.property('message', 'enough');
      expect(seen.begun).to.be.below(4);
    });
  });

  it('says what images were fitted into, at one scale as well', async () => {
    const model = finder();
    Object.assign(model, {
      config: { detection: { input: { scale: [1333, 800] } }, segmentation: { input: { scale: [512, 512] } } },
    });
    const scales = async (predict: EvaluatedOptions) => {
      const { det_scale, seg_scale } = evaluationJson(await evaluateModel(model, cats(1).set, { predict }));
      return [det_scale, seg_scale];
    };
    expect(await scales({})).to.deep.equal([[1333, 800], 512]);
    expect(await scales({ scales: [0.5] })).to.deep.equal([[666, 400], 256]);
    expect(await scales({ size: { height: 90, width: 91 } })).to.deep.equal([
      [91, 90],
      [91, 90],
    ]);
    expect(await scales({ size: { height: 90, width: 91 }, scales: [0.5], flip: true })).to.deep.equal([45, 45]);
    // of several, the one that 1 stands for
    expect(await scales({ scales: [0.5, 1] })).to.deep.equal([[1333, 800], 512]);
  });

  it('becomes JSON with null for what is not a number, whatever classes are called', async () => {
    const { set } = cats(2, { classes: ['__proto__', 'cat'] });
    const json = JSON.parse(JSON.stringify(evaluationJson(await evaluateModel(finder(), set))));
    expect(Object.keys(json.bbox.per_class)).to.deep.equal(['__proto__', 'cat']);
    expect(json).to.include({ images: 2, size: 60, detections: 1 });
    expect(json.bbox.stats).to.have.length(12);
  });
});

describe('the evaluation of a file of results', () => {
  const result = (image_id: number, score = 0.9) => ({
    image_id,
    category_id: 2,
    bbox: [10, 10, 20, 20] as const,
    score,
  });

  it('says which images have no result, and counts their objects', async () => {
    const results = { name: 'found.json', entries: [result(1), result(3)] };
    const evaluation = await evaluateResults(results, cats(4).set);
    expect(evaluation.bbox?.stats[0]).to.be.closeTo(51 / 101, 1e-9);
    expect(evaluation.notices.join('\n')).to.match(/found\.json: 2 of 4 images.*1\.jpg, 3\.jpg/);
    expect(evaluation.results).to.deep.equal({ name: 'found.json', entries: 2 });
  });

  it('refuses results of images that the data set does not have', async () => {
    const results = { name: 'found.json', entries: [result(1), result(77)] };
    await rejects(evaluateResults(results, cats(4).set), DataError, /found\.json.*77/);
    await rejects(evaluateResults(results, cats(4).set, { limit: 1 }), DataError, /found\.json.*77/);
  });

  it('says that boxes look like shares of the image, or like corners', async () => {
    const noticesFor = async (bbox: readonly [number, number, number, number]) => {
      const entries = [1, 2, 3].map((id) => ({ ...result(id), bbox }));
      return (await evaluateResults({ name: 'found.json', entries }, cats(3).set)).notices.join();
    };
    expect(await noticesFor([0.2, 0.2, 0.3, 0.5])).to.match(/found\.json: every box .*shares of the image.*pixels/);
    expect(await noticesFor([30, 20, 60, 40])).to.match(/3 of 3 boxes leave their image.*corners.*width and height/);
    expect(await noticesFor([10, 10, 50, 30])).to.equal('');
  });

  it('leaves out results beyond the limit', async () => {
    const results = { name: 'found.json', entries: [1, 2, 3, 4].map((id) => result(id)) };
    const evaluation = await evaluateResults(results, cats(4).set, { limit: 2 });
    expect(evaluation.detections).to.equal(2);
    expect(evaluation.data).to.include({ evaluated: 2, limit: 2, count: 4 });
    expect(evaluation.bbox?.stats[0]).to.be.closeTo(1, 1e-9);
  });

  it('says what it takes instead of what it was given', async () => {
    const given = { name: 'found.json', entries: [result(1)] };
    const { set } = cats(2);
    const any = (value: unknown) => value as never;
    await rejects(evaluateResults(any(given.entries), set), ConfigError, /\{ name, entries \}.*parseCocoResults/);
    await rejects(evaluateResults(given, any(Promise.resolve(set))), ConfigError, /openDataset.*a promise: await it/);
    await rejects(evaluateResults(given, set, { limit: 0 }), ConfigError, /limit/);
    await rejects(evaluateResults(given, set, { limit: 1.5 }), ConfigError, /limit/);
    await rejects(evaluateResults(given, set, any({ limt: 1 })), ConfigError, /Did you mean "limit"/);
    await rejects(evaluateModel(finder(), any('cats/')), ConfigError, /evaluateModel.*openDataset/);
    await rejects(evaluateModel(any(undefined), set), ConfigError, /loadModel/);
    await rejects(compareResults(any(given), any(given), any(set)), ConfigError, /compareResults.*openDataset/);
  });

  it('measures an empty file as nothing found', async () => {
    const evaluation = await evaluateResults({ name: 'empty.json', entries: [] }, cats(2).set);
    expect(evaluation.bbox?.stats[0]).to.equal(0);
  });

  it('refuses results that the labels cannot be compared with', async () => {
    const results = { name: 'points.json', entries: [{ image_id: 1, category_id: 2, score: 1, keypoints: [1, 1, 1] }] };
    await rejects(evaluateResults(results, cats(2).set), DataError, /points\.json.*cats has no keypoints/);
  });
});

async function rejects(
  work: Promise<unknown>,
  Kind: abstract new (...args: never[]) => Error,
  text: RegExp,
): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(Kind);
  expect((error as Error).message.replaceAll('\n', ' ')).to.match(text);
}
