import { expect } from 'chai';
import { Mask, Result, version } from 'moganet';
import { compactMask } from '../../src/postprocess/masks.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';

const size = { height: 4, width: 6 };

/** A mask of the pixels (x, y) of an image of 6×4. */
function maskOf(...pixels: readonly (readonly [number, number])[]): Mask {
  const bitmap = new Uint8Array(24);
  for (const [x, y] of pixels) bitmap[6 * y + x] = 1;
  return new Mask(compactMask(encodeBitmap(bitmap, size)));
}

const image = { ...size, data: new Uint8ClampedArray(96).map((_, i) => (i % 4 === 3 ? 255 : i)) };

/** Two instances; the map is class 0 on the left half and class 2 on the right. */
const result = new Result({
  boxes: Float32Array.of(1, 1, 3, 3, 4, 0, 6, 2),
  scores: Float32Array.of(0.75, 0.5),
  labels: Int32Array.of(1, 0),
  masks: [maskOf([1, 1], [2, 1], [1, 2]), maskOf([4, 0], [5, 1])],
  names: ['cat', 'dog'],
  segmentation: {
    labels: Uint8Array.from({ length: 24 }, (_, i) => (i % 6 < 3 ? 0 : 2)),
    names: ['sky', 'sea', 'sand'],
  },
  image,
  timings: { total: 1 },
});

describe('a result', () => {
  it('iterates over its instances', () => {
    expect([...result].map(({ name, label, score, box }) => ({ name, label, score, box }))).to.deep.equal([
      { name: 'dog', label: 1, score: 0.75, box: [1, 1, 3, 3] },
      { name: 'cat', label: 0, score: 0.5, box: [4, 0, 6, 2] },
    ]);
    expect(() => result.at(2)).to.throw(RangeError, 'there is no instance 2: the result has 2.');
  });

  it('filters instances and keeps the map', () => {
    const cats = result.filter(({ name }) => name === 'cat');
    expect([...cats.boxes]).to.deep.equal([4, 0, 6, 2]);
    expect(cats.masks![0]!.area).to.equal(2);
    expect(cats.segmentation).to.equal(result.segmentation);
    expect(result.length).to.equal(2);
  });

  it('gives masks in every form', () => {
    const mask = result.at(0).mask!;
    expect(mask.area).to.equal(3);
    expect([...mask.toBitmap()].flatMap((set, i) => (set ? [i] : []))).to.deep.equal([7, 8, 13]);
    // columns first: 5 zeros, column 1 has rows 1 and 2, then 2 zeros, one pixel, 14 zeros
    expect(mask.toRle()).to.deep.equal({ size: [4, 6], counts: '522O<' });
    expect(mask.toPolygons()).to.have.length(1);
  });

  it('cuts an instance out, transparent outside its mask', () => {
    const cut = result.crop(0);
    expect([cut.width, cut.height]).to.deep.equal([2, 2]);
    expect([3, 7, 11, 15].map((i) => cut.data[i])).to.deep.equal([255, 255, 255, 0]);
    expect([...cut.data.slice(0, 3)]).to.deep.equal([28, 29, 30]); // pixel (1, 1) is the eighth
  });

  it('becomes JSON, with timings only on demand', () => {
    const json = JSON.parse(JSON.stringify(result));
    expect(json).to.include({ schema: 2, moganet: version });
    expect(json.image).to.deep.equal({ height: 4, width: 6 });
    expect(json.detection[0]).to.deep.equal({
      label: 1,
      name: 'dog',
      score: 0.75,
      box: [1, 1, 3, 3],
      area: 3,
      mask: result.at(0).mask!.toRle(),
    });
    expect(
      json.segmentation.map(({ name, pixels, share }: Record<string, unknown>) => [name, pixels, share]),
    ).to.deep.equal([
      ['sky', 12, 0.5],
      ['sand', 12, 0.5],
    ]);
    // the right half: twelve zeros, twelve ones
    expect(json.segmentation[1].mask).to.deep.equal({ size: [4, 6], counts: '<<' });
    expect(json).not.to.have.property('timings');
    expect(result.toJSON({ timings: true }).timings).to.deep.equal({ total: 1 });
  });

  it('draws the chosen tasks and does not change its image', () => {
    const before = Uint8ClampedArray.from(image.data);
    const detections = result.render();
    expect([detections.width, detections.height]).to.deep.equal([6, 4]);
    expect(detections.data).not.to.deep.equal(before);
    expect(result.render({ draw: ['detection', 'segmentation'] }).width).to.be.greaterThan(12);
    expect(result.render({ draw: ['segmentation'] })).to.deep.equal(result.render({ draw: 'segmentation' }));
    expect(image.data).to.deep.equal(before);
    const { segmentation: _, ...rest } = result;
    expect(() => new Result({ ...rest }).render({ draw: 'segmentation' })).to.throw(
      'the model has no segmentation to draw.',
    );
  });
});
