import { loadModel as loadHere } from '../../../src/index.ts';
import {
  DroppedError,
  type ImageRef,
  loadModel as loadThere,
  type Model,
  type Predictor,
  type RemoteModel,
  type Result,
  withAssets,
  withDetector,
} from '../../../src/worker.ts';

/** The functions that the test of workers calls in a page. Arguments and results are plain data. */

const weights = 'weights/facade.safetensors';
const size = { width: 128, height: 128 };
/** Most of the work is masks of instances, of which the model finds a hundred in anything. */
const max = 10;
const photo = 'images/street-house.jpg';

const blobOf = async (path: string) => (await fetch(path)).blob();

async function imageElement(path: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = path;
  await image.decode();
  return image;
}

async function canvasOf(path: string): Promise<HTMLCanvasElement> {
  const image = await imageElement(path);
  const canvas = Object.assign(document.createElement('canvas'), { width: 200, height: 150 });
  canvas.getContext('2d')?.drawImage(image, 0, 0, 200, 150);
  return canvas;
}

/** Makes an image of each kind that a page has. */
const images: Readonly<Record<string, () => Promise<ImageRef>>> = {
  URL: async () => photo,
  Blob: () => blobOf(photo),
  'PNG with alpha': () => blobOf('images/alpha.png'),
  bytes: async () => new Uint8Array(await (await blobOf(photo)).arrayBuffer()),
  Response: () => fetch(photo),
  ImageData: async () => (await canvasOf(photo)).getContext('2d')!.getImageData(0, 0, 200, 150),
  HTMLImageElement: () => imageElement(photo),
  'HTMLImageElement with alpha': () => imageElement('images/alpha.png'),
  HTMLCanvasElement: () => canvasOf(photo),
  OffscreenCanvas: async () => {
    const canvas = new OffscreenCanvas(200, 150);
    canvas.getContext('2d')?.drawImage(await canvasOf(photo), 0, 0);
    return canvas;
  },
  ImageBitmap: async () => createImageBitmap(await canvasOf(photo)),
  VideoFrame: async () => new VideoFrame(await canvasOf(photo), { timestamp: 0 }),
};

/** Returns what differs between two results, byte for byte. */
function differences(a: Result, b: Result): string[] {
  const parts = (one: Result): Record<string, unknown> => ({
    boxes: one.boxes.join(),
    scores: one.scores.join(),
    labels: one.labels.join(),
    masks: JSON.stringify(one.masks?.map((mask) => mask.toRle())),
    segmentation: one.segmentation?.labels.join(),
    poses: JSON.stringify([one.poses?.points.join(), one.poses?.pointScores.join(), one.poses?.scores.join()]),
    'size of the image': `${one.image.width}×${one.image.height}`,
    'pixels of the image': one.image.data.join(),
    JSON: JSON.stringify(one),
    rendered: one.render().data.join(),
    crop: one.length > 0 ? one.crop(0).data.join() : '',
    methods: typeof one.filter(() => true).toCOCO,
  });
  const [left, right] = [parts(a), parts(b)];
  return Object.keys(left).filter((part) => left[part] !== right[part]);
}

let models: Promise<readonly [Model, RemoteModel]> | undefined;

/** Returns the same model on the page's thread and in a worker. */
function both(): Promise<readonly [Model, RemoteModel]> {
  models ??= Promise.all([
    loadHere({ config: 'facade', weights }, { engine: 'wasm' }),
    loadThere({ config: 'facade', weights }, { engine: 'wasm' }),
  ]);
  return models;
}

const isClosed = (frame: VideoFrame): boolean => frame.format === null;

const frameOf = (source: HTMLCanvasElement): VideoFrame => new VideoFrame(source, { timestamp: 0 });

const nameOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : `${error}`);

const text = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'nothing was thrown', nameOf);

export const calls = {
  kinds: () => Object.keys(images),

  /** Predicts the same image here and in the worker. */
  async compare(kind: string): Promise<{ different: string[]; length: number }> {
    const [here, there] = await both();
    const make = images[kind]!;
    const options = { size, score: 0.2, max };
    const [a, b] = [await here.predict(await make(), options), await there.predict(await make(), options)];
    return { different: differences(a, b), length: b.length };
  },

  /** Draws in the worker. Returns how many bytes differ from a drawing on this thread. */
  async drawn(): Promise<{ bytes: number; different: number }> {
    const [, there] = await both();
    const result = await there.predict(await blobOf(photo), { size, score: 0.2, max, draw: { boxes: true } });
    const { width, height } = result.bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d')!;
    context.drawImage(result.bitmap, 0, 0);
    result.bitmap.close();
    const { data } = context.getImageData(0, 0, width, height);
    const expected = result.render({ boxes: true }).data;
    return { bytes: data.length, different: data.filter((value, i) => value !== expected[i]).length };
  },

  /** Finds poses in boxes here and in a worker, draws them there, and joins the model in the worker with a detector there. */
  async poses(): Promise<{ different: string[]; drawn: number; found: readonly [alone: number, joined: number] }> {
    const [wasm, weights] = [{ engine: 'wasm' }, 'weights/pose.safetensors'];
    const [here, pose] = await Promise.all([loadHere({ weights }, wasm), loadThere({ weights }, wasm)]);
    const persons = await loadThere({ weights: 'weights/persons.safetensors' }, wasm);
    const boxes = [
      [10, 20, 90, 140],
      [-5, 30.5, 60, 100],
      [100, 10, 190, 160],
    ];
    const options = { boxes, oks: 0.99, draw: { draw: 'pose', pointScore: -1, boxes: true } } as const;
    const there = await pose.predict(await canvasOf(photo), options);
    const { draw, ...others } = options;
    const different = differences(await here.predict(await canvasOf(photo), others), there);
    const { width, height } = there.bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d')!;
    context.drawImage(there.bitmap, 0, 0);
    there.bitmap.close();
    const expected = there.render(draw).data;
    const seen = context.getImageData(0, 0, width, height).data;
    if (seen.some((value, i) => value !== expected[i])) different.push('bitmap');
    const drawn = expected.filter((value, i) => value !== there.image.data[i]).length;
    const joined = withDetector(pose, persons, { score: 0, max: 4, oks: 1 });
    const both = await joined.predict(await canvasOf(photo));
    await Promise.all([joined.dispose(), here.dispose()]);
    return { different, drawn, found: [there.poses?.length ?? 0, both.poses?.length ?? 0] };
  },

  /** What becomes of the caller's images. */
  async ownership(): Promise<Record<string, boolean>> {
    const [, there] = await both();
    const canvas = await canvasOf(photo);
    const [moved, kept] = [await createImageBitmap(canvas), await createImageBitmap(canvas)];
    const [frame, keptFrame, aborted, refused] = [frameOf(canvas), frameOf(canvas), frameOf(canvas), frameOf(canvas)];
    await there.predict(moved, { size, max });
    await there.predict(kept, { size, max, keep: true });
    await there.predict(frame, { size, max });
    await there.predict(keptFrame, { size, max, keep: true });
    await text(there.predict(aborted, { size, signal: AbortSignal.abort() }));
    await text(there.predictBatch([refused, new Uint8Array(3)], { size }));
    const again = await text(there.predict(moved, { size }));
    const seen = {
      'a bitmap moves': moved.width === 0,
      'a kept bitmap stays': kept.width === 200,
      'a frame moves': isClosed(frame),
      'a kept frame stays': !isClosed(keptFrame),
      'a frame of an aborted call is closed': isClosed(aborted),
      'a frame of a batch that fails is closed': isClosed(refused),
      'a bitmap that moved is refused': /^ImageError: ImageBitmap: it was closed/.test(again),
      'the canvas can be drawn on': canvas.getContext('2d') !== null,
    };
    keptFrame.close();
    return seen;
  },

  /** Sends frames faster than they are predicted. Returns what became of each. */
  async video(count: number): Promise<{ outcomes: string[]; open: number }> {
    const [, there] = await both();
    const canvas = await canvasOf(photo);
    const frames = Array.from({ length: count }, () => frameOf(canvas));
    const outcomes = await Promise.all(
      frames.map((frame) =>
        there.predict(frame, { size, latest: true }).then(
          () => 'answered',
          (error) => (error instanceof DroppedError ? 'dropped' : nameOf(error)),
        ),
      ),
    );
    return { outcomes, open: frames.filter((frame) => !isClosed(frame)).length };
  },

  /** Returns in which order calls are answered. The later ones are the smaller ones. */
  async order(): Promise<number[]> {
    const [, there] = await both();
    const order: number[] = [];
    const blob = await blobOf(photo);
    const broken = new Blob(['no image']);
    await Promise.allSettled(
      [blob, broken, blob, blob].map((image, i) =>
        there.predict(image, { size: { width: 160 - 32 * i, height: 160 - 32 * i } }).finally(() => void order.push(i)),
      ),
    );
    return order;
  },

  /** Aborts a call while the network runs. Returns how long that took, and if the next call works. */
  async abort(): Promise<{ error: string; milliseconds: number; next: number }> {
    const [, there] = await both();
    const stop = new AbortController();
    const blob = await blobOf(photo);
    const call = text(there.predict(blob, { signal: stop.signal, size: { width: 320, height: 320 } }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const since = performance.now();
    stop.abort();
    const error = await call;
    const milliseconds = performance.now() - since;
    return { error, milliseconds, next: (await there.predict(blob, { size })).image.width };
  },

  /** Returns the longest task of this thread while the worker predicts, in milliseconds; tasks below 50 are not reported. */
  async longestTask(count: number): Promise<{ longest: number; total: number; tasks: number }> {
    const [, there] = await both();
    const blob = await blobOf(photo);
    await there.predict(blob, { size });
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)),
    );
    observer.observe({ type: 'longtask' });
    const since = performance.now();
    for (let i = 0; i < count; i++) await there.predict(blob, { size: { width: 320, height: 320 } });
    const total = performance.now() - since;
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    return { longest: Math.max(0, ...tasks), total, tasks: tasks.length };
  },

  /** Predicts many times in the worker. */
  async many(count: number): Promise<void> {
    const [, there] = await both();
    const blob = await blobOf(photo);
    for (let i = 0; i < count; i++) await there.predict(blob, { size: { width: 64, height: 64 }, max });
  },

  /** Loads from the page and code that takes either model. */
  async facts(): Promise<Record<string, unknown>> {
    const [here, there] = await both();
    const factsOf = ({ name, classes, sha256, engine, config }: Predictor) => ({
      name,
      classes,
      sha256,
      engine: `${engine}`,
      config,
    });
    return { same: JSON.stringify(factsOf(here)) === JSON.stringify(factsOf(there)), engine: `${there.engine}` };
  },

  async dispose(): Promise<void> {
    const [here, there] = await both();
    models = undefined;
    await Promise.all([here.dispose(), there.dispose()]);
  },

  /** Loads with a worker that cannot start or that fails. Returns the error and how long it took. */
  async failure(kind: 'missing' | 'syntax' | 'forbidden' | 'crash'): Promise<{ error: string; milliseconds: number }> {
    const module = (url: string | URL) => new Worker(url, { type: 'module' });
    const scriptOf = (code: string) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    const thread = new URL('worker/thread.js', location.href).href;
    const scripts = {
      missing: 'worker/none.js',
      syntax: scriptOf('const = 3;'),
      forbidden: thread,
      // a task of its own, whose error nobody catches
      crash: scriptOf(
        `import '${thread}'; addEventListener('message', ({ data }) => { if (data.call === 'predict') setTimeout(() => { throw new Error('boom'); }); });`,
      ),
    };
    const { loadModel } = withAssets({ worker: () => module(scripts[kind]) });
    const since = performance.now();
    if (kind !== 'crash')
      return { error: await text(loadModel({ config: 'facade', weights })), milliseconds: performance.now() - since };
    const model = await loadModel({ config: 'facade', weights }, { engine: 'wasm' });
    const begun = performance.now();
    const calls = [text(model.predict(photo)), text(model.predict(photo))];
    const [error = '', other] = await Promise.all(calls);
    await model.dispose();
    return { error: error === other ? error : 'the calls have other errors', milliseconds: performance.now() - begun };
  },

  /** Starts two workers with two models each, and disposes them one after the other. */
  async several(workers: () => Promise<number>): Promise<number[]> {
    const counts: number[] = [];
    const [first, second] = [withAssets({}), withAssets({})];
    const load = ({ loadModel }: typeof first) => loadModel({ config: 'facade', weights }, { engine: 'cpu' });
    const loaded = await Promise.all([load(first), load(first), load(second)]);
    counts.push(await workers());
    for (const model of loaded) {
      await model.dispose();
      counts.push(await workers());
    }
    return counts;
  },
};

export type WorkerCalls = typeof calls;

declare global {
  interface Window {
    workerCalls: WorkerCalls;
  }
}

window.workerCalls = calls;
