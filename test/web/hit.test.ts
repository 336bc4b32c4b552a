import { expect } from 'chai';
import { instanceUnder, labelUnder, type Shape } from '../../web/stage/hit.ts';

/**
 * 0: a large mask over columns 0 to 7, with a hole at (2, 2); 1: a small one inside it; 2: only a box.
 */
const large = new Uint8Array(64).fill(1);
large[2 * 8 + 2] = 0;
const shapes: readonly Shape[] = [
  { box: [0, 0, 8, 8], area: 63, mask: { left: 0, top: 0, width: 8, height: 8, bits: large } },
  { box: [4, 4, 6, 6], area: 4, mask: { left: 4, top: 4, width: 2, height: 2, bits: new Uint8Array(4).fill(1) } },
  { box: [10, 0, 14, 4], area: 16 },
];
const all = { isShown: () => true, slack: 0 };

describe('which instance is under a point', () => {
  it('takes the smallest mask that holds the point', () => {
    expect(instanceUnder(shapes, { x: 1, y: 1 }, all)).to.equal(0);
    expect(instanceUnder(shapes, { x: 4.5, y: 5.9 }, all)).to.equal(1);
  });

  it('sees holes, and the box of an instance without a mask', () => {
    expect(instanceUnder(shapes, { x: 2.5, y: 2.5 }, all)).to.equal(undefined);
    expect(instanceUnder(shapes, { x: 13.9, y: 0 }, all)).to.equal(2);
    expect(instanceUnder(shapes, { x: 14, y: 0 }, all)).to.equal(undefined);
    expect(instanceUnder(shapes, { x: -1, y: -1 }, all)).to.equal(undefined);
  });

  it('passes over what is not shown', () => {
    expect(instanceUnder(shapes, { x: 4.5, y: 4.5 }, { ...all, isShown: (i) => i !== 1 })).to.equal(0);
    expect(instanceUnder(shapes, { x: 4.5, y: 4.5 }, { ...all, isShown: () => false })).to.equal(undefined);
  });

  it('takes the line of a box if no mask is there', () => {
    const near = { ...all, slack: 1 };
    expect(instanceUnder(shapes, { x: 8.5, y: 3 }, near)).to.equal(0);
    expect(instanceUnder(shapes, { x: 2.5, y: 2.5 }, near), 'the hole, far from the line').to.equal(undefined);
  });

  it('gives equal areas to the better score', () => {
    const twin: Shape = { box: [0, 0, 4, 4], area: 16 };
    expect(instanceUnder([twin, twin], { x: 1, y: 1 }, all)).to.equal(0);
  });

  it('reads the class of a pixel', () => {
    const labels = Uint8Array.of(0, 1, 255, 1);
    const size = { width: 2, height: 2 };
    const classes = ['sky', 'wall'];
    expect(labelUnder(labels, size, classes, { x: 1.9, y: 0.2 })).to.equal(1);
    expect(labelUnder(labels, size, classes, { x: 0, y: 1 }), 'without a class').to.equal(undefined);
    expect(labelUnder(labels, size, classes, { x: 2, y: 1 }), 'outside').to.equal(undefined);
    expect(labelUnder(labels, size, classes, { x: -0.5, y: 1 }), 'outside').to.equal(undefined);
  });
});
