import { expect } from 'chai';
import { type Color, colorDistance, colorFor, paletteFor, readableOn } from '../../src/render/colors.ts';
import { ade20kColors, cocoColors, facadeColors } from '../../src/render/palettes.data.ts';

/** The smallest distance between any two. */
function closest(colors: readonly Color[]): number {
  return Math.min(...colors.flatMap((a, i) => colors.slice(0, i).map((b) => colorDistance(a, b))));
}

describe('colours', () => {
  it('has a colour for every COCO and ADE20K class, as the data sets publish them', () => {
    expect(cocoColors).to.have.length(80);
    expect(ade20kColors).to.have.length(150);
    expect(cocoColors[0]).to.deep.equal([220, 20, 60]); // person
    expect(cocoColors[79]).to.deep.equal([191, 162, 208]); // toothbrush
    expect(ade20kColors[0]).to.deep.equal([120, 120, 120]); // wall
    expect(ade20kColors[149]).to.deep.equal([92, 0, 255]); // flag
    for (const color of [...cocoColors, ...ade20kColors]) {
      expect(color.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).to.equal(true);
    }
  });

  it('gives a class the same colour in both heads of the demo model', () => {
    const detection = paletteFor(['window', 'balcony-fence', 'vegetation', 'car', 'shop']);
    const segmentation = paletteFor([
      'sky',
      'facade',
      'window',
      'vegetation',
      'street',
      'car',
      'balcony-fence',
      'fence',
      'shop',
    ]);
    expect(detection).to.have.length(5);
    expect(segmentation).to.have.length(9);
    expect(detection[0]).to.equal(segmentation[2]);
    expect(detection[3]).to.equal(segmentation[5]);
    expect(closest(Object.values(facadeColors))).to.be.greaterThan(0.1);
  });

  it('knows the published label sets by their length and ends, and nothing else', () => {
    const coco = Array.from({ length: 80 }, (_, i) => (i === 0 ? 'person' : i === 79 ? 'toothbrush' : `${i}`));
    expect(paletteFor(coco)).to.equal(cocoColors);
    expect(paletteFor(coco.with(79, 'comb'))).to.deep.equal([]);
    expect(paletteFor(['window', 'door'])).to.deep.equal([]);
  });

  // just noticeable is about 0.02; the closest two of COCO's 80 published colours are 0.051 apart
  for (const [count, distance] of [
    [12, 0.15],
    [24, 0.1],
    [50, 0.06],
    [80, 0.03],
  ] as const) {
    it(`generates ${count} colours that are at least ${distance} apart in OKLab`, () => {
      expect(closest(Array.from({ length: count }, (_, i) => colorFor(i)))).to.be.at.least(distance);
    });
  }

  it('goes on beyond the end of a palette with colours that are unlike those in it', () => {
    const beyond = Array.from({ length: 20 }, (_, i) => colorFor(80 + i, cocoColors));
    const nearest = beyond.map((color) => Math.min(...cocoColors.map((other) => colorDistance(color, other))));
    expect(Math.min(...nearest)).to.be.at.least(0.06);
    expect(closest(beyond)).to.be.at.least(0.06);
  });

  it('gives the same colour whatever was asked before', () => {
    const late = colorFor(40, [[1, 2, 3]]);
    const palette: Color[] = [[1, 2, 3]];
    for (let i = 0; i < 40; i++) colorFor(i, palette);
    expect(colorFor(40, palette)).to.deep.equal(late);
  });

  it('refuses what is not a class index', () => {
    expect(() => colorFor(-1)).to.throw(RangeError, 'a class index is a whole number >= 0, got -1');
    expect(() => colorFor(0.5)).to.throw('got 0.5');
  });

  it('measures black to white as 1', () => {
    // the published matrices have ten digits
    expect(colorDistance([0, 0, 0], [255, 255, 255])).to.be.closeTo(1, 1e-6);
    expect(colorDistance([9, 8, 7], [9, 8, 7])).to.equal(0);
  });

  it('writes white on dark and black on bright colours', () => {
    expect(readableOn([38, 92, 255])).to.deep.equal([255, 255, 255]);
    expect(readableOn([255, 214, 10])).to.deep.equal([0, 0, 0]);
    expect(readableOn([232, 34, 62])).to.deep.equal([255, 255, 255]);
    // white on grey 136 is 3.54 : 1, on grey 137 it is 3.498 : 1
    expect(readableOn([136, 136, 136])).to.deep.equal([255, 255, 255]);
    expect(readableOn([137, 137, 137])).to.deep.equal([0, 0, 0]);
  });
});
