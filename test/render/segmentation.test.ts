import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { sideBySide } from '../../src/render/compose.ts';
import { classShares, detectionLegend, drawLegend, segmentationLegend } from '../../src/render/legend.ts';
import { drawSegmentation } from '../../src/render/overlay.ts';
import { asText, pixel, plain } from './images.ts';

const grey = [100, 100, 100] as const;
const red = [200, 0, 0] as const;
const blue = [0, 0, 200] as const;
const classes = ['wall', 'roof'];
const palette = [red, blue];
const size = { width: 5, height: 5 };

// 0 0 0 0 0
// 0 0 0 0 0
// 0 0 0 0 0
// 1 1 1 1 1
// 1 1 1 1 255
const labels = Uint8Array.from([...Array(15).fill(0), ...Array(9).fill(1), 255]);

describe('drawSegmentation', () => {
  it('mixes every pixel with the colour of its label and leaves unlabelled ones', () => {
    const drawn = drawSegmentation(plain(size, grey), labels, { classes, palette, opacity: 0.5, borderOpacity: 0 });
    expect(pixel(drawn, 0, 0)).to.deep.equal([150, 50, 50, 255]);
    expect(pixel(drawn, 0, 3)).to.deep.equal([50, 50, 150, 255]);
    expect(pixel(drawn, 4, 4)).to.deep.equal([100, 100, 100, 255]);
  });

  it('is stronger along the borders between classes, not along that of the image', () => {
    const options = { classes, palette, opacity: 0, borderOpacity: 1 };
    const drawn = drawSegmentation(plain(size, grey), labels, options);
    const sign = (r: number, _: number, b: number) => (r === 200 ? '#' : b === 200 ? 'D' : '.');
    expect(asText(drawn, sign)).to.deep.equal([
      '.....', //
      '.....',
      '#####',
      'DDDDD',
      '...D.',
    ]);
  });

  it('takes another label as unlabelled, and colours labels that have no name', () => {
    const options = { classes, palette, opacity: 1, unlabelled: 0 };
    const drawn = drawSegmentation(plain(size, grey), labels, options);
    expect(pixel(drawn, 0, 0)).to.deep.equal([100, 100, 100, 255]);
    expect(pixel(drawn, 4, 4)).to.not.deep.equal([100, 100, 100, 255]);
  });

  it('takes 65535 as unlabelled above 255 classes: 255 is one of them', () => {
    const many = Array.from({ length: 314 }, (_, i) => `class ${i}`);
    const map = Uint16Array.from([...Array(20).fill(255), ...Array(5).fill(65535)]);
    const drawn = drawSegmentation(plain(size, grey), map, { classes: many, opacity: 1 });
    expect(pixel(drawn, 0, 0)).to.not.deep.equal([100, 100, 100, 255]);
    expect(pixel(drawn, 4, 4)).to.deep.equal([100, 100, 100, 255]);
    expect(classShares(map, many)).to.deep.equal([{ label: 255, name: 'class 255', share: 0.8 }]);
    expect(segmentationLegend(map, { classes: many }).map(({ name }) => name)).to.deep.equal(['class 255']);
  });

  it('refuses a label map of another size', () => {
    expect(() => drawSegmentation(plain(size, grey), new Uint8Array(24), { classes })).to.throw(
      ShapeError,
      /5×5 pixels needs 25 labels, got 24.*Resize the label map/,
    );
  });
});

describe('legend', () => {
  it('lists the classes that occur with their share of the image, the largest first', () => {
    expect(classShares(labels, classes)).to.deep.equal([
      { label: 0, name: 'wall', share: 0.6 },
      { label: 1, name: 'roof', share: 0.36 },
    ]);
    expect(classShares([3, 1, 1, 3], classes).map(({ name }) => name)).to.deep.equal(['roof', 'class 3']);
    expect(segmentationLegend(labels, { classes, palette })).to.deep.equal([
      { color: red, name: 'wall', note: '60.0 %' },
      { color: blue, name: 'roof', note: '36.0 %' },
    ]);
  });

  it('does not call a rare class absent', () => {
    const rare = new Uint8Array(10_000).fill(1, 0, 1);
    expect(segmentationLegend(rare, { classes }).map(({ note }) => note)).to.deep.equal(['100.0 %', '<0.1 %']);
  });

  it('counts detections by class', () => {
    expect(detectionLegend([1, 1, 0], { classes, palette })).to.deep.equal([
      { color: blue, name: 'roof', note: '2' },
      { color: red, name: 'wall', note: '1' },
    ]);
  });

  const entries = segmentationLegend(labels, { classes, palette });

  it('stands below or beside the image, which stays as it is', () => {
    const image = plain({ width: 200, height: 60 }, grey);
    const below = drawLegend(image, entries);
    expect(below.width).to.equal(200);
    expect(below.height).to.be.greaterThan(75);
    expect(below.data.subarray(0, image.data.length)).to.deep.equal(image.data);
    const beside = drawLegend(image, entries, { position: 'beside' });
    expect(beside.height).to.equal(60);
    expect(beside.width).to.be.greaterThan(250);
    expect(pixel(beside, 199, 59)).to.deep.equal([100, 100, 100, 255]);
    for (const drawn of [below, beside]) {
      const has = (color: readonly number[]) =>
        asText(drawn, (...rgb) => (rgb.join() === color.join() ? '#' : '.'))
          .join('')
          .includes('##########');
      expect([has(red), has(blue)]).to.deep.equal([true, true]);
    }
  });

  it('grows if the entries need more room than a small image has', () => {
    const many = Array.from({ length: 12 }, (_, i) => ({ color: red, name: `class number ${i}`, note: '1.0 %' }));
    const image = plain({ width: 60, height: 40 }, grey);
    expect(drawLegend(image, many).width).to.equal(60);
    expect(drawLegend(image, many).height).to.be.at.least(40 + 12 * 16);
    const beside = drawLegend(image, many, { position: 'beside' });
    expect(beside.height).to.equal(40);
    expect(beside.width).to.be.greaterThan(60 + 12 * 80);
  });

  it('is empty without entries', () => {
    const image = plain({ width: 20, height: 10 }, grey);
    expect(drawLegend(image, [])).to.deep.equal({ ...image, data: image.data });
    expect(drawLegend(image, [], { position: 'beside' })).to.deep.equal(image);
  });
});

describe('sideBySide', () => {
  const left = plain({ width: 3, height: 4 }, red);
  const right = plain({ width: 2, height: 2 }, blue);
  const sign = (r: number, g: number, b: number) =>
    r === 255 && g === 255 ? '.' : r === 200 ? '#' : b === 200 ? 'D' : '+';

  it('sets images of different height in a row', () => {
    const panels = [{ raster: left }, { raster: right }];
    expect(asText(sideBySide(panels, { gap: 1 }), sign)).to.deep.equal(['###.DD', '###.DD', '###...', '###...']);
    expect(asText(sideBySide(panels, { gap: 1, align: 'middle' }), sign)).to.deep.equal([
      '###...',
      '###.DD',
      '###.DD',
      '###...',
    ]);
  });

  it('writes captions below, each under its image', () => {
    const panels = [
      { raster: plain({ width: 60, height: 20 }, red), caption: 'a caption that is much too long' },
      { raster: plain({ width: 60, height: 20 }, blue), caption: '' },
    ];
    const drawn = sideBySide(panels, { gap: 4 });
    expect([drawn.width, drawn.height]).to.deep.equal([124, 38]);
    const below = asText(drawn, sign).slice(20);
    expect(below.some((row) => row.slice(0, 60).includes('+'))).to.equal(true);
    expect(below.every((row) => /^\.*$/.test(row.slice(61)))).to.equal(true);
  });

  it('refuses an empty row', () => {
    expect(() => sideBySide([])).to.throw(ShapeError, /sideBySide.*at least one panel/);
  });
});
