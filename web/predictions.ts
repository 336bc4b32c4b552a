import type { Loader, PageModel } from './loader.ts';
import type { LeaveEngine } from './lost_engine.ts';
import type { OnStage, Shown } from './on_stage.ts';
import { mostPixels, refusalOf } from './pictures.ts';
import { optionsFor, type Store } from './state.ts';
import { about } from './words.ts';

/** Predicts the picture on the stage: the latest prediction that was asked for, and none of those before. */

export interface Predictions {
  /** Predicts the picture on the stage. Resolves when the result is shown, or the failure told. */
  again(): Promise<void>;
  /** Ends what runs. */
  abort(): void;
}

export function createPredictions(store: Store, loader: Loader, stage: OnStage, leave: LeaveEngine): Predictions {
  let running = new AbortController();
  const paces = new WeakMap<PageModel, Pace>();
  const paceOf = (model: PageModel): Pace => {
    const pace = paces.get(model) ?? new Map();
    paces.set(model, pace);
    return pace;
  };

  async function predict({ image, picture }: Shown, model: PageModel, signal: AbortSignal): Promise<void> {
    const { size, waits } = store.state;
    const pace = paceOf(model);
    const begun = performance.now();
    const first = waits.cold === undefined;
    store.set({ work: { text: 'Looking', since: begun, expected: expectedTime(pace, size), first } });
    const result = await model.predict(image, {
      keep: true,
      ...optionsFor(store.state),
      maxPixels: mostPixels,
      signal,
    });
    if (signal.aborted) return;
    const time = performance.now() - begun;
    if (!first) pace.set(size, time);
    const known = store.state.waits;
    stage.find({ image, picture }, result, {
      work: undefined,
      waits: first ? { cold: time } : { ...known, warm: time },
    });
  }

  async function again(): Promise<void> {
    const wanted = stage.shown;
    if (!wanted || store.state.live) return; // the next frame of a webcam is seen by itself
    running.abort();
    running = new AbortController();
    const { signal } = running;
    await loader.loading;
    if (signal.aborted) return;
    const model = loader.modelFor(store.state);
    try {
      if (!model) throw new Error('There is no model yet. Load the demo again, or open your own under Model.');
      await predict(wanted, model, signal);
    } catch (error) {
      if (signal.aborted) return;
      const isLeft = await leave(error, model);
      if (isLeft) return again();
      if (wanted.picture !== stage.shown?.picture) return;
      stage.restore();
      // what is said of an engine that was left is told already
      if (isLeft === undefined)
        store.set({ notice: { kind: 'error', text: about(wanted.picture.name, refusalOf(error)) } });
    }
  }

  return { again, abort: () => running.abort() };
}

/** Milliseconds of the last prediction that was not the first, by size. */
type Pace = Map<number, number>;

/** Returns the milliseconds that a prediction will take, from those of the nearest size; undefined before the first. */
function expectedTime(pace: Readonly<Pace>, size: number): number | undefined {
  const [nearest] = [...pace.keys()].sort((a, b) => Math.abs(a - size) - Math.abs(b - size));
  if (nearest === undefined) return undefined;
  return (pace.get(nearest) ?? 0) * (size / nearest) ** 2;
}
