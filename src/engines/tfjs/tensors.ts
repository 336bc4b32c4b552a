import type * as tf from '@tensorflow/tfjs';
import type { Resident } from '../../nn/part.ts';
import { residentOf, tensorOf } from './resident.ts';

/** What a backbone on the TensorFlow.js engine can do with results left where they are. */
export interface ResidentBackbone {
  run(image: Resident): Promise<Resident[]>;
}

/** A backbone for TensorFlow.js programs: an image N×H×W×C, normalised, to its pyramid in N×H×W×C, finest first. */
export interface TensorBackbone {
  /** The image stays the caller's; so do the results, which the caller disposes. */
  forward(image: tf.Tensor4D): Promise<tf.Tensor4D[]>;
}

/** @throws EngineError at the first call where the backbone runs on another kind of engine */
export function tensorBackbone(backbone: ResidentBackbone): TensorBackbone {
  return { forward: async (image) => (await backbone.run(residentOf(image, 'the image'))).map(tensorOf) };
}
