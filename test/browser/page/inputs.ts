import { writeSafetensors } from '../../../src/formats/index.ts';
import {
  createModel,
  decodeImage,
  type ImageRef,
  initialWeights,
  loadModel,
  type Model,
  type ModelConfig,
  Pixels,
  type Result,
} from '../../../src/index.ts';

/** Gives images of every form to a small model, in a page and in a worker. Arguments and results are plain data. */

const config: ModelConfig = {
  name: 'small',
  backbone: { type: 'moganet', arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] } },
  classification: { classes: ['a', 'b'], input: { size: 32 } },
};

let loading: Promise<Model> | undefined;
const model = (): Promise<Model> => {
  loading ??= (async () => {
    const weights = await writeSafetensors(initialWeights(createModel(config))).bytes();
    return loadModel({ config, weights }, { engine: 'cpu' });
  })();
  return loading;
};

/** The pixels in the middle of the four quarters, and the size. */
export interface Seen {
  readonly width: number;
  readonly height: number;
  readonly quarters: readonly (readonly number[])[];
  readonly notices: readonly string[];
  readonly file?: string | undefined;
  /** Of all bytes. */
  readonly sha256: string;
}

const seen = async (image: ImageRef, options?: Parameters<Model['predict']>[1]): Promise<Seen> =>
  facts(await (await model()).predict(image, options));

async function facts({ image: raster, notices, origin }: Result): Promise<Seen> {
  const { width, height, data } = raster;
  const at = (x: number, y: number) => {
    const i = 4 * (Math.floor(height * y) * width + Math.floor(width * x));
    return [...data.subarray(i, i + 4)];
  };
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(data)));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const quarters = [at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)];
  return { width, height, quarters, notices, file: origin?.file, sha256 };
}

const colors = ['rgb(200,30,40)', 'rgb(20,160,60)', 'rgb(30,60,200)', 'rgb(240,240,240)'];

/** Paints four quarters. */
function paint<T extends HTMLCanvasElement | OffscreenCanvas>(canvas: T): T {
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const [w, h] = [canvas.width / 2, canvas.height / 2];
  for (const [i, color] of colors.entries()) {
    context.fillStyle = color;
    context.fillRect((i % 2) * w, Math.floor(i / 2) * h, w, h);
  }
  return canvas;
}

const offscreen = () => paint(new OffscreenCanvas(32, 16));
const element = (width = 32, height = 16) => paint(Object.assign(document.createElement('canvas'), { width, height }));
const imageAt = (src: string, crossOrigin?: string) =>
  Object.assign(new Image(), { crossOrigin: crossOrigin ?? null, src });

async function playing(): Promise<HTMLVideoElement> {
  const canvas = element();
  const video = Object.assign(document.createElement('video'), { muted: true, srcObject: canvas.captureStream(30) });
  await video.play();
  return video;
}

/** What works in a worker, too. */
const everywhere: Readonly<Record<string, () => ImageRef | Promise<ImageRef>>> = {
  OffscreenCanvas: offscreen,
  ImageBitmap: () => createImageBitmap(offscreen()),
  VideoFrame: () => new VideoFrame(offscreen(), { timestamp: 0 }),
  ImageData: () => offscreen().getContext('2d')!.getImageData(0, 0, 32, 16),
  Blob: () => offscreen().convertToBlob(),
  File: async () => new File([await offscreen().convertToBlob()], 'drawn.png'),
  Response: () => fetch('/browser/quarters.webp'),
  URL: () => new URL('/browser/quarters.webp', location.href),
  'WebP blob': async () => (await fetch('/browser/quarters.webp')).blob(),
};

const inPage: typeof everywhere = {
  canvas: () => element(),
  img: () => imageAt('/browser/quarters.webp'),
  'img that is there': async () => {
    const image = imageAt('/browser/quarters.webp');
    await image.decode();
    return image;
  },
  video: playing,
};

const refused: Readonly<Record<string, (other: string) => ImageRef | Promise<ImageRef>>> = {
  'broken img': () => imageAt('/browser/none.png'),
  'img without src': () => new Image(),
  'tainted img': (other) => imageAt(`${other}browser/alpha.png`),
  'tainted canvas': async (other) => {
    const image = imageAt(`${other}browser/alpha.png`);
    await image.decode();
    const canvas = element();
    canvas.getContext('2d')!.drawImage(image, 0, 0);
    return canvas;
  },
  'video without data': () => document.createElement('video'),
  'closed ImageBitmap': async () => {
    const bitmap = await createImageBitmap(offscreen());
    bitmap.close();
    return bitmap;
  },
  'closed VideoFrame': () => {
    const frame = new VideoFrame(offscreen(), { timestamp: 0 });
    frame.close();
    return frame;
  },
  'read Response': async () => {
    const response = await fetch('/browser/quarters.webp');
    await response.blob();
    return response;
  },
  'opaque Response': (other) => fetch(`${other}browser/alpha.png`, { mode: 'no-cors' }),
  'empty canvas': () => element(0, 16),
  'text Blob': () => new Blob(['Not Found']),
  'unknown element': () => document.createElement('div') as unknown as ImageRef,
};

export const inputs = {
  forms: () => Object.keys({ ...everywhere, ...inPage }),
  refusals: () => Object.keys(refused),

  async predict(form: string): Promise<Seen> {
    const make = { ...everywhere, ...inPage }[form];
    return seen(await make!());
  },

  file: async (path: string, options?: { readonly maxPixels: number }): Promise<Seen> =>
    seen(await (await fetch(path)).blob(), options),

  /** Returns the error as text. */
  async refusal(form: string, other: string): Promise<string> {
    return seen(await refused[form]!(other)).then(
      () => 'nothing was thrown',
      (error: unknown) => String(error),
    );
  },

  async tooLarge(form: string): Promise<string> {
    const make = { ...everywhere, ...inPage }[form];
    return seen(await make!(), { maxPixels: 511 }).then(
      () => 'nothing was thrown',
      (error: unknown) => String(error),
    );
  },

  /** Draws over a canvas, and closes a bitmap, right after the call. */
  async changedAfter(): Promise<Seen[]> {
    const loaded = await model();
    const canvas = element();
    const bitmap = await createImageBitmap(canvas);
    const results = [loaded.predict(canvas), loaded.predict(bitmap)];
    canvas.getContext('2d')!.fillRect(0, 0, 32, 16);
    bitmap.close();
    return Promise.all((await Promise.all(results)).map(facts));
  },

  /** Reads a large canvas, of more than one tile. */
  async large(): Promise<Seen> {
    return seen(element(5000, 2100));
  },

  /** Runs the forms that a worker knows there, and a large image. */
  async inWorker(): Promise<Record<string, Seen>> {
    const worker = new Worker('/inputs.js', { type: 'module' });
    try {
      return await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => (typeof data === 'string' ? reject(new Error(data)) : resolve(data));
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage('begin');
      });
    } finally {
      worker.terminate();
    }
  },

  /** Draws, cuts out, and reads what was written. */
  async pixels() {
    const result = await (await model()).predict(offscreen());
    const drawn: Pixels = new Pixels(result.image);
    const image: ImageData = drawn.toImageData();
    const typed = new ImageData(drawn.data, drawn.width, drawn.height); // without a cast
    const blobs = await Promise.all(['image/png', 'image/jpeg', 'image/webp'].map((type) => drawn.toBlob(type)));
    const read = await Promise.all(blobs.map((blob) => seen(blob)));
    const refusal = await drawn.toBlob('image/x-none').then(String, String);
    return {
      sizes: [image.width, image.height, typed.data.length],
      types: blobs.map(({ type }) => type),
      quarters: read.map(({ quarters }) => quarters),
      refusal,
    };
  },

  /** Decodes by the library's function, without a model. */
  async decoded(path: string) {
    const { width, height, data, notices } = await decodeImage(new Uint8Array(await (await fetch(path)).arrayBuffer()));
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(data)));
    return {
      width,
      height,
      notices,
      sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    };
  },
};

declare global {
  interface Window {
    inputs: typeof inputs;
  }
}

if (typeof window === 'undefined') {
  self.onmessage = async () => {
    try {
      const results: Record<string, Seen> = {};
      for (const [form, make] of Object.entries(everywhere)) results[form] = await seen(await make());
      results['large OffscreenCanvas'] = await seen(paint(new OffscreenCanvas(5000, 2100)));
      self.postMessage(results);
    } catch (error) {
      self.postMessage(String(error));
    }
  };
} else window.inputs = inputs;
