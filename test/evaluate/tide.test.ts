import { expect } from 'chai';
import type { CocoAnnotation, CocoDetection, CocoFile } from '../../src/data/coco_file.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { tideErrors } from '../../src/evaluate/tide.ts';

type Box = readonly [x: number, y: number, width: number, height: number];

const object = (id: number, category_id: number, bbox: Box, iscrowd: 0 | 1 = 0): CocoAnnotation => ({
  id,
  image_id: 1,
  category_id,
  bbox,
  area: bbox[2] * bbox[3],
  iscrowd,
});

const found = (category_id: number, bbox: Box, score: number): CocoDetection => ({
  image_id: 1,
  category_id,
  bbox,
  score,
});

const set = (annotations: readonly CocoAnnotation[]): CocoFile => ({
  images: [{ id: 1, height: 100, width: 200 }],
  categories: [
    { id: 1, name: 'cat' },
    { id: 2, name: 'dog' },
  ],
  annotations,
});

const labels = (truth: CocoFile, detections: readonly CocoDetection[], foreground = 0.5) =>
  tideErrors(truth, detections, { type: 'bbox', foreground }).labels.map(({ label }) => label);

describe('error types of detections', () => {
  it('are those of a scene that is labelled by hand', () => {
    // cat 10 at 0..20, dog 11 at 40..60, cat 12 at 80..100, dog 13 at 120..140; a crowd of cats below
    const truth = set([
      object(10, 1, [0, 0, 20, 20]),
      object(11, 2, [40, 0, 20, 20]),
      object(12, 1, [80, 0, 20, 20]),
      object(13, 2, [120, 0, 20, 20]),
      object(14, 1, [0, 50, 50, 50], 1),
    ]);
    const detections = [
      found(1, [0, 0, 20, 20], 0.9), // hit of 10
      found(1, [0, 0, 20, 18], 0.8), // dupe: 10 is taken
      found(1, [40, 0, 20, 20], 0.7), // cls: lies on the dog 11
      found(1, [80, 0, 20, 8], 0.6), // loc of 12: IoU 160 / 400
      found(2, [0, 0, 20, 8], 0.5), // both: IoU 0.4 with a cat
      found(2, [150, 60, 20, 20], 0.4), // bkg
      found(1, [10, 60, 20, 20], 0.3), // in the crowd: ignored, and bkg all the same
    ];
    const errors = tideErrors(truth, detections, { type: 'bbox' });
    expect(errors.labels).to.deep.equal([
      { label: 'hit', ignored: false, truth: 10, iou: 1 },
      hollow({ label: 'dupe', suppressedBy: 0, iou: 0.9 }),
      hollow({ label: 'cls', truth: 11, fixed: 'hit', iou: 0 }),
      hollow({ label: 'loc', truth: 12, fixed: 'hit', iou: 0.4 }),
      hollow({ label: 'both', iou: 0 }),
      hollow({ label: 'bkg', iou: 0 }),
      hollow({ label: 'bkg', ignored: true, iou: 0 }),
    ]);
    expect(errors.missed).to.deep.equal([13]);
    expect(errors.count).to.deep.equal({ cls: 1, loc: 1, both: 1, dupe: 1, bkg: 2, miss: 1 });

    // cat: the hit comes first, 1 of 2 found: recalls 0 to 0.5 have precision 1, 51 of 101; dog: nothing found
    expect(errors.perClass).to.deep.equal([
      { categoryId: 1, ap: 51 / 101 },
      { categoryId: 2, ap: 0 },
    ]);
    expect(errors.ap).to.equal(51 / 202);
    // cls mended: the dog 11 is found with 0.7, before the false alarms of its class; 1 of 2: 51 of 101
    expect(errors.gain.cls).to.be.closeTo(51 / 202, 1e-15);
    // loc mended: hit, dupe, cls, hit: the second half of the recalls has precision 2 / 4
    expect(errors.gain.loc).to.be.closeTo((50 * 0.5) / 202, 1e-15);
    // miss mended: the dogs are one instead of two, still not found
    expect(errors.gain.miss).to.equal(0);
    // what is not found leaves: of the cats 12, so all are found at once; of the dogs both
    expect(errors.gain.falseNegative).to.be.closeTo(101 / 202 - 51 / 202, 1e-15);
  });

  it('take the first of equally good objects, and a crowd only beyond the threshold', () => {
    const twins = set([object(5, 1, [0, 0, 10, 10]), object(6, 1, [0, 0, 10, 10])]);
    const { labels: twice } = tideErrors(twins, [found(1, [0, 0, 10, 10], 0.5)], { type: 'bbox' });
    expect(twice[0]).to.include({ label: 'hit', truth: 5 });
    // half of the detection lies in the crowd
    const crowd = set([object(7, 1, [0, 0, 10, 10], 1)]);
    const half = [found(1, [5, 0, 10, 10], 0.5)];
    expect(tideErrors(crowd, half, { type: 'bbox' }).labels[0]?.ignored).to.equal(false);
    expect(tideErrors(crowd, half, { type: 'bbox', foreground: 0.4 }).labels[0]?.ignored).to.equal(true);
  });

  it('give an object that several name to the highest score, the first of equal ones', () => {
    const truth = set([object(5, 1, [0, 0, 20, 20])]);
    const near = [found(1, [0, 0, 20, 8], 0.5), found(2, [0, 0, 20, 20], 0.6), found(2, [0, 0, 20, 20], 0.6)];
    const { labels: named, missed } = tideErrors(truth, near, { type: 'bbox' });
    expect(named.map(({ label, fixed }) => [label, fixed])).to.deep.equal([
      ['loc', 'dropped'],
      ['cls', 'hit'],
      ['cls', 'dropped'],
    ]);
    expect(missed).to.deep.equal([]);
  });

  it('cut the detections of an image over all classes', () => {
    const truth = set([object(5, 1, [0, 0, 20, 20])]);
    const detections = [found(1, [0, 0, 20, 20], 0.1), found(2, [0, 0, 20, 20], 0.9)];
    const { labels: cut, missed } = tideErrors(truth, detections, { type: 'bbox', maxDetections: 1 });
    expect(cut.map(({ label }) => label)).to.deep.equal(['beyond', 'cls']);
    expect(missed).to.deep.equal([]); // the cls error names it
  });

  it('count a class without an object with 0, until its errors vanish', () => {
    const truth = set([object(5, 1, [0, 0, 20, 20])]);
    const errors = tideErrors(truth, [found(1, [0, 0, 20, 20], 0.9), found(2, [90, 0, 9, 9], 0.8)], { type: 'bbox' });
    expect(errors.ap).to.equal(0.5);
    expect(errors.gain).to.include({ bkg: 0.5, cls: 0, miss: 0 });
  });

  it('compare masks', () => {
    // two objects with one box: the left and the right half
    const half = (id: number, x: number): CocoAnnotation => ({
      ...object(id, 1, [0, 0, 20, 20]),
      segmentation: [[x, 0, x + 10, 0, x + 10, 20, x, 20]],
    });
    const truth = set([half(5, 0), half(6, 10)]);
    const detection = { ...found(1, [0, 0, 20, 20], 0.5), segmentation: half(0, 10).segmentation };
    expect(tideErrors(truth, [detection], { type: 'segm' }).labels[0]).to.include({ label: 'hit', truth: 6, iou: 1 });
    expect(tideErrors(truth, [detection], { type: 'bbox' }).labels[0]).to.include({ label: 'hit', truth: 5 });
    // a mask of another size overlaps nothing
    const other = { ...detection, segmentation: { size: [1, 1] as const, counts: [0, 1] } };
    expect(tideErrors(truth, [other], { type: 'segm' }).labels[0]).to.include({ label: 'bkg', iou: 0 });
  });

  it('are none of nothing', () => {
    const errors = tideErrors(set([]), [], { type: 'bbox' });
    expect(errors.ap).to.be.NaN;
    expect(errors.gain).to.include({ bkg: 0, falsePositive: 0, falseNegative: 0 });
    expect(labels(set([]), [found(1, [0, 0, 5, 5], 0.5)])).to.deep.equal(['bkg']);
    expect(tideErrors(set([object(5, 1, [0, 0, 5, 5])]), [], { type: 'bbox' }).missed).to.deep.equal([5]);
  });

  it('refuse thresholds that mean nothing, unknown images and absent masks', () => {
    const truth = set([object(5, 1, [0, 0, 5, 5])]);
    for (const background of [0, 0.6, Number.NaN]) {
      expect(() => tideErrors(truth, [], { type: 'bbox', background })).to.throw(ConfigError, /background/);
    }
    expect(() => tideErrors(truth, [], { type: 'bbox', maxDetections: 0 })).to.throw(ConfigError, /maxDetections/);
    const elsewhere = { ...found(1, [0, 0, 5, 5], 0.5), image_id: 9 };
    expect(() => tideErrors(truth, [elsewhere], { type: 'bbox' })).to.throw(DataError, /result 0.*image 9/);
    expect(() => tideErrors(truth, [], { type: 'segm' })).to.throw(DataError, /annotation 5 has no mask/);
  });
});

/** A label of an error, with every field. */
function hollow(label: object): object {
  return { ignored: false, truth: undefined, fixed: undefined, suppressedBy: undefined, ...label };
}
