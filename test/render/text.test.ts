import { expect } from 'chai';
import { addCurve, addLine, addRoundedRect, blankCanvas, type Coverage, paintShape } from '../../src/render/canvas.ts';
import { glyphs } from '../../src/render/font.data.ts';
import { drawClassification, drawLegend } from '../../src/render/legend.ts';
import { drawDetections } from '../../src/render/overlay.ts';
import {
  drawText,
  fitText,
  fontMetrics,
  type Glyph,
  glyphOf,
  kerningOf,
  type MoreGlyphs,
  measureText,
} from '../../src/render/text.ts';
import { asText, pixel, plain } from './images.ts';

/** Coverage in parts of 255 of a shape drawn in black on white. */
function covered(width: number, height: number, draw: (shape: Coverage) => void): number[][] {
  const canvas = blankCanvas({ width, height }, [255, 255, 255]);
  paintShape(canvas, { width, height }, 0, 0, [0, 0, 0], 255, draw);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => 255 - pixel(canvas, x, y)[0]!),
  );
}

describe('coverage', () => {
  it('is the share of each pixel that lies inside', () => {
    // the rectangle from (0.5, 0.25) to (2.25, 2): half, whole, a quarter of a column; three quarters of the first row
    const pixels = covered(3, 3, (shape) => {
      addLine(shape, 0.5, 0.25, 2.25, 0.25);
      addLine(shape, 2.25, 0.25, 2.25, 2);
      addLine(shape, 2.25, 2, 0.5, 2);
      addLine(shape, 0.5, 2, 0.5, 0.25);
    });
    expect(pixels).to.deep.equal([
      [0.375, 0.75, 0.1875].map((share) => Math.round(share * 255)),
      [128, 255, 64],
      [0, 0, 0],
    ]);
  });

  it('is exact for slanted edges over several pixels', () => {
    // the triangle (0,0) (4,0) (0,1): row 0 is cut by the line y = 1 − x / 4
    const pixels = covered(4, 1, (shape) => {
      addLine(shape, 0, 0, 4, 0);
      addLine(shape, 4, 0, 0, 1);
      addLine(shape, 0, 1, 0, 0);
    });
    expect(pixels).to.deep.equal([[7, 5, 3, 1].map((eighths) => Math.round((eighths / 8) * 255))]);
  });

  it('leaves holes that run the other way round', () => {
    const box = (shape: Coverage, a: number, b: number, turn: boolean) => {
      const corners = [
        [a, a],
        [b, a],
        [b, b],
        [a, b],
      ] as [number, number][];
      if (turn) corners.reverse();
      for (const [i, [x, y]] of corners.entries()) addLine(shape, x, y, ...corners[(i + 1) % 4]!);
    };
    const pixels = covered(3, 3, (shape) => {
      box(shape, 0, 3, false);
      box(shape, 1, 2, true);
    });
    expect(pixels).to.deep.equal([
      [255, 255, 255],
      [255, 0, 255],
      [255, 255, 255],
    ]);
  });

  it('keeps the area of a curved shape', () => {
    // a parabola over its chord of 16 pixels, 8 high: two thirds of the rectangle
    const pixels = covered(16, 9, (shape) => {
      addCurve(shape, 0, 9, 8, -7, 16, 9);
      addLine(shape, 16, 9, 0, 9);
    });
    const area = pixels.flat().reduce((sum, value) => sum + value, 0) / 255;
    // flattened to within 1/20 of a pixel along about 24 pixels of curve
    expect(area).to.be.closeTo((2 / 3) * 16 * 8, 0.6);
  });

  it('takes no more radius than a rectangle has room for', () => {
    const pixels = covered(4, 2, (shape) => addRoundedRect(shape, 0, 0, 4, 2, 10));
    expect(pixels[0]).to.deep.equal(pixels[1]);
    expect(pixels[0]!.slice(1, 3)).to.deep.equal([255, 255]);
    expect(pixels[0]![0]).to.be.within(128, 254);
  });
});

describe('font', () => {
  it('holds ASCII, Latin-1 and the signs of captions', () => {
    const characters = new Set(glyphs.map(([character]) => character));
    for (let code = 0x20; code <= 0xff; code++) {
      const printable = (code <= 0x7e || code >= 0xa0) && code !== 0xad;
      expect(characters.has(String.fromCodePoint(code)), `U+${code.toString(16)}`).to.equal(printable);
    }
    for (const character of '–—‘’“”•…€×≥≤→') expect(characters.has(character), character).to.equal(true);
  });

  it('decodes outlines to the font’s numbers', () => {
    // DejaVu Sans, from its hmtx and glyf tables: the vertical bar is a rectangle
    const bar = glyphOf('|')!;
    expect(bar.advance).to.equal(690);
    expect(bar.contours).to.have.length(1);
    const ys = bar.contours[0]!.map((point) => point.y);
    expect([Math.min(...ys), Math.max(...ys)]).to.deep.equal([-483, 1565]);
    expect(bar.contours[0]!.every((point) => point.onCurve)).to.equal(true);
    // stem and dot of a composed letter: e and its accent are three contours
    expect(glyphOf('é')!.contours).to.have.length(3);
    expect(glyphOf(' ')!.contours).to.have.length(0);
    const top = (character: string) =>
      Math.max(
        ...glyphOf(character)!
          .contours.flat()
          .map((point) => point.y),
      );
    expect(top('x')).to.equal(fontMetrics.xHeight);
    expect(top('H')).to.equal(fontMetrics.capHeight);
  });

  it('brings A and V together', () => {
    expect(kerningOf('A', 'V')).to.equal(-131);
    expect(kerningOf('H', 'H')).to.equal(0);
  });
});

describe('text', () => {
  it('is as wide as its letters and their kerning', () => {
    const size = 2048; // one pixel per font unit
    expect(measureText('|', size).width).to.equal(690);
    const apart = measureText('A', size).width + measureText('V', size).width;
    expect(measureText('AV', size).width).to.equal(apart - 131);
    expect(measureText('', 12)).to.include({ width: 0 });
  });

  it('stands with small letters on whole pixels', () => {
    // at 12 pixels an x is 6.56 high and is set 7 high: its feet and head fill their rows
    const image = drawText(plain({ width: 12, height: 12 }, [255, 255, 255]), 'z', { x: 1, y: 10, size: 12 });
    const ink = asText(image, (r) => (r < 64 ? '#' : r < 250 ? '+' : '.'));
    expect(ink[2]).to.equal('............');
    expect(ink[3]).to.match(/^\.\+?#{3,}/);
    expect(ink[9]).to.match(/^\.\+?#{3,}/);
    expect(ink[10]).to.equal('............');
  });

  it('composes accents and counts line breaks as spaces', () => {
    expect(measureText('e\u0301', 20)).to.deep.equal(measureText('é', 20));
    expect(measureText('a\nb\tc', 20)).to.deep.equal(measureText('a b c', 20));
  });

  it('names the characters that the font lacks, each once, and draws them as a frame', () => {
    const { missing, width } = measureText('窗 window 窗🚗', 10);
    expect(missing).to.deep.equal(['窗', '🚗']);
    expect(width).to.be.greaterThan(measureText(' window ', 10).width + 15);
    const image = drawText(plain({ width: 16, height: 20 }, [255, 255, 255]), '窗', { x: 1, y: 16, size: 20 });
    const ink = asText(image, (r) => (r < 128 ? '#' : '.'));
    // a frame with nothing in it
    expect(ink[8]).to.match(/^\.+#+\.{5,}#+\.+$/);
    expect(measureText('plain ÄÖÜ ß €', 10).missing).to.deep.equal([]);
  });

  it('leaves the raster it was given as it was, and paints only inside it', () => {
    const white = plain({ width: 20, height: 10 }, [255, 255, 255]);
    const before = white.data.slice();
    const drawn = drawText(white, 'window', { x: -8, y: 3, size: 14, color: [255, 0, 0], opacity: 0.5 });
    expect(white.data).to.deep.equal(before);
    expect(drawn.data).to.not.deep.equal(before);
    expect(drawn.data.length).to.equal(before.length);
  });

  it('is the same again, after so many other sizes and places that letters are outlined anew', () => {
    const drawn = (size: number, x: number) =>
      drawText(plain({ width: 60, height: 60 }, [255, 255, 255]), 'Ag5', { x, y: 40, size }).data;
    const before = drawn(17, 3.25);
    expect(drawn(17, 3.25)).to.deep.equal(before);
    expect(drawn(17, 3.5)).to.not.deep.equal(before);
    expect(drawn(18, 3.25)).to.not.deep.equal(before);
    // each of 40 pixels has 500 values and more: together above what is remembered
    for (let i = 0; i < 200; i++) drawn(40 + i / 100, i / 200);
    expect(drawn(17, 3.25)).to.deep.equal(before);
  });

  it('mixes by opacity', () => {
    // the middle of a bar 17 pixels wide is wholly covered: 255 · (1 − 128/255) = 127
    const image = drawText(plain({ width: 60, height: 60 }, [255, 255, 255]), '|', {
      x: 0,
      y: 40,
      size: 200,
      opacity: 0.5,
    });
    expect(Math.min(...image.data.filter((_, i) => i % 4 === 0))).to.equal(127);
  });

  it('shortens to the available width with an ellipsis', () => {
    expect(fitText('balcony-fence', 12, 500)).to.equal('balcony-fence');
    const short = fitText('balcony-fence', 12, 50);
    expect(short).to.match(/^balc.*…$/);
    expect(measureText(short, 12).width).to.be.at.most(50);
    expect(fitText('balcony-fence', 12, 3)).to.equal('');
  });
});

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
  it('are used if the baked font lacks them, and then do not count as missing', () => {
    expect(measureText('犬', 64).missing).to.deep.equal(['犬']);
    expect(measureText('犬a猫', 64, onlyDog).missing).to.deep.equal(['猫']);
    expect(measureText('犬', 64, onlyDog).width).to.equal(32);
    expect(fitText('犬犬犬犬', 64, 100, onlyDog)).to.equal('犬…');
    // the baked font has precedence
    expect(measureText('a', 64, () => square).width).to.equal(measureText('a', 64).width);
  });

  it('are drawn at their position and in their size', () => {
    const options = { x: 4, y: 60, size: 64 } as const;
    // 32 pixels wide, and as high up to the pixel that aligns small letters with the grid
    expect(darkIn(drawText(blank(80, 80), '犬', { ...options, moreGlyphs: onlyDog }))).to.be.within(32 * 31, 32 * 33);
    const tall: Glyph = {
      advance: 1024,
      contours: square.contours.map((c) => c.map((p) => ({ ...p, y: p.y * 1000 }))),
    };
    const cut = darkIn(drawText(blank(80, 200), '犬', { ...options, y: 150, moreGlyphs: () => tall }));
    // no higher than the line
    expect(cut).to.be.at.most(32 * Math.ceil((fontMetrics.ascender / fontMetrics.unitsPerEm) * 66));
  });

  it('reach legends, classes and labels, which report missing characters once', () => {
    const told: string[][] = [];
    const options = {
      moreGlyphs: onlyDog,
      onMissingGlyphs: (characters: readonly string[]) => told.push([...characters]),
    };
    drawLegend(blank(90, 90), [{ color: [0, 0, 0], name: '犬猫' }], options);
    const classes = ['犬', '魚'];
    drawClassification(blank(90, 90), { labels: [0, 1], scores: [0.5, 0.25], classes }, options);
    drawDetections(
      blank(90, 90),
      { boxes: Float32Array.of(9, 9, 60, 60), scores: Float32Array.of(1), labels: Int32Array.of(1), classes },
      options,
    );
    expect(told).to.deep.equal([['猫'], ['魚'], ['魚']]);
  });
});
