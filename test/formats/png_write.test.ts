import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { MoganetError } from '../../src/errors.ts';
import { decodeLabelPng } from '../../src/formats/label_png.ts';
import { decodePng } from '../../src/formats/png.ts';
import {
  encodeGrey16Png,
  encodeIndexedPng,
  encodeMaskPng,
  encodePng as portableEncode,
} from '../../src/formats/png_write.ts';
import { byZlib, encodePngAsync, encodePng as nodeEncode } from '../../src/platform/node/png.ts';
import { orientationBlock } from '../harness/orientation.ts';
import { buildPng, chunk } from '../harness/png_builder.ts';
import { rejection } from '../harness/rejection.ts';

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

it('is the same to the byte with pngjs and, in a bundled server without it, with zlib alone', () => {
  for (const alpha of [() => 255, (i: number) => i % 256]) {
    const image = raster(123, 45, alpha);
    expect(Buffer.from(byZlib(image)).equals(nodeEncode(image))).to.equal(true);
    expect(Buffer.from(nodeEncode(image)).equals(encodedByPngjs(image))).to.equal(true);
  }
});

describe('writing PNG beside other work', () => {
  it('gives the same pixels, also of several bands, and the same bytes each time', async () => {
    for (const alpha of [() => 255, (i: number) => i % 256]) {
      for (const [width, height] of [
        [1, 1],
        [31, 7],
        [700, 600],
      ] as const) {
        const image = raster(width, height, alpha);
        const file = await encodePngAsync(image);
        expect(Buffer.from(file).equals(await encodePngAsync(image))).to.equal(true);
        expect(Buffer.from(decodePng(file).data.buffer).equals(Buffer.from(image.data.buffer))).to.equal(true);
        // a reader that checks the sum at the end of the stream
        const read = PNG.sync.read(Buffer.from(file), { checkCRC: true } as object);
        expect(read.data.equals(Buffer.from(image.data.buffer))).to.equal(true);
        expect(file.length).to.be.below(nodeEncode(image).length + 100);
      }
    }
  });

  it('joins its bands to one stream that every reader accepts, whatever the size', async () => {
    const sizes = fc.oneof(
      fc.record({ width: fc.integer({ min: 1, max: 900 }), height: fc.integer({ min: 1, max: 900 }) }),
      // a row that is larger than a band
      fc.record({ width: fc.integer({ min: 60_000, max: 90_000 }), height: fc.integer({ min: 1, max: 4 }) }),
    );
    const noise = fc.record({ seed: fc.nat(), every: fc.integer({ min: 1, max: 999 }), opaque: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(sizes, noise, async (size, { seed, every, opaque }) => {
        // flat stretches, noise, and transparent pixels
        const data = new Uint8ClampedArray(4 * size.width * size.height);
        for (let i = 0, value = seed; i < data.length; i++) {
          if (i % every === 0) value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
          data[i] = opaque && i % 4 === 3 ? 255 : value >>> 24;
        }
        const file = Buffer.from(await encodePngAsync({ ...size, data }));
        for (const read of [decodePng(file), PNG.sync.read(file, { checkCRC: true } as object)]) {
          expect([read.width, read.height]).to.deep.equal([size.width, size.height]);
          expect(
            Buffer.from(read.data.buffer, read.data.byteOffset, read.data.length).equals(Buffer.from(data.buffer)),
          ).to.equal(true);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('leaves the thread free while it compresses', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const image = raster(2000, 2000, () => 255);
    for (let i = 0; i < 3; i++) await encodePngAsync(image);
    clearInterval(timer);
    expect(turns).to.be.above(2);
  });

  it('refuses what is no image', async () => {
    const error = await rejection(encodePngAsync({ width: 2, height: 2, data: new Uint8ClampedArray(3) }));
    expect(error).to.be.instanceOf(MoganetError);
  });
});

/** What pngjs writes for these settings if it is asked directly. */
function encodedByPngjs({ width, height, data }: ReturnType<typeof raster>): Uint8Array {
  const image = new PNG({ width, height });
  image.data.set(data);
  const opaque = data.every((value, i) => i % 4 !== 3 || value === 255);
  return PNG.sync.write(image, { colorType: opaque ? 2 : 6, deflateLevel: 3, filterType: 2 });
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
    expect(() => decodeLabelPng(new TextEncoder().encode('0 1 2'))).to.throw(/this is text.*\. Give a PNG file\.$/);
    const data = new Uint8ClampedArray(140).fill(255);
    data.set([1, 2, 1], 4 * (7 * 2 + 3));
    expect(() => decodeLabelPng(portableEncode({ ...size, data }), { name: 'photo.png' })).to.throw(
      /^photo\.png, PNG pixel \(3, 2\): it is the colour \(1, 2, 1\), not a label\..*palette or grey, or with three equal/,
    );
  });
});

describe('writers of PNG', () => {
  it('refuse arguments of other types by typed errors that say what was found', () => {
    const map = { height: 1, width: 2, labels: Uint8Array.of(0, 1) };
    const mask = map.labels;
    const calls: [call: () => unknown, RegExp][] = [
      [() => encodeIndexedPng(null as never, []), /labels must be a Uint8Array.*got null/],
      [() => encodeIndexedPng({ ...map, labels: [0, 1] } as never, []), /got labels \[0,1\]/],
      [() => encodeIndexedPng(map, null as never), /colors must be a list of \[red, green, blue\].*got null/],
      [() => encodeIndexedPng(map, [[0, 0, 300]]), /got \[0,0,300\]/],
      [() => encodeIndexedPng(map, ['#fff'] as never), /got "#fff"/],
      [() => encodeGrey16Png(undefined as never), /got nothing/],
      [() => encodeMaskPng(null as never, { height: 1, width: 2 }), /got labels null/],
      [() => encodeMaskPng(mask, null as never), /undefined×undefined: width and height must be at least 1/],
      [() => encodeMaskPng(mask, { height: -1, width: -2 }), /-2×-1: width and height must be at least 1/],
      [() => nodeEncode(null as never), /pixels must be \{ width, height, data \}.*got null/],
      [() => portableEncode(undefined as never), /got nothing/],
    ];
    for (const [call, message] of calls) expect(call).to.throw(MoganetError, message);
  });
});

describe('reading label maps', () => {
  const sample = (depth: number) => (x: number, y: number, c: number) =>
    // three equal channels, and an alpha that differs
    c === 3 ? 0 : (x * 7 + y * 13) % 2 ** depth;
  const kinds: [colorType: 0 | 2 | 3 | 4 | 6, depths: number[]][] = [
    [0, [1, 2, 4, 8, 16]],
    [3, [1, 2, 4, 8]],
    [2, [8, 16]],
    [6, [8, 16]],
    [4, [8, 16]],
  ];
  for (const [colorType, depths] of kinds) {
    it(`reads colour type ${colorType} of ${depths.join(', ')} bits as they are stored`, () => {
      for (const depth of depths) {
        for (const interlaced of [false, true]) {
          const [width, height] = [13, 5];
          const before = [
            ...(colorType === 3 ? [chunk('PLTE', new Uint8Array(3 * 2 ** depth))] : []),
            ...(colorType === 3 || colorType === 0 ? [chunk('tRNS', [0, 0])] : []),
          ];
          const value = (x: number, y: number, c: number) => (colorType === 4 && c === 1 ? 1 : sample(depth)(x, y, c));
          const file = buildPng({ width, height, depth, colorType, interlaced, before, sample: value });
          const { labels, ...size } = decodeLabelPng(file);
          expect(size).to.deep.equal({ width, height });
          expect(labels).to.be.instanceOf(depth === 16 ? Uint16Array : Uint8Array);
          const expected = Array.from({ length: 65 }, (_, i) => sample(depth)(i % 13, Math.floor(i / 13), 0));
          expect([...labels], `${depth} bits${interlaced ? ', interlaced' : ''}`).to.deep.equal(expected);
        }
      }
    });
  }

  it('names the first pixel whose channels differ, at 8 and 16 bits', () => {
    for (const depth of [8, 16]) {
      for (const colorType of [2, 6] as const) {
        const file = buildPng({
          width: 4,
          height: 3,
          depth,
          colorType,
          sample: (x, y, c) => (c === 2 && y === 1 && x >= 2 ? 9 : 5),
        });
        expect(() => decodeLabelPng(file)).to.throw(/PNG pixel \(2, 1\): it is the colour \(5, 5, 9\), not a label/);
      }
    }
  });

  it('are not turned as EXIF says, as with cv2.IMREAD_UNCHANGED', () => {
    const before = [chunk('eXIf', orientationBlock(6))];
    const file = buildPng({ width: 3, height: 1, depth: 8, colorType: 0, sample: (x) => x, before });
    expect(decodeLabelPng(file)).to.deep.equal({ width: 3, height: 1, labels: Uint8Array.of(0, 1, 2) });
  });

  it('checks the signature, and calls other files what they are', () => {
    const text = (content: string) => new TextEncoder().encode(content);
    const png = encodeMaskPng(Uint8Array.of(1), { height: 1, width: 1 });
    const jpeg = readFileSync(new URL('../images/ok_420.jpg', import.meta.url));
    const cases: [Uint8Array, code: string, RegExp][] = [
      [png.map((byte, i) => (i < 8 ? 0 : byte)), 'not-an-image', /^mask\.png: this is data of no known format/],
      [png.map((byte, i) => (i === 0 ? byte & 127 : byte)), 'not-an-image', /signature was damaged/],
      [jpeg, 'unsupported', /this is a JPEG image, which cannot hold labels\. Save the labels as PNG/],
      [text('{"labels": []}'), 'not-an-image', /this is JSON text/],
      [text('hello'), 'not-an-image', /this is text/],
      [text('GIF89a......'), 'unsupported', /a GIF image/],
    ];
    for (const [bytes, code, message] of cases) {
      expect(() => decodeLabelPng(bytes, { name: 'mask.png' }))
        .to.throw(message)
        .with.property('code', code);
    }
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
