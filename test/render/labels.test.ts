import { expect } from 'chai';
import fc from 'fast-check';
import { placeLabels } from '../../src/render/labels.ts';
import { drawDetections, type OverlayOptions } from '../../src/render/overlay.ts';
import { fitText, measureText } from '../../src/render/text.ts';
import { plain } from './images.ts';

const image = { width: 100, height: 80 };
const label = { width: 30, height: 10 };
const box = (left: number, top: number, right: number, bottom: number) => ({ left, top, right, bottom });
const corner = (place: { left: number; top: number }) => [place.left, place.top];

function overlap(a: ReturnType<typeof box>, b: ReturnType<typeof box>): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}

describe('label layout', () => {
  it('puts a label above its box, flush with the left edge', () => {
    expect(placeLabels([{ box: box(20, 30, 60, 70), ...label }], image)).to.deep.equal([box(20, 20, 50, 30)]);
  });

  it('moves it sideways into the image', () => {
    expect(placeLabels([{ box: box(90, 30, 99, 70), ...label }], image).map(corner)).to.deep.equal([[70, 20]]);
    expect(placeLabels([{ box: box(-20, 30, 15, 70), ...label }], image).map(corner)).to.deep.equal([[0, 20]]);
  });

  it('goes inside a large box at the top of the image, and below a small one', () => {
    expect(placeLabels([{ box: box(10, 4, 90, 70), ...label }], image).map(corner)).to.deep.equal([[10, 4]]);
    expect(placeLabels([{ box: box(10, 4, 30, 24), ...label }], image).map(corner)).to.deep.equal([[10, 24]]);
  });

  it('gives way to an earlier label', () => {
    // both want (20, 20); the second box reaches further right and takes its right corner
    const places = placeLabels(
      [
        { box: box(20, 30, 60, 70), ...label },
        { box: box(20, 30, 90, 70), ...label },
      ],
      image,
    );
    expect(places.map(corner)).to.deep.equal([
      [20, 20],
      [60, 20],
    ]);
  });

  it('never leaves the image, and covers a label only if each of its positions is taken', () => {
    const position = fc.integer({ min: -10, max: 95 });
    const requests = fc.array(fc.tuple(position, position, fc.nat(60), fc.nat(60), fc.integer({ min: 5, max: 40 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(requests, (list) => {
        const asked = list.map(([x, y, w, h, width]) => ({ box: box(x, y, x + w, y + h), width, height: 9 }));
        const places = placeLabels(asked, image);
        places.forEach((place, i) => {
          expect([place.right - place.left, place.bottom - place.top]).to.deep.equal([asked[i]!.width, 9]);
          expect(place.left >= 0 && place.top >= 0 && place.right <= 100 && place.bottom <= 80).to.equal(true);
          const above = asked[i]!.box.top - 9;
          const first = box(Math.min(Math.max(0, asked[i]!.box.left), 100 - asked[i]!.width), above, 0, 0);
          const wanted = { ...first, right: first.left + asked[i]!.width, bottom: above + 9 };
          const free =
            above >= 0 && above + 9 <= 80 && places.slice(0, i).every((other) => overlap(wanted, other) === 0);
          if (free) expect(corner(place)).to.deep.equal([first.left, above]);
        });
      }),
      { seed: 11 },
    );
  });

  it('begins a label that is larger than the image at the top left', () => {
    expect(placeLabels([{ box: box(5, 5, 9, 9), width: 300, height: 200 }], image).map(corner)).to.deep.equal([[0, 0]]);
  });

  it('moves a label that would hide others away from its box, where it covers none', () => {
    const row = Array.from({ length: 6 }, (_, i) => ({ box: box(4 + 12 * i, 40, 13 + 12 * i, 50), ...label }));
    const places = placeLabels(row, image);
    for (const [i, place] of places.entries()) {
      for (const other of places.slice(0, i)) expect(overlap(place, other)).to.equal(0);
    }
    const hidden = (place: (typeof places)[number], i: number) =>
      row.filter((other, k) => k !== i && 4 * overlap(place, other.box) >= 9 * 10).length;
    expect(places.map(hidden).every((count) => count <= 1)).to.equal(true);
  });
});

describe('labels', () => {
  const grey = [200, 200, 200] as const;
  const draw = (boxes: number[][], names: string[], size = { width: 120, height: 60 }, options: OverlayOptions = {}) =>
    drawDetections(
      plain(size, grey),
      {
        boxes: Float32Array.from(boxes.flat()),
        scores: Float32Array.from(boxes, (_, i) => 0.97 - i / 100),
        labels: Int32Array.from(boxes, (_, i) => i),
        classes: names,
      },
      options,
    );

  it('that are wider than the image are cut with an ellipsis and keep their score', () => {
    const boxes = [[20, 20, 80, 50]];
    const textSize = 12;
    const room = 120 - 2 * 3 - measureText(' 0.97', textSize).width;
    const shortened = `${fitText('very long name of a class', textSize, room)} 0.97`;
    expect(shortened).to.match(/^very long .*… 0\.97$/);
    expect(draw(boxes, ['very long name of a class'], undefined, { textSize }).data).to.deep.equal(
      draw(boxes, [''], undefined, { textSize, labelOf: () => shortened }).data,
    );
    // where nothing of the name has room, the score is left
    const narrow = { width: 34, height: 60 };
    expect(draw([[2, 20, 30, 50]], ['very long'], narrow, { textSize }).data).to.deep.equal(
      draw([[2, 20, 30, 50]], [''], narrow, { textSize, labelOf: () => '0.97' }).data,
    );
    // a text of the caller is cut, too
    expect(draw(boxes, [''], undefined, { textSize, labelOf: () => 'a text of the caller, long' }).data).to.deep.equal(
      draw(boxes, [''], undefined, { textSize, labelOf: () => fitText('a text of the caller, long', textSize, 114) })
        .data,
    );
  });

  it('that touch another box of their colour have a line into their own', () => {
    const palette = [[200, 40, 40]] as const;
    const row = [
      [10, 30, 26, 50],
      [34, 30, 50, 50],
    ];
    const under = (raster: { data: ArrayLike<number>; width: number }, x: number, y: number) =>
      Array.from(Array.from(raster.data).slice(4 * (y * raster.width + x), 4 * (y * raster.width + x) + 3));
    const options = { textSize: 12, palette: [palette[0], palette[0]] };
    const both = draw(row, ['window', 'window'], undefined, options);
    // in the colour of the text
    expect(under(both, 18, 34)).to.deep.equal([255, 255, 255]);
    const alone = draw(row.slice(0, 1), ['window'], undefined, options);
    expect(under(alone, 18, 34)).to.deep.equal([200, 200, 200]);
    const other = draw(row, ['window', 'door'], undefined, { ...options, palette: [palette[0], [0, 90, 200]] });
    expect(under(other, 18, 34)).to.deep.equal([200, 200, 200]);
  });
});
