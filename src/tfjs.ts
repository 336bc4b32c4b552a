/** For TensorFlow.js programs: the engine, and backbones that take and give `tf.Tensor`s in NHWC. */

export type { BackendName } from './engines/tfjs/backend.ts';
export {
  deviceTensorOf,
  type TensorBackbone,
  type TfjsOptions,
  tensorBackbone,
  tensorOf,
  tfjsEngine,
} from './engines/tfjs/engine.ts';
