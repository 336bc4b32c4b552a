/** Plain data between tests and their page. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A result to draw on a picture of the site. */
export interface Drawing {
  readonly path: string;
  readonly boxes: readonly number[];
  readonly scores: readonly number[];
  readonly labels: readonly number[];
  /** COCO's compressed strings over the whole picture. */
  readonly masks: readonly string[];
  readonly names: readonly string[];
  readonly regions: readonly number[];
}

/** What a page's own TensorFlow.js program saw of two predictions. */
export interface Stay {
  readonly engine: string;
  /** Current after the predictions, and whenever the page got a turn while they ran. */
  readonly backend: string;
  readonly during: readonly string[];
  /** Of the page's own tensor 1, 2. */
  readonly sum: number;
  readonly lengths: readonly number[];
  /** After each prediction. */
  readonly tensors: readonly number[];
  /** Tensors more than before when all was disposed. */
  readonly kept: number;
}
