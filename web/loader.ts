import { type Predictor, withDetector } from 'moganet';
import type { Progress, RemoteModel, RemotePredictOptions } from 'moganet/worker/ort';
import type { loadModel as loadInWorker } from './library.ts';
import type { ModelSource } from './models.ts';
import type { Notice, State, Store } from './state.ts';
import { reasonOf } from './words.ts';

/** Loading models: the latest that was asked for, one at a time. The model before stays until the next one is there. */

/** A model in the worker, or a pose model with its detector. */
export type PageModel = Predictor<unknown, RemotePredictOptions>;

export interface Loader {
  /** The model that is loaded, with its detector if there is one. */
  readonly model: PageModel | undefined;
  /** The model for a prediction: boxes that are drawn need no detector. */
  modelFor(state: Pick<State, 'boxes'>): PageModel | undefined;
  /** True if another model took its place. */
  isLeft(model: PageModel): boolean;
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
  let model: PageModel | undefined;
  let alone: PageModel | undefined;
  let loading: Promise<unknown> = Promise.resolve();
  let loads = new AbortController();

  /** Puts a model in the place of the one before. */
  async function exchange(
    { loaded, first }: { readonly loaded: PageModel; readonly first: PageModel },
    wanted: ModelSource,
    signal: AbortSignal,
  ): Promise<void> {
    const former = model;
    [model, alone, source] = [loaded, first, wanted];
    const { name, detail, hint } = loaded.engine;
    const detector = wanted.detector?.name;
    store.set({
      model: { name: wanted.name, card: wanted.card, classes: loaded.classes, engine: name, detail, hint, detector },
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
    const sources = wanted.detector ? [wanted, wanted.detector] : [wanted];
    const inTurn =
      (turn: number) =>
      ({ stage, done, total }: Progress) => {
        if (signal.aborted) return;
        const { from, part, text } = stages[stage];
        const share = from + (total > 0 ? (part * done) / total : 0);
        store.set({ work: { text, share: (turn + share) / sources.length } });
      };
    try {
      const both = await joined(sources, ({ ref }, turn) =>
        loadModel(ref, { engine, signal, onProgress: inTurn(turn) }),
      );
      if (signal.aborted) {
        await both.loaded.dispose().catch(() => {}); // nobody waits for it any more
        return false;
      }
      await exchange(both, wanted, signal);
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
    modelFor: ({ boxes }) => (boxes.length > 0 ? alone : model),
    isLeft: (one) => one !== model && one !== alone,
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

/** Loads a model, and a detector after it, one by one. If the second cannot be loaded or joined, the first is freed. */
async function joined(
  sources: readonly ModelSource[],
  load: (source: ModelSource, turn: number) => Promise<RemoteModel>,
): Promise<{ readonly loaded: PageModel; readonly first: PageModel }> {
  const models: RemoteModel[] = [];
  try {
    for (const [turn, source] of sources.entries()) models.push(await load(source, turn));
    const [first, detector] = models as [RemoteModel, RemoteModel | undefined]; // there is a source
    if (detector) checkDetector(first, detector, sources[1]?.name);
    return { loaded: detector ? withDetector(first, detector) : first, first };
  } catch (error) {
    await Promise.allSettled(models.map((one) => one.dispose()));
    throw error;
  }
}

/** @throws Error in words for a visitor, who has no option for another class, as `withDetector` would name it */
function checkDetector(pose: RemoteModel, { classes: { detection } }: RemoteModel, name: string | undefined): void {
  const [wanted] = pose.classes.pose ?? [];
  if (wanted === undefined || detection?.includes(wanted)) return;
  const some = detection && [...detection.slice(0, 5), ...(detection.length > 5 ? ['…'] : [])].join(', ');
  const what = some ? `finds ${some}` : 'detects no instances';
  throw new Error(`${name} ${what}. Open a detector that finds "${wanted}".`);
}

const noticeOf = (sentences: readonly string[]): Notice | undefined =>
  sentences.length === 0 ? undefined : { kind: 'info', text: sentences.join(' ') };
