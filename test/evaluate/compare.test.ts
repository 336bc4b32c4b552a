import { expect } from 'chai';
import { ConfigError, DataError } from '../../src/errors.ts';
import { accumulate, evaluateCoco } from '../../src/evaluate/coco.ts';
import { cocoClassFigures, cocoStats } from '../../src/evaluate/coco_summary.ts';
import { compareEvaluations } from '../../src/evaluate/compare.ts';
import { imageCounts, thresholdAt } from '../../src/evaluate/image_counts.ts';
import { randomFrom, resample } from '../../src/evaluate/random.ts';
import { resampledFigures } from '../../src/evaluate/resampled_figures.ts';
import { quantileOf, sampleDeviation } from '../../src/evaluate/statistics.ts';
import { randomScene } from './random_scene.ts';

function evaluations(seed: number) {
  const { truth, detections } = randomScene(seed);
  return [
    evaluateCoco(truth, detections(), { type: 'bbox' }),
    evaluateCoco(truth, detections(), { type: 'bbox' }),
  ] as const;
}

describe('figures of a choice of images', () => {
  it('are the bits that accumulating the matching gives, whatever the choice', () => {
    const draw = randomFrom(5);
    for (let seed = 0; seed < 12; seed++) {
      const { truth, detections } = randomScene(seed);
      const maxDetections = seed % 3 === 0 ? [1, 2, 3] : undefined;
      const evaluation = evaluateCoco(truth, detections(), {
        type: 'bbox',
        maxDetections,
        useCategories: seed % 4 > 0,
      });
      const figures = resampledFigures(evaluation);
      for (let round = 0; round < 4; round++) {
        const counts = evaluation.parameters.imageIds.map(() => draw(4));
        const arrays = accumulate(evaluation.matching, counts);
        const found = figures(counts);
        expect(found.stats, `seed ${seed}`).to.deep.equal(cocoStats(arrays, evaluation.parameters));
        const classes = cocoClassFigures(arrays, evaluation.parameters, truth.categories);
        expect(found.classAps).to.deep.equal(classes.map(({ ap }) => ap));
      }
    }
  });

  it('are those of copied images', () => {
    // the images of one set, the first twice and the second not at all, as a set of its own
    const { truth, detections } = randomScene(3, 3);
    const found = detections();
    const [one, two, three] = truth.images.map(({ id }) => id) as [number, number, number];
    const copied = <T extends { readonly image_id: number }>(entries: readonly T[]) =>
      [one, one, three].flatMap((id, copy) =>
        entries.filter(({ image_id }) => image_id === id).map((entry) => ({ ...entry, image_id: copy })),
      );
    const expected = evaluateCoco(
      {
        ...truth,
        images: [0, 1, 2].map((id) => ({ id })),
        annotations: copied(truth.annotations).map((entry, i) => ({
          ...entry,
          id: i + 1,
        })),
      },
      copied(found),
      { type: 'bbox' },
    );
    const counts = [one, two, three].map((id) => ({ [one]: 2, [two]: 0, [three]: 1 })[id]!);
    const evaluation = evaluateCoco(truth, found, { type: 'bbox' });
    expect(resampledFigures(evaluation)(counts).stats).to.deep.equal(expected.stats);
  });
});

describe('a comparison of two evaluations', () => {
  it('is the same for the same seed, and another for another', () => {
    const [a, b] = evaluations(1);
    const compare = (seed: number) => compareEvaluations(a, b, { resamples: 20, seed });
    expect(compare(7)).to.deep.equal(compare(7));
    expect(compare(7).samples).to.not.deep.equal(compare(8).samples);
    expect(compare(7)).to.include({ resamples: 20, seed: 7, confidence: 0.95, reading: 'withRepeats' });
  });

  it('has the difference of the whole sets, and intervals of those of the resamples', () => {
    const [a, b] = evaluations(2);
    const { figures, samples, perClass } = compareEvaluations(a, b, { resamples: 50, confidence: 0.8 });
    const [ap] = figures;
    expect(ap).to.include({ name: 'AP', a: a.stats[0], b: b.stats[0], difference: b.stats[0]! - a.stats[0]! });
    const differences = samples.a.map((stats, i) => samples.b[i]![0]! - stats[0]!).sort((one, other) => one - other);
    expect(ap?.lower).to.equal(quantileOf(differences, (1 - 0.8) / 2));
    expect(ap?.upper).to.equal(quantileOf(differences, 1 - (1 - 0.8) / 2));
    expect(ap?.better).to.equal(differences.filter((value) => value > 0).length / 50);
    expect(ap?.standardError).to.be.closeTo(sampleDeviation(differences), 1e-15);
    expect(perClass.map(({ name }) => name)).to.deep.equal(['class 0', 'class 1', 'class 2']);
  });

  it('of an evaluation with itself has no difference anywhere', () => {
    const [a] = evaluations(3);
    for (const { difference, lower, upper, better } of compareEvaluations(a, a, { resamples: 10 }).figures) {
      expect({ difference, lower, upper, better }).to.deep.equal({ difference: 0, lower: 0, upper: 0, better: 0 });
    }
  });

  it('takes each image once with the reading of a set', () => {
    const [a, b] = evaluations(4);
    const draws = [[0, 0, 1, 1, 1, 2]];
    const set = compareEvaluations(a, b, { draws, reading: 'once' }).samples;
    expect(set).to.deep.equal(compareEvaluations(a, b, { draws: [[0, 1, 2]] }).samples);
    expect(set).to.not.deep.equal(compareEvaluations(a, b, { draws }).samples);
  });

  it('reports its progress', () => {
    const [a, b] = evaluations(4);
    const seen: string[] = [];
    compareEvaluations(a, b, { resamples: 3, onResample: (done, of) => seen.push(`${done}/${of}`) });
    expect(seen).to.deep.equal(['1/3', '2/3', '3/3']);
  });

  it('refuses evaluations of other data, and options that mean nothing', () => {
    const [a, b] = evaluations(5);
    const { truth, detections } = randomScene(5, 4);
    const other = evaluateCoco(truth, detections(), { type: 'bbox' });
    expect(() => compareEvaluations(a, other)).to.throw(DataError, /imageIds differ/);
    for (const options of [{ resamples: 0 }, { resamples: 1.5 }, { confidence: 1 }, { seed: 0.5 }, { draws: [[99]] }]) {
      expect(() => compareEvaluations(a, b, options)).to.throw(ConfigError, /compare: /);
    }
  });
});

describe('the figures of single images', () => {
  it('count hits, false alarms and misses without what is ignored', () => {
    const truth = {
      images: [{ id: 1 }, { id: 2 }, { id: 3 }],
      categories: [
        { id: 1, name: 'cat' },
        { id: 2, name: 'dog' },
      ],
      annotations: [
        { id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 10, 10], area: 100, iscrowd: 0 },
        { id: 2, image_id: 1, category_id: 2, bbox: [50, 0, 10, 10], area: 100, iscrowd: 0 },
        { id: 3, image_id: 1, category_id: 1, bbox: [0, 50, 50, 50], area: 2500, iscrowd: 1 },
      ],
    } as const;
    const found = (image_id: number, category_id: number, x: number, y: number, score: number) => ({
      image_id,
      category_id,
      bbox: [x, y, 10, 10] as const,
      score,
    });
    const detections = [
      found(1, 2, 90, 0, 0.9), // false alarm
      found(1, 1, 0, 0, 0.8), // hit
      found(1, 1, 10, 60, 0.7), // on the crowd
      found(3, 1, 0, 0, 0.5), // false alarm in an image without a truth
    ];
    const { matching } = evaluateCoco(truth, detections, { type: 'bbox' });
    const [first, second, third] = imageCounts(matching);
    expect(first).to.deep.include({ tp: 1, fp: 1, fn: 1, f1: 0.5 });
    // both classes in one curve: the hit comes second, recall 1/2: 51 of 101 recalls have precision 1/2
    expect(first?.ap).to.be.closeTo((51 * 0.5) / 101, 1e-15);
    expect(second).to.deep.equal({ tp: 0, fp: 0, fn: 0, f1: 1, ap: 1 });
    expect(third).to.deep.equal({ tp: 0, fp: 1, fn: 0, f1: 0, ap: 0 });
    expect(() => imageCounts(matching, 0.52)).to.throw(ConfigError, /0\.52 was not evaluated.*0\.5, 0\.55, 0\.6,/);
    expect(thresholdAt(matching.parameters, 0.6)).to.equal(2); // which is 0.6000000000000001 there
  });
});

describe('statistics', () => {
  it('interpolate quantiles as numpy does', () => {
    expect(quantileOf([1, 2, 3, 4], 0.5)).to.equal(2.5);
    expect(quantileOf([1, 2, 3, 4], 0)).to.equal(1);
    expect(quantileOf([1, 2, 3, 4], 1)).to.equal(4);
    expect(quantileOf([1, 11], 0.3)).to.equal(4);
    expect(quantileOf([5], 0.9)).to.equal(5);
    expect(quantileOf([], 0.5)).to.be.NaN;
  });

  it('divide by n - 1', () => {
    // 1, 2, 3, 4: mean 2.5, squares 2.25 + 0.25 + 0.25 + 2.25 = 5
    expect(sampleDeviation([1, 2, 3, 4])).to.equal(Math.sqrt(5 / 3));
    expect(sampleDeviation([1])).to.be.NaN;
  });
});

describe('the generator of random numbers', () => {
  it('is xoshiro128**, evenly spread and the same for a seed', () => {
    // by an independent implementation
    const first = randomFrom(42);
    expect(Array.from({ length: 8 }, () => first(1000))).to.deep.equal([660, 126, 111, 814, 79, 26, 15, 258]);
    const draw = randomFrom(42);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) counts[draw(10)]!++;
    for (const count of counts) expect(count).to.be.within(880, 1120);
    expect([...resample(5, randomFrom(1))]).to.deep.equal([...resample(5, randomFrom(1))]);
  });
});
