import type { Result } from 'moganet/worker/ort';
import type { Picture, State, Store } from './state.ts';

/** The picture on the stage, and the last one with a result, which comes back when the next one fails. Frees those that were left. */

/** A picture with what the model gets of it: its file, or the frame itself. */
export interface Shown {
  readonly image: Blob | ImageBitmap;
  readonly picture: Picture;
}

export interface OnStage {
  /** The picture on the stage, which may not have been predicted yet. */
  readonly shown: Shown | undefined;
  /** Shows a picture that was not predicted yet. */
  put(next: Shown): void;
  /** Shows a picture with what was found in it. @param changes of the state that belong to it */
  find(next: Shown, result: Result, changes: Partial<State>): void;
  /** Puts the last good result back. */
  restore(): void;
}

export function createOnStage(store: Store): OnStage {
  let shown: Shown | undefined;
  let seen: (Shown & { readonly result: Result }) | undefined;
  return {
    get shown() {
      return shown;
    },
    put(next) {
      if (shown?.picture !== seen?.picture) release(shown?.picture);
      shown = next;
      store.set({ picture: next.picture, result: undefined, notice: undefined, boxes: [] });
    },
    find(next, result, changes) {
      const left = new Set([shown?.picture, seen?.picture]);
      left.delete(next.picture);
      seen = { ...next, result };
      shown = seen;
      store.set({ ...changes, picture: next.picture, result });
      for (const picture of left) release(picture);
    },
    restore() {
      if (shown?.picture !== seen?.picture) release(shown?.picture);
      shown = seen;
      store.set({ picture: seen?.picture, result: seen?.result, work: undefined });
    },
  };
}

/** Frees a picture when the stage has drawn the next one. */
function release(picture: Picture | undefined): void {
  if (picture) setTimeout(() => picture.bitmap.close(), 1000);
}
