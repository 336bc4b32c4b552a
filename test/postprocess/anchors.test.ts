import { expect } from 'chai';
import {
  anchorLevels,
  anchorsPerPosition,
  gridAnchors,
  insideFlags,
  validFlags,
} from '../../src/postprocess/anchors.ts';

const square = { ratios: [1], scales: [1] };

describe('anchors', () => {
  it('centres the anchors of position (0, 0) on the corner of the image', () => {
    const [level] = anchorLevels({ ...square, strides: [8] });
    expect([...level!.base]).to.deep.equal([-4, -4, 4, 4]);
  });

  it('makes ratios of height to width of equal area, and for each all scales', () => {
    const [level] = anchorLevels({ ratios: [4, 0.25], scales: [1, 2], strides: [4] });
    // ratio 4 of a 4×4 base: 2 wide, 8 high
    expect([...level!.base]).to.deep.equal([-1, -4, 1, 4, -2, -8, 2, 8, -4, -1, 4, 1, -8, -2, 8, 2]);
  });

  it('divides an octave evenly', () => {
    const config = { ratios: [1], octaveBaseScale: 4, scalesPerOctave: 2, strides: [2] };
    const [level] = anchorLevels(config);
    expect(anchorsPerPosition(config)).to.equal(2);
    expect(level!.base[2]).to.equal(4);
    expect(level!.base[6]).to.be.closeTo(4 * Math.SQRT2, 1e-6); // float32
  });

  it('walks a level row by row, anchors innermost, with a stride for each axis', () => {
    const [level] = anchorLevels({ ratios: [1], scales: [1, 2], strides: [{ height: 10, width: 4 }] });
    const grid = gridAnchors(level!, { height: 2, width: 2 });
    // the base is the smaller stride: 4×4 and 8×8
    expect([...grid.subarray(0, 16)]).to.deep.equal([-2, -2, 2, 2, -4, -4, 4, 4, 2, -2, 6, 2, 0, -4, 8, 4]);
    expect([...grid.subarray(16, 20)]).to.deep.equal([-2, 8, 2, 12]);
  });

  it('uses given base sizes and a given centre offset', () => {
    const [level] = anchorLevels({ ...square, strides: [8], baseSizes: [4], centerOffset: 0.5 });
    expect([...level!.base]).to.deep.equal([0, 0, 4, 4]);
  });

  it('calls positions beyond the image invalid', () => {
    const [level] = anchorLevels({ ratios: [1], scales: [1, 2], strides: [8] });
    // 9 pixels need two positions of stride 8, 8 need one
    const flags = validFlags(level!, { height: 2, width: 3 }, { height: 8, width: 9 });
    expect([...flags]).to.deep.equal([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  describe('inside the image', () => {
    const anchors = Float32Array.of(0, 0, 4, 4, 0, 0, 8, 4, -1, 0, 4, 4, 2, 2, 4, 4);
    const valid = Uint8Array.of(1, 1, 1, 0);
    const image = { height: 6, width: 8 };

    it('takes the far edge as outside, the near one as inside', () => {
      expect([...insideFlags(anchors, valid, image, { allowedBorder: 0 })]).to.deep.equal([1, 0, 0, 0]);
    });

    it('widens the image by the border', () => {
      expect([...insideFlags(anchors, valid, image, { allowedBorder: 1 })]).to.deep.equal([1, 1, 1, 0]);
    });

    it('takes every valid anchor if the border is negative', () => {
      expect([...insideFlags(anchors, valid, image, { allowedBorder: -1 })]).to.deep.equal([1, 1, 1, 0]);
    });
  });
});
