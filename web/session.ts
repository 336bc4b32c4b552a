import { DroppedError, EngineError, type Progress, type RemoteModel, type Result } from 'moganet/worker/ort';
import { loadModel as loadInWorker } from './library.ts';
import type { ModelSource } from './models.ts';
import { bitmapOf, mostPixels, refusalOf } from './pictures.ts';
import { leastScore, type Notice, type Picture, type Store } from './state.ts';
import { reasonOf } from './words.ts';

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

/** A picture with what the model gets of it: its file, or the frame itself. */
interface Shown {
  readonly image: Blob | ImageBitmap;
  readonly picture: Picture;
}

/** A picture with what was found in it. */
interface Seen extends Shown {
  readonly result: Result;
}

/** Frames of a webcam that are at work at a time: one is computed while the next is prepared. */
const mostFrames = 2;

/** Returns the session behind a store. @param loadModel the library's, in a worker */
export function createSession(store: Store, loadModel: typeof loadInWorker = loadInWorker): Session {
  let source: ModelSource | undefined;
  let model: RemoteModel | undefined;
  let seen: Seen | undefined;
  /** The picture on the stage, which may not have been predicted yet. */
  let shown: Shown | undefined;
  let loading: Promise<unknown> = Promise.resolve();
  let loads = new AbortController();
  let predictions = new AbortController();
  let frames = 0;
  /** How many pictures were opened. */
  let opened = 0;
  /** Engines that failed and were left for another one. */
  const failedEngines = new Set<string>();
  /** Models that were left with their engine. */
  const left = new WeakMap<RemoteModel, Promise<boolean>>();
  /** Milliseconds of the last prediction that was not the first, by size. */
  const pace = new Map<number, number>();

  /** Puts the last good result back on the stage. */
  const restore = () => {
    if (shown?.picture !== seen?.picture) release(shown?.picture);
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
        await loaded.dispose().catch(() => {}); // nobody waits for it any more
        return false;
      }
      const former = model;
      [model, source] = [loaded, wanted];
      pace.clear();
      const { name, detail, hint } = loaded.engine;
      store.set({
        model: { name: wanted.name, card: wanted.card, classes: loaded.classes, engine: name, detail, hint },
        notice: noticeOf(loaded.notices),
        waits: {},
        work: undefined,
      });
      // whether or not the former one can be freed, this one is loaded
      await former?.dispose().catch((error: unknown) => {
        const kept = `The model before could not be freed, and may keep its memory: ${reasonOf(error)}`;
        if (!signal.aborted) store.set({ notice: noticeOf([...loaded.notices, kept]) });
      });
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

  /**
   * Loads a model on another engine if its device was lost, which does not come back. Says so before anything is computed there: what
   * goes wrong then has its own message. Predictions that failed together share the answer.
   *
   * @returns whether another engine took over, or undefined if the error is of another kind
   */
  function leaveEngine(error: unknown, failed: RemoteModel | undefined): Promise<boolean | undefined> {
    if (!(error instanceof EngineError) || !source || !failed) return Promise.resolve(undefined);
    const before = left.get(failed);
    if (before) return before;
    const { name } = failed.engine;
    if (failedEngines.has(name)) return Promise.resolve(undefined);
    failedEngines.add(name);
    const started = startModel(source, 'auto');
    loading = started;
    const reason = reasonOf(error);
    const say = (text: string): Notice => ({ kind: 'error', text: `${reason} ${text}` });
    const looking = say('The page looks for another engine.');
    store.set({ notice: looking });
    const told = started.then((isLoaded) => {
      const { notice, model: loaded } = store.state;
      if (isLoaded) store.set({ notice: say(`Now the page computes on ${loaded?.engine}.`) });
      // the visitor has cancelled, or chosen another model
      else if (notice === looking) store.set({ notice: undefined });
      else if (notice) store.set({ notice: say(`No engine takes over: ${notice.text}`) });
      return isLoaded;
    });
    left.set(failed, told);
    return told;
  }

  /** Predicts the picture on the stage. */
  async function again(): Promise<void> {
    const wanted = shown;
    if (!wanted || store.state.live) return; // the next frame of a webcam is seen by itself
    predictions.abort();
    predictions = new AbortController();
    const { signal } = predictions;
    await loading;
    if (signal.aborted) return;
    const { size } = store.state;
    const begun = performance.now();
    const used = model;
    try {
      if (!used) throw new Error('There is no model yet. Load the demo again, or open your own under Model.');
      const first = store.state.waits.cold === undefined;
      store.set({ work: { text: 'Looking', since: begun, expected: expectedTime(pace, size), first } });
      const result = await used.predict(wanted.image, {
        keep: true,
        score: leastScore,
        size: { width: size, height: size },
        maxPixels: mostPixels,
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
      const isLeft = await leaveEngine(error, used);
      if (isLeft) {
        await again();
        return;
      }
      if (wanted !== shown) return;
      if (isLeft === false) {
        restore();
        return;
      }
      restore();
      store.set({ notice: { kind: 'error', text: about(wanted.picture.name, refusalOf(error)) } });
    }
  }

  return {
    async open(file, name) {
      const turn = ++opened;
      const refuse = (text: string) => {
        if (turn === opened) store.set({ notice: { kind: 'error', text: about(name, text) } });
      };
      let bitmap: ImageBitmap | undefined;
      try {
        bitmap = await bitmapOf(file);
      } catch (error) {
        refuse(reasonOf(error));
        return;
      }
      if (turn !== opened) {
        bitmap?.close(); // a picture that was opened later is on the stage
        return;
      }
      if (bitmap) {
        if (shown?.picture !== seen?.picture) release(shown?.picture);
        shown = { image: file, picture: { name, bitmap } };
        store.set({ picture: shown.picture, result: undefined, notice: undefined });
        await again();
        return;
      }
      // the library says better than the browser what is wrong with the file
      const reason = await model?.predict(file, { size: { width: 32, height: 32 } }).then(() => undefined, refusalOf);
      refuse(reason ?? 'this browser cannot read it as a picture. Open a JPEG or PNG.');
    },
    again,
    load: (wanted) => load(wanted, store.state.engine),
    async useEngine(engine) {
      if (source) await load(source, engine);
    },
    async frame(bitmap) {
      const used = model;
      if (!used || frames >= mostFrames) {
        bitmap.close();
        return;
      }
      frames++;
      const { size } = store.state;
      const begun = performance.now();
      try {
        const options = { score: leastScore, size: { width: size, height: size }, latest: true, keep: true };
        const result = await used.predict(bitmap, options);
        if (!store.state.live) {
          bitmap.close();
          return;
        }
        predictions.abort();
        const { waits, work } = store.state;
        const time = performance.now() - begun;
        const former = seen?.picture;
        if (shown?.picture !== former) release(shown?.picture);
        // what is opened, cancelled or sized next starts from this frame
        seen = { image: bitmap, picture: { name: 'webcam', bitmap }, result };
        shown = seen;
        store.set({
          picture: seen.picture,
          result,
          // a picture that was computed when the webcam started is not shown any more; a model may still be loaded
          work: work?.since === undefined ? work : undefined,
          waits: waits.cold === undefined ? { cold: time } : { ...waits, warm: time },
        });
        release(former);
      } catch (error) {
        bitmap.close();
        const isOver = error instanceof DroppedError || used !== model;
        if (!isOver && !(await leaveEngine(error, used))) throw error;
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

const noticeOf = (sentences: readonly string[]): Notice | undefined =>
  sentences.length === 0 ? undefined : { kind: 'info', text: sentences.join(' ') };

/** Returns a message that names its file, once. */
const about = (name: string, text: string): string => (text.startsWith(name) ? text : `${name}: ${text}`);

/** Frees a picture when the stage has drawn the next one. */
function release(picture: Picture | undefined): void {
  if (picture) setTimeout(() => picture.bitmap.close(), 1000);
}
