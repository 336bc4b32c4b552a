import { expect } from 'chai';
import fc from 'fast-check';
import type { Size } from '../../src/arrays.ts';
import { forEachEdgePixel, type MaskSpans, spansOf } from '../../src/render/masks.ts';
import { encodeMask, maskOf } from './images.ts';

const image: Size = { height: 5, width: 5 };

function drawn(spans: MaskSpans, { height, width }: Size): string[] {
  const rows = Array.from({ length: height }, () => Array<string>(width).fill('.'));
  for (const [column, stretches] of spans.columns.entries()) {
    for (const { start, end } of stretches) {
      for (const row of rows.slice(start, end)) row[spans.left + column] = '#';
    }
  }
  return rows.map((row) => row.join(''));
}

function edgesOf(spans: MaskSpans, { height, width }: Size): string[] {
  const rows = Array.from({ length: height }, () => Array<string>(width).fill('.'));
  forEachEdgePixel(spans, (x, y) => {
    // every edge pixel is visited once
    expect(rows[y]?.[x]).to.equal('.');
    rows[y]?.splice(x, 1, '#');
  });
  return rows.map((row) => row.join(''));
}

describe('mask spans', () => {
  it('reads column-major runs, also those that go on in the next column', () => {
    const rows = [
      '.#...', //
      '.#.#.',
      '##.#.',
      '##...',
      '##...',
    ];
    const mask = maskOf(rows, image);
    // zeros first: 2 free, then 3 + 5 set (column 0's foot and all of column 1), 6 free, 2 set, 7 free
    expect([...mask.rle.counts]).to.deep.equal([2, 8, 6, 2, 7]);
    const spans = spansOf(mask, image);
    expect(spans.area).to.equal(10);
    expect(spans.columns.map(({ length }) => length)).to.deep.equal([1, 1, 0, 1, 0]);
    expect(drawn(spans, image)).to.deep.equal(rows);
  });

  it('moves a crop to its position and clips it to the image', () => {
    const mask = maskOf(['##', '##'], image, 4, -1);
    expect(drawn(spansOf(mask, image), image)).to.deep.equal(['....#', '.....', '.....', '.....', '.....']);
    expect(spansOf(maskOf(['##', '##'], image, -9, 0), image).area).to.equal(0);
    expect(spansOf(maskOf(['##', '##'], image, 9, 9), image).area).to.equal(0);
  });

  it('finds the pixels with a free neighbour above, below, left or right; beyond the image all is free', () => {
    const rows = [
      '.###.', //
      '#####',
      '#####',
      '#####',
      '.###.',
    ];
    expect(edgesOf(spansOf(maskOf(rows, image), image), image)).to.deep.equal([
      '.###.',
      // the corner neighbour does not count
      '#...#',
      '#...#',
      '#...#',
      '.###.',
    ]);
  });

  it('finds the edge around a hole', () => {
    const full = ['#####', '#####', '##.##', '#####', '#####'];
    expect(edgesOf(spansOf(maskOf(full, image), image), image)).to.deep.equal([
      '#####',
      '#.#.#',
      '##.##',
      '#.#.#',
      '#####',
    ]);
  });

  it('agrees with a bitmap on any mask', () => {
    const size = { height: 6, width: 7 };
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 42, maxLength: 42 }), (bits) => {
        const set = (x: number, y: number) => x >= 0 && y >= 0 && x < 7 && y < 6 && bits[y * 7 + x]!;
        const text = (at: (x: number, y: number) => boolean) =>
          Array.from({ length: 6 }, (_, y) => Array.from({ length: 7 }, (_, x) => (at(x, y) ? '#' : '.')).join(''));
        const spans = spansOf(encodeMask(size, set, size), size);
        expect(drawn(spans, size)).to.deep.equal(text(set));
        const inside = (x: number, y: number) => set(x - 1, y) && set(x + 1, y) && set(x, y - 1) && set(x, y + 1);
        expect(edgesOf(spans, size)).to.deep.equal(text((x, y) => set(x, y) && !inside(x, y)));
      }),
      { seed: 7 },
    );
  });
});
