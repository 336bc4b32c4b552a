import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { imageContext } from '../../../src/formats/context.ts';
import { crc32 } from '../../../src/formats/inflate.ts';
import { jpegDecoder } from '../../../src/formats/jpeg.ts';
import { decodePng } from '../../../src/formats/png.ts';
import { pngSignature } from '../../../src/formats/png_chunks.ts';
import type { Raster } from '../../../src/image/raster.ts';
import { loadJpegWasm } from '../../../src/platform/jpeg_wasm.ts';
import { mutated, type Random } from '../mutations.ts';
import { buildPng, chunk, header, join, type PngSpec } from '../png_builder.ts';
import type { FuzzReader } from './index.ts';

/** Inputs for the image readers, and checks of the images that they return. */

const sample = (depth: number) => (x: number, y: number, c: number) => (x * 7 + y * 13 + c * 5) % 2 ** depth;
const palette = chunk(
  'PLTE',
  Array.from({ length: 48 }, (_, i) => (i * 37) % 256),
);
const spec = (depth: number, colorType: number, more: Partial<PngSpec> = {}): PngSpec => ({
  ...{ width: 9, height: 7, depth, colorType, sample: sample(depth) },
  ...more,
});

const pngs = [
  spec(8, 0),
  spec(1, 0, { interlaced: true }),
  spec(8, 2, { before: [chunk('tRNS', [0, 7, 0, 12, 0, 17])] }),
  spec(4, 3, { before: [palette, chunk('tRNS', [0, 90, 200])] }),
  spec(16, 6, { interlaced: true }),
  spec(8, 4, { before: [chunk('gAMA', [0, 0, 177, 143]), chunk('tEXt', [65, 0, 66])] }),
];
const pngFiles = pngs.map(buildPng);

/** Returns a file whose chunks have the right checksums again, as far as their lengths lead. */
function withChecksums(bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  const view = new DataView(result.buffer);
  for (let at = 8; at + 12 <= result.length; ) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > result.length) break;
    view.setUint32(end, crc32(result.subarray(at + 4, end)));
    at = end + 4;
  }
  return result;
}

function faultOfSize({ width, height, data }: Raster, expectedWidth: number, expectedHeight: number) {
  if (width !== expectedWidth || height !== expectedHeight) {
    return `${width} × ${height} pixels, the header says ${expectedWidth} × ${expectedHeight}`;
  }
  return data.length === 4 * width * height ? undefined : `${data.length} bytes for ${width} × ${height} pixels`;
}

/** The header has a fixed position, so the size is read from it plainly. */
function pngFault(raster: Raster, bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return faultOfSize(raster, view.getUint32(16), view.getUint32(20));
}

const chunkArbitrary = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('IHDR', 'PLTE', 'IDAT', 'IDAT', 'tRNS', 'IEND', 'tEXt', 'iCCP', 'acTL') },
      fc.string({ minLength: 4, maxLength: 4 }).filter((type) => /^[\x20-\x7e]{4}$/.test(type)),
    ),
    fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 300 }).map((data) => new Uint8Array(deflateSync(data))),
    ),
  )
  .map(([type, data]) => chunk(type, data));

const fewPixels = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 0xffffffff }));
const pngArbitrary = fc
  .record({
    width: fewPixels,
    height: fewPixels,
    depth: fc.constantFrom(1, 2, 4, 8, 16, 3),
    colorType: fc.constantFrom(0, 2, 3, 4, 6, 1),
    interlaced: fc.boolean(),
    chunks: fc.array(chunkArbitrary, { maxLength: 6 }),
  })
  .map(({ chunks, ...facts }) => join(pngSignature, header(facts), ...chunks, chunk('IEND')));

const once = <T>(arbitrary: fc.Arbitrary<T>, random: Random): T =>
  fc.sample(arbitrary, { seed: random(2 ** 31), numRuns: 1 })[0]!;

const samePixels = new Set<string>();
const pixelsOf = ({ width, height, data }: Raster) => `${width}×${height} ${Buffer.from(data).toString('latin1')}`;
const opaque = (raster: Raster): Raster => ({ ...raster, data: raster.data.map((v, i) => (i % 4 === 3 ? 255 : v)) });

export const png: FuzzReader<Raster> = {
  read: async (bytes) => decodePng(bytes, imageContext('fuzz')),
  kinds: [
    {
      make: (random) => mutated(pngFiles[random(pngFiles.length)]!, random, pngFiles),
      // everything that matters is under a checksum, so a file that is still read is one of those it was made of; with
      // a notice its transparency may be missing
      fault: (raster) => {
        if (samePixels.size === 0) {
          for (const image of pngFiles.map((file) => decodePng(file))) {
            samePixels.add(pixelsOf(image)).add(pixelsOf(opaque(image)));
          }
        }
        const expected = raster.notices ? opaque(raster) : raster;
        return samePixels.has(pixelsOf(expected)) ? undefined : 'pixels of none of the files';
      },
    },
    {
      make: (random) => withChecksums(mutated(pngFiles[random(pngFiles.length)]!, random, pngFiles)),
      fault: pngFault,
    },
    {
      make: (random) => buildPng({ ...pngs[random(pngs.length)]!, edit: (data) => mutated(data, random) }),
      fault: pngFault,
    },
    { make: (random) => once(pngArbitrary, random), fault: pngFault },
  ],
};

const jpegFiles = ['ok_420', 'ok_420_prog', 'ok_444', 'ok_gray', 'ok_restart', 'cmyk', 'ok_440', 'ok_440_prog'].map(
  (name) => new Uint8Array(readFileSync(new URL(`../../images/${name}.jpg`, import.meta.url))),
);

/** Compares with the first frame header's size, either way round, since an orientation may turn the image. */
function jpegFault(raster: Raster, bytes: Uint8Array): string | undefined {
  for (let at = 2; at + 9 < bytes.length; at++) {
    if (bytes[at] !== 0xff || bytes[at + 1]! < 0xc0 || bytes[at + 1]! > 0xc2) continue;
    const height = (bytes[at + 5]! << 8) | bytes[at + 6]!;
    const width = (bytes[at + 7]! << 8) | bytes[at + 8]!;
    const fault = faultOfSize(raster, width, height);
    // the two bytes may stand in a segment before the frame header, too
    if (!fault || !faultOfSize(raster, height, width)) return undefined;
  }
  return `${raster.width} × ${raster.height} pixels, unlike any frame header`;
}

const segment = (marker: number, data: Uint8Array | readonly number[]) => {
  const length = data.length + 2;
  return join([0xff, marker, length >> 8, length & 255], data);
};
const tables = [0xdb, 0xc4, 0xc4, 0xdd, 0xe0, 0xe1, 0xee, 0xfe];
const jpegArbitrary = fc
  .record({
    before: fc.array(fc.tuple(fc.constantFrom(...tables), fc.uint8Array({ maxLength: 70 })), { maxLength: 4 }),
    frame: fc.constantFrom(0xc0, 0xc1, 0xc2, 0xc3, 0xc9),
    size: fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })),
    sampling: fc.array(fc.constantFrom(0x11, 0x22, 0x21, 0x12, 0x41, 0x55, 0), { minLength: 1, maxLength: 4 }),
    data: fc.uint8Array({ minLength: 20, maxLength: 200 }),
  })
  .map(({ before, frame, size: [height, width], sampling, data }) => {
    const good = jpegFiles[2]!;
    // the tables of a real file lie between the first segment and the frame header
    const sof = good.findIndex((byte, i) => byte === 0xff && good[i + 1] === 0xc0);
    const sos = good.findIndex((byte, i) => byte === 0xff && good[i + 1] === 0xda);
    const components = sampling.flatMap((factors, i) => [i + 1, factors, Math.min(i, 1)]);
    return join(
      good.subarray(0, sof),
      ...before.map(([marker, content]) => segment(marker, content)),
      segment(frame, [8, 0, height, 0, width, sampling.length, ...components]),
      good.subarray(sof + 19, sos),
      segment(0xda, [sampling.length, ...sampling.flatMap((_, i) => [i + 1, i ? 0x11 : 0]), 0, 63, 0]),
      data,
      [0xff, 0xd9],
    );
  });

const decodeJpeg = jpegDecoder(loadJpegWasm);

export const jpeg: FuzzReader<Raster> = {
  read: (bytes) => decodeJpeg(bytes, imageContext('fuzz')),
  kinds: [
    {
      // what does not begin as a JPEG is never given to this reader
      make: (random) => join([0xff, 0xd8], mutated(jpegFiles[random(jpegFiles.length)]!, random, jpegFiles).slice(2)),
      fault: jpegFault,
    },
    { make: (random) => once(jpegArbitrary, random), fault: jpegFault },
  ],
};
