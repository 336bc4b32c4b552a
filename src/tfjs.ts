/** For TensorFlow.js programs: the engine, and backbones that take and give `tf.Tensor`s in NHWC. */

export { type TensorBackbone, tensorBackbone } from './engines/tfjs/engine.ts';
export { type BackendName, residentOf, type TfjsOptions, tensorOf, tfjsEngine } from './engines/tfjs/index.ts';
