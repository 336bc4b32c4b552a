import * as tf from '@tensorflow/tfjs-core';
import { then } from './kernel.ts';

/** Operations as several of TensorFlow.js: for backends that have no kernel of ours for them. */

// x · ½ · (1 + erf(x / √2)); halving is exact, so it may come last, when less is held
export function geluOf(x: tf.Tensor4D): tf.Tensor4D {
  const erf = then(tf.mul(x, Math.SQRT1_2), tf.erf);
  const doubled = then(
    then(erf, () => tf.add<tf.Tensor4D>(erf, 1)),
    (y) => tf.mul<tf.Tensor4D>(x, y),
  );
  return then(doubled, (y) => tf.mul(y, 0.5));
}
