import { createFrames } from './frames.ts';
import { loadModel as loadInWorker } from './library.ts';
import { createLoader } from './loader.ts';
import { createLeaveEngine } from './lost_engine.ts';
import type { ModelSource } from './models.ts';
import { createOnStage } from './on_stage.ts';
import { bitmapOf, refusalOf } from './pictures.ts';
import { createPredictions } from './predictions.ts';
import type { Store } from './state.ts';
import { about, reasonOf } from './words.ts';

/** What the page does with the library: loads models and predicts pictures. The last good result survives every failure. */

export interface Session {
  /** Shows a picture and predicts it. Resolves when the result is shown, or the failure told. */
  open(file: Blob, name: string): Promise<void>;
  /** Predicts the picture on the stage again, for another size or model. */
  again(): Promise<void>;
  /** Loads a model on the engine that the visitor chose, then predicts the picture on the stage. */
  load(source: ModelSource): Promise<void>;
  /** Loads the pose model again with a detector that finds the boxes, or without one. */
  useDetector(detector: ModelSource | undefined): Promise<void>;
  /** Loads the same model on another engine. */
  useEngine(engine: string): Promise<void>;
  /** Predicts a frame of the webcam and shows it. Resolves at once if two frames are at work already. */
  frame(bitmap: ImageBitmap): Promise<void>;
  /** Ends what runs. The last result stays. */
  cancel(): void;
}

/** Returns the session behind a store. @param loadModel the library's, in a worker */
export function createSession(store: Store, loadModel: typeof loadInWorker = loadInWorker): Session {
  const stage = createOnStage(store);
  const loader = createLoader(store, loadModel, () => predictions.abort());
  const leave = createLeaveEngine(store, loader);
  const predictions = createPredictions(store, loader, stage, leave);
  const { again } = predictions;
  /** How many pictures were opened. */
  let opened = 0;

  async function load(wanted: ModelSource, engine: string): Promise<void> {
    if (await loader.load(wanted, engine)) await again();
  }

  async function open(file: Blob, name: string): Promise<void> {
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
    } else if (bitmap) {
      stage.put({ image: file, picture: { name, bitmap } });
      await again();
    } else {
      // the library says better than the browser what is wrong with the file
      const asked = loader.model?.predict(file, { size: { width: 32, height: 32 } });
      const reason = await asked?.then(() => undefined, refusalOf);
      refuse(reason ?? 'this browser cannot read it as a picture. Open a JPEG or PNG.');
    }
  }

  return {
    open,
    again,
    load: (wanted) => load(wanted, store.state.engine),
    async useDetector(detector) {
      if (!loader.source) return;
      const { boxes, engine } = store.state;
      const isLoaded = await loader.load({ ...loader.source, detector }, engine);
      if (!isLoaded) return; // the boxes that were drawn stay, as the result does
      if (store.state.boxes === boxes) store.set({ boxes: [] }); // others may have been drawn while it loaded
      await again();
    },
    async useEngine(engine) {
      if (loader.source) await load(loader.source, engine);
    },
    frame: createFrames(store, loader, stage, { leave, onSeen: predictions.abort }),
    cancel() {
      if (store.state.work?.since === undefined) loader.cancel();
      predictions.abort();
      stage.restore();
    },
  };
}
