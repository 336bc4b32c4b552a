import { expect } from 'chai';
import fc from 'fast-check';
import { classesFirst, fewLabels, placeLabels, type Rect, seenPart } from '../../web/stage/labels.ts';

const room = { x: 0, y: 0, width: 200, height: 100 };
const wish = (index: number, x: number, y: number, size = 30) => ({
  index,
  width: 40,
  height: 12,
  box: { x, y, width: size, height: size },
});
const few = { most: 10, apart: false };

const overlap = (a: Rect, b: Rect) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe('the labels on the picture', () => {
  it('lie above their box, or below it at the upper edge', () => {
    const [above, below] = placeLabels([wish(0, 10, 50), wish(1, 150, 0)], room, few);
    expect(above).to.deep.equal({ index: 0, x: 10, y: 38, width: 40, height: 12 });
    expect(below).to.deep.equal({ index: 1, x: 150, y: 30, width: 40, height: 12 });
  });

  it('are left out without room beside the box, the worse ones, or go apart with a line', () => {
    const crowd = Array.from({ length: 12 }, (_, i) => wish(i, 90 + i / 10, 45, 10));
    const kept = placeLabels(crowd, room, { most: 12, apart: false });
    expect(kept.length).to.be.within(2, 8);
    expect(kept[0]?.index).to.equal(0);
    const all = placeLabels(crowd, room, { most: 12, apart: true });
    expect(all.length).to.be.above(kept.length);
    const led = all.filter(({ leader }) => leader !== undefined);
    expect(led.length).to.equal(all.length - kept.length);
    for (const { leader } of led) expect(leader?.to.y).to.be.closeTo(50, 1);
  });

  it('stop at the limit and skip boxes that are not seen', () => {
    const wishes = [wish(0, -100, 0), wish(1, 10, 50), wish(2, 80, 50), wish(3, 150, 50)];
    expect(placeLabels(wishes, room, { most: 2, apart: false }).map(({ index }) => index)).to.deep.equal([1, 2]);
  });

  it('never cover each other and never leave the picture', () => {
    const box = fc.record({
      x: fc.integer({ min: -20, max: 220 }),
      y: fc.integer({ min: -20, max: 120 }),
      size: fc.integer({ min: 1, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(box, { maxLength: 40 }), fc.boolean(), (boxes, apart) => {
        const wishes = boxes.map(({ x, y, size }, i) => wish(i, x, y, size));
        const placed = placeLabels(wishes, room, { most: 40, apart });
        for (const [i, label] of placed.entries()) {
          expect(label.x).to.be.at.least(0);
          expect(label.y).to.be.at.least(0);
          expect(label.x + label.width).to.be.at.most(200);
          expect(label.y + label.height).to.be.at.most(100);
          expect(placed.slice(i + 1).some((other) => overlap(label, other))).to.equal(false);
        }
      }),
    );
  });

  it('are few: three on a phone, a dozen at most', () => {
    expect(fewLabels({ width: 336, height: 336 })).to.equal(3);
    expect(fewLabels({ width: 590, height: 590 })).to.equal(8);
    expect(fewLabels({ width: 4000, height: 3000 })).to.equal(12);
  });

  it('name every class before a class is named twice', () => {
    const labels = [3, 3, 1, 3, 2, 1].map((label, index) => ({ label, index }));
    expect(classesFirst(labels).map(({ index }) => index)).to.deep.equal([0, 2, 4, 1, 3, 5]);
  });

  it('lie in the part of the picture that is seen', () => {
    const frame = { width: 300, height: 200 };
    expect(seenPart({ x: 50, y: 0, width: 200, height: 200 }, frame)).to.deep.equal({
      x: 50,
      y: 0,
      width: 200,
      height: 200,
    });
    expect(seenPart({ x: -50, y: -10, width: 500, height: 500 }, frame)).to.deep.equal({ x: 0, y: 0, ...frame });
    expect(seenPart({ x: 400, y: 0, width: 10, height: 10 }, frame)).to.include({ width: 0 });
  });
});
