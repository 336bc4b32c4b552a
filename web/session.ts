import { DroppedError, EngineError, type Progress, type RemoteModel, type Result } from 'moganet/worker/ort';
import { reasonOf } from './elements.ts';
import { loadModel } from './library.ts';
import type { ModelSource } from './models.ts';
import { leastScore, type Picture, type Store } from './state.ts';

/** What the page does with the library: loads models and predicts pictures. The last good result survives every failure. */

export interface Session {
  /** Shows a picture and predicts it. Resolves when the result is shown, or the failure told. */
  open(file: Blob, name: string): Promise<void>;
  /** Predicts the picture on the stage again, for another size or model. */
  again(): Promise<void>;
  /** Loads a model on the engine that the visitor chose, then predicts the picture on the stage. */
  load(source: ModelSource): Promise<void>;
  /** Loads the same model on another engine. */
  useEngine(engine: string): Promise<void>;
  /** Predicts a frame of the webcam and shows it. Resolves at once if two frames are at work already. */
  frame(bitmap: ImageBitmap): Promise<void>;
  /** Ends what runs. The last result stays. */
  cancel(): void;
}

/** Where each stage of loading begins and how long it is, as shares of the whole. */
const stages = {
  download: { from: 0, part: 0.6, text: 'Downloading the model' },
  weights: { from: 0.6, part: 0.15, text: 'Reading the weights' },
  engine: { from: 0.75, part: 0.25, text: 'Preparing the engine' },
} as const satisfies Readonly<Record<Progress['stage'], unknown>>;

/** A picture with its file and what was found in it. */
interface Seen {
  readonly file: Blob;
  readonly picture: Picture;
  readonly result: Result;
}

/** Frames of a webcam that are at work at a time: one is computed while the next is prepared. */
const mostFrames = 2;

/** Returns the session behind a store. */
export function createSession(store: Store): Session {
  let source: ModelSource | undefined;
  let model: RemoteModel | undefined;
  let seen: Seen | undefined;
  /** The picture on the stage, which may not have been predicted yet. */
  let shown: { readonly file: Blob; readonly picture: Picture } | undefined;
  let loading: Promise<unknown> = Promise.resolve();
  let loads = new AbortController();
  let predictions = new AbortController();
  let frames = 0;
  /** Engines that failed and were left for another one. */
  const failedEngines = new Set<string>();
  /** Milliseconds of the last prediction that was not the first, by size. */
  const pace = new Map<number, number>();

  /** Puts the last good result back on the stage. */
  const restore = () => {
    shown = seen;
    store.set({ picture: seen?.picture, result: seen?.result, work: undefined });
  };

  async function startModel(wanted: ModelSource, engine: string): Promise<boolean> {
    loads.abort();
    predictions.abort();
    loads = new AbortController();
    const { signal } = loads;
    store.set({ work: { text: 'Loading the model', share: 0 }, engine, notice: undefined });
    try {
      const loaded = await loadModel(wanted.ref, {
        engine,
        signal,
        onProgress: ({ stage, done, total }) => {
          if (signal.aborted) return;
          const { from, part, text } = stages[stage];
          store.set({ work: { text, share: from + (total > 0 ? (part * done) / total : 0) } });
        },
      });
      if (signal.aborted) {
        await loaded.dispose();
        return false;
      }
      const former = model;
      [model, source] = [loaded, wanted];
      pace.clear();
      const { name, detail, hint } = loaded.engine;
      const notices = loaded.notices.join(' ');
      store.set({
        model: { name: wanted.name, card: wanted.card, classes: loaded.classes, engine: name, detail, hint },
        notice: notices === '' ? undefined : { kind: 'info', text: notices },
        waits: {},
        work: undefined,
      });
      await former?.dispose();
      return true;
    } catch (error) {
      if (loads.signal !== signal) return false;
      // the former model stays, and the choice of its engine
      store.set({ engine: model ? (store.state.model?.engine ?? engine) : engine, work: undefined });
      if (!signal.aborted) store.set({ notice: { kind: 'error', text: reasonOf(error) } });
      return false;
    }
  }

  async function load(wanted: ModelSource, engine: string): Promise<void> {
    const started = startModel(wanted, engine);
    loading = started;
    if ((await started) && shown) await again();
  }

  /** Predicts the picture on the stage. */
  async function again(): Promise<void> {
    const wanted = shown;
    if (!wanted) return;
    predictions.abort();
    predictions = new AbortController();
    const { signal } = predictions;
    await loading;
    if (signal.aborted) return;
    const { size } = store.state;
    const begun = performance.now();
    try {
      if (!model) throw new Error('There is no model yet. Load the demo again, or open your own under Model.');
      const first = store.state.waits.cold === undefined;
      store.set({ work: { text: 'Looking', since: begun, expected: expectedTime(pace, size), first } });
      const result = await model.predict(wanted.file, {
        score: leastScore,
        size: { width: size, height: size },
        signal,
      });
      if (signal.aborted) return;
      const milliseconds = performance.now() - begun;
      const { waits } = store.state;
      if (!first) pace.set(size, milliseconds);
      const former = seen?.picture;
      seen = { ...wanted, result };
      store.set({ result, work: undefined, waits: first ? { cold: milliseconds } : { ...waits, warm: milliseconds } });
      if (former !== wanted.picture) release(former);
    } catch (error) {
      if (signal.aborted) return;
      const failed = store.state.model?.engine ?? '';
      if (error instanceof EngineError && source && !failedEngines.has(failed)) {
        // a lost device does not come back
        failedEngines.add(failed);
        await load(source, 'auto');
        const text = `${reasonOf(error)} Now the page computes on ${store.state.model?.engine}.`;
        store.set({ notice: { kind: 'error', text } });
        return;
      }
      restore();
      store.set({ notice: { kind: 'error', text: `${wanted.picture.name}: ${reasonOf(error)}` } });
    }
  }

  return {
    async open(file, name) {
      const bitmap = await createImageBitmap(file).catch(() => undefined);
      if (bitmap) {
        if (shown !== seen) release(shown?.picture);
        shown = { file, picture: { name, bitmap } };
        store.set({ picture: shown.picture, result: undefined, notice: undefined });
        await again();
        return;
      }
      // the library says better than the browser what is wrong with the file
      const reason = await model?.predict(file, { size: { width: 32, height: 32 } }).then(() => undefined, reasonOf);
      const text = reason ?? 'this browser cannot read it as a picture. Open a JPEG or PNG.';
      store.set({ notice: { kind: 'error', text: text.startsWith(name) ? text : `${name}: ${text}` } });
    },
    again,
    load: (wanted) => load(wanted, store.state.engine),
    async useEngine(engine) {
      if (source) await load(source, engine);
    },
    async frame(bitmap) {
      if (!model || frames >= mostFrames) {
        bitmap.close();
        return;
      }
      frames++;
      const { size } = store.state;
      const begun = performance.now();
      try {
        const options = { score: leastScore, size: { width: size, height: size }, latest: true, keep: true };
        const result = await model.predict(bitmap, options);
        if (!store.state.live) return;
        const former = store.state.picture;
        const waits = { ...store.state.waits, warm: performance.now() - begun };
        store.set({ picture: { name: 'webcam', bitmap }, result, waits });
        if (former !== seen?.picture) release(former);
      } catch (error) {
        bitmap.close();
        if (!(error instanceof DroppedError)) throw error;
      } finally {
        frames--;
      }
    },
    cancel() {
      const { work } = store.state;
      if (work?.since === undefined) loads.abort();
      predictions.abort();
      restore();
    },
  };
}

/** Returns the milliseconds that a prediction will take, from those of the nearest size; undefined before the first. */
function expectedTime(pace: ReadonlyMap<number, number>, size: number): number | undefined {
  const [nearest] = [...pace.keys()].sort((a, b) => Math.abs(a - size) - Math.abs(b - size));
  if (nearest === undefined) return undefined;
  return (pace.get(nearest) ?? 0) * (size / nearest) ** 2;
}

/** Frees a picture when the stage has drawn the next one. */
function release(picture: Picture | undefined): void {
  if (picture) setTimeout(() => picture.bitmap.close(), 1000);
}
