import { expect } from 'chai';
import { decodePng } from '../../src/formats/png.ts';
import { encodePng as portableEncode } from '../../src/formats/png_write.ts';
import { encodePng as nodeEncode } from '../../src/formats/png_write_node.ts';

function raster(width: number, height: number, alpha: (i: number) => number) {
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? alpha(i) : (i * 73 + (i >> 3)) % 256,
  );
  return { width, height, data };
}

for (const [name, encode] of [
  ['Node', nodeEncode],
  ['the browser', portableEncode],
] as const) {
  describe(`writing PNG in ${name}`, () => {
    it('reads back equal, opaque or with alpha', () => {
      for (const alpha of [() => 255, (i: number) => i % 256]) {
        for (const [width, height] of [
          [1, 1],
          [31, 7],
          [200, 90],
        ] as const) {
          const image = raster(width, height, alpha);
          expect(decodePng(encode(image))).to.deep.equal(image);
        }
      }
    });

    it('stores three channels where every pixel is opaque, four otherwise', () => {
      const colorTypeAt = 25;
      expect(encode(raster(5, 4, () => 255))[colorTypeAt]).to.equal(2);
      expect(encode(raster(5, 4, () => 254))[colorTypeAt]).to.equal(6);
    });

    it('writes the same bytes each time', () => {
      const image = raster(64, 48, () => 255);
      expect(encode(image)).to.deep.equal(encode(image));
    });
  });
}
