import * as tf from '@tensorflow/tfjs';
import type { NDArray } from '../../ndarray.ts';
import { biasRows, maskedScore, windowPlaces, windowRegions, windowTokens } from '../windows.ts';
import type { Kernel } from './kernels.ts';
import type { Layout } from './layouts.ts';

/** The bias table as heads × places × places, and the projection's bias (zeros, where it has none) as a pixel. */
export const windowAttentionLayout: Layout<'windowAttention'> = ({ heads, window }, [table, bias], inChannels) => {
  const rows = biasRows(window);
  const data = new Float32Array(heads * rows.length);
  for (let head = 0; head < heads; head++) {
    for (const [pair, row] of rows.entries()) data[head * rows.length + pair] = table!.data[row * heads + head]!;
  }
  const pixel: NDArray = { shape: [1, 1, inChannels], data: bias?.data ?? new Float32Array(inChannels) };
  return [{ shape: [heads, window ** 2, window ** 2], data }, pixel];
};

export const windowAttention: Kernel<'windowAttention'> = (attributes, [qkv], [positions, filling]) => {
  const { heads, window, shift } = attributes;
  const [batch, height, width, triple] = qkv!.shape;
  const channels = triple / 3;
  const depth = channels / heads;
  const places = window ** 2;
  const tokens = windowTokens(attributes, { height, width });
  const windows = tokens.data.length / places;

  const pixels = tf.reshape(qkv!, [batch, height * width, triple]);
  const filled = tf.concat([pixels, tf.tile(filling!, [batch, 1, 1])], 1);
  const inWindows = tf.gather(filled, tf.tensor1d(tokens.data, 'int32'), 1);
  const part = (index: number) => {
    const one = tf.slice(inWindows, [0, 0, index * channels], [-1, -1, channels]);
    return tf.transpose(tf.reshape(one, [batch * windows, places, heads, depth]), [0, 2, 1, 3]);
  };

  const queries = tf.mul(part(0), depth ** -0.5);
  let scores = tf.add(tf.matMul(queries, part(1), false, true), positions!);
  if (shift > 0) {
    const regions = tf.tile(tf.tensor2d(windowRegions(attributes, { height, width }).data, [windows, places]), [
      batch,
      1,
    ]);
    const [column, row] = [tf.expandDims(tf.expandDims(regions, 1), 3), tf.expandDims(tf.expandDims(regions, 1), 2)];
    scores = tf.add(scores, tf.mul(tf.cast(tf.notEqual(column, row), 'float32'), maskedScore));
  }
  const values = tf.transpose(tf.matMul(tf.softmax(scores), part(2)), [0, 2, 1, 3]);
  const rows = tf.reshape(values, [batch, windows * places, channels]);
  const back = tf.gather(rows, tf.tensor1d(windowPlaces(attributes, { height, width }).data, 'int32'), 1);
  return tf.reshape(back, [batch, height, width, channels]);
};
