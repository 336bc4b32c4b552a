import type { Assets, Library } from '../browser_library.ts';
import { EngineError } from '../errors.ts';
import type { Bitmap } from '../globals.ts';
import type { Model } from '../library/model.ts';
import type { RenderOptions } from '../results/drawing.ts';
import { version } from '../results/json.ts';
import type { Result } from '../results/result.ts';
import { packError } from './errors.ts';
import { Kept, type Owner } from './kept.ts';
import type { Call, Calls, ImageParcel, Port, Request, ToPage, ToThread } from './messages.ts';
import { memoryOf, packResult } from './parcels.ts';
import { bitmapOf, closeImage, threadImage } from './thread_images.ts';

/** The thread's side: it has the models, and does what the page asks for. */

/** What the thread needs of a library. */
export type ServedLibrary = Pick<Library, 'loadModel' | 'createBackbone'>;

/** A value to send, and what of its memory moves. */
interface Answer<T> {
  readonly value: T;
  readonly moved?: readonly unknown[] | undefined;
}

type Handlers = {
  readonly [K in Call]: (request: Calls[K]['request'], call: Running) => Promise<Answer<Calls[K]['reply']>>;
};

/** A call that was not answered yet. */
interface Running {
  readonly signal: AbortSignal;
  progress(progress: (ToPage & { readonly kind: 'progress' })['progress']): void;
}

/** Returns what each call of the page does. @param loaded returns the library that the thread was started with */
const handlersFor = (loaded: () => ServedLibrary, kept: Kept): Handlers => ({
  async load({ ref, options }, { signal, progress }) {
    const model = await loaded().loadModel(ref, { ...options, signal, onProgress: progress });
    const { name, config, classes, engine, unfilled, notices, sha256, definition } = model as Model;
    const datasets = Object.fromEntries(definition.tasks.map(({ kind, dataset }) => [kind, dataset]));
    const { name: engineName, detail, hint, weakness } = engine;
    const facts = { name, config, classes, datasets, unfilled, notices, sha256 };
    return {
      value: { ...facts, model: kept.keep(model as Model), engine: { name: engineName, detail, hint, weakness } },
    };
  },
  async predict({ model, image, options, draw }, { signal }) {
    const result = await kept.model(model).predict(threadImage(image), { ...options, signal });
    const parcel = packResult(result, await drawn(result, draw));
    return { value: parcel, moved: memoryOf([parcel]) };
  },
  async predictBatch({ model, images, options }, { signal }) {
    const results = await kept.model(model).predictBatch(images.map(threadImage), { ...options, signal });
    const parcels = results.map((result) => packResult(result));
    return { value: parcels, moved: memoryOf(parcels) };
  },
  async features({ model, image, options }, { signal }) {
    const features = await kept.model(model).features(threadImage(image), { ...options, signal });
    const maps = features.map(({ shape, data }) => ({ shape, data }));
    return { value: { maps, geometry: features.geometry }, moved: buffersOf(maps) };
  },
  async createBackbone({ config, options }, { signal, progress }) {
    const backbone = await loaded().createBackbone(config, { ...options, signal, onProgress: progress });
    return { value: { backbone: kept.keep(backbone), stages: backbone.stages, notices: backbone.notices } };
  },
  async run({ backbone, image }) {
    const input = typeof image === 'number' ? kept.tensor(image) : image;
    const outputs = await kept.backbone(backbone).run(input);
    return { value: outputs.map((tensor) => ({ tensor: kept.keepTensor(tensor), shape: tensor.shape })) };
  },
  async read({ tensor }) {
    const { shape, data } = await kept.tensor(tensor).read();
    const copy = { shape, data: data.slice() }; // the engine may keep its array
    return { value: copy, moved: [copy.data.buffer] };
  },
  async dispose({ owner }) {
    await kept.dispose(owner);
    return { value: undefined };
  },
});

/**
 * Serves the models of a library to the page that started this thread. A worker with custom heads or backbones calls it with functions that
 * pass them on; see docs/worker.md.
 *
 * @param libraryOf returns the library for the URLs of WebAssembly files that the page names
 */
export function serve(
  libraryOf: (assets: Assets) => ServedLibrary,
  port = globalThis as unknown as Port<ToPage, ToThread>,
): void {
  let library: ServedLibrary | undefined;
  const kept = new Kept();
  const running = new Map<number, AbortController>();
  const handlers = handlersFor(() => {
    if (!library) throw new EngineError('the thread has not heard of `start`: use moganet/worker of the same version.');
    return library;
  }, kept);

  async function answer(request: Request): Promise<void> {
    const { call, id } = request;
    const stop = new AbortController();
    running.set(id, stop);
    const progress: Running['progress'] = (one) => port.postMessage({ kind: 'progress', id, progress: one }, []);
    const owner = 'model' in request ? kept.owner(request.model) : undefined;
    const before = owner?.answered;
    const handler = handlers[call] as (request: Request, running: Running) => Promise<Answer<unknown>>;
    const sent = handler(request, { signal: stop.signal, progress })
      .finally(() => closeImages(request))
      .then(
        async ({ value, moved = [] }) => {
          await before;
          port.postMessage({ kind: 'answer', id, value }, moved);
        },
        async (error: unknown) => {
          await before;
          throw error;
        },
      )
      .catch((error: unknown) =>
        port.postMessage({ kind: 'failure', id, error: packError(error), isLost: isLost(owner) }, []),
      )
      .finally(() => running.delete(id));
    if (owner) owner.answered = sent;
    await sent;
  }

  port.addEventListener('message', ({ data }) => {
    if (data.call === 'start') library = libraryOf(data.assets);
    else if (data.call === 'abort') running.get(data.id)?.abort();
    else if (data.call === 'free') kept.free(data.tensor);
    else void answer(data);
  });
  port.postMessage({ kind: 'ready', version }, []);
}

/** Tells whether the device of a model's engine is gone. */
const isLost = (owner: Owner | undefined): boolean =>
  owner !== undefined && 'engine' in owner.owned && owner.owned.engine.lost === true;

async function drawn(result: Result, draw: RenderOptions | undefined): Promise<Bitmap | undefined> {
  return draw && bitmapOf(result.render(draw));
}

/** Frees the frames that came with a call. */
function closeImages(request: Request): void {
  const images: readonly ImageParcel[] =
    request.call === 'predictBatch'
      ? request.images
      : request.call === 'predict' || request.call === 'features'
        ? [request.image]
        : [];
  for (const image of images) closeImage(image);
}

const buffersOf = (arrays: readonly { readonly data: Float32Array }[]): unknown[] => [
  ...new Set(arrays.map(({ data }) => data.buffer)),
];
