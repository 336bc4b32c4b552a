import { DroppedError } from 'moganet/worker/ort';
import type { Loader, PageModel } from './loader.ts';
import type { LeaveEngine } from './lost_engine.ts';
import type { OnStage } from './on_stage.ts';
import { optionsFor, type Store } from './state.ts';

/** Frames of a webcam that are at work at a time: one is computed while the next is prepared. */
const mostFrames = 2;

/**
 * Returns the function that predicts a frame of the webcam and shows it. It resolves at once if two frames are at work already.
 *
 * @param onSeen is called before a frame is shown
 */
export function createFrames(
  store: Store,
  loader: Loader,
  stage: OnStage,
  { leave, onSeen }: { readonly leave: LeaveEngine; readonly onSeen: () => void },
): (bitmap: ImageBitmap) => Promise<void> {
  let frames = 0;

  async function predict(bitmap: ImageBitmap, model: PageModel): Promise<void> {
    const begun = performance.now();
    const options = { ...optionsFor(store.state), latest: true, keep: true };
    const result = await model.predict(bitmap, options);
    if (!store.state.live) {
      bitmap.close();
      return;
    }
    onSeen();
    const { waits, work } = store.state;
    const time = performance.now() - begun;
    // what is opened, cancelled or sized next starts from this frame
    stage.find({ image: bitmap, picture: { name: 'webcam', bitmap } }, result, {
      // a picture that was computed when the webcam started is not shown any more; a model may still be loaded
      work: work?.since === undefined ? work : undefined,
      waits: waits.cold === undefined ? { cold: time } : { ...waits, warm: time },
    });
  }

  return async (bitmap) => {
    const model = loader.modelFor(store.state);
    if (!model || frames >= mostFrames) {
      bitmap.close();
      return;
    }
    frames++;
    try {
      await predict(bitmap, model);
    } catch (error) {
      bitmap.close();
      const isOver = error instanceof DroppedError || loader.isLeft(model);
      if (!isOver && !(await leave(error, model))) throw error;
    } finally {
      frames--;
    }
  };
}
