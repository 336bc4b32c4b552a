import { type Observation, observerOf } from '../evaluate/observe.ts';
import type { PredictOptions, Predictor } from '../node.ts';

/** An image that is measured, as plain data. */
export interface ObservedInput {
  readonly file: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly options: Omit<PredictOptions, 'signal'>;
}

/** Prepares a model for images that are measured. It may run on another thread. */
export function observationsBy(model: Predictor): (input: ObservedInput) => Promise<Observation> {
  const { observe } = observerOf(model);
  return ({ file, bytes, options }) => observe(new File([bytes], file), options);
}
