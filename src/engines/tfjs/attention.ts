import * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../arrays.ts';
import type { WindowAttention } from '../../nn/ops.ts';
import { maskedScore, windowAreas } from '../shape_dependent.ts';
import { type Kernel, then } from './kernel.ts';

/** Attention: among all pixels of a map, and within windows. */

/** Splits a map into queries, keys and values: N × heads × pixels × depth. */
function partsOf(qkv: tf.Tensor4D, heads: number): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const [batch, height, width, triple] = qkv.shape;
  const split = tf.reshape(qkv, [batch, height * width, 3, heads, triple / 3 / heads]);
  const part = (index: number): tf.Tensor4D => {
    const one = tf.slice(split, [0, 0, index, 0, 0], [-1, -1, 1, -1, -1]);
    const rows: tf.Tensor4D = then(one, () => tf.reshape(one, [batch, height * width, heads, triple / 3 / heads]));
    return then(rows, () => tf.transpose(rows, [0, 2, 1, 3]));
  };
  return [part(0), part(1), part(2)];
}

/** Makes a map again, the heads side by side. */
function joined(values: tf.Tensor, [batch, height, width, triple]: tf.Tensor4D['shape']): tf.Tensor4D {
  return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [batch, height, width, triple / 3]);
}

/** The most scores that are held at once, in values. */
const mostScores = 16e6;

/** Returns how many queries are compared at once with all keys. */
export const queriesAtOnce = (pixels: number, rows: number): number =>
  Math.min(pixels, Math.max(1, Math.floor(mostScores / (pixels * rows))));

export const attention: Kernel<'attention'> = ({ heads }, [qkv]) => {
  const [plain, keys, values] = partsOf(qkv, heads);
  const [batch, , pixels, depth] = plain.shape;
  const queries = then(plain, () => tf.mul<tf.Tensor4D>(plain, depth ** -0.5));
  const weighed = (some: tf.Tensor4D): tf.Tensor4D =>
    then(
      then(tf.matMul(some, keys, false, true), (scores) => tf.softmax(scores)),
      (weights) => tf.matMul(weights, values),
    );
  const step = queriesAtOnce(pixels, batch * heads);
  if (step === pixels) return joined(weighed(queries), qkv.shape);
  const chunks: tf.Tensor4D[] = [];
  for (let from = 0; from < pixels; from += step) {
    const count = Math.min(step, pixels - from);
    chunks.push(then(tf.slice(queries, [0, 0, from, 0], [-1, -1, count, -1]), weighed));
  }
  tf.dispose([queries, keys, values]);
  const all = tf.concat(chunks, 2);
  tf.dispose(chunks);
  return joined(all, qkv.shape);
};

export const linearAttention: Kernel<'linearAttention'> = ({ heads }, [qkv]) => {
  const [q, k, values] = partsOf(qkv, heads);
  // Ones for every value, not the scalar: webgl (4.22) would add that to the padding of its textures as well, which its
  // products over an odd number of channels or pixels then count.
  const positive = (x: tf.Tensor4D): tf.Tensor4D => {
    const elu = then(x, tf.elu);
    return then(tf.onesLike(elu), (ones) => then(elu, () => tf.add(elu, ones)));
  };
  const queries = positive(q);
  const keys = positive(k);
  const context = tf.matMul(keys, values, true); // N × heads × depth × depth
  const total = tf.matMul(queries, tf.sum(keys, 2, true), false, true); // N × heads × pixels × 1
  const products = then(queries, () => tf.matMul(queries, context));
  return joined(
    then(products, () => tf.div(products, total)),
    qkv.shape,
  );
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
  const inWindows = tf.tidy(() => {
    const moved = chain(qkv, padding === 'first' ? [pad, ...rolls(shift)] : [...rolls(shift), pad]);
    const lines = tf.reshape(moved, [batch * down, window, across, window, triple]);
    return tf.reshape(tf.transpose(lines, [0, 2, 1, 3, 4]), [batch * down * across, positions, triple]);
  });
  const part = (index: number, perm: number[]) => {
    const one = tf.slice(inWindows, [0, 0, index * channels], [-1, -1, channels]);
    const split = then(one, () => tf.reshape(one, [batch * down * across, positions, heads, depth]));
    return then(split, () => tf.transpose(split, perm));
  };

  // keys are transposed first: the wasm backend multiplies by a transposed factor half as fast
  const queries = then(part(0, [0, 2, 1, 3]), (x) => tf.mul(x, depth ** -0.5));
  const products = then(part(1, [0, 2, 3, 1]), (keys) => then(queries, () => tf.matMul(queries, keys)));
  let scores = then(products, () => tf.add(products, bias));
  if (shift > 0) {
    const mask = maskOf(attributes, { height, width }, batch);
    const unmasked = scores;
    scores = then(mask, () => then(unmasked, () => tf.add(unmasked, mask)));
  }
  const weights = then(scores, (x) => tf.softmax(x));
  const sums = then(part(2, [0, 2, 1, 3]), (values) => then(weights, () => tf.matMul(weights, values)));
  inWindows.dispose();

  const byPosition = then(sums, () => tf.transpose(sums, [0, 2, 1, 3]));
  const windows = then(byPosition, (x) => tf.reshape(x, [batch * down, across, window, window, channels]));
  const inRows = then(windows, () => tf.transpose(windows, [0, 2, 1, 3, 4]));
  const map = tf.reshape(inRows, [batch, size.height, size.width, channels]) as tf.Tensor4D;
  const crop = (x: tf.Tensor4D) => tf.slice(x, [0, 0, 0, 0], [-1, height, width, -1]);
  return chain(map, padding === 'first' ? [...rolls(-shift), crop] : [crop, ...rolls(-shift)]);
};

type Step = (x: tf.Tensor4D) => tf.Tensor4D;

/** Applies steps one after the other, and frees what is made on the way. The input stays. */
const chain = (x: tf.Tensor4D, steps: readonly Step[]): tf.Tensor4D =>
  steps.reduce((value, step) => (value === x ? step(value) : then(value, step)), x);

/** Adds copies of a pixel below and to the right. */
function paddedTo(x: tf.Tensor4D, { height, width }: Size, pixel: tf.Tensor4D): tf.Tensor4D {
  const [batch, rows, columns] = x.shape;
  const right = width - columns;
  const below = height - rows;
  const wide = right > 0 ? tf.concat([x, tf.tile(pixel, [batch, rows, right, 1])], 2) : x;
  if (below === 0) return wide;
  const tall = tf.concat([wide, tf.tile(pixel, [batch, below, width, 1])], 1);
  if (wide !== x) wide.dispose();
  return tall;
}

/** Moves rows, then columns to the top left; those that leave come in at the other side. */
const rolls = (by: number): Step[] => (by === 0 ? [] : [(x) => rolled(x, by, 1), (x) => rolled(x, by, 2)]);

function rolled(x: tf.Tensor4D, by: number, axis: 1 | 2): tf.Tensor4D {
  const extent = x.shape[axis];
  const first = ((by % extent) + extent) % extent;
  if (first === 0) return x;
  const begin: [number, number, number, number] = [0, 0, 0, 0];
  const size: [number, number, number, number] = [...x.shape];
  begin[axis] = first;
  size[axis] = first;
  return tf.tidy(() => tf.concat([tf.slice(x, begin, [-1, -1, -1, -1]), tf.slice(x, [0, 0, 0, 0], size)], axis));
}

/** [batch · windows, 1, positions, positions]: 0, or the number that masks the score of positions in different areas. */
function maskOf(attributes: WindowAttention, size: Size, batch: number): tf.Tensor {
  const { shape, data } = windowAreas(attributes, size);
  const [windows, positions] = shape as [number, number];
  return tf.tidy(() => {
    const areas = tf.tile(tf.tensor2d(data, [windows, positions]), [batch, 1]);
    const columns = tf.reshape(areas, [batch * windows, 1, positions, 1]);
    const rows = tf.reshape(areas, [batch * windows, 1, 1, positions]);
    return tf.mul(tf.cast(tf.notEqual(columns, rows), 'float32'), maskedScore);
  });
}
