import type { Named, NDArray } from '../arrays.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Part, Resident, Scope, Value } from '../nn/index.ts';
import type { Detections } from '../postprocess/detections.ts';

/** Runs one of the model's parts. Without regions it is not called. */
export type RunPart = (part: string, inputs: Named<NDArray | Resident>) => Promise<Named<Resident>>;

/** What a caller may ask for differently than the config says. */
export interface DetectOptions {
  /** Least score. */
  readonly score?: number;
  /** IoU above which the worse of two boxes of a class is dropped. */
  readonly iou?: number;
  /** Most detections of an image. */
  readonly max?: number;
}

/** The part of a model that finds objects: dense layers on the pyramid, further parts on regions, and arithmetic between. */
export interface Detector {
  readonly classes: readonly string[];
  /** Recorded into the part `features`; the names of the outputs are those that `detect` reads. */
  forward(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  readonly parts: readonly Part[];
  /** One result per image of the batch, in original pixels. */
  detect(
    features: Named<Resident>,
    images: readonly Geometry[],
    run: RunPart,
    options?: DetectOptions,
  ): Promise<Detections[]>;
}
