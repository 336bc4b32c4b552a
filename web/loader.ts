import type { Progress, RemoteModel } from 'moganet/worker/ort';
import type { loadModel as loadInWorker } from './library.ts';
import type { ModelSource } from './models.ts';
import type { Notice, Store } from './state.ts';
import { reasonOf } from './words.ts';

/** Loading models: the latest that was asked for, one at a time. The model before stays until the next one is there. */

export interface Loader {
  /** The model that is loaded. */
  readonly model: RemoteModel | undefined;
  readonly source: ModelSource | undefined;
  /** Settles when nothing is loaded any more. */
  readonly loading: Promise<unknown>;
  /** Loads a model, and ends the loading before. Returns whether it is there. */
  load(wanted: ModelSource, engine: string): Promise<boolean>;
  /** Ends the loading. */
  cancel(): void;
}

/** Where each stage of loading begins and how long it is, as shares of the whole. */
const stages = {
  download: { from: 0, part: 0.6, text: 'Downloading the model' },
  weights: { from: 0.6, part: 0.15, text: 'Reading the weights' },
  engine: { from: 0.75, part: 0.25, text: 'Preparing the engine' },
} as const satisfies Readonly<Record<Progress['stage'], unknown>>;

/** @param onStart is called before a model is loaded */
export function createLoader(store: Store, loadModel: typeof loadInWorker, onStart: () => void): Loader {
  let source: ModelSource | undefined;
  let model: RemoteModel | undefined;
  let loading: Promise<unknown> = Promise.resolve();
  let loads = new AbortController();

  /** Puts a model in the place of the one before. */
  async function exchange(loaded: RemoteModel, wanted: ModelSource, signal: AbortSignal): Promise<void> {
    const former = model;
    [model, source] = [loaded, wanted];
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
  }

  async function start(wanted: ModelSource, engine: string): Promise<boolean> {
    loads.abort();
    onStart();
    loads = new AbortController();
    const { signal } = loads;
    store.set({ work: { text: 'Loading the model', share: 0 }, engine, notice: undefined });
    const onProgress = ({ stage, done, total }: Progress) => {
      if (signal.aborted) return;
      const { from, part, text } = stages[stage];
      store.set({ work: { text, share: from + (total > 0 ? (part * done) / total : 0) } });
    };
    try {
      const loaded = await loadModel(wanted.ref, { engine, signal, onProgress });
      if (signal.aborted) {
        await loaded.dispose().catch(() => {}); // nobody waits for it any more
        return false;
      }
      await exchange(loaded, wanted, signal);
      return true;
    } catch (error) {
      if (loads.signal !== signal) return false;
      // the former model stays, and the choice of its engine
      store.set({ engine: model ? (store.state.model?.engine ?? engine) : engine, work: undefined });
      if (!signal.aborted) store.set({ notice: { kind: 'error', text: reasonOf(error) } });
      return false;
    }
  }

  return {
    get model() {
      return model;
    },
    get source() {
      return source;
    },
    get loading() {
      return loading;
    },
    load(wanted, engine) {
      const started = start(wanted, engine);
      loading = started;
      return started;
    },
    cancel: () => loads.abort(),
  };
}

const noticeOf = (sentences: readonly string[]): Notice | undefined =>
  sentences.length === 0 ? undefined : { kind: 'info', text: sentences.join(' ') };
