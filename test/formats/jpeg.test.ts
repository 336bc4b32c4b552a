import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { isRefusal } from '../../src/errors.ts';
import { type ImageLimits, imageContext } from '../../src/formats/context.ts';
import { jpegDecoder } from '../../src/formats/jpeg.ts';
import type { Raster } from '../../src/image/raster.ts';
import { loadJpegWasm } from '../../src/platform/node/files.ts';
import { join } from '../harness/png_builder.ts';

const file = (name: string) => new Uint8Array(readFileSync(new URL(`../images/${name}.jpg`, import.meta.url)));
const decodeJpeg = jpegDecoder(loadJpegWasm);

async function refused(
  bytes: Uint8Array,
  code: string,
  text: RegExp,
  limits: Partial<ImageLimits> = {},
): Promise<void> {
  const error = await decodeJpeg(bytes, imageContext('bytes', limits)).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(isRefusal(error), String(error)).to.equal(true);
  expect(error).to.have.property('code', code);
  expect(error.message).to.match(text);
}

/** Returns the offset of the marker `ff xx`. */
function find(bytes: Uint8Array, marker: number): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0xff && bytes[i + 1] === marker) return i;
  throw new Error(`no marker ${marker.toString(16)}`);
}

function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

/** An APP1 segment that holds nothing but the orientation. */
function exif(orientation: number): number[] {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const data = [...new TextEncoder().encode('Exif\0\0'), ...tiff];
  return [0xff, 0xe1, 0, data.length + 2, ...data];
}

/** The stored pixel that shows at (x, y) of the upright image, by the table of the EXIF standard. */
function upright({ width: w, height: h, data }: Raster, orientation: number): Raster {
  const turned = orientation >= 5;
  const [width, height] = turned ? [h, w] : [w, h];
  const from: Record<number, (x: number, y: number) => [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y) => [w - 1 - x, y],
    3: (x, y) => [w - 1 - x, h - 1 - y],
    4: (x, y) => [x, h - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, h - 1 - x],
    7: (x, y) => [w - 1 - y, h - 1 - x],
    8: (x, y) => [w - 1 - y, x],
  };
  const out = new Uint8ClampedArray(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [sx, sy] = from[orientation]!(x, y);
      out.set(data.subarray((sy * w + sx) * 4, (sy * w + sx) * 4 + 4), (y * width + x) * 4);
    }
  }
  return { width, height, data: out };
}

describe('reading JPEG', () => {
  it('reads baseline, progressive, grey and restart markers', async () => {
    for (const name of ['ok_420', 'ok_420_prog', 'ok_444', 'ok_gray', 'ok_restart']) {
      const { width, height, data } = await decodeJpeg(file(name));
      expect([width, height, data.length], name).to.deep.equal([48, 40, 48 * 40 * 4]);
      expect(
        data.every((value, i) => i % 4 !== 3 || value === 255),
        `${name} is opaque`,
      ).to.equal(true);
    }
  });

  it('gives the same pixels for the same coefficients, baseline or progressive, with restarts or without', async () => {
    const baseline = await decodeJpeg(file('ok_420'));
    expect(await decodeJpeg(file('ok_420_prog'))).to.deep.equal(baseline);
    expect(await decodeJpeg(file('ok_restart'))).to.deep.equal(baseline);
  });

  it('applies all eight EXIF orientations, once', async () => {
    const plain = file('ok_444');
    const stored = await decodeJpeg(plain);
    for (let orientation = 1; orientation <= 8; orientation++) {
      const turned = await decodeJpeg(join(plain.subarray(0, 2), exif(orientation), plain.subarray(2)));
      expect(turned, `orientation ${orientation}`).to.deep.equal(upright(stored, orientation));
    }
    for (const unknown of [0, 9]) {
      const raster = await decodeJpeg(join(plain.subarray(0, 2), exif(unknown), plain.subarray(2)));
      expect(raster, `orientation ${unknown}`).to.deep.equal(stored);
    }
  });

  it('ignores bytes after the end marker, and fill bytes before a marker', async () => {
    const plain = file('ok_420');
    const expected = await decodeJpeg(plain);
    expect(await decodeJpeg(join(plain, [1, 2, 3]))).to.deep.equal(expected);
    expect(await decodeJpeg(join(plain.subarray(0, 2), [0xff, 0xff], plain.subarray(2)))).to.deep.equal(expected);
  });

  it('refuses CMYK, 12 bits, lossless, hierarchical and arithmetic coding by name', async () => {
    const plain = file('ok_420');
    const sof = find(plain, 0xc0);
    await refused(file('cmyk'), 'unsupported', /CMYK.*Convert it to RGB/);
    await refused(patched(plain, sof + 4, 12), 'unsupported', /12 bits/);
    await refused(patched(plain, sof + 1, 0xc3), 'unsupported', /lossless/);
    await refused(patched(plain, sof + 1, 0xc5), 'unsupported', /hierarchical/);
    await refused(patched(plain, sof + 1, 0xc9), 'unsupported', /arithmetic/);
  });

  it('refuses sizes over the limit or of zero before the decoder is loaded', async () => {
    const decode = jpegDecoder(() => {
      throw new Error('loaded');
    });
    const plain = file('ok_420');
    const size = find(plain, 0xc0) + 5; // height, width
    for (const [bytes, text] of [
      [patched(plain, size, 0xff, 0xff, 0xff, 0xff), /65535 × 65535 pixels are 4294\.8 megapixels/],
      [patched(plain, size, 0, 0), /48 × 0 pixels/],
      [patched(plain, size, 0x0b, 0x54, 0x0b, 0xb8), /scan of \d+ blocks needs at least \d+ bytes, \d+ are there/],
    ] as const) {
      const error = await decode(bytes).catch((thrown) => thrown);
      expect(isRefusal(error), String(error)).to.equal(true);
      expect(error.message).to.match(text);
    }
    await refused(plain, 'limit', /48 × 40 pixels/, { maxPixels: 1919 });
    await refused(file('ok_420_prog'), 'limit', /more than 2 scans/, { maxScans: 2 });
  });

  it('refuses every file that is cut short', async () => {
    for (const name of ['ok_420', 'ok_420_prog', 'ok_restart']) {
      const whole = file(name);
      for (let length = 2; length < whole.length; length++) {
        await refused(
          whole.slice(0, length),
          'truncated',
          /^bytes, JPEG (byte \d+: the file ends|marker 0xff[0-9a-f]{2} at byte \d+: it says \d+ bytes)/,
        );
      }
    }
  });

  it('refuses a scan that ends early under a whole file', async () => {
    const whole = file('ok_420');
    const end = whole.length - 2;
    for (const kept of [20, 60, 150]) {
      const scan = find(whole, 0xda) + 14;
      const bytes = join(whole.subarray(0, scan + kept), whole.subarray(end));
      await refused(bytes, 'truncated', /pixels are lost|needs at least/);
    }
  });

  it('reports the decoder’s message about broken tables, and reads the next file', async () => {
    const plain = file('ok_420');
    const expected = await decodeJpeg(plain);
    await refused(patched(plain, find(plain, 0xdb) + 4, 0x0f), 'malformed', /decoder stops with "Bogus DQT index 15"/);
    await refused(patched(plain, find(plain, 0xc4) + 4, 0x44), 'malformed', /Bogus DHT index 68/);
    expect(await decodeJpeg(plain)).to.deep.equal(expected);
  });

  it('refuses structure that is wrong', async () => {
    const plain = file('ok_420');
    const sof = find(plain, 0xc0);
    const sos = find(plain, 0xda);
    const frame = plain.subarray(sof, sof + 19);
    const end = [0xff, 0xd9];
    await refused(join(plain.subarray(0, 2), end), 'malformed', /ends a file without image data/);
    await refused(
      join(plain.subarray(0, sof), frame, plain.subarray(sof)),
      'malformed',
      /marker 0xffc0 at byte \d+: it is a second frame header/,
    );
    await refused(join(plain.subarray(0, sof), plain.subarray(sof + 19)), 'malformed', /scan before the frame header/);
    await refused(patched(plain, sof + 11, 0x00), 'malformed', /sampled 0 × 0/);
    await refused(patched(plain, sos + 5, 77), 'malformed', /component 77, which the frame does not have/);
    await refused(patched(plain, 4, 0, 1), 'malformed', /has the length 1; the least is 2/);
    await refused(
      Uint8Array.of(0xff, 0xd8, 1, 2, 3),
      'not-an-image',
      /JPEG byte 2: it is 0x01 where a marker must begin/,
    );
  });

  it('refuses a file in which a component has no scan', async () => {
    const grey = file('ok_gray');
    // a second and third component in the frame, which no scan names
    const sof = find(grey, 0xc0);
    const frame = [0xff, 0xc0, 0, 17, ...grey.subarray(sof + 4, sof + 9), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    const bytes = join(grey.subarray(0, sof), frame, grey.subarray(sof + 13));
    await refused(bytes, 'truncated', /without a scan of the component 2/);
  });

  it('decodes several at once', async () => {
    const decode = jpegDecoder(loadJpegWasm);
    const names = ['ok_420', 'cmyk', 'ok_gray', 'ok_444'];
    const results = await Promise.allSettled(names.map((name) => decode(file(name))));
    expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  });

  it('tries to load the decoder again after a failure', async () => {
    let calls = 0;
    const decode = jpegDecoder(async () => {
      if (calls++ === 0) throw new Error('offline');
      return loadJpegWasm();
    });
    expect(await decode(file('ok_420')).catch((error) => error.message)).to.equal('offline');
    expect((await decode(file('ok_420'))).width).to.equal(48);
  });
});
