/** For TensorFlow.js programs: the engine, and backbones that take and give `tf.Tensor`s in NHWC. */
export { type BackendName, residentOf, type TfjsOptions, tensorOf, tfjsEngine } from './engines/tfjs/index.ts';
export { type TensorBackbone, tensorBackbone } from './engines/tfjs/tensors.ts';
