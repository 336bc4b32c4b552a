import { expect } from 'chai';
import { ndarray } from '../../src/arrays.ts';
import { ShapeError } from '../../src/errors.ts';
import { flipBack, mergeFlipped } from '../../src/postprocess/heatmap_flip.ts';

const three = ndarray([1, 3, 1, 4], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));

describe('heatmaps of a mirrored input', () => {
  it('have their columns reversed and their pairs exchanged', () => {
    const { shape, data } = flipBack(three, { flipPairs: [[0, 2]] });
    expect(shape).to.deep.equal([1, 3, 1, 4]);
    expect([...data]).to.deep.equal([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it('move right by a column, the first staying', () => {
    const { data } = flipBack(three, { flipPairs: [], shift: true });
    expect([...data]).to.deep.equal([4, 4, 3, 2, 8, 8, 7, 6, 12, 12, 11, 10]);
    const narrow = ndarray([1, 1, 2, 1], Float32Array.of(1, 2));
    expect([...flipBack(narrow, { flipPairs: [], shift: true }).data]).to.deep.equal([1, 2]);
  });

  it('change the sign of offsets along x', () => {
    const { data } = flipBack(three, { flipPairs: [], target: 'offset' });
    expect([...data]).to.deep.equal([4, 3, 2, 1, -8, -7, -6, -5, 12, 11, 10, 9]);
  });

  it('are themselves again if flipped twice', () => {
    const data = Float32Array.from({ length: 2 * 6 * 5 * 7 }, (_, i) => Math.sin(i));
    const maps = ndarray([2, 6, 5, 7], data);
    const options = { flipPairs: [[0, 1]], target: 'offset' } as const;
    expect([...flipBack(flipBack(maps, options), options).data]).to.deep.equal([...data]);
  });

  it('are merged to the mean, and leave both as they are', () => {
    const before = [...three.data];
    const { data } = mergeFlipped(three, three, { flipPairs: [[0, 2]] });
    expect([...data]).to.deep.equal(Array.from({ length: 12 }, () => 6.5));
    expect([...three.data]).to.deep.equal(before);
  });

  it('are refused if pairs or shapes do not fit', () => {
    const flip = (...flipPairs: [number, number][]) => expect(() => flipBack(three, { flipPairs }));
    flip([0, 3]).to.throw(ShapeError, 'the flip pair 0-3 names no keypoint. There are keypoints 0 to 2.');
    flip([-1, 1]).to.throw(ShapeError, 'the flip pair -1-1 names no keypoint');
    flip([0, 1], [1, 2]).to.throw(ShapeError, 'the flip pair 1-2 has a keypoint of another pair');
    flip([0, 1], [2, 0]).to.throw(ShapeError, 'the flip pair 2-0 has a keypoint of another pair');
    const other = ndarray([1, 3, 4, 1], three.data);
    expect(() => mergeFlipped(three, other, { flipPairs: [] })).to.throw(ShapeError, '[1, 3, 4, 1]');
    expect(() => flipBack(ndarray([1, 2, 1, 6], three.data), { flipPairs: [], target: 'offset' })).to.throw(
      ShapeError,
      'not a multiple of 3',
    );
  });
});
