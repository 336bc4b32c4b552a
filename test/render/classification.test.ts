import { expect } from 'chai';
import type { Raster } from '../../src/image/raster.ts';
import { drawClassification } from '../../src/render/index.ts';
import { plain } from './images.ts';

const grey = [128, 128, 128] as const;
const blue = [86, 180, 233];

/** How many pixels of each row have exactly this colour: the bars are all that is opaque and blue. */
function inRows({ data, width, height }: Raster, color: readonly number[]): number[] {
  return Array.from({ length: height }, (_, y) => {
    let count = 0;
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      if (color.every((value, c) => data[at + c] === value)) count++;
    }
    return count;
  });
}

const bars = (raster: Raster): number[] => {
  const rows = inRows(raster, blue);
  return rows.filter((count, y) => count > 0 && rows[y - 1] !== count);
};

describe('drawClassification', () => {
  const classes = ['left', 'right', 'middle'];

  it('draws a bar for each class, as long as its score, best on top', () => {
    const image = plain({ width: 200, height: 150 }, grey);
    const drawn = drawClassification(image, { labels: [2, 0, 1], scores: [0.5, 0.3, 0.2], classes });
    const [first, second, third] = bars(drawn) as [number, number, number];
    // each rounded to a whole pixel
    expect(second / first).to.be.closeTo(0.3 / 0.5, 1 / first);
    expect(third / first).to.be.closeTo(0.2 / 0.5, 1 / first);
    expect(bars(drawn)).to.have.length(3);
  });

  it('covers only its corner and leaves the image as it was', () => {
    const image = plain({ width: 200, height: 150 }, grey);
    const before = Uint8ClampedArray.from(image.data);
    const drawn = drawClassification(image, { labels: [0], scores: [1], classes });
    expect([drawn.width, drawn.height]).to.deep.equal([200, 150]);
    expect(image.data).to.deep.equal(before);
    const untouched = inRows(drawn, grey);
    expect(untouched[0]).to.equal(200);
    expect(untouched[149]).to.equal(200);
    expect(Math.min(...untouched)).to.be.within(100, 199);
  });

  it('leaves out the last classes if there is no room, but not the first', () => {
    const five = { labels: [0, 1, 2, 0, 1], scores: [0.4, 0.3, 0.2, 0.1, 0.05], classes };
    // text of 10 pixels: a margin and a padding of 6 above and below, rows of 18
    expect(
      bars(drawClassification(plain({ width: 200, height: 24 + 3 * 18 }, grey), five, { textSize: 10 })),
    ).to.have.length(3);
    expect(
      bars(drawClassification(plain({ width: 200, height: 24 + 3 * 18 - 1 }, grey), five, { textSize: 10 })),
    ).to.have.length(2);
    expect(bars(drawClassification(plain({ width: 200, height: 30 }, grey), five, { textSize: 10 }))).to.have.length(1);
  });

  it('draws nothing without a class, and accepts images smaller than a word', () => {
    const image = plain({ width: 60, height: 40 }, grey);
    const none = drawClassification(image, { labels: [], scores: [], classes });
    expect(none.data).to.deep.equal(image.data);
    for (const size of [1, 2, 9, 30]) {
      const { width, height } = drawClassification(plain({ width: size, height: size }, grey), {
        labels: [0],
        scores: [0.5],
        classes,
      });
      expect([width, height]).to.deep.equal([size, size]);
    }
  });
});
