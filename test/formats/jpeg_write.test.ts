import { expect } from 'chai';
import { ImageError } from '../../src/errors.ts';
import { decodeImage } from '../../src/platform/node/files.ts';
import { encodeJpeg } from '../../src/platform/node/jpeg.ts';

/** Smooth colours, which JPEG keeps well. */
function gradient(width: number, height: number) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      data.set([(255 * x) / width, (255 * y) / height, 128, 255], i);
    }
  }
  return { width, height, data };
}

describe('writing JPEG', () => {
  for (const [width, height] of [
    [200, 120],
    [1, 1],
    [17, 33],
  ] as const) {
    it(`reads back nearly equal at ${width}×${height}`, async () => {
      const raster = gradient(width, height);
      const bytes = await encodeJpeg(raster);
      expect([bytes[0], bytes[1]]).to.deep.equal([0xff, 0xd8]);
      const back = await decodeImage(bytes);
      expect([back.width, back.height]).to.deep.equal([width, height]);
      const apart = raster.data.reduce((sum, value, i) => sum + Math.abs(value - back.data[i]!), 0);
      expect(apart / raster.data.length).to.be.lessThan(2);
    });
  }

  it('gives each call bytes of its own', async () => {
    const first = await encodeJpeg(gradient(40, 40));
    const copy = Uint8Array.from(first);
    await encodeJpeg(gradient(64, 20));
    expect(first).to.deep.equal(copy);
  });

  it('refuses pixels that do not fit their size', async () => {
    const wrong = { width: 4, height: 4, data: new Uint8ClampedArray(8) };
    const error = await encodeJpeg(wrong).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ImageError);
  });
});
