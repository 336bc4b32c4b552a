import * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../arrays.ts';
import type { WindowAttention } from '../../nn/ops.ts';
import { maskedScore, windowAreas } from '../shape_dependent.ts';
import type { Kernel } from './kernel.ts';

/** Attention: among all pixels of a map, and within windows. */

/** Splits a map into queries, keys and values: N × heads × pixels × depth. */
function partsOf(qkv: tf.Tensor4D, heads: number): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const [batch, height, width, triple] = qkv.shape;
  const split = tf.reshape(qkv, [batch, height * width, 3, heads, triple / 3 / heads]);
  const part = (index: number): tf.Tensor4D => {
    const one = tf.slice(split, [0, 0, index, 0, 0], [-1, -1, 1, -1, -1]);
    return tf.transpose(tf.reshape(one, [batch, height * width, heads, triple / 3 / heads]), [0, 2, 1, 3]);
  };
  return [part(0), part(1), part(2)];
}

/** Makes a map again, the heads side by side. */
function joined(values: tf.Tensor, [batch, height, width, triple]: tf.Tensor4D['shape']): tf.Tensor4D {
  return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [batch, height, width, triple / 3]);
}

export const attention: Kernel<'attention'> = ({ heads }, [qkv]) => {
  const [queries, keys, values] = partsOf(qkv, heads);
  const scores = tf.matMul(tf.mul(queries, queries.shape[3] ** -0.5), keys, false, true);
  return joined(tf.matMul(tf.softmax(scores), values), qkv.shape);
};

export const linearAttention: Kernel<'linearAttention'> = ({ heads }, [qkv]) => {
  const [q, k, values] = partsOf(qkv, heads);
  // Ones for every value, not the scalar: webgl (4.22) would add that to the padding of its textures as well, which its
  // products over an odd number of channels or pixels then count.
  const positive = (x: tf.Tensor4D): tf.Tensor4D => tf.add(tf.elu(x), tf.onesLike(x));
  const queries = positive(q);
  const keys = positive(k);
  const context = tf.matMul(keys, values, true); // N × heads × depth × depth
  const total = tf.matMul(queries, tf.sum(keys, 2, true), false, true); // N × heads × pixels × 1
  return joined(tf.div(tf.matMul(queries, context), total), qkv.shape);
};

/**
 * Pixels come into windows and back by slices and transpositions. Gathering them by the lists of `shape_dependent.ts` takes
 * the wasm backend (4.22) 1.3 to 2.4 times as long in all.
 */
export const windowAttention: Kernel<'windowAttention'> = (attributes, [qkv], [bias, paddedPixel]) => {
  const { heads, window, shift, padding } = attributes;
  const [batch, height, width, triple] = qkv.shape;
  const channels = triple / 3;
  const depth = channels / heads;
  const positions = window ** 2;
  const whole = (extent: number) => Math.ceil(extent / window) * window;
  const size: Size = { height: whole(height), width: whole(width) };
  const [down, across] = [size.height / window, size.width / window];

  const pad = (x: tf.Tensor4D) => paddedTo(x, size, paddedPixel as tf.Tensor4D);
  const moved = padding === 'first' ? rolled(pad(qkv), shift) : pad(rolled(qkv, shift));
  const lines = tf.reshape(moved, [batch * down, window, across, window, triple]);
  const inWindows = tf.reshape(tf.transpose(lines, [0, 2, 1, 3, 4]), [batch * down * across, positions, triple]);
  const part = (index: number, perm: number[]) => {
    const one = tf.slice(inWindows, [0, 0, index * channels], [-1, -1, channels]);
    return tf.transpose(tf.reshape(one, [batch * down * across, positions, heads, depth]), perm);
  };

  const queries = tf.mul(part(0, [0, 2, 1, 3]), depth ** -0.5);
  // keys are transposed first: the wasm backend multiplies by a transposed factor half as fast
  let scores = tf.add(tf.matMul(queries, part(1, [0, 2, 3, 1])), bias);
  if (shift > 0) scores = tf.add(scores, maskOf(attributes, { height, width }, batch));
  const values = tf.transpose(tf.matMul(tf.softmax(scores), part(2, [0, 2, 1, 3])), [0, 2, 1, 3]);

  const windows = tf.reshape(values, [batch * down, across, window, window, channels]);
  const inRows = tf.transpose(windows, [0, 2, 1, 3, 4]);
  const map = tf.reshape(inRows, [batch, size.height, size.width, channels]) as tf.Tensor4D;
  const crop = (x: tf.Tensor4D) => tf.slice(x, [0, 0, 0, 0], [-1, height, width, -1]);
  return padding === 'first' ? crop(rolled(map, -shift)) : rolled(crop(map), -shift);
};

/** Adds copies of a pixel below and to the right. */
function paddedTo(x: tf.Tensor4D, { height, width }: Size, pixel: tf.Tensor4D): tf.Tensor4D {
  const [batch, rows, columns] = x.shape;
  const right = width - columns;
  const below = height - rows;
  const wide = right > 0 ? tf.concat([x, tf.tile(pixel, [batch, rows, right, 1])], 2) : x;
  return below > 0 ? tf.concat([wide, tf.tile(pixel, [batch, below, width, 1])], 1) : wide;
}

/** Moves rows and columns to the top left; those that leave come in at the other side. */
function rolled(x: tf.Tensor4D, by: number): tf.Tensor4D {
  if (by === 0) return x;
  const along = (map: tf.Tensor4D, axis: 1 | 2): tf.Tensor4D => {
    const extent = map.shape[axis];
    const first = ((by % extent) + extent) % extent;
    if (first === 0) return map;
    const begin: [number, number, number, number] = [0, 0, 0, 0];
    const size: [number, number, number, number] = [...map.shape];
    begin[axis] = first;
    size[axis] = first;
    return tf.concat([tf.slice(map, begin, [-1, -1, -1, -1]), tf.slice(map, [0, 0, 0, 0], size)], axis);
  };
  return along(along(x, 1), 2);
}

/** [batch · windows, 1, positions, positions]: 0, or the number that masks the score of positions in different areas. */
function maskOf(attributes: WindowAttention, size: Size, batch: number): tf.Tensor {
  const { shape, data } = windowAreas(attributes, size);
  const [windows, positions] = shape as [number, number];
  const areas = tf.tile(tf.tensor2d(data, [windows, positions]), [batch, 1]);
  const columns = tf.reshape(areas, [batch * windows, 1, positions, 1]);
  const rows = tf.reshape(areas, [batch * windows, 1, 1, positions]);
  return tf.mul(tf.cast(tf.notEqual(columns, rows), 'float32'), maskedScore);
}
