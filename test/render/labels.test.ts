import { expect } from 'chai';
import fc from 'fast-check';
import { placeLabels } from '../../src/render/labels.ts';

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
});
