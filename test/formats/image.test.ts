import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { ConfigError, ImageError } from '../../src/errors.ts';
import { decodeLabelPng } from '../../src/formats/label_png.ts';
import { pngSignature } from '../../src/formats/png_chunks.ts';
import { encodeMaskPng } from '../../src/formats/png_write.ts';
import type { Raster } from '../../src/image/raster.ts';
import { decodeImage } from '../../src/platform/node/files.ts';
import { chunk, header } from '../harness/png_builder.ts';
import { rejection } from '../harness/rejection.ts';

const text = (content: string) => new TextEncoder().encode(content);
const shipped = new URL('../../samples/images/', import.meta.url);
const shared = new URL('../../../shared/samples/', import.meta.url);

/** SHA-256 of the RGB bytes as `cv2.imread` gives them. */
function hashOf({ data }: Raster): string {
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let i = 0, o = 0; i < data.length; i++) if (i % 4 !== 3) rgb[o++] = data[i]!;
  return createHash('sha256').update(rgb).digest('hex');
}

describe('decodeImage', () => {
  it('reads the shipped images to the pixels of OpenCV', async () => {
    // from OpenCV 5.0.0, width × height, sha256 of RGB
    const expected = {
      'street-house.jpg': [768, 768, 'e36b2e7b6cefea215cda5f8131823a54ae7e30427a4467e227f8013e6aca9148'],
      'street-corner.jpg': [768, 768, 'c59b8fd95e45d76556f8b928235d6ed6f51272c3fa79d0adb93b926e3c0aaa72'],
      'facade-balconies.jpg': [1024, 1024, 'd92606c34351d306ef9d895d2edf6f7363172080c7e6af59f5856d4260501b8d'],
    };
    for (const [name, [width, height, hash]] of Object.entries(expected)) {
      const raster = await decodeImage(readFileSync(new URL(name, shipped)));
      expect([raster.width, raster.height, hashOf(raster)], name).to.deep.equal([width, height, hash]);
    }
  });

  it('reads every sample to the pixels of OpenCV: EXIF, interlace, palette, alpha, 16 bits, progressive', async function () {
    if (!existsSync(new URL('pixels.json', shared))) this.skip(); // the whole sample set is not part of the package
    const { files } = JSON.parse(readFileSync(new URL('pixels.json', shared), 'utf8'));
    for (const [name, { width, height, sha256_rgb }] of Object.entries<Record<string, unknown>>(files)) {
      const bytes = readFileSync(new URL(name, shared));
      if (name.includes('cmyk')) {
        const error = await decodeImage(bytes, { name }).catch((thrown) => thrown);
        expect(error).to.be.instanceOf(ImageError);
        expect(error.message).to.match(/coffee-cmyk\.jpg, JPEG marker 0xffc0 at byte \d+: .*CMYK/);
        continue;
      }
      const raster = await decodeImage(bytes);
      expect([raster.width, raster.height, hashOf(raster)], name).to.deep.equal([width, height, sha256_rgb]);
    }
  });

  it('names the formats that it does not read, and files that are not images', async () => {
    const cases: [Uint8Array, string, RegExp][] = [
      [text('GIF89a......'), 'unsupported', /a GIF image, which is not read\. Convert it to PNG or JPEG/],
      [text('RIFF....WEBPVP8 '), 'unsupported', /WebP/],
      [text('\0\0\0\x18ftypavif'), 'unsupported', /AVIF/],
      [text('\0\0\0\x18ftypheic'), 'unsupported', /HEIC/],
      [text('\0\0\0\x18ftypmp42'), 'not-an-image', /video/],
      [text('BM......'), 'unsupported', /BMP/],
      [text('II*\0....'), 'unsupported', /TIFF/],
      [text('MM\0*....'), 'unsupported', /TIFF/],
      [text('\0\0\0\x0cjP  '), 'unsupported', /JPEG 2000/],
      [text('<?xml version="1.0"?><!-- a --><svg/>'), 'unsupported', /SVG/],
      [text('%PDF-1.7'), 'unsupported', /PDF/],
      [text('  <!DOCTYPE html><html>404'), 'not-an-image', /an HTML page \(a failed download\)/],
      [text('{"message": "not found"}'), 'not-an-image', /JSON/],
      [text('version https://git-lfs.github.com/spec/v1'), 'not-an-image', /git-lfs pointer/],
      [text('hello'), 'not-an-image', /this is text/],
      [new Uint8Array(0), 'not-an-image', /an empty file/],
      [new Uint8Array(100), 'not-an-image', /data of no known format/],
      [Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0a, 0x1a, 0x0a, 0), 'not-an-image', /signature was damaged/],
      [Uint8Array.of(0x89, 0x50, 0x4e), 'truncated', /PNG signature: only 3 of its 8 bytes/],
      [Uint8Array.of(0xff, 0xd8), 'truncated', /JPEG byte 2: the file ends/],
    ];
    for (const [bytes, code, message] of cases) {
      const error = await decodeImage(bytes, { name: 'photos/a.jpg' }).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(ImageError);
      expect(error.message).to.match(/^photos\/a\.jpg(, [^:]+)?: /);
      expect(error.message).to.match(message);
      expect(error).to.have.property('code', code);
    }
  });

  it('takes bytes only, and says what it got', async () => {
    for (const [value, found] of [
      ['photo.jpg', '"photo.jpg"'],
      [undefined, 'nothing'],
      [[1], '[1]'],
    ] as const) {
      const fact = `takes the bytes of a file as a Uint8Array, got ${found}. Read the file first.`;
      const error = await rejection(decodeImage(value as never));
      expect(error).to.be.instanceOf(ImageError);
      expect(error.message).to.equal(`decodeImage ${fact}`);
      expect(() => decodeLabelPng(value as never)).to.throw(ImageError, `decodeLabelPng ${fact}`);
    }
  });

  it('checks its options, and names the nearest', async () => {
    const png = encodeMaskPng(Uint8Array.of(1), { height: 1, width: 1 });
    const cases: [unknown, RegExp][] = [
      [null, /^options of CALL: must be an object, got null/],
      ['photo.png', /^options of CALL: must be an object, got "photo\.png"/],
      [{ maxPixel: 5 }, /^options of CALL: unknown option "maxPixel".*Did you mean "maxPixels"\?/],
      [{ maxPixels: '5' }, /^options of CALL: maxPixels: must be a number of at least 0, got "5"/],
      [{ maxPixels: Number.NaN }, /maxPixels: must be a number of at least 0/],
      [{ name: 5 }, /name: must be a string, got 5/],
    ];
    for (const [options, message] of cases) {
      for (const [call, run] of [
        ['decodeImage', decodeImage],
        ['decodeLabelPng', async (bytes: Uint8Array, given: never) => decodeLabelPng(bytes, given)],
      ] as const) {
        const error = await rejection(run(png, options as never));
        expect(error).to.be.instanceOf(ConfigError);
        expect(error.message).to.match(new RegExp(message.source.replace('CALL', call)));
      }
    }
    expect((await decodeImage(png, { maxPixels: Number.POSITIVE_INFINITY })).width).to.equal(1);
  });

  it('reads an image over the limit if the limit is raised, and says how to raise it', async () => {
    const wide = encodeMaskPng(new Uint8Array(20), { height: 4, width: 5 });
    const error = await rejection(decodeImage(wide, { maxPixels: 19 }));
    expect(error.message).to.match(/the limit is.*decodeImage and predict take a higher maxPixels.*--max-pixels/);
    expect((await decodeImage(wide, { maxPixels: 20 })).height).to.equal(4);
  });

  it('refuses an image beyond the memory, however high the limit', async () => {
    // 40000 × 40000 pixels are 6.4 GB, more than an array may have; the first row begins the image, and the rest is as long
    // as deflated rows would be
    const rows = Buffer.concat([deflateSync(new Uint8Array(40_001)), new Uint8Array(1_600_000)]);
    const [width, height, depth, colorType] = [40_000, 40_000, 8, 0];
    const png = Buffer.concat([
      pngSignature,
      header({ width, height, depth, colorType }),
      chunk('IDAT', rows),
      chunk('IEND'),
    ]);
    const error = await rejection(decodeImage(new Uint8Array(png), { maxPixels: 2 ** 40 }));
    expect(error).to.be.instanceOf(ImageError).and.to.have.property('code', 'limit');
    expect(error.message).to.match(/PNG image data \(IDAT\): there is not enough memory for its pixels/);
  });

  it('names a format quickly for any text', async () => {
    const start = performance.now();
    const error = await decodeImage(text('<!---->'.repeat(100_000))).catch((thrown) => thrown);
    expect(error.message).to.match(/this is text/);
    expect(performance.now() - start).to.be.below(500);
  });

  it('bundles for the browser without a Node built-in', async () => {
    const entry = fileURLToPath(new URL('../../src/platform/browser.ts', import.meta.url));
    const writer = fileURLToPath(new URL('../../src/formats/png_write.ts', import.meta.url));
    const result = await build({
      stdin: {
        contents: `export * from ${JSON.stringify(entry)}; export * from ${JSON.stringify(writer)};`,
        resolveDir: '.',
      },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      logLevel: 'silent',
    });
    expect(result.errors).to.deep.equal([]);
    expect(result.outputFiles[0]!.text).not.to.match(/node:|require\(/);
  });
});
