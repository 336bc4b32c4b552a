import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Mask, Result, ShapeError, version } from 'moganet';
import type { Size } from '../../src/arrays.ts';
import { datasets } from '../../src/datasets/index.ts';
import { decodeLabelPng } from '../../src/formats/label_png.ts';
import { decodePng } from '../../src/formats/png.ts';
import { compactMask, emptyMask } from '../../src/postprocess/masks.ts';
import { fillRings } from '../../src/postprocess/polygons.ts';
import { encodeBitmap, rleArea, rleFromString } from '../../src/postprocess/rle.ts';

const size = { height: 4, width: 6 };

/** `#` is set. */
const maskOf = (rows: readonly string[], { height, width }: Size = size): Mask =>
  new Mask(
    compactMask(
      encodeBitmap(
        Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)),
        { height, width },
      ),
    ),
  );

const imageOf = ({ height, width }: Size) => ({ height, width, data: new Uint8ClampedArray(4 * height * width) });

/** The instance of docs/results.md. */
const dog = maskOf([
  '......', //
  '.##...',
  '.#....',
  '......',
]);
const segmentation = {
  labels: Uint8Array.from({ length: 24 }, (_, i) => (i % 6 < 3 ? 0 : 2)),
  classes: ['sky', 'sea', 'sand'],
};
const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const result = new Result({
  boxes: Float32Array.of(1, 1, 3, 3),
  scores: Float32Array.of(0.75),
  labels: Int32Array.of(1),
  masks: [dog],
  classes: ['cat', 'dog'],
  segmentation,
  image: imageOf(size),
  timings: { total: 1 },
  origin: { model: { name: 'facade', sha256 }, engine: 'onnxruntime', file: 'street/a.jpg' },
});

/** Instances whose boxes have fractions, and masks with holes and parts. */
function manyInstances(masks: boolean): Result {
  const { height, width } = { height: 8, width: 9 };
  return new Result({
    boxes: Float32Array.of(0.1, 0.2, 7.7, 6.3, -1, 1 / 3, 9.5, 8),
    scores: Float32Array.of(0.9, 0.1),
    labels: Int32Array.of(79, 0),
    masks: masks
      ? [
          maskOf(
            ['#######..', '#.....#..', '#.###.#..', '#.#.#.#..', '#.###.#..', '#.....#..', '#######..', '.........'],
            {
              height,
              width,
            },
          ),
          maskOf(
            ['........#', '.........', '......##.', '......##.', '##.......', '##.......', '#........', '.........'],
            {
              height,
              width,
            },
          ),
        ]
      : undefined,
    classes: datasets.coco.classes,
    dataset: datasets.coco,
    image: imageOf({ height, width }),
    timings: {},
  });
}

const page = readFileSync(new URL('../../docs/results.md', import.meta.url), 'utf8');

/** The code blocks below a heading of the page. */
const blocksOf = (heading: string): string[] => {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading))!;
  return [...section.matchAll(/```(?:json)?\n(.*?)```/gs)].map((match) => match[1]!);
};

/** The value as another program reads it from JSON. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the examples of docs/results.md', () => {
  it('are what the formats write', () => {
    const shown = JSON.parse(blocksOf('JSON')[0]!.replace('"0.1.0"', JSON.stringify(version)));
    expect(written(result.toJSON({ timings: true }))).to.deep.equal(shown);
    expect(written(result.toCOCO({ imageId: 7 }))).to.deep.equal(JSON.parse(blocksOf('COCO')[0]!));
    expect(written(result.toLabelme({ imagePath: 'a.jpg', tolerance: 0 }))).to.deep.equal(
      JSON.parse(blocksOf('labelme')[0]!),
    );
    expect(result.toYOLO()).to.equal(blocksOf('YOLO')[0]);
  });

  it('have no field for an unknown value, and timings only on demand', () => {
    const { origin: _, segmentation: __, ...fields } = result;
    const json = written(new Result(fields).toJSON());
    expect(json).to.have.all.keys('schema', 'moganet', 'image', 'detection');
    const empty = new Result({
      ...fields,
      boxes: new Float32Array(0),
      scores: new Float32Array(0),
      labels: new Int32Array(0),
      masks: [],
    });
    expect(empty.toJSON().detection).to.deep.equal([]);
  });
});

describe('COCO results', () => {
  it('have the ids of COCO, with their gaps, if COCO is the data set', () => {
    const [first, second] = manyInstances(false).toCOCO({ imageId: 139 });
    expect([first!.category_id, second!.category_id]).to.deep.equal([90, 1]);
    const ids = datasets.coco.categoryIds;
    expect(ids).to.have.length(80);
    // stop sign is 13, since 12 is not used; of the ten gaps the last is before teddy bear
    expect([ids[10], ids[11], ids[77]]).to.deep.equal([11, 13, 88]);
    const { dataset: _, ...unnamed } = manyInstances(false);
    const numbered = new Result(unnamed).toCOCO({ imageId: 139 });
    expect(numbered.map(({ category_id }) => category_id)).to.deep.equal([80, 1]);
  });

  it('read back to the same boxes, scores and masks', () => {
    const many = manyInstances(true);
    const read = written(many.toCOCO({ imageId: 'x' })) as ReturnType<Result['toCOCO']>;
    for (const [i, { bbox, score, segmentation: mask, image_id }] of read.entries()) {
      const [x, y, width, height] = bbox!;
      expect(Float32Array.of(x, y, x + width, y + height)).to.deep.equal(many.boxes.slice(4 * i, 4 * i + 4));
      expect(Math.fround(score)).to.equal(many.scores[i]);
      expect(compactMask(rleFromString(mask!.counts, many.imageSize)).rle).to.deep.equal(many.masks![i]!.rle);
      expect(image_id).to.equal('x');
    }
  });
});

describe('files for labelme', () => {
  it('hold polygons that enclose the masks again, parts of one instance together', () => {
    const many = manyInstances(true);
    const { shapes } = written(many.toLabelme({ imagePath: 'x.jpg', tolerance: 0 })) as ReturnType<Result['toLabelme']>;
    expect(shapes.map(({ label, group_id }) => [label, group_id])).to.deep.equal([
      ['toothbrush', 0],
      ['toothbrush', 0],
      ['person', 1],
      ['person', 1],
      ['person', 1],
    ]);
    for (const i of [0, 1]) {
      const rings = shapes.filter((shape) => shape.group_id === i).map(({ points }) => points.flat());
      expect(compactMask(fillRings(rings, many.imageSize))).to.deep.equal({ ...many.masks![i] });
    }
  });

  it('hold rectangles without masks, and the classes of a model that only segments', () => {
    const [box] = manyInstances(false).toLabelme({ imagePath: 'x.jpg' }).shapes;
    expect(box!.shape_type).to.equal('rectangle');
    expect(box!.points.flat()).to.deep.equal([...manyInstances(false).boxes.subarray(0, 4)]);
    const { classes: _, ...fields } = result;
    const none = { boxes: new Float32Array(0), scores: new Float32Array(0), labels: new Int32Array(0), classes: [] };
    const map = new Result({ ...fields, ...none }).toLabelme({ imagePath: 'x.jpg', imageData: 'abcd' });
    expect(map.imageData).to.equal('abcd');
    expect(map.shapes.map(({ label, points }) => [label, points.flat()])).to.deep.equal([
      ['sky', [3, 0, 3, 4, 0, 4, 0, 0]],
      ['sand', [6, 0, 6, 4, 3, 4, 3, 0]],
    ]);
  });
});

describe('YOLO text', () => {
  it('has a line for each box, cut off at the image, with the score on demand', () => {
    const many = manyInstances(false);
    const lines = many.toYOLO({ scores: true }).trimEnd().split('\n');
    const numbers = lines.map((line) => line.split(' ').map(Number));
    expect(numbers.map(([label]) => label)).to.deep.equal([79, 0]);
    const read = numbers.map(([, cx, cy, w, h]) => [
      (cx! - w! / 2) * 9,
      (cy! - h! / 2) * 8,
      (cx! + w! / 2) * 9,
      (cy! + h! / 2) * 8,
    ]);
    const expected = [
      [0.1, 0.2, 7.7, 6.3],
      [0, 1 / 3, 9, 8],
    ];
    // six digits of centre and half of the size, times nine pixels
    read.flat().forEach((value, i) => {
      expect(value).to.be.closeTo(expected.flat()[i]!, 1e-5);
    });
    expect(numbers.map((line) => line[5])).to.deep.equal([0.9, 0.1]);
    expect(many.toYOLO()).to.match(/^79( \S+){4}\n0( \S+){4}\n$/);
  });

  it('has a line for each outline, which encloses the mask with its parts and holes', () => {
    const many = manyInstances(true);
    const lines = many.toYOLO({ segments: true, tolerance: 0 }).trimEnd().split('\n');
    for (const [i, line] of lines.entries()) {
      const [label, ...outline] = line.split(' ').map(Number);
      expect(label).to.equal(many.labels[i]);
      // corners of pixels, so that rounding undoes the six digits
      const ring = outline.map((value, j) => Math.round(value * (j % 2 === 0 ? 9 : 8)));
      expect(compactMask(fillRings([ring], many.imageSize))).to.deep.equal({ ...many.masks![i] });
    }
    expect(() => manyInstances(false).toYOLO({ segments: true })).to.throw(
      RangeError,
      'the model gives no masks: YOLO outlines need them, boxes do not.',
    );
  });
});

describe('an instance without a pixel', () => {
  const none = emptyMask(size);
  const boxes = Float32Array.of(1, 1, 3, 3, 4, 0, 4, 2, 5, 3, 2, 1, 6, 0, 9, 2);
  const boxed = new Result({
    ...result,
    boxes,
    scores: Float32Array.of(0.9, 0.8, 0.7, 0.6),
    labels: Int32Array.of(1, 0, 0, 1),
    masks: undefined,
  });
  const masked = new Result({ ...boxed, masks: [result.masks![0]!, none, none, none] });

  it('stays in the lists of all instances, JSON and COCO, with an area of 0', () => {
    expect(boxed.toJSON().detection).to.have.length(4);
    expect(masked.toJSON().detection?.map(({ area }) => area)).to.deep.equal([3, 0, 0, 0]);
    const coco = masked.toCOCO({ imageId: 1 });
    expect(
      coco.map(({ segmentation }) => segmentation && rleArea(rleFromString(segmentation.counts, size))),
    ).to.deep.equal([3, 0, 0, 0]);
    expect(masked.names).to.have.length(4);
  });

  it('is left out where there is nothing to draw, labelme and YOLO, as outline and as box', () => {
    for (const one of [boxed, masked]) expect(one.toLabelme({ imagePath: 'a.jpg' }).shapes).to.have.length(1);
    expect(masked.toYOLO({ segments: true }).match(/\n/g)).to.have.length(1);
    // no width, edges swapped, outside of the image of 6×4
    expect(boxed.toYOLO()).to.equal('1 0.333333 0.5 0.333333 0.5\n');
  });

  it('cannot be cut out', () => {
    for (const i of [1, 2, 3]) expect(() => masked.crop(i)).to.throw(ShapeError);
  });
});

describe('maps as PNG', () => {
  it('hold labels from 0 in the colours of the data set, 255 for no class', () => {
    const labels = Uint8Array.of(0, 79, 255, 1);
    const { classes: _, masks: __, ...fields } = result;
    const map = new Result({
      ...fields,
      classes: [],
      image: imageOf({ height: 2, width: 2 }),
      segmentation: { labels, classes: datasets.coco.classes, dataset: datasets.coco },
    });
    expect(decodeLabelPng(map.toLabelPng())).to.deep.equal({ height: 2, width: 2, labels });
    const colors = decodePng(map.toLabelPng()).data;
    expect([...colors.slice(0, 3)]).to.deep.equal(datasets.coco.colors[0]);
    expect([...colors.slice(4, 7)]).to.deep.equal(datasets.coco.colors[79]);
    expect([...colors.slice(8, 11)]).to.deep.equal([0, 0, 0]);
    expect(map.toJSON().segmentation!.map(({ label }) => label)).to.deep.equal([0, 1, 79]);
  });

  it('have 16 bits above 255 classes, and 65535 for no class', () => {
    const classes = Array.from({ length: 300 }, (_, i) => `n${i}`);
    const labels = Uint16Array.of(255, 299, 65535, 0);
    const { classes: _, masks: __, ...fields } = result;
    const map = new Result({
      ...fields,
      classes: [],
      image: imageOf({ height: 2, width: 2 }),
      segmentation: { labels, classes },
    });
    expect(decodeLabelPng(map.toLabelPng())).to.deep.equal({ height: 2, width: 2, labels });
    expect(map.toJSON().segmentation!.map(({ label }) => label)).to.deep.equal([0, 255, 299]);
    // class 255 is drawn as any other
    expect([...map.render({ draw: 'segmentation' }).data.slice(0, 3)]).not.to.deep.equal([0, 0, 0]);
  });

  it('number the instances, the better one on top', () => {
    const cover = maskOf(['......', '######', '......', '......']);
    const map = (n: number) =>
      new Result({
        boxes: new Float32Array(4 * n),
        scores: new Float32Array(n),
        labels: new Int32Array(n),
        masks: [dog, ...Array.from({ length: n - 1 }, () => cover)],
        classes: ['dog'],
        image: imageOf(size),
        timings: {},
      });
    const expected = [0, 0, 0, 0, 0, 0, 2, 1, 1, 2, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    expect([...decodeLabelPng(map(2).toInstancePng()).labels]).to.deep.equal(expected);
    const many = decodeLabelPng(map(255).toInstancePng()).labels;
    expect(many).to.be.instanceOf(Uint16Array);
    expect([...many]).to.deep.equal(expected);
    expect(() => manyInstances(false).toInstancePng()).to.throw(RangeError, 'the model gives no masks to write.');
  });

  it('show a mask in white', () => {
    const { labels, ...rest } = decodeLabelPng(dog.toPng());
    expect(rest).to.deep.equal(size);
    expect([...labels].flatMap((value, i) => (value === 255 ? [i] : []))).to.deep.equal([7, 8, 13]);
  });

  it('are refused without a map', () => {
    const { segmentation: _, ...fields } = result;
    expect(() => new Result(fields).toLabelPng()).to.throw(RangeError, /no segmentation.*`only`/);
  });
});

describe('polygons', () => {
  it('have fewer points with a tolerance', () => {
    const stairs = maskOf(['#.....', '##....', '###...', '####..']);
    expect(stairs.toPolygons()[0]).to.have.length(2 * 10);
    expect(stairs.toPolygons({ tolerance: 1 })[0]!.length).to.be.lessThan(2 * 6);
  });
});
