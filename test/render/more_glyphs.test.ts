import { expect } from 'chai';
import { drawClassification, drawLegend } from '../../src/render/legend.ts';
import { drawDetections } from '../../src/render/overlay.ts';
import { drawText, fitText, fontMetrics, type Glyph, type MoreGlyphs, measureText } from '../../src/render/text.ts';

/** A square of 1024 units on the baseline, half an em. */
const square: Glyph = {
  advance: 1024,
  contours: [
    [
      { x: 0, y: 0, onCurve: true },
      { x: 0, y: 1024, onCurve: true },
      { x: 1024, y: 1024, onCurve: true },
      { x: 1024, y: 0, onCurve: true },
    ],
  ],
};
const onlyDog: MoreGlyphs = (character) => (character === '犬' ? square : undefined);
const blank = (width: number, height: number) => ({
  width,
  height,
  data: new Uint8ClampedArray(4 * width * height).fill(255),
});
const darkIn = ({ data }: { data: ArrayLike<number> }): number =>
  Array.from(data).filter((value, i) => i % 4 === 0 && value < 128).length;

describe('characters of another font', () => {
  it('are taken where the baked font lacks them, and are then not missing', () => {
    expect(measureText('犬', 64).missing).to.deep.equal(['犬']);
    expect(measureText('犬a猫', 64, onlyDog).missing).to.deep.equal(['猫']);
    expect(measureText('犬', 64, onlyDog).width).to.equal(32);
    expect(fitText('犬犬犬犬', 64, 100, onlyDog)).to.equal('犬…');
    // what the baked font has stays its own
    expect(measureText('a', 64, () => square).width).to.equal(measureText('a', 64).width);
  });

  it('are drawn in their place and size', () => {
    const options = { x: 4, y: 60, size: 64 } as const;
    // 32 pixels wide, and as high within the pixel by which small letters are put on the grid
    expect(darkIn(drawText(blank(80, 80), '犬', { ...options, moreGlyphs: onlyDog }))).to.be.within(32 * 31, 32 * 33);
    const tall: Glyph = {
      advance: 1024,
      contours: square.contours.map((c) => c.map((p) => ({ ...p, y: p.y * 1000 }))),
    };
    const cut = darkIn(drawText(blank(80, 200), '犬', { ...options, y: 150, moreGlyphs: () => tall }));
    // no higher than the line
    expect(cut).to.be.at.most(32 * Math.ceil((fontMetrics.ascender / fontMetrics.unitsPerEm) * 66));
  });

  it('reach legends, classes and labels, which tell once what no font has', () => {
    const told: string[][] = [];
    const options = {
      moreGlyphs: onlyDog,
      onMissingGlyphs: (characters: readonly string[]) => told.push([...characters]),
    };
    drawLegend(blank(90, 90), [{ color: [0, 0, 0], name: '犬猫' }], options);
    const names = ['犬', '魚'];
    drawClassification(blank(90, 90), { labels: [0, 1], scores: [0.5, 0.25], names }, options);
    drawDetections(
      blank(90, 90),
      { boxes: Float32Array.of(9, 9, 60, 60), scores: Float32Array.of(1), labels: Int32Array.of(1), names },
      options,
    );
    expect(told).to.deep.equal([['猫'], ['魚'], ['魚']]);
  });
});
