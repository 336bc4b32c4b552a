import { EngineError } from 'moganet/worker/ort';
import type { Loader, PageModel } from './loader.ts';
import type { Notice, Store } from './state.ts';
import { reasonOf } from './words.ts';

/**
 * Loads a model on another engine if its device was lost, which does not come back. Says so before anything is computed there: what
 * goes wrong then has its own message. Predictions that failed together share the answer.
 *
 * @returns whether another engine took over, or undefined if the error is of another kind
 */
export type LeaveEngine = (error: unknown, failed: PageModel | undefined) => Promise<boolean | undefined>;

export function createLeaveEngine(store: Store, loader: Loader): LeaveEngine {
  /** Engines that failed and were left for another one. */
  const failedEngines = new Set<string>();
  /** Models that were left with their engine. */
  const left = new WeakMap<PageModel, Promise<boolean>>();

  return async (error, failed) => {
    const { source } = loader;
    if (!(error instanceof EngineError) || !source || !failed) return undefined;
    const before = left.get(failed);
    if (before) return before;
    const { name } = failed.engine;
    if (failedEngines.has(name)) return undefined;
    failedEngines.add(name);
    const started = loader.load(source, 'auto');
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
  };
}
