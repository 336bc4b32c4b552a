import { expect } from 'chai';
import { sizeBeforeCrop } from '../../src/image/preprocess.ts';
import type { Raster } from '../../src/image/raster.ts';
import { centerCrop, prepareClassification, resizePillow } from '../harness/at_once.ts';

/** Grey pixels row by row; alpha must not matter. */
function grey(width: number, height: number, value: (x: number, y: number) => number, alpha = 255): Raster {
  const data = new Uint8ClampedArray(4 * width * height).fill(alpha);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) data.fill(value(x, y), i, i + 3);
  }
  return { width, height, data };
}

const reds = ({ data }: Raster): number[] => [...data.filter((_, i) => i % 4 === 0)];
const noise = (x: number, y: number) => ((x * 7919 + y * 104729 + x * y * 31) >> 2) & 255;

describe('resizePillow', () => {
  it('weighs two pixels to each side when it enlarges', () => {
    // destination 3 of 8 lies at (3 + 0.5) / 2 - 0.5 = 1.25 of the source's 0 0 255 255. With a = -0.5 the cubic at
    // distances 1.25 0.25 0.75 1.75 is -0.0703125 0.8671875 0.2265625 -0.0234375, in all 1: 255 · (0.2265625 -
    // 0.0234375) = 51.8. Destination 2 lies at 0.75 and sees pixel 2 at 1.25: 255 · -0.07 is clamped to 0. The other
    // half mirrors this.
    const step = resizePillow(
      grey(4, 1, (x) => (x < 2 ? 0 : 255)),
      { width: 8, height: 1 },
    );
    expect(reds(step)).to.deep.equal([0, 0, 0, 52, 203, 255, 255, 255]);
  });

  it('widens the filter when it reduces, and keeps its sum at the border', () => {
    // destination 0 of 2 lies at 1.5 of 8 pixels, which are at a quarter of their distances: 0.375 0.125 0.125 0.375
    // 0.625 0.875 1.125 1.375
    const weights = [
      ...[0.7275390625, 0.9638671875, 0.9638671875, 0.7275390625],
      ...[0.3896484375, 0.0908203125, -0.0478515625, -0.0732421875],
    ];
    const sum = weights.reduce((total, weight) => total + weight, 0);
    weights.forEach((weight, bright) => {
      const one = grey(8, 1, (x) => (x === bright ? 200 : 0));
      const expected = Math.max(0, Math.round((200 * weight) / sum));
      expect(reds(resizePillow(one, { width: 2, height: 1 }))[0], `pixel ${bright}`).to.equal(expected);
    });
  });

  it('weighs one pixel to each side if bilinear, more when it reduces', () => {
    // destination 0 of 2 lies at 1.5 of 8 pixels: 1 − distance / 4 is 0.625 0.875 0.875 0.625 0.375 0.125, in all 3.5
    const weights = [0.625, 0.875, 0.875, 0.625, 0.375, 0.125, 0, 0];
    weights.forEach((weight, bright) => {
      const one = grey(8, 1, (x) => (x === bright ? 200 : 0));
      const reduced = resizePillow(one, { width: 2, height: 1 }, undefined, 'bilinear');
      expect(reds(reduced)[0], `pixel ${bright}`).to.equal(Math.round((200 * weight) / 3.5));
    });
    const step = grey(2, 1, (x) => 100 * x);
    expect(reds(resizePillow(step, { width: 4, height: 1 }, undefined, 'bilinear'))).to.deep.equal([0, 25, 75, 100]);
  });

  it('copies if the size stays, and keeps an even colour', () => {
    const image = grey(5, 4, noise);
    expect(reds(resizePillow(image, { width: 5, height: 4 }))).to.deep.equal(reds(image));
    const even = resizePillow(
      grey(37, 23, () => 201),
      { width: 11, height: 50 },
    );
    expect(new Set(reds(even))).to.deep.equal(new Set([201]));
  });

  it('drops alpha and gives an opaque image', () => {
    const size = { width: 6, height: 5 };
    const expected = resizePillow(grey(9, 7, noise), size);
    expect([...resizePillow(grey(9, 7, noise, 0), size).data]).to.deep.equal([...expected.data]);
    expect(expected.data.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).to.equal(true);
  });

  it('computes a window as it stands in the whole, in either order of the passes', () => {
    for (const [width, height] of [
      [60, 40], // along x first
      [20, 90], // along y first: 90 - 30 > 2 · (20 - 7)
    ] as const) {
      const source = grey(width, height, noise);
      const size = { width: width === 60 ? 30 : 7, height: width === 60 ? 20 : 30 };
      const whole = resizePillow(source, size);
      const window = { left: 2, top: 5, width: 4, height: 9 };
      const expected = Array.from({ length: 36 }, (_, i) => {
        const [x, y] = [2 + (i % 4), 5 + Math.floor(i / 4)];
        return whole.data[4 * (y * size.width + x)];
      });
      expect(reds(resizePillow(source, size, window))).to.deep.equal(expected);
    }
  });

  it('begins along y if the height shrinks by more than twice as many pixels as the width', () => {
    // what Pillow 13.0.0 gives; 12.0.0 begins along x, and has 97 for the first and 117 for the last
    const tall = resizePillow(grey(3, 9, noise), { width: 4, height: 2 });
    expect(reds(tall)).to.deep.equal([96, 112, 124, 125, 135, 142, 135, 118]);
  });
});

describe('centerCrop', () => {
  it('resizes the short side to floor(size / cropPct) and rounds the long one down', () => {
    expect(sizeBeforeCrop({ height: 160, width: 240 }, { size: 224, cropPct: 0.9 })).to.deep.equal({
      height: 248, // floor(248.9)
      width: 372,
    });
    expect(sizeBeforeCrop({ height: 133, width: 101 }, { size: 224, cropPct: 0.9 })).to.deep.equal({
      height: 326, // floor(326.6)
      width: 248,
    });
    expect(sizeBeforeCrop({ height: 7, width: 7 }, { size: 224, cropPct: 0.875 })).to.deep.equal({
      height: 256,
      width: 256,
    });
  });

  it('takes the middle; a half goes to the even corner', () => {
    const image = grey(8, 3, (x, y) => 10 * x + y);
    // (8 - 3) / 2 = 2.5 becomes 2
    expect(reds(centerCrop(image, { size: 3, cropPct: 1 }))).to.deep.equal([20, 30, 40, 21, 31, 41, 22, 32, 42]);
    // (10 - 3) / 2 = 3.5 becomes 4
    const wider = grey(10, 3, (x, y) => 10 * x + y);
    expect(reds(centerCrop(wider, { size: 3, cropPct: 1 })).slice(0, 3)).to.deep.equal([40, 50, 60]);
  });

  it('takes hair lines, however long the whole would become', () => {
    const { width, height } = centerCrop(grey(5000, 1, noise), { size: 64, cropPct: 0.9 });
    expect([width, height]).to.deep.equal([64, 64]);
  });
});

describe('prepareClassification', () => {
  it('normalises the crop in the order of the channels', () => {
    const image = grey(4, 4, (x, y) => 4 * y + x);
    for (let i = 0; i < image.data.length; i += 4) image.data[i] = image.data[i]! + 100; // red
    const pipeline = { size: 2, cropPct: 0.5, mean: [1, 2, 3], std: [2, 2, 2] } as const;
    // 5 6 / 9 10 in the middle
    const rgb = prepareClassification(image, pipeline);
    expect(rgb.shape).to.deep.equal([1, 3, 2, 2]);
    expect([...rgb.data]).to.deep.equal([52, 52.5, 54, 54.5, 1.5, 2, 3.5, 4, 1, 1.5, 3, 3.5]);
    const bgr = prepareClassification(image, { ...pipeline, channelOrder: 'bgr' });
    expect([...bgr.data]).to.deep.equal([2, 2.5, 4, 4.5, 1.5, 2, 3.5, 4, 51, 51.5, 53, 53.5]);
  });
});
