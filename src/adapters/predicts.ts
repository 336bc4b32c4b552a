import type { PredictOptions } from '../library/options.ts';
import type { ImageRef } from '../platform/contract.ts';
import type { Result } from '../results/result.ts';

/** What a drop-in object needs of a model. Models of `moganet`, `moganet/ort` and `moganet/worker` have it. */
export interface Predicts {
  /** Returns what the model finds in an image. */
  predict(image: ImageRef, options?: PredictOptions): Promise<Result>;
  /** Frees the engine and the weights. */
  dispose(): Promise<void>;
}
