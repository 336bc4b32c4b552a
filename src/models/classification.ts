import type { NDArray } from '../arrays.ts';
import { datasetOf } from '../datasets/index.ts';
import { bestOf } from '../postprocess/scores.ts';
import type { ClassifierConfig } from './config.ts';

/** The likeliest classes of a picture, the likeliest first. */
export interface Classification {
  readonly labels: Int32Array;
  /** Softmax over all classes of the model, not only over those named. */
  readonly scores: Float32Array;
}

export interface ClassifyOptions {
  /** How many classes; 5 where it is not given. */
  readonly top?: number;
}

/** The part of a model that gives a picture a class. */
export interface Classifier {
  readonly classes: readonly string[];
  /** Of one image of the batch; logits are N×classes×1×1. */
  classify(logits: NDArray, image: number, options?: ClassifyOptions): Classification;
}

export function classifier(config: ClassifierConfig): Classifier {
  const { classes: names } = datasetOf(config);
  return {
    classes: names,
    classify: ({ data }, image, { top = 5 } = {}) =>
      topClasses(data.subarray(image * names.length, (image + 1) * names.length), top),
  };
}

/** Softmax, and its `top` largest (all where there are fewer); equal scores keep the lower index. */
export function topClasses(logits: Float32Array, top: number): Classification {
  const best = bestOf(Math.min(top, logits.length), Number.NEGATIVE_INFINITY);
  for (const [label, logit] of logits.entries()) best.offer(logit, label);
  const { values, indices } = best.take();
  // the largest is taken off first, so that no exponential overflows
  const peak = values[0] ?? 0;
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - peak), 0);
  return {
    labels: Int32Array.from(indices),
    scores: values.map((logit) => Math.exp(logit - peak) / sum),
  };
}
