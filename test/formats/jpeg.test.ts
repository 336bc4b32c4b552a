import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { isRefusal } from '../../src/errors.ts';
import { type ImageLimits, imageContext } from '../../src/formats/context.ts';
import { jpegDecoder } from '../../src/formats/jpeg.ts';
import type { Raster } from '../../src/image/raster.ts';
import { loadJpegWasm } from '../../src/platform/jpeg_wasm.ts';
import { orientationBlock, seen } from '../harness/orientation.ts';
import { join } from '../harness/png_builder.ts';
import { rejection } from '../harness/rejection.ts';

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
  const data = [...new TextEncoder().encode('Exif\0\0'), ...orientationBlock(orientation)];
  return [0xff, 0xe1, 0, data.length + 2, ...data];
}

describe('reading JPEG', () => {
  it('passes over millions of empty segments and stray markers in less than the time of a photo', async () => {
    for (const [unit, text] of [
      [[0xff, 0xfe, 0, 2], /without an end marker/],
      [[0xff, 0xd0], /without an end marker/],
    ] as const) {
      const bytes = new Uint8Array(2 + 4_000_000 * unit.length);
      bytes.set([0xff, 0xd8]);
      for (let at = 2; at < bytes.length; at += unit.length) bytes.set(unit, at);
      const start = performance.now();
      await refused(bytes, 'truncated', text);
      expect(performance.now() - start).to.be.below(2500); // a tenth of it on an idle machine; it was 4 s
    }
  });

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

  it('reads 4:4:0 to the pixels of OpenCV: baseline, progressive, with restarts, and cut into its components', async () => {
    // from OpenCV 5.0.0 (libjpeg-turbo 3), sha256 of RGB
    const expected = {
      ok_440: 'd8596739fdfa4e9915e1b8e1deff456aaff58fdd40bfcffc9657e3c7170880a9',
      ok_440_prog: 'd8596739fdfa4e9915e1b8e1deff456aaff58fdd40bfcffc9657e3c7170880a9',
      ok_440_restart: 'd8596739fdfa4e9915e1b8e1deff456aaff58fdd40bfcffc9657e3c7170880a9',
    };
    const rgb = ({ data }: Raster) => data.filter((_, i) => i % 4 !== 3);
    for (const [name, hash] of Object.entries(expected)) {
      const raster = await decodeJpeg(file(name));
      expect([raster.width, raster.height], name).to.deep.equal([37, 41]);
      expect(createHash('sha256').update(rgb(raster)).digest('hex'), name).to.equal(hash);
    }
  });

  it('reads 4:4:0 without a JFIF segment, as RGB, cut short and damaged like any other', async () => {
    const whole = file('ok_440');
    const plain = await decodeJpeg(whole);
    const app0 = 4 + ((whole[4]! << 8) | whole[5]!);
    const bare = join([0xff, 0xd8], whole.subarray(app0));
    expect(await decodeJpeg(bare)).to.deep.equal(plain);
    const adobe = (transform: number) => [
      ...[0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, transform],
    ];
    expect(await decodeJpeg(join([0xff, 0xd8], adobe(1), whole.subarray(app0)))).to.deep.equal(plain);
    // marked as RGB, Y shows as red
    const { data } = await decodeJpeg(join([0xff, 0xd8], adobe(0), whole.subarray(app0)));
    const [y, cb, cr] = [data[0]!, data[1]! - 128, data[2]! - 128];
    const byte = (value: number) => Math.max(0, Math.min(value, 255));
    expect(plain.data[0]).to.be.closeTo(byte(y + 1.402 * cr), 1);
    expect(plain.data[2]).to.be.closeTo(byte(y + 1.772 * cb), 1);
    expect(await decodeJpeg(join([0xff, 0xd8], exif(6), whole.subarray(2)))).to.deep.equal(seen(plain, 6));
    for (const name of ['ok_440', 'ok_440_prog', 'ok_440_restart']) {
      const bytes = file(name);
      for (let length = 2; length < bytes.length - 2; length += 7) {
        await refused(bytes.slice(0, length), 'truncated', /the file ends|it says/);
      }
    }
  });

  it('applies all eight EXIF orientations, once', async () => {
    const plain = file('ok_444');
    const stored = await decodeJpeg(plain);
    for (let orientation = 1; orientation <= 8; orientation++) {
      const turned = await decodeJpeg(join(plain.subarray(0, 2), exif(orientation), plain.subarray(2)));
      expect(turned, `orientation ${orientation}`).to.deep.equal(seen(stored, orientation));
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
      // without the end marker, or with half of it, no pixel is missing
      for (let length = 2; length < whole.length - 2; length++) {
        await refused(
          whole.slice(0, length),
          'truncated',
          /^bytes, JPEG (byte \d+: the file ends|marker 0xff[0-9a-f]{2} at byte \d+: it says \d+ bytes)/,
        );
      }
    }
  });

  it('reads a file whose end marker is missing, halved or replaced by zeros, if no pixel is, and says so', async () => {
    for (const name of ['ok_420', 'ok_420_prog', 'ok_restart', 'ok_gray']) {
      const whole = file(name);
      const expected = await decodeJpeg(whole);
      const data = whole.subarray(0, -2);
      for (const end of [[], [0xff], [0, 0, 0, 0], new Uint8Array(5000)]) {
        const { notices, ...raster } = await decodeJpeg(join(data, end));
        expect(raster, `${name} with ${end.length} bytes`).to.deep.equal(expected);
        expect(notices).to.have.length(1);
        expect(notices?.[0]).to.match(/no end marker \(EOI\)/);
      }
    }
  });

  it('refuses a file that is cut short and followed by zeros, text or anything else', async () => {
    for (const name of ['ok_420', 'ok_420_prog', 'ok_restart', 'ok_gray']) {
      const whole = file(name);
      const expected = await decodeJpeg(whole);
      for (let length = find(whole, 0xda) + 14; length < whole.length - 2; length += 3) {
        const random = Uint8Array.from({ length: 2000 }, (_, i) => (i * 7919 + length) % 251);
        for (const end of [new Uint8Array(2000), new Uint8Array(2000).fill(0x41), random]) {
          const error = await rejection(decodeJpeg(join(whole.subarray(0, length), end)));
          // the tables of a further scan are malformed
          const isCut = isRefusal(error) && ['truncated', 'malformed'].includes(error.code);
          expect(isCut, `${name} at ${length}, then ${end[0]}: ${error}`).to.equal(true);
        }
      }
      // nothing is missing before what follows here, but nobody can tell that from image data
      await refused(join(whole.subarray(0, -2), new Uint8Array(9).fill(0x41)), 'truncated', /the file ends/);
      expect((await decodeJpeg(join(whole.subarray(0, -2), new Uint8Array(9)))).data).to.deep.equal(expected.data);
    }
  });

  it('refuses a progressive file without an end marker of which a scan is missing', async () => {
    const whole = file('ok_420_prog');
    const scans = [...whole.keys()].filter((i) => whole[i] === 0xff && whole[i + 1] === 0xda);
    expect(scans.length).to.be.greaterThan(4);
    // before the tables of the next scan, so that each scan is whole
    const tables = scans.slice(1).map((scan) => whole.subarray(0, scan).lastIndexOf(0xff));
    for (const end of tables) await refused(whole.slice(0, end), 'truncated', /the file ends/);
  });

  it('passes over bytes between segments, and gives every pixel of the plain file', async () => {
    for (const name of ['ok_420', 'ok_420_prog', 'ok_restart']) {
      const whole = file(name);
      const expected = await decodeJpeg(whole);
      for (const marker of [0xdb, 0xc4, 0xda, name === 'ok_420_prog' ? 0xc2 : 0xc0]) {
        const at = find(whole, marker);
        for (const stray of [[0], [0, 0], [1, 2, 3], [0, 0, 0, 0], [0xff, 0, 7], [0xff, 0xff]]) {
          const bytes = join(whole.subarray(0, at), stray, whole.subarray(at));
          expect(await decodeJpeg(bytes), `${name}: [${stray}] before ${marker}`).to.deep.equal(expected);
        }
      }
      // a segment whose length is two short: its last bytes belong to none
      const app0 = find(whole, 0xe0);
      const short = patched(whole, app0 + 3, whole[app0 + 3]! - 2);
      expect(await decodeJpeg(short), `${name}: short segment`).to.deep.equal(expected);
      for (const extra of [5, 200]) {
        const bytes = join(whole.subarray(0, -2), new Uint8Array(extra), [0xff, 0xd9]);
        expect(await decodeJpeg(bytes), `${name}: ${extra} bytes before the end`).to.deep.equal(expected);
      }
      expect(await decodeJpeg(join(whole, whole)), `${name}: a second image`).to.deep.equal(expected);
      // the height, which the frame header has already
      const dnl = join(whole.subarray(0, -2), [0xff, 0xdc, 0, 4, 0, 40, 0xff, 0xd9]);
      expect(await decodeJpeg(dnl), `${name}: a late height`).to.deep.equal(expected);
    }
  });

  it('does not let bytes between segments hide that pixels are lost', async () => {
    const whole = file('ok_420');
    const scan = find(whole, 0xda) + 14;
    const tables = find(whole, 0xdb);
    const cut = join(whole.subarray(0, tables), [0, 0], whole.subarray(tables, scan + 150), [0xff, 0xd9]);
    await refused(cut, 'truncated', /pixels are lost/);
    await refused(cut.slice(0, -2), 'truncated', /the file ends inside a scan/);
  });

  it('uses the usual Huffman tables if a file has none, as frames of motion JPEG', async () => {
    const whole = file('ok_420');
    const parts: Uint8Array[] = [];
    for (let at = 2, from = 0; ; ) {
      const end = at + 2 + ((whole[at + 2]! << 8) | whole[at + 3]!);
      if (whole[at + 1] !== 0xc4) parts.push(whole.subarray(from, end));
      if (whole[at + 1] === 0xda) {
        parts.push(whole.subarray(end));
        break;
      }
      [at, from] = [end, end];
    }
    expect(await decodeJpeg(join(...parts))).to.deep.equal(await decodeJpeg(whole));
  });

  it('refuses more work than the file’s size justifies, at once, and reads ordinary progressive images', async () => {
    // a grey image of 67 megapixels, one scan of the means and any number of empty ones for the details
    const scan = (start: number, end: number, approximation: number, data: Uint8Array) =>
      join([0xff, 0xda, 0, 8, 1, 1, 0, start, end, approximation], data);
    const [width, height] = [8192, 8190];
    const frame = [0xff, 0xc2, 0, 11, 8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0];
    const bomb = (scans: number) =>
      join(
        [0xff, 0xd8],
        frame,
        scan(0, 0, 0, new Uint8Array(140_000)),
        ...Array(scans).fill(scan(1, 63, 0, new Uint8Array(500))),
        [0xff, 0xd9],
      );
    const start = performance.now();
    await refused(
      bomb(99),
      'limit',
      /^bytes, JPEG marker 0xffda at byte \d+: the 17 scans so far walk over 17825792 blocks.*the limit is 16777216/,
    );
    expect(performance.now() - start).to.be.below(1000);
    // ten scans, as libjpeg writes them for 4:4:4, are few enough for an image of the most pixels
    expect((14 * 2 ** 26) / 64).to.be.below(2 ** 26 / 4);
    expect((await decodeJpeg(file('ok_420_prog'), imageContext('bytes', { maxPixels: 48 * 40 }))).width).to.equal(48);
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
