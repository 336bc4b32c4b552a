import { expect } from 'chai';
import type { CocoAnnotation, CocoFile } from '../../src/data/coco_file.ts';
import { keypointTriples } from '../../src/data/coco_shapes.ts';
import type { ImageSet, LabelledImage } from '../../src/data/image_set.ts';
import type { PoseDataset } from '../../src/datasets/index.ts';
import { cocoKeypoints } from '../../src/datasets/keypoints.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { compareResults } from '../../src/evaluate/compare_results.ts';
import { evaluationJson } from '../../src/evaluate/evaluation_json.ts';
import { evaluateResults } from '../../src/evaluate/results_file.ts';
import { type EvaluateModelOptions, evaluateModel } from '../../src/evaluate/run.ts';
import { FakeModel, instances } from '../harness/fake_model.ts';
import { rejection as anyRejection } from '../harness/rejection.ts';

async function rejection(work: Promise<unknown>, Kind: typeof ConfigError | typeof DataError): Promise<Error> {
  const error = await anyRejection(work);
  expect(error).to.be.instanceOf(Kind);
  return error;
}

const size = { height: 100, width: 120 };
const names = ['nose', 'tail', 'paw'];

/** A COCO data set of cats with keypoints, one annotation an image unless `annotations` are given. */
function cats({
  points = names,
  annotations = [10, 40, 70].map((x, i) => cat(i + 1, x)),
  categories = [{ id: 7, name: 'cat', keypoints: points }],
  ...more
}: Partial<ImageSet> & Partial<Omit<CocoFile, 'images'>> & { readonly points?: readonly string[] } = {}): ImageSet {
  const ids = [...new Set(annotations.map(({ image_id: id }) => id))];
  const coco: CocoFile = {
    images: ids.map((id) => ({ id, file_name: `${id}.png`, ...size })),
    annotations,
    categories,
  };
  return {
    format: 'coco',
    name: 'cats',
    split: undefined,
    kinds: ['objects', 'keypoints'],
    classes: categories.map(({ name }) => name),
    categoryIds: categories.map(({ id }) => id),
    keypoints: points.length > 0 ? { names: points, skeleton: [] } : undefined,
    coco,
    count: ids.length,
    notices: [],
    async *images(): AsyncGenerator<LabelledImage> {
      for (const id of ids) yield { id, file: `${id}.png`, size, bytes: async () => new Uint8Array(8) };
    },
    ...more,
  };
}

/** A cat whose keypoints are at x, x + 10, x + 20. */
const cat = (image: number, x: number, more: Partial<CocoAnnotation> = {}): CocoAnnotation => ({
  id: 100 * image + x,
  image_id: image,
  category_id: 7,
  bbox: [x, 20, 30, 40],
  area: 1100,
  iscrowd: 0,
  keypoints: [x, 30, 2, x + 10, 40, 1, x + 20, 50, 2],
  num_keypoints: 3,
  ...more,
});

const datasetOf = (order: readonly string[], sigmas?: readonly number[]): PoseDataset => ({
  classes: ['cat'],
  keypoints: { names: order, skeleton: [], flipPairs: [], sigmas },
});

/** Finds in every box the three points of a cat, moved by `by` pixels, and gives them in its own order. */
class CatPoses extends FakeModel {
  /** The boxes that each image was given. */
  readonly given = new Map<string, unknown>();

  constructor(order: readonly string[] = names, sigmas: readonly number[] | undefined = order.map(() => 0.1), by = 0) {
    const dataset = datasetOf(order, sigmas);
    super({
      classes: { pose: dataset.classes },
      find: (file, { boxes: asked }) => {
        this.given.set(file, asked);
        const { boxes = [], scores = [] } = (asked ?? {}) as { boxes?: number[]; scores?: number[] };
        const xs = scores.map((_, i) => boxes[4 * i]! + by);
        const place = (x: number, name: string) => [x + 10 * names.indexOf(name), 30 + 10 * names.indexOf(name)];
        const poses = {
          boxes: Float32Array.from(boxes),
          scores: Float32Array.from(scores),
          points: Float32Array.from(xs.flatMap((x) => order.flatMap((name) => place(x, name)))),
          pointScores: new Float32Array(xs.length * order.length).fill(0.75),
          dataset,
        };
        return { ...instances([]), poses };
      },
    });
    const pose = { keypoints: dataset.keypoints, class: 'cat', input: { size: { height: 256, width: 192 } } };
    Object.assign(this, { config: { pose } });
  }
}

const evaluate = (set: ImageSet, model: CatPoses = new CatPoses(), options: EvaluateModelOptions = {}) =>
  evaluateModel(model, set, options);

describe('the evaluation of a pose model', () => {
  it('matches keypoints by name, whatever their order', async () => {
    const { keypoints, found, detections, model } = await evaluate(cats(), new CatPoses(['paw', 'nose', 'tail']));
    expect(keypoints?.stats[0]).to.be.closeTo(1, 1e-9);
    expect(found?.[0]).to.deep.equal({
      image_id: 1,
      category_id: 7,
      keypoints: [10, 30, 0.75, 20, 40, 0.75, 30, 50, 0.75],
      score: 1,
    });
    expect(detections).to.equal(3);
    expect(model).to.deep.include({ boxes: 'those of the labels', poseScale: [192, 256] });
    expect(keypoints?.sigmas).to.deep.equal([0.1, 0.1, 0.1]);
  });

  it('gives the figures that a file of its results has', async () => {
    const set = cats();
    const model = new CatPoses(names, [0.06, 0.1, 0.05], 3);
    const { keypoints, found = [] } = await evaluate(set, model);
    expect(keypoints?.stats[0]).to.be.within(0.1, 0.9);
    const again = await evaluateResults({ name: 'found.json', entries: found }, set, { sigmas: [0.06, 0.1, 0.05] });
    expect(again.keypoints?.stats).to.deep.equal(keypoints?.stats);
    expect(again.bbox).to.equal(undefined);
  });

  it("looks in the labels' boxes, cleaned as mmpose's", async () => {
    const annotations = [
      cat(1, 10),
      cat(1, 11, { iscrowd: 1 }),
      cat(1, 12, { num_keypoints: 0 }),
      cat(1, 13, { keypoints: [0, 0, 0, 0, 0, 0, 0, 0, 0], num_keypoints: 0 }),
      cat(1, 14, { keypoints: undefined, num_keypoints: undefined }),
      cat(1, 15, { area: 0 }),
      cat(1, 16, { bbox: undefined }),
      cat(1, 17, { bbox: [17, 20, 0, 40] }),
      cat(1, 18, { bbox: [119.5, 20, 30, 40] }), // begins right of the middle of the last column
      cat(1, 19, { bbox: [-5, -2.5, 30, 40], area: undefined }), // cut, and as long as before
      cat(1, 20, { bbox: [100, 70.25, 30, 40] }),
    ];
    const model = new CatPoses();
    const { notices } = await evaluate(cats({ annotations }), model);
    expect(model.given.get('1.png')).to.deep.equal({
      boxes: [10, 20, 40, 60, 0, 0, 30, 40, 100, 70.25, 119, 99],
      scores: [1, 1, 1],
    });
    expect(notices.join()).to.match(/4 labelled objects have no box with an area/);
  });

  it("takes the boxes of objects if the data set is not COCO's", async () => {
    const keypoints = keypointTriples(cat(1, 10).keypoints!);
    const object = { id: 1, label: 0, box: [10, 20, 40, 160], area: 600, crowd: false, keypoints } as const;
    const set = cats({
      format: 'yolo',
      coco: undefined,
      keypoints: { names: ['0', '1', '2'], numbered: true, skeleton: [] },
      count: 1,
      async *images() {
        const objects = [object, { ...object, id: 2, crowd: true }, { ...object, id: 3, keypoints: undefined }];
        yield { id: 1, file: 'a.png', size, objects, bytes: async () => new Uint8Array(8) };
      },
    });
    const model = new CatPoses();
    const { notices, keypoints: figures } = await evaluate(set, model);
    expect(model.given.get('a.png')).to.deep.equal({ boxes: [10, 20, 40, 99], scores: [1] });
    expect(notices.join()).to.match(/labels do not name them.*in the order of the model.*nose, tail, paw/);
    expect(figures?.stats[0]).to.be.closeTo(1, 1e-9);
  });

  it("looks in a detector's boxes, with their scores", async () => {
    const entry = (image_id: number, x: number, score: number, more = {}) => ({
      image_id,
      category_id: 7,
      bbox: [x, 20, 30, 40] as const,
      score,
      ...more,
    });
    const entries = [
      entry(2, 40, 0.5),
      entry(1, 10, 0.9),
      entry(1, -8, 0.25),
      entry(1, 10, 0.8, { category_id: 1 }),
      entry(1, 10, 0.8, { bbox: [10, 20, 0, 40] }),
      entry(1, 10, 0.8, { bbox: [50, 20, 1e-9, 1e-9] }), // no two places in float32
    ];
    const model = new CatPoses();
    const { found, notices, model: facts } = await evaluate(cats(), model, { boxes: { name: 'det.json', entries } });
    expect(model.given.get('1.png')).to.deep.equal({ boxes: [10, 20, 40, 60, -8, 20, 22, 60], scores: [0.9, 0.25] });
    expect(model.given.get('3.png')).to.deep.equal({ boxes: [], scores: [] });
    expect(found?.map(({ image_id, score }) => [image_id, score.toFixed(2)])).to.deep.equal([
      [1, '0.90'],
      [1, '0.25'],
      [2, '0.50'],
    ]);
    expect(notices.join('\n'))
      .to.match(/det\.json: 2 boxes without area left out/)
      .and.to.match(/an image has no box/);
    expect(facts?.boxes).to.equal('det.json');
    const boxes = (list: typeof entries) => ({ boxes: { name: 'det.json', entries: list } });
    const unknown = await rejection(evaluate(cats(), model, boxes([entry(77, 1, 1)])), DataError);
    expect(unknown.message).to.match(/det\.json.*cats does not have: ids 77/);
    const other = await rejection(evaluate(cats(), model, boxes([entry(1, 1, 1, { category_id: 2 })])), DataError);
    expect(other.message).to.match(/no box of cat \(category_id 7\)/);
  });

  it('leaves the boxes to a model with a detector', async () => {
    const model = new CatPoses();
    const { detections, model: facts } = await evaluate(cats(), Object.assign(model, { detector: { name: 'finder' } }));
    expect([...model.given.values()]).to.deep.equal([undefined, undefined, undefined]);
    expect({ detections, boxes: facts?.boxes }).to.deep.equal({ detections: 0, boxes: 'found by finder' });
    const list = evaluate(cats(), new CatPoses(), { boxes: [[1, 2, 3, 4]] as never });
    expect((await rejection(list, ConfigError)).message).to.match(/\{ name, entries \}/);
    const both = evaluate(cats(), model, { boxes: { name: 'det.json', entries: [] } });
    expect((await rejection(both, ConfigError)).message).to.match(/finder .*det\.json/);
  });

  it('drops similar poses as mmpose does, unless the model has no sigmas or the caller wants it otherwise', async () => {
    const asked = async (model: CatPoses, options: EvaluateModelOptions = {}) => {
      await evaluate(cats(), model, options);
      return model.asked.oks;
    };
    expect(await asked(new CatPoses())).to.equal(0.9);
    expect(await asked(new CatPoses(), { predict: { oks: 0.5 } })).to.equal(0.5);
    const without = new CatPoses(names, [], 0);
    Object.assign(without.config.pose!.keypoints!, { sigmas: undefined });
    expect(await asked(without, { sigmas: 0.1 })).to.equal(undefined);
  });

  it('refuses keypoints without sigmas, and takes those of the caller', async () => {
    const without = new CatPoses();
    Object.assign(without.config.pose!.keypoints!, { sigmas: undefined });
    const { message } = await rejection(evaluate(cats(), without), ConfigError);
    expect(message).to.match(/fake: there are no sigmas for its 3 keypoints.*`sigmas`.*configuration/);
    const { keypoints } = await evaluate(cats(), without, { sigmas: [0.1, 0.2, 0.3] });
    expect(keypoints?.sigmas).to.deep.equal([0.1, 0.2, 0.3]);
    const wrong = await rejection(evaluate(cats(), without, { sigmas: [0.1, 0.2] }), ConfigError);
    expect(wrong.message).to.match(/sigmas: there are 2 for 3 keypoints/);
    for (const sigmas of [0, [0.1, -1, 0.1], [0.1, '0.2', 0.1] as never]) {
      const refused = await rejection(evaluate(cats(), new CatPoses(), { sigmas }), ConfigError);
      expect(refused.message).to.match(/sigmas: must be numbers above 0/);
    }
  });

  it('leaves out keypoints of one side only, on both sides', async () => {
    const more = ['nose', 'tail', 'paw'];
    const fewer = new CatPoses(['tail', 'nose'], [0.2, 0.1]);
    const { keypoints, found, notices } = await evaluate(cats({ points: more }), fewer);
    expect(found?.[0]?.keypoints).to.deep.equal([10, 30, 0.75, 20, 40, 0.75]);
    expect(keypoints?.sigmas).to.deep.equal([0.1, 0.2]);
    expect(keypoints?.stats[0]).to.be.closeTo(1, 1e-9);
    expect(notices.join()).to.match(/does not know paw of the data set.*left out on both sides/);
    const joined = cats({
      points: more,
      keypoints: {
        names: more,
        skeleton: [
          [0, 2],
          [1, 0],
        ],
      },
    });
    expect((await evaluate(joined, fewer)).data.keypoints).to.deep.equal({
      names: ['nose', 'tail'],
      skeleton: [[1, 0]],
    });
    const small = cats({ points: ['nose'], annotations: [cat(1, 10, { keypoints: [10, 30, 2], num_keypoints: 1 })] });
    const whole = await evaluate(small);
    expect(whole.found?.[0]?.keypoints).to.deep.equal([10, 30, 0.75]);
    expect(whole.notices.join()).to.match(/does not have tail, paw of the model/);
  });

  it('refuses keypoints that have no name in common, or another number without names', async () => {
    const other = await rejection(evaluate(cats({ points: ['Nose', 'ear', 'eye'] })), ConfigError);
    expect(other.message).to.match(/none in common.*nose, tail, paw.*Nose, ear, eye/);
    const unnamed = cats({ points: [], categories: [{ id: 7, name: 'cat' }] });
    expect((await evaluate(unnamed)).keypoints?.stats[0]).to.be.closeTo(1, 1e-9);
    const two = new CatPoses(['nose', 'tail']);
    expect((await rejection(evaluate(unnamed, two), ConfigError)).message).to.match(/model has 2 .*labels have 3/);
  });

  it('refuses a data set without keypoints or without the class', async () => {
    const objects = await rejection(evaluate(cats({ kinds: ['objects'] })), ConfigError);
    expect(objects.message).to.match(/cats has no keypoints/);
    const dogs = cats({ categories: [{ id: 7, name: 'dog', keypoints: names }] });
    expect((await rejection(evaluate(dogs), ConfigError)).message).to.match(/pose: .*cat.*dog.*pose\.class/);
  });

  it('measures the class of the model alone, and ignores objects without keypoints', async () => {
    const categories = [
      { id: 3, name: 'chair' },
      { id: 7, name: 'cat', keypoints: names },
    ];
    const chair = { ...cat(1, 60), id: 9, category_id: 3, keypoints: undefined, num_keypoints: undefined };
    const bare = cat(2, 80, { keypoints: undefined, num_keypoints: undefined });
    const set = cats({ categories, annotations: [cat(1, 10), chair, cat(2, 40), bare] });
    const { keypoints } = await evaluate(set);
    expect(keypoints?.perClass.map(({ name }) => name)).to.deep.equal(['cat']);
    expect(keypoints?.stats[0]).to.be.closeTo(1, 1e-9);
    const entries = [{ image_id: 1, category_id: 7, score: 1, keypoints: [10, 30, 1, 20, 40, 1, 30, 50, 1] }];
    const file = await evaluateResults({ name: 'found.json', entries }, set, { sigmas: 0.1 });
    expect(file.keypoints?.perClass.map(({ name }) => name)).to.deep.equal(['cat']);
    expect(file.keypoints?.stats[0]).to.be.closeTo(51 / 101, 1e-9);
  });

  it('says how well each keypoint is placed in what is found', async () => {
    const hidden = cat(2, 40, { keypoints: [40, 30, 2, 50, 40, 1, 0, 0, 0], num_keypoints: 2 });
    const set = cats({ annotations: [cat(1, 10), hidden, cat(3, 70, { keypoints: [0, 0, 2, 0, 0, 2, 0, 0, 2] })] });
    const sigmas = [0.1, 0.2, 0.3];
    const { keypoints } = await evaluate(set, new CatPoses(names, sigmas, 4));
    const near = (sigma: number) => Math.exp(-(4 ** 2) / (2 * sigma) ** 2 / 1100 / 2);
    const expected = sigmas.map((sigma, k) => [names[k], k === 2 ? 1 : 2, near(sigma).toFixed(9)]);
    const found = keypoints?.perKeypoint?.map((one) => [one.name, one.labelled, one.similarity.toFixed(9)]);
    expect(found).to.deep.equal(expected); // the third is at another place, and not found
    const none = await evaluate(cats(), new CatPoses(names, [0.1, 0.1, 0.1], 90));
    expect(none.keypoints?.perKeypoint?.map(({ similarity }) => similarity)).to.deep.equal([-1, -1, -1]);
  });

  it('shows the worst images with a box around the keypoints that are certain', async () => {
    const { shown } = await evaluate(cats(), new CatPoses(names, [0.1, 0.1, 0.1], 25));
    const [first] = shown;
    expect(first?.by).to.equal('keypoints');
    expect(first?.detections[0]).to.deep.include({ status: 'false', box: [35, 30, 55, 50] });
    expect(first?.truths[0]?.status).to.equal('missed');
  });

  it('has no calibration if scores are above 1, which peaks of heatmaps may be', async () => {
    const entries = [1, 2, 3].map((image_id) => ({
      image_id,
      category_id: 7,
      bbox: [40, 20, 30, 40] as const,
      score: 1.5,
    }));
    const { keypoints, notices } = await evaluate(cats(), new CatPoses(), { boxes: { name: 'det.json', entries } });
    expect(keypoints?.calibration).to.equal(undefined);
    expect(notices.join()).not.to.include('sigmoid');
    expect((await evaluate(cats())).keypoints?.calibration?.bins).to.have.length(10);
  });

  it('becomes JSON with the size of the crops and the sigmas', async () => {
    const json = evaluationJson(await evaluate(cats()));
    expect(json.pose_scale).to.deep.equal([192, 256]);
    expect(json.keypoints?.sigmas).to.deep.equal([0.1, 0.1, 0.1]);
    expect(json.keypoints?.per_keypoint).to.deep.equal({ nose: 1, tail: 1, paw: 1 });
  });
});

describe('results with keypoints', () => {
  const entries = [1, 2, 3].map((image_id, i) => {
    const x = 10 + 30 * i;
    return { image_id, category_id: 7, score: 0.9, keypoints: [x, 30, 1, x + 10, 40, 1, x + 20, 50, 1] };
  });
  const results = { name: 'found.json', entries };

  it("need sigmas if they are not COCO's 17", async () => {
    const { message } = await rejection(evaluateResults(results, cats()), DataError);
    expect(message).to.match(/cats: there are no sigmas for its 3 keypoints \(nose, tail, paw\).*`sigmas`/);
    const { keypoints } = await evaluateResults(results, cats(), { sigmas: 0.1 });
    expect(keypoints?.stats[0]).to.be.closeTo(1, 1e-9);
    const wrong = await rejection(evaluateResults(results, cats(), { sigmas: [0.1] }), ConfigError);
    expect(wrong.message).to.match(/there are 1 for 3 keypoints/);
  });

  it("say that COCO's sigmas are a person's", async () => {
    const flat = (x: number) => Array.from({ length: 17 }, (_, k) => [x + k, 30 + k, 2]).flat();
    const labelled = (points: readonly string[]) =>
      cats({ points, annotations: [cat(1, 10, { keypoints: flat(10), num_keypoints: 17 })] });
    const found = { name: 'found.json', entries: [{ ...entries[0]!, keypoints: flat(10) }] };
    const animals = labelled(cocoKeypoints.names.map((name) => `${name} of an animal`));
    expect((await evaluateResults(found, animals)).notices.join()).to.match(/sigmas are those of COCO's persons/);
    const persons = labelled(cocoKeypoints.names.map((name) => name.replace('_', ' ')));
    expect((await evaluateResults(found, persons)).notices).to.deep.equal([]);
    const given = await evaluateResults(found, animals, { sigmas: cocoKeypoints.sigmas });
    expect(given.notices).to.deep.equal([]);
  });

  it('are compared by the sigmas of the models that found them', async () => {
    const side = (sigmas?: readonly number[]) => ({ ...results, sigmas });
    const sure = { resamples: 3 };
    const { type, figures } = await compareResults(cats(), side([0.1, 0.1, 0.1]), side(), sure);
    expect({ type, ap: figures[0]?.a.toFixed(6) }).to.deep.equal({ type: 'keypoints', ap: '1.000000' });
    const differ = compareResults(cats(), side([0.1, 0.1, 0.1]), side([0.1, 0.1, 0.2]), sure);
    expect((await rejection(differ, ConfigError)).message).to.match(/different sigmas.*`sigmas`/);
    const settled = await compareResults(cats(), side([0.1, 0.1, 0.1]), side([0.1, 0.1, 0.2]), {
      ...sure,
      sigmas: 0.1,
    });
    expect(settled.figures[0]?.difference).to.equal(0);
  });
});
