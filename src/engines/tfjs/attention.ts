import * as tf from '@tensorflow/tfjs';
import type { Kernel } from './kernels.ts';

/** Attention among all pixels of a map. */

/** N × heads × pixels × depth: queries, keys and values. */
function partsOf(qkv: tf.Tensor4D, heads: number): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const [batch, height, width, triple] = qkv.shape;
  const split = tf.reshape(qkv, [batch, height * width, 3, heads, triple / 3 / heads]);
  const part = (index: number): tf.Tensor4D => {
    const one = tf.slice(split, [0, 0, index, 0, 0], [-1, -1, 1, -1, -1]);
    return tf.transpose(tf.reshape(one, [batch, height * width, heads, triple / 3 / heads]), [0, 2, 1, 3]);
  };
  return [part(0), part(1), part(2)];
}

/** Back to a map with the heads side by side. */
function joined(values: tf.Tensor, [batch, height, width, triple]: tf.Tensor4D['shape']): tf.Tensor4D {
  return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [batch, height, width, triple / 3]);
}

export const attention: Kernel<'attention'> = ({ heads }, [qkv]) => {
  const [queries, keys, values] = partsOf(qkv!, heads);
  const scores = tf.matMul(tf.mul(queries, queries.shape[3] ** -0.5), keys, false, true);
  return joined(tf.matMul(tf.softmax(scores), values), qkv!.shape);
};

export const linearAttention: Kernel<'linearAttention'> = ({ heads }, [qkv]) => {
  const [q, k, values] = partsOf(qkv!, heads);
  // Ones for every value, not the scalar: webgl (4.22) would add that to the filling of its textures as well, which its products
  // over an odd number of channels or pixels then count.
  const [queries, keys] = [q, k].map((x) => tf.add(tf.elu(x), tf.onesLike(x))) as [tf.Tensor4D, tf.Tensor4D];
  const context = tf.matMul(keys, values, true); // N × heads × depth × depth
  const total = tf.matMul(queries, tf.sum(keys, 2, true), false, true); // N × heads × pixels × 1
  return joined(tf.div(tf.matMul(queries, context), total), qkv!.shape);
};
