import * as tf from '@tensorflow/tfjs';
import type { NDArray, Size } from '../../arrays.ts';
import type { WindowAttention } from '../../nn/ops.ts';
import { biasRows, maskedScore, windowRegions } from '../shape_dependent.ts';
import type { Kernel } from './kernels.ts';
import type { Layout } from './weight_layouts.ts';

/**
 * Attention in windows. Pixels come into windows and back by slices and transpositions: gathering them by lists, as the ONNX
 * model does, takes the wasm backend as long as the products.
 */

/** The bias table as heads × places × places, and the projection's bias (zeros, where it has none) as a pixel. */
export const windowAttentionLayout: Layout<'windowAttention'> = ({ heads, window }, [table, bias], inChannels) => {
  const rows = biasRows(window);
  const data = new Float32Array(heads * rows.length);
  for (let head = 0; head < heads; head++) {
    for (const [pair, row] of rows.entries()) data[head * rows.length + pair] = table!.data[row * heads + head]!;
  }
  const pixel: NDArray = { shape: [1, 1, 1, inChannels], data: bias?.data ?? new Float32Array(inChannels) };
  return [{ shape: [heads, window ** 2, window ** 2], data }, pixel];
};

export const windowAttention: Kernel<'windowAttention'> = (attributes, [qkv], [positions, filling]) => {
  const { heads, window, shift, padding } = attributes;
  const [batch, height, width, triple] = qkv!.shape;
  const channels = triple / 3;
  const depth = channels / heads;
  const places = window ** 2;
  const whole = (extent: number) => Math.ceil(extent / window) * window;
  const size: Size = { height: whole(height), width: whole(width) };
  const [down, across] = [size.height / window, size.width / window];

  const fill = (x: tf.Tensor4D) => filledUp(x, size, filling as tf.Tensor4D);
  const moved = padding === 'first' ? rolled(fill(qkv!), shift) : fill(rolled(qkv!, shift));
  const lines = tf.reshape(moved, [batch * down, window, across, window, triple]);
  const inWindows = tf.reshape(tf.transpose(lines, [0, 2, 1, 3, 4]), [batch * down * across, places, triple]);
  const part = (index: number, perm: number[]) => {
    const one = tf.slice(inWindows, [0, 0, index * channels], [-1, -1, channels]);
    return tf.transpose(tf.reshape(one, [batch * down * across, places, heads, depth]), perm);
  };

  const queries = tf.mul(part(0, [0, 2, 1, 3]), depth ** -0.5);
  // keys are turned first: the wasm backend multiplies by a transposed factor half as fast
  let scores = tf.add(tf.matMul(queries, part(1, [0, 2, 3, 1])), positions!);
  if (shift > 0) scores = tf.add(scores, maskOf(attributes, { height, width }, batch));
  const values = tf.transpose(tf.matMul(tf.softmax(scores), part(2, [0, 2, 1, 3])), [0, 2, 1, 3]);

  const windows = tf.reshape(values, [batch * down, across, window, window, channels]);
  const inRows = tf.transpose(windows, [0, 2, 1, 3, 4]);
  const map = tf.reshape(inRows, [batch, size.height, size.width, channels]) as tf.Tensor4D;
  const crop = (x: tf.Tensor4D) => tf.slice(x, [0, 0, 0, 0], [-1, height, width, -1]);
  return padding === 'first' ? crop(rolled(map, -shift)) : rolled(crop(map), -shift);
};

/** Copies of a pixel below and to the right. */
function filledUp(x: tf.Tensor4D, { height, width }: Size, pixel: tf.Tensor4D): tf.Tensor4D {
  const [batch, rows, columns] = x.shape;
  const right = width - columns;
  const below = height - rows;
  const wide = right > 0 ? tf.concat([x, tf.tile(pixel, [batch, rows, right, 1])], 2) : x;
  return below > 0 ? tf.concat([wide, tf.tile(pixel, [batch, below, width, 1])], 1) : wide;
}

/** Rows and columns moved to the top left, those that leave coming in at the other side. */
function rolled(x: tf.Tensor4D, by: number): tf.Tensor4D {
  if (by === 0) return x;
  const along = (map: tf.Tensor4D, axis: 1 | 2): tf.Tensor4D => {
    const extent = map.shape[axis];
    const first = ((by % extent) + extent) % extent;
    if (first === 0) return map;
    const [begin, size] = [[0, 0, 0, 0], [...map.shape]] as [number[], number[]];
    begin[axis] = first;
    size[axis] = first;
    const rest = [-1, -1, -1, -1] as [number, number, number, number];
    return tf.concat(
      [tf.slice(map, begin as typeof rest, rest), tf.slice(map, [0, 0, 0, 0], size as typeof rest)],
      axis,
    );
  };
  return along(along(x, 1), 2);
}

/** [batch · windows, 1, places, places]: 0, or what places of different regions add to each other's score. */
function maskOf(attributes: WindowAttention, size: Size, batch: number): tf.Tensor {
  const { shape, data } = windowRegions(attributes, size);
  const [windows, places] = shape as [number, number];
  const regions = tf.tile(tf.tensor2d(data, [windows, places]), [batch, 1]);
  const columns = tf.reshape(regions, [batch * windows, 1, places, 1]);
  const rows = tf.reshape(regions, [batch * windows, 1, 1, places]);
  return tf.mul(tf.cast(tf.notEqual(columns, rows), 'float32'), maskedScore);
}
