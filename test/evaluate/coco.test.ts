import { expect } from 'chai';
import fc from 'fast-check';
import type { CocoAnnotation, CocoDetection, CocoFile } from '../../src/data/coco_file.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { accumulate, cocoStatNames, cocoStats, evaluateCoco } from '../../src/evaluate/coco.ts';
import { outcomes, takenBy } from '../../src/evaluate/coco_matching.ts';
import type { AreaRange } from '../../src/evaluate/coco_parameters.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';
import { referenceArrays } from '../harness/coco_reference.ts';

type Xywh = readonly [number, number, number, number];

const category = (id: number) => ({ id, name: `class ${id}` });
const image = (id: number) => ({ id, file_name: `${id}.png`, height: 100, width: 100 });

/** An object of image 1, class 1, with the area of its box. */
const object = (id: number, bbox: Xywh, more: Partial<CocoAnnotation> = {}): CocoAnnotation => ({
  id,
  image_id: 1,
  category_id: 1,
  bbox,
  area: bbox[2] * bbox[3],
  iscrowd: 0,
  ...more,
});

const result = (score: number, bbox: Xywh, more: Partial<CocoDetection> = {}): CocoDetection => ({
  image_id: 1,
  category_id: 1,
  score,
  bbox,
  ...more,
});

const fileOf = (annotations: readonly CocoAnnotation[], images = [1, 2, 3], classes = [1, 2]): CocoFile => ({
  images: images.map(image),
  categories: classes.map(category),
  annotations,
});

/** Small whole numbers, so that equal IoUs, equal scores and areas on the limits occur. */
const boxes = fc.tuple(
  ...([
    [0, 6],
    [0, 6],
    [0, 5],
    [0, 5],
  ].map(([min, max]) => fc.integer({ min: min!, max: max! })) as [
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
  ]),
);
const places = { image_id: fc.integer({ min: 1, max: 3 }), category_id: fc.integer({ min: 1, max: 2 }) };

const data = fc.record({
  objects: fc.array(fc.record({ ...places, bbox: boxes, crowd: fc.integer({ min: 0, max: 4 }) }), { maxLength: 14 }),
  results: fc.array(fc.record({ ...places, bbox: boxes, tenths: fc.integer({ min: 0, max: 5 }) }), { maxLength: 25 }),
});

const setOf = ({ objects, results }: typeof data extends fc.Arbitrary<infer T> ? T : never) => ({
  truth: fileOf(
    objects.map(({ bbox, crowd, ...place }, i) => object(i + 1, bbox, { ...place, iscrowd: crowd === 0 ? 1 : 0 })),
  ),
  results: results.map(({ bbox, tenths, ...place }) => result(tenths / 10, bbox, place)),
});

const parameters = fc.record({
  iouThresholds: fc.constantFrom([0.5], [0.1, 0.5, 0.75, 1], [0.5, 0.55, 0.6]),
  recallThresholds: fc.constantFrom([0, 0.5, 1], [0.25, 1 / 3, 0.5], [0.9, 0.2]),
  maxDetections: fc.constantFrom([100], [1, 3], [1, 2, 10]),
  areaRanges: fc.constantFrom<AreaRange[]>(
    [[0, 1e10]],
    [
      [0, 1e10],
      [0, 4],
      [4, 12],
    ],
  ),
  useCategories: fc.boolean(),
});

describe('COCO evaluation', () => {
  it('gives the arrays of the literal definition, to the bit', () => {
    fc.assert(
      fc.property(data, parameters, (random, chosen) => {
        const { truth, results } = setOf(random);
        const evaluation = evaluateCoco(truth, results, { type: 'bbox', ...chosen });
        const expected = referenceArrays(truth, results, chosen);
        expect([...evaluation.precision]).to.deep.equal(expected.precision);
        expect([...evaluation.recall]).to.deep.equal(expected.recall);
        expect([...evaluation.scores]).to.deep.equal(expected.scores);
      }),
      { numRuns: 150 },
    );
  });

  it('lets the last of equal IoUs win, and an object be found once', () => {
    // two objects of equal IoU 1/2 with the first result: it takes the second; the next result takes the first
    const truth = fileOf([object(1, [0, 0, 10, 10]), object(2, [10, 0, 10, 10]), object(3, [50, 50, 10, 10])]);
    const results = [result(0.9, [0, 0, 20, 10]), result(0.8, [0, 0, 10, 10]), result(0.7, [0, 0, 10, 10])];
    const { matching, precision, recall, counts } = evaluateCoco(truth, results, {
      type: 'bbox',
      iouThresholds: [0.5],
    });
    expect([...matching.matches[0]!]).to.deep.equal([1, 0, -1]);
    const { truePositive, falsePositive } = outcomes;
    expect([...matching.outcomes[0]!]).to.deep.equal([truePositive, truePositive, falsePositive]);
    expect([...takenBy(matching, 0, 0)]).to.deep.equal([1, 0, -1]);
    expect(counts).to.deep.equal([1, 101, 2, 4, 3]);
    expect(recall[2]).to.equal(2 / 3); // class 1, all areas, 100 detections
    expect(precision[2]).to.equal(2 / (2 + 2 ** -52));
    expect(precision[67 * 2 * 4 * 3 + 2]).to.equal(0); // recall 0.67 is not reached
  });

  it('leaves out detections on crowds and of other sizes, at the threshold where they match', () => {
    const truth = fileOf([object(1, [0, 0, 50, 50], { iscrowd: 1 }), object(2, [60, 60, 40, 40])]);
    const results = [result(0.9, [0, 0, 10, 10]), result(0.8, [5, 5, 10, 10]), result(0.7, [60, 60, 40, 40])];
    const { matching, stats } = evaluateCoco(truth, results, { type: 'bbox' });
    expect([...matching.outcomes[0]!.slice(0, 3)]).to.deep.equal([2, 2, 1]);
    expect([...matching.matches[0]!.slice(0, 3)]).to.deep.equal([0, 0, 1]);
    expect(stats[0]).to.be.closeTo(1, 1e-15);
    expect(stats[3], 'no small object').to.equal(-1);
    // small detections that match nothing do not count among medium ones
    expect([...matching.outcomes[2]!.slice(0, 3)]).to.deep.equal([2, 2, 1]);
  });

  it('has no figure that is not a number, without results, objects, images or classes', () => {
    const sets: [CocoFile, CocoDetection[]][] = [
      [fileOf([]), []],
      [fileOf([]), [result(0.5, [0, 0, 5, 5])]],
      [fileOf([object(1, [0, 0, 5, 5])]), []],
      [fileOf([], [], []), []],
      [fileOf([object(1, [0, 0, 0, 0])]), [result(0.5, [0, 0, 0, 0])]],
    ];
    for (const [truth, results] of sets) {
      const { stats, precision } = evaluateCoco(truth, results, { type: 'bbox' });
      expect(stats).to.have.length(12);
      expect([...stats, ...precision].every((value) => value === -1 || value === 0)).to.equal(true);
    }
  });

  it('compares masks by pixels, in either spelling, and sizes by the first result', () => {
    const size = { height: 4, width: 4 };
    const left = Uint8Array.from({ length: 16 }, (_, i) => (i % 4 < 2 ? 1 : 0)); // 8 pixels
    const counts = [...encodeBitmap(left, size).counts];
    const truth: CocoFile = {
      images: [{ id: 1, height: 4, width: 4 }],
      categories: [category(1)],
      annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation: [[0, 0, 3, 0, 3, 4, 0, 4]], iscrowd: 0 }],
    };
    const own = { image_id: 1, category_id: 1, score: 1, segmentation: { size: [4, 4], counts } } as const;
    // 8 of 12 pixels
    const options = { type: 'segm', iouThresholds: [0.66, 0.67], areaRanges: [[0, 100]] } as const;
    expect([...evaluateCoco(truth, [own], options).recall.slice(0, 3)]).to.deep.equal([1, 1, 1]);
    expect([...evaluateCoco(truth, [own], options).recall.slice(3)]).to.deep.equal([0, 0, 0]);
    expect(evaluateCoco(truth, [own], options).matching.detectionAreas[0]).to.equal(8);
    const boxed = { ...own, bbox: [0, 0, 3, 3] } as const;
    expect(evaluateCoco(truth, [boxed], options).matching.detectionAreas[0]).to.equal(9);
    const never = { ...options, maskSimilarity: () => new Float64Array(1) };
    expect([...evaluateCoco(truth, [own], never).recall]).to.deep.equal([0, 0, 0, 0, 0, 0]);
  });

  it('compares keypoints by their distance in sigmas of the object', () => {
    const keypoints = [10, 10, 2, 20, 10, 1, 0, 0, 0];
    const truth = fileOf([object(1, [5, 5, 20, 20], { area: 100, keypoints, num_keypoints: 2 })], [1], [1]);
    // one point is where it should be; the other is off by d with d² / (2 sigma)² / area / 2 = 1 / 2
    const moved = { image_id: 1, category_id: 1, score: 0.5, keypoints: [10, 10, 1, 22, 10, 1, 99, 99, 1] };
    const oks = (1 + Math.exp(-1 / 2)) / 2;
    const at = (iouThresholds: number[]) =>
      evaluateCoco(truth, [moved], { type: 'keypoints', sigmas: [0.1, 0.1, 0.1], iouThresholds }).recall[0];
    expect(at([oks - 1e-9])).to.equal(1);
    expect(at([oks + 1e-9])).to.equal(0);
    const wrong = () => evaluateCoco(truth, [moved], { type: 'keypoints' });
    expect(wrong).to.throw(DataError, /3 keypoints.*sigmas for 17/);
  });

  it('says what is surprising in ids and limits', () => {
    const truth = fileOf([
      object(0, [0, 0, 5, 5]),
      object(7, [0, 0, 9, 9]),
      object(7, [20, 0, 9, 9], { image_id: 99 }),
    ]);
    const { notices } = evaluateCoco(truth, [result(1, [0, 0, 5, 5], { category_id: 66 })], {
      type: 'bbox',
      maxDetections: [10],
      names: { truth: 'val.json' },
    });
    expect(notices.join('\n')).to.match(/at 100 detections/);
    expect(notices.join('\n')).to.match(/val\.json: 1 annotations have an id that another one has/);
    expect(notices.join('\n')).to.match(/val\.json: an annotation has the id 0/);
    expect(notices.join('\n')).to.match(/1 annotations of images that are not listed/);
    expect(notices.join('\n')).to.match(/categories that val\.json does not have.*66/);
  });

  it('refuses options that cannot be used, with the option and its value', () => {
    const run = (options: object) => () => evaluateCoco(fileOf([]), [], { type: 'bbox', ...options });
    expect(run({ type: 'boxes' })).to.throw(ConfigError, /"boxes".*bbox.*segm.*keypoints/);
    expect(run({ iouThresholds: [0.5, Number.NaN] })).to.throw(ConfigError, /iouThresholds\[1\].*NaN/);
    expect(run({ recallThresholds: [] })).to.throw(ConfigError, /recallThresholds.*none/);
    expect(run({ maxDetections: [0] })).to.throw(ConfigError, /maxDetections\[0\].*got 0/);
    expect(run({ areaRanges: [[0, 1]], areaLabels: ['a', 'b'] })).to.throw(ConfigError, /2 names, 1 ranges/);
    expect(run({ areaRanges: [[0]] })).to.throw(ConfigError, /areaRanges.*\[0\]/);
    expect(run({ imageIds: [1.5] })).to.throw(ConfigError, /imageIds\[0\].*1\.5/);
  });

  it('names its figures', () => {
    const names = (type: 'bbox' | 'keypoints') =>
      cocoStatNames(evaluateCoco(fileOf([]), [], { type }).parameters).join();
    expect(names('bbox')).to.equal(
      'AP,AP50,AP75,AP small,AP medium,AP large,AR1,AR10,AR100,AR small,AR medium,AR large',
    );
    expect(names('keypoints')).to.equal('AP,AP50,AP75,AP medium,AP large,AR,AR50,AR75,AR medium,AR large');
  });
});

describe('accumulating a matching again', () => {
  const options = { type: 'bbox', iouThresholds: [0.5, 0.75] } as const;

  it('over some images gives what an evaluation of them gives', () => {
    fc.assert(
      fc.property(data, fc.subarray([1, 2, 3]), (random, chosen) => {
        const { truth, results } = setOf(random);
        const { matching } = evaluateCoco(truth, results, options);
        const again = accumulate(
          matching,
          [1, 2, 3].map((id) => (chosen.includes(id) ? 1 : 0)),
        );
        const alone = evaluateCoco(truth, results, { ...options, imageIds: chosen });
        expect(again.precision).to.deep.equal(alone.precision);
        expect(again.recall).to.deep.equal(alone.recall);
        expect(again.scores).to.deep.equal(alone.scores);
        expect(cocoStats(again, matching.parameters)).to.deep.equal(alone.stats);
      }),
    );
  });

  it('counts an image that is drawn twice as two images side by side', () => {
    fc.assert(
      fc.property(data, (random) => {
        const { truth, results } = setOf(random);
        // image 2 twice: as 2 and as 2.5, which lies between 2 and 3 after all ids are doubled
        const copies = (id: number) => (id === 2 ? [4, 5] : [2 * id]);
        let next = 0;
        const repeated: CocoFile = {
          categories: truth.categories,
          images: [2, 4, 5, 6].map(image),
          annotations: truth.annotations.flatMap((one) =>
            copies(one.image_id).map((image_id) => ({ ...one, image_id, id: ++next })),
          ),
        };
        const doubled = results.flatMap((one) => copies(one.image_id).map((image_id) => ({ ...one, image_id })));
        const expected = evaluateCoco(repeated, doubled, options);
        const again = accumulate(evaluateCoco(truth, results, options).matching, [1, 2, 1]);
        expect(again.precision).to.deep.equal(expected.precision);
        expect(again.scores).to.deep.equal(expected.scores);
        expect(again.recall).to.deep.equal(expected.recall);
      }),
    );
  });
});
