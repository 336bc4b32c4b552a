/** The plain data that tests and their page exchange. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A result to draw on an image of the site. */
export interface Drawing {
  readonly path: string;
  readonly boxes: readonly number[];
  readonly scores: readonly number[];
  readonly labels: readonly number[];
  /** COCO's compressed strings over the whole image. */
  readonly masks: readonly string[];
  readonly classes: readonly string[];
  /** The label of every pixel. */
  readonly segmentation: readonly number[];
}

/** The observations of a page's TensorFlow.js program during two predictions. */
export interface Stay {
  readonly engine: string;
  /** The backend after the predictions. */
  readonly backend: string;
  /** The backends in every turn of the event loop while they ran. */
  readonly during: readonly string[];
  /** The sum of the page's tensor 1, 2. */
  readonly sum: number;
  readonly lengths: readonly number[];
  /** The number of tensors after each prediction. */
  readonly tensors: readonly number[];
  /** The number of tensors that are left after everything is disposed. */
  readonly kept: number;
}
