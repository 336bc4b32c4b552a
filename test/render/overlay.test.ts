import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import type { CompactMask } from '../../src/postprocess/masks.ts';
import { sizesFor } from '../../src/render/canvas.ts';
import { drawDetections } from '../../src/render/overlay.ts';
import { asText, landscape, maskOf, pixel, plain } from './images.ts';

const grey = [100, 100, 100] as const;
const red = [200, 0, 0] as const;
const blue = [0, 0, 200] as const;
const palette = [red, blue];

function detections(
  boxes: readonly (readonly number[])[],
  { scores, labels, masks }: { scores?: number[]; labels?: number[]; masks?: CompactMask[] } = {},
) {
  return {
    boxes: Float32Array.from(boxes.flat()),
    scores: Float32Array.from(scores ?? boxes.map((_, i) => 0.9 - i / 10)),
    labels: Int32Array.from(labels ?? boxes.map(() => 0)),
    classes: ['window', 'door'],
    masks,
  };
}

/** `#` the first class's colour in full, `D` the second's, `.` untouched, `+` mixed. */
const sign = (r: number, g: number, b: number) =>
  r === 200 && g === 0 && b === 0 ? '#' : r === 0 && b === 200 ? 'D' : r === 100 && g === 100 && b === 100 ? '.' : '+';

describe('drawDetections', () => {
  const only = { palette, labels: false } as const;

  it('draws a box as a line around its rounded edges', () => {
    // a line of one pixel lies half on each side of an edge: from 1 − 0.5 and to 4 + 0.5, rounded up at the half
    const drawn = drawDetections(plain({ width: 6, height: 6 }, grey), detections([[1, 1, 4.2, 4.2]]), only);
    expect(asText(drawn, sign)).to.deep.equal([
      '......', //
      '.####.',
      '.#..#.',
      '.#..#.',
      '.####.',
      '......',
    ]);
  });

  it('moves the line of a box at the border into the image', () => {
    const drawn = drawDetections(plain({ width: 5, height: 5 }, grey), detections([[-3, 0, 5, 9]]), only);
    expect(asText(drawn, sign)).to.deep.equal([
      '#####', //
      '#...#',
      '#...#',
      '#...#',
      '#####',
    ]);
  });

  it('leaves out boxes that lie outside', () => {
    const image = plain({ width: 5, height: 5 }, grey);
    const outside = detections([
      [-9, -9, -1, -1],
      [5, 0, 8, 3],
      [0, 6, 3, 9],
      [Number.NaN, 1, 3, 4],
    ]);
    expect(drawDetections(image, outside, { palette }).data).to.deep.equal(image.data);
  });

  it('fills a mask, and draws its contour over the edge pixels', () => {
    const size = { width: 5, height: 5 };
    const mask = maskOf(['.###.', '#####', '#####', '#####', '.###.'], size);
    const options = { ...only, boxes: false, maskOpacity: 0.5, contourOpacity: 1 };
    const drawn = drawDetections(plain(size, grey), detections([[0, 0, 5, 5]], { masks: [mask] }), options);
    expect(asText(drawn, sign)).to.deep.equal([
      '.###.', //
      '#+++#',
      '#+++#',
      '#+++#',
      '.###.',
    ]);
    // an opacity of 0.5 is 128 of 255: (200 · 128 + 100 · 127) / 255 and (0 · 128 + 100 · 127) / 255, rounded
    expect(pixel(drawn, 2, 2)).to.deep.equal([150, 50, 50, 255]);
  });

  it('draws a wide contour on both sides of the edge', () => {
    const size = { width: 7, height: 7 };
    const mask = maskOf(['#'], size, 3, 3);
    const options = { ...only, boxes: false, maskOpacity: 0, contourOpacity: 1, contourWidth: 3 };
    const drawn = drawDetections(plain(size, grey), detections([[0, 0, 7, 7]], { masks: [mask] }), options);
    // a disc of radius 1.5: whole up to a distance of 1, parts at √2
    expect(asText(drawn, sign)).to.deep.equal([
      '.......',
      '.......',
      '..+#+..',
      '..###..',
      '..+#+..',
      '.......',
      '.......',
    ]);
  });

  it('draws large masks first, at any scores', () => {
    const size = { width: 5, height: 5 };
    const masks = [maskOf(['##', '##'], size, 1, 1), maskOf(['####', '####', '####', '####'], size)];
    const options = { ...only, boxes: false, maskOpacity: 1, contourOpacity: 0 };
    const rows = ['DDDD.', 'D##D.', 'D##D.', 'DDDD.', '.....'];
    for (const scores of [
      [0.9, 0.3],
      [0.3, 0.9],
    ]) {
      const both = detections(
        [
          [0, 0, 3, 3],
          [0, 0, 4, 4],
        ],
        { labels: [0, 1], scores, masks },
      );
      expect(asText(drawDetections(plain(size, grey), both, options), sign)).to.deep.equal(rows);
    }
  });

  it('draws the best score on top, for any order of the boxes', () => {
    const crossing = [
      [0, 0, 3.4, 3.4],
      [1, 1, 4.4, 4.4],
    ];
    const draw = (scores: number[]) =>
      pixel(
        drawDetections(plain({ width: 6, height: 6 }, grey), detections(crossing, { scores, labels: [0, 1] }), only),
        2,
        2,
      );
    const shared = (scores: number[]) =>
      pixel(
        drawDetections(plain({ width: 6, height: 6 }, grey), detections(crossing, { scores, labels: [0, 1] }), only),
        3,
        1,
      );
    expect(draw([0.9, 0.2])).to.deep.equal([...grey, 255]);
    expect(shared([0.9, 0.2])).to.deep.equal([...red, 255]);
    expect(shared([0.2, 0.9])).to.deep.equal([...blue, 255]);
    // equal scores: the lower index counts as better
    expect(shared([0.5, 0.5])).to.deep.equal([...red, 255]);
  });

  it('writes the label on a plate of its class above the box', () => {
    const image = plain({ width: 90, height: 60 }, grey);
    const drawn = drawDetections(image, detections([[5, 30, 80, 55]]), { palette });
    // the plate ends where the box's line begins; above it nothing is touched
    const rows = asText(drawn, sign);
    expect(rows[29]).to.match(/^\.{5}.+/);
    expect(rows.slice(0, 14).every((row) => /^\.+$/.test(row))).to.equal(true);
    expect(pixel(drawn, 6, 24)).to.deep.equal([...red, 255]);
    const white = drawn.data.filter((_, i) => i % 4 === 1 && i < 30 * 90 * 4).filter((value) => value > 150);
    expect(white.length).to.be.greaterThan(20);
  });

  it('lets the caller write the labels, or leave one out', () => {
    const image = plain({ width: 90, height: 60 }, grey);
    const asked: number[] = [];
    const labelOf = (index: number) => {
      asked.push(index);
      return '';
    };
    const two = detections([
      [5, 30, 80, 55],
      [9, 35, 60, 50],
    ]);
    expect(drawDetections(image, two, { palette, labelOf }).data).to.deep.equal(drawDetections(image, two, only).data);
    expect(asked.sort()).to.deep.equal([0, 1]);
  });

  it('tells which characters could not be written', () => {
    const told: (readonly string[])[] = [];
    const named = { ...detections([[5, 30, 80, 55]]), classes: ['窗'] };
    drawDetections(plain({ width: 90, height: 60 }, grey), named, { onMissingGlyphs: (missing) => told.push(missing) });
    expect(told).to.deep.equal([['窗']]);
  });

  it('names a class that has no name by its number', () => {
    const image = plain({ width: 90, height: 60 }, grey);
    const unnamed = detections([[5, 30, 80, 55]], { labels: [7], scores: [0.5] });
    const written = drawDetections(image, unnamed, { labelOf: () => 'class 7 0.50' });
    expect(drawDetections(image, unnamed).data).to.deep.equal(written.data);
  });

  it('gives each instance a colour on request', () => {
    const two = detections([
      [1, 1, 5, 5],
      [8, 1, 12, 5],
    ]);
    const draw = (colorBy: 'class' | 'instance') => {
      const drawn = drawDetections(plain({ width: 14, height: 7 }, grey), two, { ...only, colorBy });
      return [pixel(drawn, 2, 1), pixel(drawn, 9, 1)];
    };
    expect(draw('class')[0]).to.deep.equal(draw('class')[1]);
    expect(draw('instance')[0]).to.not.deep.equal(draw('instance')[1]);
  });

  it('leaves the image that it was given as it was', () => {
    const image = landscape({ width: 40, height: 30 });
    const before = image.data.slice();
    const drawn = drawDetections(image, detections([[5, 5, 30, 25]], { masks: [maskOf(['##'], image, 7, 7)] }));
    expect(image.data).to.deep.equal(before);
    expect(drawn.data).to.not.equal(image.data);
  });

  it('draws on transparent pixels by giving them its colour', () => {
    const size = { width: 3, height: 3 };
    const mask = maskOf(['###', '###', '###'], size);
    const options = { ...only, boxes: false, maskOpacity: 0.5, contourOpacity: 0 };
    const drawn = drawDetections(plain(size, [9, 9, 9], 0), detections([[0, 0, 3, 3]], { masks: [mask] }), options);
    expect(pixel(drawn, 1, 1)).to.deep.equal([...red, 128]);
  });

  it('refuses arrays of different length and masks of another image', () => {
    const image = plain({ width: 20, height: 10 }, grey);
    const short = { ...detections([[0, 0, 5, 5]]), scores: new Float32Array(2) };
    expect(() => drawDetections(image, short)).to.throw(ShapeError, /1 boxes, 2 scores, 1 labels/);
    const other = detections([[0, 0, 5, 5]], { masks: [maskOf(['#'], { width: 40, height: 20 })] });
    expect(() => drawDetections(image, other)).to.throw(
      ShapeError,
      /mask 0 .*40×20 pixels, this one has 20×10.*image that was predicted/,
    );
  });
});

describe('drawing sizes', () => {
  it('follow the side of a square as large as the image', () => {
    expect(sizesFor({ width: 320, height: 240 })).to.deep.equal({ lineWidth: 1, contourWidth: 1, textSize: 10 });
    expect(sizesFor({ width: 768, height: 768 })).to.deep.equal({ lineWidth: 2, contourWidth: 2, textSize: 11 });
    expect(sizesFor({ width: 1024, height: 1024 })).to.deep.equal({ lineWidth: 3, contourWidth: 2, textSize: 15 });
    expect(sizesFor({ width: 4000, height: 3000 })).to.deep.equal({ lineWidth: 9, contourWidth: 7, textSize: 49 });
  });
});
