import { expect } from 'chai';
import { ConfigError, Mask, Result, version } from 'moganet';
import { compactMask } from '../../src/postprocess/masks.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';

const size = { height: 4, width: 6 };

/** A mask of the pixels (x, y) of an image of 6×4. */
function maskOf(...pixels: readonly (readonly [number, number])[]): Mask {
  const bitmap = new Uint8Array(24);
  for (const [x, y] of pixels) bitmap[6 * y + x] = 1;
  return new Mask(compactMask(encodeBitmap(bitmap, size)));
}

const image = { ...size, data: new Uint8ClampedArray(96).map((_, i) => (i % 4 === 3 ? 255 : i)) };

/** Two instances; the map is class 0 on the left half and class 2 on the right. */
const result = new Result({
  boxes: Float32Array.of(1, 1, 3, 3, 4, 0, 6, 2),
  scores: Float32Array.of(0.75, 0.5),
  labels: Int32Array.of(1, 0),
  masks: [maskOf([1, 1], [2, 1], [1, 2]), maskOf([4, 0], [5, 1])],
  classes: ['cat', 'dog'],
  segmentation: {
    labels: Uint8Array.from({ length: 24 }, (_, i) => (i % 6 < 3 ? 0 : 2)),
    classes: ['sky', 'sea', 'sand'],
  },
  image,
  timings: { total: 1 },
});

describe('a result', () => {
  it('iterates over its instances', () => {
    expect([...result].map(({ name, label, score, box }) => ({ name, label, score, box }))).to.deep.equal([
      { name: 'dog', label: 1, score: 0.75, box: [1, 1, 3, 3] },
      { name: 'cat', label: 0, score: 0.5, box: [4, 0, 6, 2] },
    ]);
    expect(() => result.at(2)).to.throw(RangeError, 'there is no instance 2: the result has 2.');
  });

  it('has one name per instance, and all classes beside them', () => {
    expect(result.names).to.deep.equal(['dog', 'cat']);
    expect(result.classes).to.deep.equal(['cat', 'dog']);
    const { length, names, scores, labels, boxes } = result;
    expect([names.length, scores.length, labels.length, boxes.length / 4]).to.deep.equal([2, 2, 2, 2]);
    expect([...result].map(({ name }) => name)).to.deep.equal(names);
    expect(length).to.equal(2);
    const beyond = new Result({ ...result, labels: Int32Array.of(7, 0) });
    expect(beyond.names).to.deep.equal(['class 7', 'cat']);
  });

  it('tells each instance its place, which is not in the JSON', () => {
    expect([...result].map(({ index }) => index)).to.deep.equal([0, 1]);
    const cats = result.filter(({ name }) => name === 'cat');
    const [cat] = [...cats];
    expect(cat?.index, 'in the filtered result').to.equal(0);
    expect(cats.crop(cat!.index)).to.deep.equal(result.crop(1));
    expect(JSON.parse(JSON.stringify(result)).detection[0]).not.to.have.property('index');
  });

  it('counts its instances and shares by class', () => {
    expect(result.counts).to.deep.equal({ dog: 1, cat: 1 });
    expect(result.filter(() => false).counts).to.deep.equal({});
    expect(result.shares).to.deep.equal({ sky: 0.5, sand: 0.5 });
    expect(new Result({ ...result, segmentation: undefined }).shares).to.deep.equal({});
    const classes = ['crane', 'sea', 'crane'];
    const oneName = new Result({ ...result, segmentation: { labels: Uint8Array.of(0, 1, 1, 2, 2, 0), classes } });
    expect(Object.values(oneName.shares)[0]).to.be.closeTo(4 / 6, 1e-12);
    expect(Object.keys(oneName.shares)).to.deep.equal(['crane', 'sea']);
  });

  it('filters instances and keeps the map', () => {
    const cats = result.filter(({ name }) => name === 'cat');
    expect([...cats.boxes]).to.deep.equal([4, 0, 6, 2]);
    expect(cats.masks![0]!.area).to.equal(2);
    expect(cats.segmentation).to.equal(result.segmentation);
    expect(result.length).to.equal(2);
  });

  it('gives masks in every form', () => {
    const mask = result.at(0).mask!;
    expect(mask.area).to.equal(3);
    expect([...mask.toBitmap()].flatMap((set, i) => (set ? [i] : []))).to.deep.equal([7, 8, 13]);
    // columns first: 5 zeros, column 1 has rows 1 and 2, then 2 zeros, one pixel, 14 zeros
    expect(mask.toRle()).to.deep.equal({ size: [4, 6], counts: '522O<' });
    expect(mask.toPolygons()).to.have.length(1);
  });

  it('cuts an instance out, transparent outside its mask', () => {
    const cut = result.crop(0);
    expect([cut.width, cut.height]).to.deep.equal([2, 2]);
    expect([3, 7, 11, 15].map((i) => cut.data[i])).to.deep.equal([255, 255, 255, 0]);
    expect([...cut.data.slice(0, 3)]).to.deep.equal([28, 29, 30]); // pixel (1, 1) is the eighth
  });

  it('becomes JSON, with timings only on demand', () => {
    const json = JSON.parse(JSON.stringify(result));
    expect(json).to.include({ schema: 2, moganet: version });
    expect(json.image).to.deep.equal({ height: 4, width: 6 });
    expect(json.detection[0]).to.deep.equal({
      label: 1,
      name: 'dog',
      score: 0.75,
      box: [1, 1, 3, 3],
      area: 3,
      mask: result.at(0).mask!.toRle(),
    });
    expect(
      json.segmentation.map(({ name, pixels, share }: Record<string, unknown>) => [name, pixels, share]),
    ).to.deep.equal([
      ['sky', 12, 0.5],
      ['sand', 12, 0.5],
    ]);
    // the right half: twelve zeros, twelve ones
    expect(json.segmentation[1].mask).to.deep.equal({ size: [4, 6], counts: '<<' });
    expect(json).not.to.have.property('timings');
    expect(result.toJSON({ timings: true }).timings).to.deep.equal({ total: 1 });
  });

  it('carries the notices of its image, in JSON only if there are any', () => {
    expect(result.notices).to.deep.equal([]);
    expect(JSON.parse(JSON.stringify(result))).not.to.have.property('notices');
    const told = new Result({ ...result, image: { ...image, notices: ['nearly black'] } });
    expect(told.notices).to.deep.equal(['nearly black']);
    expect(told.filter(() => true).notices).to.deep.equal(['nearly black']);
    expect(JSON.parse(JSON.stringify(told)).notices).to.deep.equal(['nearly black']);
  });

  it('becomes JSON also within lists and objects, whose keys are not options', () => {
    const json = JSON.parse(JSON.stringify(result));
    expect(JSON.parse(JSON.stringify({ best: result, all: [result] }))).to.deep.equal({ best: json, all: [json] });
  });

  it('refuses unknown, missing and wrong options with the nearest name', () => {
    const untyped = (value: unknown) => value as never;
    const mask = result.masks![0]!;
    const cases: readonly (readonly [call: () => unknown, fact: string])[] = [
      [
        () => mask.toPolygons(untyped({ tolerence: 1 })),
        'options of toPolygons: unknown option "tolerence". Did you mean "tolerance"?',
      ],
      [() => mask.toPolygons({ tolerance: -1 }), 'options of toPolygons: tolerance: must be at least 0, got -1.'],
      [
        () => mask.toPolygons({ tolerance: Number.NaN }),
        'options of toPolygons: tolerance: must be a number, got NaN.',
      ],
      [() => mask.toPolygons(untyped(1)), 'options of toPolygons: must be an object, got 1.'],
      [() => new Mask(untyped(undefined)), 'a mask is { imageSize, left, top, rle }, '],
      [() => new Mask(untyped({ size, counts: '<<' })), 'compactMask of moganet/postprocess gives it, got {"size"'],
      [
        () => result.toLabelPng(untyped({ palette: [] })),
        'options of toLabelPng: unknown option "palette". There are none.',
      ],
      [() => result.toInstancePng(untyped({ colors: [] })), 'unknown option "colors". There are none.'],
      [() => result.render({ palette: untyped('red') }), 'palette: must be a list of colours, each [red, green, blue]'],
      [() => result.render({ palette: untyped([[1, 2]]) }), 'palette: must be a list of colours'],
      [() => new Result(untyped({ ...result, classes: undefined })), 'classes nothing'],
      [() => new Result({ ...result, labels: Int32Array.of(1) }), '2 scores, 1 labels'],
      [() => new Result({ ...result, scores: Float32Array.of(Number.NaN, 0) }), 'finite numbers, got scores[0] NaN'],
      [() => new Result({ ...result, boxes: result.boxes.map((x, i) => x / (i - 2)) }), 'finite numbers, got boxes[2]'],
      [() => new Result({ ...result, labels: Int32Array.of(0, -1) }), 'labels from 0 on, got labels[1] -1'],
      [() => new Result({ ...result, masks: [mask] }), '2 labels, 1 masks'],
      [
        () => result.toJSON(untyped({ timing: true })),
        'options of toJSON: unknown option "timing". Did you mean "timings"?',
      ],
      [
        () => result.toYOLO(untyped({ segment: true })),
        'options of toYOLO: unknown option "segment". Did you mean "segments"?',
      ],
      [() => result.toYOLO(untyped({ tolerance: -1 })), 'tolerance: must be at least 0, got -1.'],
      [() => result.toLabelme(untyped(undefined)), 'options of toLabelme: imagePath: must be the path of the image'],
      [() => result.toLabelme(untyped({})), 'imagePath: must be the path of the image, '],
      [() => result.toLabelme(untyped({ imagepath: 'a' })), 'unknown option "imagepath". Did you mean "imagePath"?'],
      [() => result.toLabelme(untyped({ imagePath: 5 })), 'imagePath: must be the path of the image, '],
      [() => result.filter(untyped('x')), 'filter takes a function of an instance, got "x".'],
    ];
    for (const [call, fact] of cases) expect(call).to.throw(ConfigError, fact);
  });

  it('refuses to draw or write a task that did not run', () => {
    const { boxes, scores, labels, classes: _, masks: __, segmentation, ...rest } = result;
    const segmented = new Result({
      ...rest,
      boxes: boxes.subarray(0, 0),
      scores: scores.subarray(0, 0),
      labels: labels.subarray(0, 0),
      classes: [],
      segmentation,
    });
    const lacks = (task: string) =>
      new RegExp(`^this result has no ${task}: the model has none, or \`only\` left it out\\.$`);
    const calls: readonly (() => unknown)[] = [
      () => segmented.render({ draw: 'detection' }),
      () => segmented.toCOCO({ imageId: 1 }),
      () => segmented.toYOLO(),
      () => segmented.toInstancePng(),
      () => new Result({ ...segmented, segmentation: undefined }).toLabelme({ imagePath: 'a.png' }),
      () => new Result({ ...segmented, segmentation: undefined }).render(),
    ];
    for (const call of calls) expect(call).to.throw(RangeError, lacks('detection'));
    const detected = new Result({ ...result, segmentation: undefined });
    expect(() => detected.toLabelPng()).to.throw(RangeError, lacks('segmentation'));
    expect(() => detected.render({ draw: 'segmentation' })).to.throw(RangeError, lacks('segmentation'));
    expect(() => detected.render({ draw: 'classification' })).to.throw(RangeError, lacks('classification'));
  });

  it('without instances is drawn and written if detection ran', () => {
    const none = result.filter(() => false);
    expect(none.render({ draw: 'detection' }).data).to.deep.equal(image.data);
    expect(none.toYOLO()).to.equal('');
    expect(none.toCOCO({ imageId: 1 })).to.deep.equal([]);
    expect(none.toLabelme({ imagePath: 'a.png' }).shapes).to.deep.equal([]);
    expect(none.toInstancePng()).to.be.instanceOf(Uint8Array);
    expect(none.toJSON().detection).to.deep.equal([]);
  });

  it('draws the chosen tasks and does not change its image', () => {
    const before = Uint8ClampedArray.from(image.data);
    const detections = result.render();
    expect([detections.width, detections.height]).to.deep.equal([6, 4]);
    expect(detections.data).not.to.deep.equal(before);
    expect(result.render({ draw: ['detection', 'segmentation'] }).width).to.be.greaterThan(12);
    expect(result.render({ draw: ['segmentation'] })).to.deep.equal(result.render({ draw: 'segmentation' }));
    expect(image.data).to.deep.equal(before);
  });

  it('draws a segmentation with the palette and opacities that it is given, and refuses what no drawing uses', () => {
    const palette = [[1, 2, 3] as const, [4, 5, 6] as const, [7, 8, 9] as const];
    const covered = result.render({ draw: 'segmentation', palette, maskOpacity: 1 });
    expect([...covered.data.slice(0, 3)]).to.deep.equal([...palette[result.segmentation!.labels[0]!]!]);
    const clear = result.render({ draw: 'segmentation', maskOpacity: 0, contourOpacity: 0 });
    expect(clear.data.slice(0, 4 * image.width)).to.deep.equal(image.data.slice(0, 4 * image.width));
    for (const options of [{ boxes: false }, { colorBy: 'instance' }, { lineWidth: 2 }] as const) {
      const [name] = Object.keys(options);
      expect(() => result.render({ draw: 'segmentation', ...options })).to.throw(
        ConfigError,
        `render: ${name} has no effect on segmentation. Used are textSize`,
      );
      expect(() => result.render({ draw: ['segmentation', 'detection'], ...options })).not.to.throw();
    }
  });
});
