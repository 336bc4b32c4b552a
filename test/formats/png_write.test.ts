import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeLabelPng } from '../../src/formats/image.ts';
import { decodePng } from '../../src/formats/png.ts';
import {
  encodeGrey16Png,
  encodeIndexedPng,
  encodeMaskPng,
  encodePng as portableEncode,
} from '../../src/formats/png_write.ts';
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

    it('stores three channels if every pixel is opaque, four otherwise', () => {
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

const size = { height: 5, width: 7 };
const bytes = Uint8Array.from({ length: 35 }, (_, i) => (i * 91) % 256);
const words = Uint16Array.from({ length: 35 }, (_, i) => (i * 4099) % 65536);
const colors = [
  [1, 2, 3],
  [200, 100, 50],
] as const;

describe('label maps as PNG', () => {
  it('read back equal with 8 and with 16 bits', () => {
    expect(decodeLabelPng(encodeIndexedPng({ ...size, labels: bytes }, colors))).to.deep.equal({
      ...size,
      labels: bytes,
    });
    const wide = { ...size, labels: Uint16Array.of(...words.subarray(0, 34), 65535) };
    expect(decodeLabelPng(encodeGrey16Png(wide))).to.deep.equal(wide);
  });

  it('show the colours of their classes, and black for classes without a colour', () => {
    const image = decodePng(encodeIndexedPng({ height: 1, width: 3, labels: Uint8Array.of(1, 0, 255) }, colors));
    expect([...image.data]).to.deep.equal([200, 100, 50, 255, 1, 2, 3, 255, 0, 0, 0, 255]);
  });

  it('take a mask as black and white', () => {
    const file = encodeMaskPng(Uint8Array.of(0, 1, 1, 0), { height: 2, width: 2 });
    expect([...decodeLabelPng(file).labels]).to.deep.equal([0, 255, 255, 0]);
  });

  it('are refused if a label does not fit, or if the image has colours', () => {
    const wide = { height: 1, width: 1, labels: Uint16Array.of(256) };
    expect(() => encodeIndexedPng(wide, [])).to.throw(/label 256 .*255/);
    expect(() => encodeGrey16Png({ ...size, labels: words.subarray(1) })).to.throw(
      /7×5 pixels needs 35 labels, got 34/,
    );
    const photo = portableEncode({ ...size, data: new Uint8ClampedArray(140).fill(255) });
    expect(() => decodeLabelPng(photo, { name: 'photo.png' })).to.throw(
      /^photo\.png, PNG chunk IHDR at byte 8: .*colours, not labels.*palette or grey, 8 or 16 bits/,
    );
  });
});

describe('an image as PNG', () => {
  it('is a plain array in Node too, whose slices are copies', () => {
    const file = nodeEncode({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3, 255) });
    expect(Object.getPrototypeOf(file)).to.equal(Uint8Array.prototype);
    expect(file.slice().buffer).not.to.equal(file.buffer);
  });
});

describe('every PNG that is written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-png-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('passes pngcheck', function () {
    if (spawnSync('pngcheck', ['-h']).error) this.skip(); // the tool is not installed here (Debian: pngcheck)
    mkdirSync(folder, { recursive: true });
    const photo = (alpha: number) => ({
      ...size,
      data: Uint8ClampedArray.from({ length: 140 }, (_, i) => (i % 4 === 3 ? alpha : (i * 37) % 256)),
    });
    const files = {
      'indexed.png': encodeIndexedPng({ ...size, labels: bytes }, colors),
      'grey16.png': encodeGrey16Png({ ...size, labels: words }),
      'mask.png': encodeMaskPng(bytes, size),
      'rgb.png': nodeEncode(photo(255)),
      'rgba.png': nodeEncode(photo(100)),
      'portable_rgb.png': portableEncode(photo(255)),
      'portable_rgba.png': portableEncode(photo(100)),
    };
    for (const [name, file] of Object.entries(files)) writeFileSync(join(folder, name), file);
    const paths = Object.keys(files).map((name) => join(folder, name));
    const { status, stdout } = spawnSync('pngcheck', ['-q', ...paths], { encoding: 'utf8' });
    expect(stdout).to.equal(''); // -q names only what is wrong
    expect(status).to.equal(0);
  });
});
