import { expect } from 'chai';
import { ImageError, isRefusal } from '../../src/errors.ts';
import { imageDecoder } from '../../src/formats/image.ts';
import { statedSize } from '../../src/formats/image_size.ts';
import { captureImage, imageDecoderFor } from '../../src/platform/browser.ts';
import type { CapturedImage } from '../../src/platform/captured.ts';
import { loadJpegWasm } from '../../src/platform/jpeg_wasm.ts';
import { takeForThread } from '../../src/worker/page_images.ts';
import { rejection } from '../harness/rejection.ts';
import { withShort } from '../harness/timers.ts';

/** Images of a page, with the classes of a page played by fakes. `test/browser/inputs.slow.test.ts` has those of Chromium. */

/** A bitmap whose pixel (x, y) is (x, y, 7, 100), in bytes. */
interface FakeBitmap {
  width: number;
  height: number;
  readonly tainted: boolean;
  open: boolean;
  close(): void;
}

const bitmaps: FakeBitmap[] = [];
let decoded: { width: number; height: number } | undefined;

class FakeCanvas {
  constructor(
    readonly width: number,
    readonly height: number,
  ) {}
  getContext() {
    let drawn: { image: FakeBitmap; left: number; top: number } | undefined;
    return {
      clearRect: () => {},
      drawImage: (image: FakeBitmap, left: number, top: number) => {
        if (!image.open) throw new Error('the bitmap is closed');
        drawn = { image, left, top };
      },
      getImageData: (_x: number, _y: number, width: number, height: number) => {
        const { image, left, top } = drawn!;
        if (image.tainted) throw Object.assign(new Error('tainted'), { name: 'SecurityError' });
        const data = new Uint8ClampedArray(4 * width * height);
        for (let y = 0, i = 0; y < height; y++) {
          for (let x = 0; x < width; x++, i += 4) data.set([(x - left) & 255, (y - top) & 255, 7, 100], i);
        }
        return { data };
      },
    };
  }
}

const fakes = {
  OffscreenCanvas: FakeCanvas,
  createImageBitmap: async (source: {
    width?: number;
    height?: number;
    naturalWidth?: number;
    naturalHeight?: number;
    tainted?: boolean;
  }) => {
    const size = source instanceof Blob ? decoded : source;
    if (!size) throw Object.assign(new Error('The source image could not be decoded.'), { name: 'InvalidStateError' });
    const bitmap: FakeBitmap = {
      width: size.width ?? source.naturalWidth ?? 0,
      height: size.height ?? source.naturalHeight ?? 0,
      tainted: source.tainted ?? false,
      open: true,
      close() {
        this.open = false;
      },
    };
    bitmaps.push(bitmap);
    return bitmap;
  },
};

/** Makes an object of a class of the page. */
const pageObject = <T extends object>(kind: string, fields: T) => ({ ...fields, [Symbol.toStringTag]: kind });

const captured = (kind: string, fields: object): CapturedImage => {
  const image = captureImage(pageObject(kind, fields));
  if (!image) throw new Error(`${kind} is not captured`);
  return image;
};

const refusal = async (kind: string, fields: object) => {
  const error = await rejection(captured(kind, fields).pixels({}));
  expect(error).to.be.instanceOf(ImageError);
  if (!isRefusal(error)) throw error;
  return error;
};

describe('an image of a page', () => {
  const kept = Object.keys(fakes).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  before(() => Object.assign(globalThis, fakes));
  after(() => {
    for (const [name, one] of kept) {
      if (one) Object.defineProperty(globalThis, name, one);
      else Reflect.deleteProperty(globalThis, name);
    }
  });
  beforeEach(() => {
    bitmaps.length = 0;
    decoded = undefined;
  });

  it('is captured at the call, and its bitmap freed when its pixels are read', async () => {
    const image = captured('HTMLCanvasElement', { width: 3, height: 2 });
    expect(bitmaps).to.have.length(1);
    const { data, ...size } = await image.pixels({});
    expect(size).to.deep.equal({ width: 3, height: 2 });
    expect([...data.subarray(0, 8), ...data.subarray(20)]).to.deep.equal([0, 0, 7, 100, 1, 0, 7, 100, 2, 1, 7, 100]);
    expect(bitmaps[0]?.open).to.equal(false);
  });

  it('is read in tiles, so that no canvas is larger than browsers allow', async () => {
    const { data } = await captured('ImageBitmap', { width: 5000, height: 1500 }).pixels({});
    for (const [x, y] of [
      [0, 0],
      [4095, 1023],
      [4096, 1024],
      [4999, 1499],
    ] as const) {
      const i = 4 * (5000 * y + x);
      expect([...data.subarray(i, i + 3)], `${x}, ${y}`).to.deep.equal([x & 255, y & 255, 7]);
    }
  });

  it('is undefined for anything else', () => {
    for (const value of [
      null,
      'x.png',
      new Uint8Array(3),
      pageObject('SVGImageElement', {}),
      pageObject('toString', {}),
    ]) {
      expect(captureImage(value)).to.equal(undefined);
    }
  });

  it('that loads is awaited, and loses its alpha as a file does', async () => {
    const fields = {
      complete: false,
      currentSrc: 'https://a.example/x.png',
      naturalWidth: 0,
      naturalHeight: 0,
      decode: async () => {},
    };
    const element = pageObject('HTMLImageElement', fields);
    element.decode = async () => void Object.assign(element, { complete: true, naturalWidth: 2, naturalHeight: 1 });
    const image = captureImage(element);
    expect(image?.file).to.equal('https://a.example/x.png');
    const { data } = await image!.pixels({});
    expect([...data]).to.deep.equal([0, 0, 7, 255, 1, 0, 7, 255]);
  });

  it('that loads, and may not be read, is freed on its way to a worker', async () => {
    const fields = { complete: false, currentSrc: 'https://a.example/x.png', naturalWidth: 2, naturalHeight: 1 };
    const element = pageObject('HTMLImageElement', { ...fields, tainted: true, decode: async () => {} });
    expect((await rejection(takeForThread(element, false).send({}))).message).to.include('another origin');
    expect(bitmaps.map(({ open }) => open)).to.deep.equal([false]);
  });

  it('that never loads ends with an abort, or after a minute with an error that says so', async () => {
    const stop = new AbortController();
    const fields = {
      complete: false,
      currentSrc: 'https://a.example/x.png',
      naturalWidth: 0,
      naturalHeight: 0,
      decode: () => new Promise(() => {}),
    };
    const reading = rejection(captured('HTMLImageElement', fields).pixels({}, stop.signal));
    stop.abort(new Error('enough'));
    expect((await reading).message).to.equal('enough');
    const error = await withShort(60_000, () => rejection(captured('HTMLImageElement', fields).pixels({})));
    expect(error).to.be.instanceOf(ImageError);
    expect(error.message).to.match(
      /^https:\/\/a\.example\/x\.png: the <img> was not loaded within 60 s\. .*event load/,
    );
  });

  it('says what is wrong with it', async () => {
    const decode = () => Promise.reject(new Error('EncodingError'));
    const none = { currentSrc: 'https://a.example/x.png', naturalWidth: 0, naturalHeight: 0, decode };
    for (const complete of [true, false]) {
      const broken = await refusal('HTMLImageElement', { ...none, complete });
      expect(broken.message).to.match(/^https:\/\/a\.example\/x\.png: the <img> has no picture.*Check its src/);
    }
    expect((await refusal('HTMLVideoElement', { readyState: 1, videoWidth: 9, videoHeight: 9 })).message).to.include(
      'loadeddata',
    );
    expect((await refusal('ImageBitmap', { width: 0, height: 0 })).message).to.include('it was closed');
    expect((await refusal('VideoFrame', { displayWidth: 0, displayHeight: 0 })).message).to.include('before close()');
    expect((await refusal('OffscreenCanvas', { width: 0, height: 5 })).code).to.equal('malformed');
    const tainted = await refusal('HTMLImageElement', {
      complete: true,
      currentSrc: 'https://b.example/y.jpg',
      naturalWidth: 4,
      naturalHeight: 4,
      tainted: true,
    });
    expect(tainted.code).to.equal('unreadable');
    expect(tainted.message).to.match(
      /another origin.*crossOrigin = 'anonymous'.*https:\/\/b\.example send Access-Control-Allow-Origin/,
    );
  });

  it('is refused over the limit, and its bitmap freed', async () => {
    const error = await rejection(captured('OffscreenCanvas', { width: 100, height: 100 }).pixels({ maxPixels: 9999 }));
    expect(error.message).to.include('10000 pixels, the limit is 9999 pixels');
    await new Promise((resolve) => setTimeout(resolve));
    expect(bitmaps[0]?.open).to.equal(false);
  });

  it('in a format that is not read here is decoded by the browser, and says so', async () => {
    const decode = imageDecoderFor();
    const gif = Uint8Array.from([...'GIF89a'].map((c) => c.charCodeAt(0)).concat([2, 0, 1, 0]));
    decoded = { width: 2, height: 1 };
    const { data, notices } = await decode(gif, { name: 'a.gif' });
    expect([...data]).to.deep.equal([0, 0, 7, 255, 1, 0, 7, 255]);
    expect(notices?.join()).to.include('a GIF image');
    expect((await rejection(decode(gif, { maxPixels: 1 }))).message).to.include('the limit is 1 pixels');
    decoded = undefined;
    const error = await rejection(decode(gif, { name: 'a.gif' }));
    expect(error.message).to.match(
      /^a\.gif: this is a GIF image, which is not read; this browser does not read it either/,
    );
  });

  it('that is damaged is refused as in Node, though the browser might show it', async () => {
    decoded = { width: 2, height: 1 };
    const cut = Uint8Array.from([0xff, 0xd8, 0xff, 0xe0]);
    const inNode = await rejection(imageDecoder(loadJpegWasm)(cut));
    expect((await rejection(imageDecoderFor()(cut))).message).to.equal(inNode.message);
  });
});

describe('the size that a file states', () => {
  const ascii = (text: string) => [...text].map((c) => c.charCodeAt(0));
  const cases: Readonly<Record<string, readonly number[]>> = {
    GIF: [...ascii('GIF89a'), 0x2c, 1, 200, 0],
    BMP: [...ascii('BM'), ...Array(16).fill(0), 0x2c, 1, 0, 0, 0x38, 0xff, 0xff, 0xff], // −200: top down
    'lossy WebP': [...ascii('RIFF....WEBPVP8 '), 0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 0x2c, 1, 200, 0],
    'lossless WebP': [...ascii('RIFF....WEBPVP8L'), 0, 0, 0, 0, 0x2f, 0x2b, 0xc1, 0x31, 0],
    'extended WebP': [...ascii('RIFF....WEBPVP8X'), 0, 0, 0, 0, 0, 0, 0, 0, 0x2b, 1, 0, 199, 0, 0],
    AVIF: [
      ...[0, 0, 0, 12, ...ascii('ftypavif')],
      ...[0, 0, 0, 48, ...ascii('meta'), 0, 0, 0, 0],
      ...[0, 0, 0, 36, ...ascii('iprp'), 0, 0, 0, 28, ...ascii('ipco')],
      ...[0, 0, 0, 20, ...ascii('ispe'), 0, 0, 0, 0, 0, 0, 1, 0x2c, 0, 0, 0, 200],
    ],
    JPEG: [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc1, 0, 17, 8, 0, 200, 1, 0x2c, 4],
  };
  for (const [name, bytes] of Object.entries(cases)) {
    it(`is read from ${name}, and from no part of it`, () => {
      expect(statedSize(Uint8Array.from(bytes))).to.deep.equal({ width: 300, height: 200 });
      for (let length = 0; length < bytes.length - 8; length++) {
        expect(statedSize(Uint8Array.from(bytes.slice(0, length)))).to.equal(undefined);
      }
    });
  }
});
