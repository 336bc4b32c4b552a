import { expect } from 'chai';
import { datasets } from '../../src/datasets/index.ts';
import { type Color, colorDistance, colorFor, readableOn } from '../../src/render/colors.ts';

const { colors: cocoColors } = datasets.coco;

/** The smallest distance between any two. */
function closest(colors: readonly Color[]): number {
  return Math.min(...colors.flatMap((a, i) => colors.slice(0, i).map((b) => colorDistance(a, b))));
}

describe('colours', () => {
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

  it('gives the same colour in any order of calls', () => {
    const late = colorFor(40, [[1, 2, 3]]);
    const palette: Color[] = [[1, 2, 3]];
    for (let i = 0; i < 40; i++) colorFor(i, palette);
    expect(colorFor(40, palette)).to.deep.equal(late);
  });

  it('refuses an invalid class index', () => {
    expect(() => colorFor(-1)).to.throw(RangeError, /whole number >= 0, got -1/);
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
