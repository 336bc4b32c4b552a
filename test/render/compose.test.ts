import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { cropInstance } from '../../src/render/compose.ts';
import { landscape, maskOf, pixel, plain } from './images.ts';

const size = { width: 5, height: 5 };

describe('cropInstance', () => {
  it('cuts out the whole pixels that a box touches', () => {
    const image = landscape(size);
    const crop = cropInstance(image, [1.2, 0.9, 3.1, 2]);
    expect([crop.width, crop.height]).to.deep.equal([3, 2]);
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 3; x++) expect(pixel(crop, x, y)).to.deep.equal(pixel(image, x + 1, y));
  });

  it('makes pixels outside the mask transparent and black', () => {
    const mask = maskOf(['##', '#.'], size, 2, 1);
    const crop = cropInstance(plain(size, [10, 20, 30]), [1, 1, 4, 3], mask);
    // . # #
    // . # .
    const expected = [0, 1, 1, 0, 1, 0].flatMap((inside) => (inside ? [10, 20, 30, 255] : [0, 0, 0, 0]));
    expect([...crop.data]).to.deep.equal(expected);
  });

  it('leaves out the part of the mask beyond the box, and keeps the image’s alpha', () => {
    const mask = maskOf(['#####'], size, 0, 2);
    const crop = cropInstance(plain(size, [10, 20, 30], 77), [3, 0, 9, 9], mask);
    expect([crop.width, crop.height]).to.deep.equal([2, 5]);
    expect(pixel(crop, 0, 2)).to.deep.equal([10, 20, 30, 77]);
    expect(pixel(crop, 1, 1)).to.deep.equal([0, 0, 0, 0]);
  });

  it('refuses a box off the image and a mask of another one', () => {
    const image = plain(size, [0, 0, 0]);
    expect(() => cropInstance(image, [6, 0, 8, 2])).to.throw(
      ShapeError,
      /the box \(6, 0, 8, 2\) covers no pixel.* 5×5.*x1, y1, x2, y2/,
    );
    expect(() => cropInstance(image, [Number.NaN, 0, 8, 2])).to.throw(ShapeError, 'the box (NaN, 0, 8, 2)');
    expect(() => cropInstance(image, [0, 0, 5, 5], maskOf(['#'], { width: 9, height: 9 }))).to.throw(
      ShapeError,
      /mask .*9×9 pixels, this one has 5×5.*image that was predicted/,
    );
  });
});
