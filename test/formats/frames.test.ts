import { expect } from 'chai';
import * as fc from 'fast-check';
import { ConfigError, ImageError } from '../../src/errors.ts';
import { type FramesOptions, framesOf } from '../../src/formats/frames.ts';
import { encodePng } from '../../src/formats/png_write.ts';
import type { Raster } from '../../src/image/raster.ts';
import { encodeJpeg } from '../../src/platform/node/jpeg.ts';
import { rejection } from '../harness/rejection.ts';

const picture = (width: number, height: number, seed: number): Raster => ({
  width,
  height,
  data: Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : (i * seed * 37) % 256)),
});

const files = [1, 2, 3, 4, 5].map((seed) => encodePng(picture(5 + seed, 7, seed)));

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Sends bytes in chunks of the given sizes, again and again. */
async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function all(stream: AsyncIterable<Uint8Array>, options?: FramesOptions) {
  const frames: (Uint8Array | Raster)[] = [];
  for await (const frame of framesOf(stream, options)) frames.push(frame);
  return frames;
}

describe('the frames of a stream', () => {
  it('are PNG and JPEG files one after another, however the stream is cut into chunks', async () => {
    const sent = [...files, await encodeJpeg(picture(17, 9, 3)), files[0]!, await encodeJpeg(picture(33, 40, 7))];
    const stream = joined(sent);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }), async (sizes) => {
        expect(await all(chunked(stream, sizes))).to.deep.equal(sent);
      }),
      { numRuns: 60 },
    );
  });

  it('may be JPEG files with fill bytes, restarts and a thumbnail that holds the markers of an end', async () => {
    // SOI, APP1 with an EOI inside, SOS with its header, data with a stuffed ff, RST0 and fill bytes, EOI
    const jpeg = Uint8Array.from(
      'ffd8 ffe1 0006 ffd9ffd8 ffff da 0003 01 12 ff00 34 ffd0 56 ffff d9'.match(/[0-9a-f]{2}/g) ?? [],
      (pair) => Number.parseInt(pair, 16),
    );
    expect(await all(chunked(joined([jpeg, jpeg]), [3]))).to.deep.equal([jpeg, jpeg]);
  });

  it('are pixels of the size and format that the caller names', async () => {
    // two frames of 2×1 pixels: red and green, then blue and white, alpha 9 where there is one
    const frames = {
      rgb24: [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255],
      bgr24: [0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255],
      rgba: [255, 0, 0, 9, 0, 255, 0, 9, 0, 0, 255, 9, 255, 255, 255, 9],
      bgra: [0, 0, 255, 9, 0, 255, 0, 9, 255, 0, 0, 9, 255, 255, 255, 9],
    } as const;
    for (const [pixels, bytes] of Object.entries(frames) as [keyof typeof frames, readonly number[]][]) {
      const alpha = bytes.length === 16 ? 9 : 255;
      const found = await all(chunked(Uint8Array.from(bytes), [5]), { raw: { width: 2, height: 1, pixels } });
      expect(found, pixels).to.deep.equal([
        { width: 2, height: 1, data: Uint8ClampedArray.of(255, 0, 0, alpha, 0, 255, 0, alpha) },
        { width: 2, height: 1, data: Uint8ClampedArray.of(0, 0, 255, alpha, 255, 255, 255, alpha) },
      ]);
    }
    const grey = await all(chunked(Uint8Array.of(7, 8), [1]), { raw: { width: 1, height: 2, pixels: 'gray' } });
    expect(grey).to.deep.equal([{ width: 1, height: 2, data: Uint8ClampedArray.of(7, 7, 7, 255, 8, 8, 8, 255) }]);
  });

  it('end with the stream: an empty one has none', async () => {
    expect(await all(chunked(new Uint8Array(), [1]))).to.deep.equal([]);
  });

  it('are read from a ReadableStream, which is cancelled when the loop is left', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(files[1]!),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const frame of framesOf(stream)) {
      expect(frame).to.deep.equal(files[1]);
      break;
    }
    expect(cancelled).to.equal(true);
  });

  it('are asked for one by one, so that a slow reader slows the sender down', async () => {
    let sent = 0;
    const sender = (async function* () {
      for (;;) {
        sent++;
        yield files[0]!;
      }
    })();
    for await (const _ of framesOf(sender)) if (sent >= 5) break;
    expect(sent).to.equal(5);
  });

  it('that were cut, are no images or are too large are named by their numbers', async () => {
    const stream = joined(files.slice(0, 3));
    const cut = await rejection(all(chunked(stream.subarray(0, stream.length - 1), [100]), { name: 'stdin' }));
    expect(cut).to.be.instanceOf(ImageError).and.to.include({ file: 'stdin, frame 3', code: 'truncated' });

    const text = joined([files[0]!, new TextEncoder().encode('frame= 12 fps=25')]);
    const noImage = await rejection(all(chunked(text, [100])));
    expect(noImage).to.include({ file: 'stream, frame 2', code: 'not-an-image' });
    expect((noImage as Error).message).to.contain('image2pipe');

    // a chunk that states 4 GB is refused before a byte of it is awaited
    const endless = joined([files[0]!.subarray(0, 8), Uint8Array.of(0xff, 0xff, 0xff, 0xf0, 0x49, 0x44, 0x41, 0x54)]);
    expect(await rejection(all(chunked(endless, [7])))).to.include({ code: 'limit' });
    const noise = (async function* () {
      yield Uint8Array.of(0xff, 0xd8);
      for (;;) yield new Uint8Array(1000);
    })();
    expect(await rejection(all(noise, { maxBytes: 50_000 }))).to.include({ code: 'limit' });

    const raw = { width: 4, height: 4, pixels: 'rgb24' } as const;
    const short = await rejection(all(chunked(new Uint8Array(50), [9]), { raw }));
    expect(short).to.include({ file: 'stream, frame 2', code: 'truncated' });
  });

  it('end at an abort, even while the stream gives nothing', async () => {
    const silent = (async function* () {
      yield files[0]!;
      await new Promise<never>(() => {});
    })();
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 20);
    const error = await rejection(all(silent, { signal: abort.signal }));
    expect(error).to.have.property('message', 'enough');
  });

  it('need a stream of bytes and known options', async () => {
    expect(await rejection(all('clip.mp4' as never))).to.be.instanceOf(ConfigError);
    expect(await rejection(all([files[0]!, 'text'] as never))).to.be.instanceOf(ConfigError);
    const texts = (async function* () {
      yield 'text';
    })();
    expect(await rejection(all(texts as never))).to.be.instanceOf(ConfigError);
    const raw = { width: 4, height: 0, pixels: 'rgb24' } as const;
    expect(await rejection(all(chunked(new Uint8Array(9), [9]), { raw }))).to.be.instanceOf(ConfigError);
    const yuv = { width: 4, height: 4, pixels: 'yuv420p' } as never;
    const wrong = await rejection(all(chunked(new Uint8Array(9), [9]), { raw: yuv }));
    expect((wrong as Error).message).to.contain('rgb24');
  });
});
