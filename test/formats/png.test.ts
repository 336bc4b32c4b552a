import { expect } from 'chai';
import { isRefusal } from '../../src/errors.ts';
import { type ImageLimits, imageContext } from '../../src/formats/context.ts';
import { decodePng } from '../../src/formats/png.ts';
import { pngSignature } from '../../src/formats/png_chunks.ts';
import { orientationBlock, seen } from '../harness/orientation.ts';
import { buildPng, chunk, header, join, type PngSpec } from '../harness/png_builder.ts';

/** Samples that vary in every direction and reach both ends of their range. */
const sampleOf =
  (depth: number, most = 2 ** depth - 1) =>
  (x: number, y: number, c: number) =>
    (x * 40503 + y * 25717 + c * 9973 + ((x * y) << 4)) % (most + 1);

const toByte = (value: number, depth: number) => (depth === 16 ? value >> 8 : (value * 255) / (2 ** depth - 1));

function refused(bytes: Uint8Array, code: string, text: RegExp, limits: Partial<ImageLimits> = {}): void {
  let error: unknown;
  try {
    decodePng(bytes, imageContext('bytes', limits));
  } catch (thrown) {
    error = thrown;
  }
  expect(isRefusal(error), String(error)).to.equal(true);
  expect(error).to.have.property('code', code);
  expect((error as Error).message).to.match(text);
}

const depthsOf: [colorType: number, depths: number[]][] = [
  [0, [1, 2, 4, 8, 16]],
  [2, [8, 16]],
  [3, [1, 2, 4, 8]],
  [4, [8, 16]],
  [6, [8, 16]],
];
const sizes = [
  [1, 1],
  [3, 2],
  [8, 8],
  [13, 9],
  [33, 17],
] as const;

describe('reading PNG', () => {
  for (const [colorType, depths] of depthsOf) {
    for (const depth of depths) {
      for (const interlaced of [false, true]) {
        it(`reads colour type ${colorType} at ${depth} bits${interlaced ? ', interlaced' : ''}`, () => {
          for (const [width, height] of sizes) {
            const sample = sampleOf(depth);
            const palette = Array.from({ length: 3 * 2 ** depth }, (_, i) => (i * 7) % 256);
            const before = colorType === 3 ? [chunk('PLTE', palette)] : [];
            const raster = decodePng(buildPng({ width, height, depth, colorType, interlaced, sample, before }));
            expect([raster.width, raster.height, raster.data.length]).to.deep.equal([
              width,
              height,
              width * height * 4,
            ]);
            for (let y = 0; y < height; y++) {
              for (let x = 0; x < width; x++) {
                const value = (c: number) => toByte(sample(x, y, c), depth);
                const index = sample(x, y, 0);
                const expected = {
                  0: [value(0), value(0), value(0), 255],
                  2: [value(0), value(1), value(2), 255],
                  3: [...palette.slice(3 * index, 3 * index + 3), 255],
                  4: [value(0), value(0), value(0), value(1)],
                  6: [value(0), value(1), value(2), value(3)],
                }[colorType];
                const o = (y * width + x) * 4;
                expect([...raster.data.subarray(o, o + 4)], `${width}×${height} at ${x}, ${y}`).to.deep.equal(expected);
              }
            }
          }
        });
      }
    }
  }

  it('takes transparency by palette index, entries that are missing are opaque', () => {
    const before = [chunk('PLTE', [1, 2, 3, 4, 5, 6, 7, 8, 9]), chunk('tRNS', [0, 128])];
    const sample = (x: number) => x;
    const { data } = decodePng(buildPng({ width: 3, height: 1, depth: 2, colorType: 3, sample, before }));
    expect([...data]).to.deep.equal([1, 2, 3, 0, 4, 5, 6, 128, 7, 8, 9, 255]);
  });

  it('makes the one transparent colour transparent, compared at full depth', () => {
    // 0x1234 is transparent; 0x1235 has the same high byte and is not
    const deep = { width: 2, height: 1, depth: 16, colorType: 0, sample: (x: number) => 0x1234 + x };
    const grey = decodePng(buildPng({ ...deep, before: [chunk('tRNS', [0x12, 0x34])] }));
    expect([...grey.data]).to.deep.equal([0x12, 0x12, 0x12, 0, 0x12, 0x12, 0x12, 255]);
    const plain = {
      width: 2,
      height: 1,
      depth: 8,
      colorType: 2,
      sample: (x: number, _: number, c: number) => 10 * c + x,
    };
    const colors = decodePng(buildPng({ ...plain, before: [chunk('tRNS', [0, 0, 0, 10, 0, 20])] }));
    expect([...colors.data]).to.deep.equal([0, 10, 20, 0, 1, 11, 21, 255]);
  });

  const grey: PngSpec = { width: 13, height: 9, depth: 8, colorType: 0, sample: sampleOf(8) };
  const good = buildPng(grey);
  const withByte = (at: number, value: number) => good.map((byte, i) => (i === at ? value : byte));

  it('skips text, profiles, unknown ancillary chunks and bytes after the end', () => {
    const before = [chunk('gAMA', [0, 0, 177, 143]), chunk('zTXt', [65, 0, 0, 1, 2, 3]), chunk('moGa', [1])];
    const decorated = decodePng(join(buildPng({ ...grey, before }), [1, 2, 3]));
    expect(decorated.data).to.deep.equal(decodePng(good).data);
  });

  it('refuses every file that is cut short', () => {
    for (let length = 8; length < good.length; length++) refused(good.slice(0, length), 'truncated', /^bytes, PNG /);
  });

  it('refuses a changed byte anywhere', () => {
    for (let at = 8; at < good.length; at++) {
      expect(() => decodePng(withByte(at, good[at]! ^ 0x41)), `byte ${at}`).to.throw(/^bytes, PNG /);
    }
    refused(
      withByte(41 + 8, good[49]! ^ 1),
      'checksum',
      /chunk IDAT at byte 33: it has the checksum [0-9a-f]{8}, its data has/,
    );
  });

  it('refuses sizes over the limit, of zero and beyond the data, before allocating', () => {
    const sized = (width: number, height: number) =>
      join(pngSignature, header({ ...grey, width, height }), good.subarray(33));
    refused(
      sized(100000, 100000),
      'limit',
      /100000 × 100000 pixels are 10000\.0 megapixels, the limit is 67\.1 megapixels\. .*smaller.*decodeImage.*maxPixels/,
    );
    refused(good, 'limit', /13 × 9 pixels are 117 pixels, the limit is 116 pixels/, { maxPixels: 116 });
    expect(decodePng(good, imageContext('bytes', { maxPixels: 117 })).width).to.equal(13);
    refused(sized(0, 9), 'malformed', /0 × 9 pixels/);
    refused(sized(8000, 8000), 'truncated', /at most \d+ of the 64008000 bytes/);
  });

  it('refuses too few rows, with the number of bytes', () => {
    refused(buildPng({ ...grey, edit: (d) => d.subarray(0, 100) }), 'truncated', /holds 100 of the 126 bytes/);
    refused(buildPng({ ...grey, edit: () => new Uint8Array(0) }), 'truncated', /holds 0 of the 126 bytes/);
  });

  it('refuses a wrong Adler-32 under a right CRC', () => {
    const data = good.subarray(good.length - 12 - 4 - 4, good.length - 12 - 4);
    const idat = good.subarray(33 + 17, good.length - 12);
    const body = join(idat.subarray(8, idat.length - 8), [data[0]! ^ 1, ...data.subarray(1)]);
    const file = join(good.subarray(0, 33 + 17), chunk('IDAT', body), chunk('IEND'));
    refused(file, 'checksum', /Adler-32/);
  });

  it('refuses filters that do not exist', () => {
    refused(
      buildPng({ ...grey, filter: (row) => (row === 2 ? 5 : 0) }),
      'malformed',
      /PNG image data \(IDAT\): its row 2 has the filter 5/,
    );
  });

  it('refuses headers that the standard does not allow', () => {
    const withHeader = (data: number[]) => join(pngSignature, chunk('IHDR', data), good.subarray(33));
    const size = [0, 0, 0, 13, 0, 0, 0, 9];
    refused(withHeader([...size, 3, 0, 0, 0, 0]), 'malformed', /has depth 3; colour type 0 has 1, 2, 4, 8, 16/);
    refused(withHeader([...size, 8, 5, 0, 0, 0]), 'malformed', /colour type 5/);
    refused(withHeader([...size, 8, 0, 1, 0, 0]), 'malformed', /compression method 1/);
    refused(withHeader([...size, 8, 0, 0, 1, 0]), 'malformed', /filter method 1/);
    refused(withHeader([...size, 8, 0, 0, 0, 2]), 'malformed', /interlace method 2/);
    refused(withHeader(size), 'malformed', /has 8 bytes, not 13/);
  });

  it('refuses chunks in the wrong order, twice, or critical and unknown', () => {
    const [start, data, end] = [
      good.subarray(0, 33),
      good.subarray(33, good.length - 12),
      good.subarray(good.length - 12),
    ];
    const first = good.subarray(33, 33 + 17);
    refused(join(pngSignature, data, end), 'malformed', /chunk IDAT at byte 8: it comes first; IHDR must/);
    refused(join(start, good.subarray(8)), 'malformed', /IHDR at byte 33: it is a second header/);
    refused(join(start, end), 'malformed', /comes before any image data/);
    const split = join(start, first, chunk('tEXt'), good.subarray(50));
    refused(split, 'malformed', /IDAT at byte 62: it does not follow the other image data/);
    refused(
      join(start, chunk('MOGA'), data, end),
      'malformed',
      /MOGA at byte 33: it is a critical chunk that is not part/,
    );
    refused(join(pngSignature, chunk('CgBI', [0]), good.subarray(8)), 'unsupported', /Apple/);
  });

  it('refuses palettes that are missing, of a wrong length, or too short for a pixel', () => {
    const spec: PngSpec = { width: 4, height: 1, depth: 4, colorType: 3, sample: (x) => x };
    refused(buildPng(spec), 'malformed', /without a palette/);
    refused(buildPng({ ...spec, before: [chunk('PLTE', [1, 2, 3, 4])] }), 'malformed', /has 4 bytes; a palette has 3/);
    refused(
      buildPng({ ...spec, before: [chunk('PLTE', new Uint8Array(9))] }),
      'malformed',
      /colour 3 of a palette of 3/,
    );
  });

  it('turns the image as EXIF says, before and after the image data', () => {
    const spec: PngSpec = { width: 5, height: 3, depth: 8, colorType: 2, sample: (x, y, c) => 40 * x + 9 * y + c };
    const plain = buildPng(spec);
    const stored = decodePng(plain);
    const end = plain.length - 12;
    for (let orientation = 1; orientation <= 8; orientation++) {
      const exif = chunk('eXIf', orientationBlock(orientation));
      const expected = seen(stored, orientation);
      expect(decodePng(buildPng({ ...spec, before: [exif] })), `${orientation}, before`).to.deep.equal(expected);
      const after = join(plain.subarray(0, end), exif, plain.subarray(end));
      expect(decodePng(after), `${orientation}, after`).to.deep.equal(expected);
    }
    const ignored = [
      orientationBlock(0),
      orientationBlock(9),
      orientationBlock(6).slice(0, 14), // cut
      [...new TextEncoder().encode('Exif\0\0'), ...orientationBlock(6)], // the prefix belongs to JPEG
      [],
    ];
    for (const [i, block] of ignored.entries()) {
      const raster = decodePng(buildPng({ ...spec, before: [chunk('eXIf', block)] }));
      expect(raster, `damaged block ${i}`).to.deep.equal(stored);
    }
    // the first counts, as in OpenCV
    const two = [chunk('eXIf', orientationBlock(3)), chunk('eXIf', orientationBlock(6))];
    expect(decodePng(buildPng({ ...spec, before: two }))).to.deep.equal(seen(stored, 3));
  });

  it('reads EXIF of both byte orders, at any offset', () => {
    const spec: PngSpec = { width: 2, height: 1, depth: 8, colorType: 0, sample: (x) => x };
    const little = [0x49, 0x49, 42, 0, 12, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
    const raster = decodePng(buildPng({ ...spec, before: [chunk('eXIf', little)] }));
    expect([raster.width, raster.height]).to.deep.equal([1, 2]);
  });

  it('ignores faults of what no pixel depends on, and says so', () => {
    const wrong = (type: string, data: readonly number[]) => {
      const bytes = chunk(type, data);
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    };
    const end = good.length - 12;
    const expected = decodePng(good);
    const palette = [chunk('PLTE', [1, 2, 3])];
    const rgb: PngSpec = { ...grey, colorType: 2 };
    const cases: [name: string, file: Uint8Array, notice: RegExp, plain?: Uint8Array][] = [
      ['a text', buildPng({ ...grey, before: [wrong('tEXt', [1, 0, 2])] }), /chunk tEXt at byte 33 has the checksum/],
      ['a gamma', buildPng({ ...grey, before: [wrong('gAMA', [0, 0, 0, 1])] }), /gAMA.*no pixel depends on it/],
      ['a key', buildPng({ ...grey, before: [wrong('tRNS', [0, 0])] }), /tRNS.*transparency it states is not applied/],
      [
        'EXIF',
        buildPng({ ...grey, before: [wrong('eXIf', orientationBlock(6))] }),
        /eXIf.*orientation it states is not/,
      ],
      ['a palette', buildPng({ ...grey, before: palette }), /PLTE at byte 33 is a palette in a grey image/],
      ['a short key', buildPng({ ...grey, before: [chunk('tRNS', [0])] }), /tRNS at byte 33 has 1 bytes, not 2/],
      [
        'a late key',
        join(good.subarray(0, end), chunk('tRNS', [0, 0]), good.subarray(end)),
        /comes after the image data/,
      ],
      ['a row', buildPng({ ...grey, edit: (d) => join(d, [0]) }), /more data than the image needs/],
      ['many rows', buildPng({ ...grey, edit: (d) => join(d, new Uint8Array(4e6)) }), /more data than the image needs/],
      ['junk', join(good.subarray(0, end), chunk('IDAT', [1, 2, 3, 4, 5, 6]), good.subarray(end)), /more data than/],
      [
        'late junk',
        join(good.subarray(0, end), chunk('tEXt'), chunk('IDAT', [1]), good.subarray(end)),
        /more data than/,
      ],
      [
        'a suggested palette',
        buildPng({ ...rgb, before: [chunk('PLTE', [1, 2, 3, 4])] }),
        /PLTE at byte 33 has 4 bytes/,
        buildPng(rgb),
      ],
    ];
    for (const [name, file, notice, plain] of cases) {
      const { notices, ...raster } = decodePng(file);
      expect(raster, name).to.deep.equal(plain ? decodePng(plain) : expected);
      expect(notices, name).to.have.length(1);
      expect(notices?.[0], name).to.match(notice);
    }
    expect(decodePng(good)).not.to.have.property('notices');
    // few are listed, however many there are
    const many = decodePng(buildPng({ ...grey, before: Array(1000).fill(wrong('tEXt', [])) }));
    expect(many.notices).to.have.length(5);
    expect(many.notices?.at(-1)).to.equal('Further faults of the file are not listed.');
  });

  it('says that a 16-bit image uses a sixteenth of its range or less', () => {
    const read = (most: number, colorType: 0 | 2 | 4 | 6) =>
      decodePng(
        buildPng({
          width: 4,
          height: 2,
          depth: 16,
          colorType,
          // alpha of full range says nothing about colours
          sample: (x, y, c) => (c === 3 || (colorType === 4 && c === 1) ? 65535 : x === 3 && y === 1 ? most : x),
        }),
      ).notices;
    for (const colorType of [0, 2, 4, 6] as const) {
      expect(read(4095, colorType)?.[0]).to.match(
        /largest of its 16-bit samples is 4095 of 65535.*16 levels are left.*multiply the samples by 16 /,
      );
      expect(read(4096, colorType), 'over a sixteenth').to.equal(undefined);
      expect(read(1023, colorType)?.[0]).to.match(/4 levels.*multiply the samples by 64 /);
      expect(read(200, colorType)?.[0]).to.match(/whole image is black.*multiply the samples by 256 /);
    }
  });
});
