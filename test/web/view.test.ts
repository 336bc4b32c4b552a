import { expect } from 'chai';
import fc from 'fast-check';
import { clampView, fitView, isZoomed, panBy, reveal, toFrame, toImage, zoomAt } from '../../web/stage/view.ts';

const frame = { width: 400, height: 200 };
const image = { width: 100, height: 100 };

describe('the view of the picture', () => {
  it('shows the whole picture in the middle', () => {
    expect(fitView(image, frame)).to.deep.equal({ scale: 2, x: 100, y: 0 });
    expect(fitView({ width: 800, height: 100 }, frame)).to.deep.equal({ scale: 0.5, x: 0, y: 75 });
    expect(isZoomed(fitView(image, frame), image, frame)).to.equal(false);
  });

  it('keeps the point under the pointer where it is while it zooms', () => {
    const at = { x: 210, y: 90 };
    const before = toImage(fitView(image, frame), at);
    const view = zoomAt(fitView(image, frame), 4, at, image, frame);
    expect(view.scale).to.equal(8);
    expect(isZoomed(view, image, frame)).to.equal(true);
    expect(toFrame(view, before).x).to.be.closeTo(at.x, 1e-9);
    expect(toFrame(view, before).y).to.be.closeTo(at.y, 1e-9);
  });

  it('zooms neither out of the whole picture nor beyond 24 pixels per pixel', () => {
    const whole = fitView(image, frame);
    expect(zoomAt(whole, 0.1, { x: 7, y: 9 }, image, frame)).to.deep.equal(whole);
    expect(zoomAt(whole, 1000, { x: 200, y: 100 }, image, frame).scale).to.equal(24);
    // an image that is small for its frame is seen whole all the same
    expect(clampView({ scale: 1, x: 0, y: 0 }, { width: 4, height: 4 }, frame)).to.deep.equal({
      scale: 50,
      x: 100,
      y: 0,
    });
  });

  it('has no empty border when it is moved', () => {
    const view = { scale: 8, x: -100, y: -100 };
    expect(panBy(view, { x: 5000, y: -5000 }, image, frame)).to.deep.equal({ scale: 8, x: 0, y: 200 - 800 });
  });

  it('moves as little as needed to show a box', () => {
    const view = { scale: 8, x: 0, y: 0 }; // shows 0 to 50 by 0 to 25
    expect(reveal(view, [10, 5, 20, 10], image, frame)).to.deep.equal(view);
    expect(reveal(view, [50, 0, 60, 10], image, frame).x).to.equal(400 - 480);
    // too high for the frame: its middle, 50, comes to the frame's
    expect(reveal(view, [0, 30, 10, 70], image, frame).y).to.equal(100 - 400);
  });

  it('leaves no empty border and never loses the picture, whatever is done', () => {
    const size = fc.record({ width: fc.integer({ min: 1, max: 4000 }), height: fc.integer({ min: 1, max: 4000 }) });
    const move = fc.record({
      factor: fc.double({ min: 0.1, max: 10, noNaN: true }),
      x: fc.integer({ min: -3000, max: 3000 }),
      y: fc.integer({ min: -3000, max: 3000 }),
    });
    fc.assert(
      fc.property(size, size, fc.array(move, { maxLength: 12 }), (picture, room, moves) => {
        let view = fitView(picture, room);
        const least = view.scale;
        for (const { factor, x, y } of moves) {
          view = panBy(zoomAt(view, factor, { x, y }, picture, room), { x, y }, picture, room);
        }
        expect(view.scale).to.be.at.least(least * 0.999999);
        for (const [offset, length, space] of [
          [view.x, picture.width * view.scale, room.width],
          [view.y, picture.height * view.scale, room.height],
        ] as const) {
          if (length <= space) expect(offset).to.be.closeTo((space - length) / 2, 1e-6);
          else {
            expect(offset).to.be.at.most(1e-6);
            expect(offset + length).to.be.at.least(space - 1e-6);
          }
        }
      }),
    );
  });
});
