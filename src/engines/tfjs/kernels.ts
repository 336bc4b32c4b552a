import * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../arrays.ts';
import type { Attributes, Axis } from '../../nn/ops.ts';
import { transposedExtent } from '../../nn/shapes.ts';
import { roiAlignNhwc } from '../../postprocess/roi_align.ts';
import { poolingMatrix } from '../shape_dependent.ts';
import { attention, linearAttention, windowAttention } from './attention.ts';
import { type Kernel, type Kernels, then } from './kernel.ts';
import { own } from './own_kernels.ts';
import { tapsOf } from './weight_layouts.ts';

/** The vocabulary in TensorFlow.js. */

/** PyTorch pads both sides alike, even if the last window then does not reach the end. */
const paddingOf = ({ height, width }: Size): [[0, 0], [number, number], [number, number], [0, 0]] => [
  [0, 0],
  [height, height],
  [width, width],
  [0, 0],
];
const pair = ({ height, width }: Size): [number, number] => [height, width];
const sizeOfMap = (x: tf.Tensor4D): [number, number] => [x.shape[1], x.shape[2]];
const unit: Size = { height: 1, width: 1 };
const isUnit = ({ height, width }: Size): boolean => height === 1 && width === 1;

/** Takes every `stride`-th pixel, from the first. */
const everyNth = (x: tf.Tensor4D, { height, width }: Size): tf.Tensor4D =>
  tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, height, width, 1]) as tf.Tensor4D;

const conv2d: Kernel<'conv2d'> = (attributes, [x], parameters) => {
  const { stride, dilation, groups } = attributes;
  if (!isUnit(stride) && !isUnit(dilation)) {
    // TensorFlow.js has no convolution that is both strided and dilated
    return then(conv2d({ ...attributes, stride: unit }, [x], parameters), (y) => everyNth(y, stride));
  }
  const options = { strides: pair(stride), pad: paddingOf(attributes.padding), dilations: pair(dilation) };
  const convolve = (of: tf.Tensor4D, filter: tf.Tensor, bias?: tf.Tensor) =>
    tf.fused.conv2d({ x: of, filter: filter as tf.Tensor4D, bias, ...options });
  const [filter, bias] = parameters;
  if (groups === 1) return convolve(x, filter, bias);
  if (groups === x.shape[3]) {
    // the type of `pad` forgets explicit padding, which the function takes (4.22)
    return tf.fused.depthwiseConv2d({
      x: x,
      filter: filter as tf.Tensor4D,
      bias,
      ...options,
      pad: options.pad as never,
    });
  }
  const width = x.shape[3] / groups;
  const ofGroup = (group: number) => tf.slice(x, [0, 0, 0, group * width], [-1, -1, -1, width]);
  const parts = parameters.slice(0, groups).map((each, group) => then(ofGroup(group), (part) => convolve(part, each)));
  const y = tf.concat(parts, 3);
  tf.dispose(parts);
  const groupBias = parameters[groups];
  return groupBias ? then(y, () => tf.add(y, groupBias)) : y;
};

const convTranspose2d: Kernel<'convTranspose2d'> = (attributes, [x], [filter, bias]) => {
  const y = transposed(attributes, x, filter as tf.Tensor4D);
  return bias ? then(y, () => tf.add(y, bias)) : y;
};

function transposed(attributes: Attributes['convTranspose2d'], x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  const { stride, padding } = attributes;
  const [batch, rows, columns] = x.shape;
  const { height, width } = transposedExtent({ height: rows, width: columns }, attributes);
  const taps = tapsOf(attributes);
  if (taps === undefined) {
    const shape: tf.Tensor4D['shape'] = [batch, height, width, filter.shape[2]];
    return tf.conv2dTranspose(x, filter, shape, pair(stride), paddingOf(padding));
  }
  const edge = { height: taps - 1, width: taps - 1 };
  const tiles: tf.Tensor4D = tf.conv2d(x, filter, 1, paddingOf(edge));
  const placed = then(tiles, () => tf.depthToSpace(tiles, stride.height));
  if (placed.shape[1] === height && placed.shape[2] === width) return placed;
  return then(placed, () => tf.slice(placed, [0, padding.height, padding.width, 0], [batch, height, width, -1]));
}

const linear: Kernel<'linear'> = ({ inFeatures }, [x], [weight, bias]) => {
  const rows = tf.reshape(x, [x.shape[0], inFeatures]);
  const y = tf.fused.matMul({ a: rows, b: weight, bias });
  return tf.reshape(y, [x.shape[0], 1, 1, bias.size]);
};

/**
 * The mean over the axes, one after the other. In one go, wasm would add 1.6 million values to one number of 32 bits, which is off by 5e-4
 * of the result's peak; sums of a row, of rows and of channels stay short.
 */
const meanOver = <T extends tf.Tensor>(x: T, [first, ...others]: readonly [number, ...number[]]): tf.Tensor =>
  others.reduce((mean, axis) => then(mean, () => tf.mean(mean, axis, true)), tf.mean(x, first, true));

/** (x − mean) / √(variance + ε) over the axes. */
function normalised<T extends tf.Tensor>(x: T, axes: readonly [number, ...number[]], eps: number): T {
  const centred = then(meanOver(x, axes), (mean) => tf.sub<T>(x, mean));
  const variance = then(tf.square(centred), (squares) => meanOver(squares, axes));
  const factor = tf.rsqrt(tf.add(variance, eps)); // as small as the mean
  return then(centred, () => tf.mul<T>(centred, factor));
}

const weighed = (x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor4D =>
  then(
    then(x, () => tf.mul<tf.Tensor4D>(x, gamma)),
    (y) => tf.add(y, beta),
  );

const groupNorm: Kernel<'groupNorm'> = ({ groups, eps }, [x], [gamma, beta]) => {
  const [batch, height, width, channels] = x.shape;
  const grouped = tf.reshape(x, [batch, height, width, groups, channels / groups]);
  const axes = groups === channels ? ([2, 1] as const) : ([4, 2, 1] as const); // the mean of one value would be a copy
  const normed: tf.Tensor4D = then(normalised(grouped, axes, eps), (y) => tf.reshape(y, x.shape));
  return weighed(normed, gamma, beta);
};

const layerNorm: Kernel<'layerNorm'> = ({ eps }, [x], [gamma, beta]) => weighed(normalised(x, [3], eps), gamma, beta);

const adaptiveAvgPool: Kernel<'adaptiveAvgPool'> = ({ bins }, [x]) => {
  const [batch, height, width, channels] = x.shape;
  const matrix = (count: number, extent: number) => tf.tensor2d(poolingMatrix(count, extent).data, [count, extent]);
  const rows = matrix(bins.height, height);
  const columns = matrix(bins.width, width);
  const pooled = Array.from({ length: batch }, (__, image) =>
    tf.tidy(() => {
      const one = tf.reshape(tf.slice(x, [image, 0, 0, 0], [1, -1, -1, -1]), [height, width * channels]);
      const byRow = tf.reshape(tf.matMul(rows, one), [bins.height, width, channels]);
      const byColumn = tf.matMul(tf.transpose(byRow, [0, 2, 1]), columns, false, true); // bins × C × bins
      return tf.reshape(tf.transpose(byColumn, [0, 2, 1]), [1, bins.height, bins.width, channels]);
    }),
  );
  return tf.concat(pooled as tf.Tensor4D[], 0);
};

const maxPool: Kernel<'maxPool'> = ({ kernel, stride, padding }, [x]) => {
  // the wasm backend has no pooling window of one pixel
  if (isUnit(kernel)) return everyNth(x, stride);
  return tf.maxPool(x, pair(kernel), pair(stride), paddingOf(padding));
};

const avgPool: Kernel<'avgPool'> = ({ kernel, stride, padding }, [x]) => {
  if (isUnit(kernel)) return everyNth(x, stride);
  return tf.avgPool(x, pair(kernel), pair(stride), paddingOf(padding));
};

const resize: Kernel<'resize'> = ({ mode, alignCorners, factor = 1 }, [x, like]) => {
  const [height, width] = sizeOfMap(x);
  const to: [number, number] = like ? sizeOfMap(like) : [height * factor, width * factor];
  if (mode === 'bilinear') return tf.image.resizeBilinear(x, to, alignCorners, !alignCorners);
  if (roundsExactly(to[0], height) && roundsExactly(to[1], width)) {
    return tf.image.resizeNearestNeighbor(x, to, false, false);
  }
  const rows = tf.tensor1d(nearestSources(to[0], height), 'int32');
  const columns = tf.tensor1d(nearestSources(to[1], width), 'int32');
  return then(tf.gather(x, rows, 1), (tall) => tf.gather(tall, columns, 2));
};

const nearestSources = (to: number, from: number): Int32Array =>
  Int32Array.from({ length: to }, (_, i) => Math.floor((i * from) / to));

/** Checks that i · (from / to), as backends round it in single or double precision, gives floor(i · from / to) for every i. */
function roundsExactly(to: number, from: number): boolean {
  const single = Math.fround(from / to);
  return nearestSources(to, from).every(
    (source, i) => Math.floor(Math.fround(i * single)) === source && Math.floor(i * (from / to)) === source,
  );
}

/** Runs the plain reference, on the host. */
const roiAlign: Kernel<'roiAlign'> = (options, [x, regions]) => {
  const map = { shape: x.shape, data: x.dataSync() as Float32Array };
  const rows = { shape: [regions.shape[0], 5], data: regions.dataSync() as Float32Array };
  const { shape, data } = roiAlignNhwc(map, rows, options);
  return tf.tensor4d(data, shape as [number, number, number, number]);
};

/**
 * The wasm backend (4.22) makes 0 of NaN in relu, if its sign bit is set as that of ∞ − ∞ is, and in relu6. A slope of 0 for
 * negative values passes NaN on, and is as fast.
 */
const relu = (x: tf.Tensor4D): tf.Tensor4D =>
  tf.getBackend() === 'wasm' ? tf.prelu(x, tf.zeros([1, 1, 1, x.shape[3]])) : tf.relu(x);

const hardsigmoid: Kernel<'hardsigmoid'> = (_, [x]) => {
  const moved = tf.add(x, 3);
  const clamped = then(tf.relu6(moved), (y) => tf.div<tf.Tensor4D>(y, 6));
  if (tf.getBackend() !== 'wasm') return clamped;
  const nothing = then(moved, () => tf.sub<tf.Tensor4D>(moved, moved));
  return then(nothing, () => then(clamped, () => tf.add(clamped, nothing)));
};

const paddedTo = (x: tf.Tensor4D, { height, width }: Size): tf.Tensor4D => {
  const missing = (extent: number, multiple: number) => Math.ceil(extent / multiple) * multiple - extent;
  return tf.pad(x, [
    [0, 0],
    [0, missing(x.shape[1], height)],
    [0, missing(x.shape[2], width)],
    [0, 0],
  ]);
};

const mixPositions: Kernel<'mixPositions'> = ({ to }, [x], [weight, bias]) => {
  const [batch, height, width, channels] = x.shape;
  const rows = tf.transpose(tf.reshape(x, [batch, height * width, channels]), [0, 2, 1]);
  const flat = then(rows, () => tf.reshape(rows, [batch * channels, height * width]));
  const mixed = then(flat, () => tf.fused.matMul({ a: flat, b: weight as tf.Tensor2D, bias }));
  const maps = then(mixed, () => tf.reshape(mixed, [batch, channels, to.height * to.width]));
  return then(
    then(maps, () => tf.transpose(maps, [0, 2, 1])),
    (back) => tf.reshape(back, [batch, to.height, to.width, channels]),
  );
};

const shift: Kernel<'shift'> = ({ rows, columns }, [x]) => {
  const incoming = (by: number): [number, number] => [Math.max(by, 0), Math.max(-by, 0)];
  const wider = tf.pad(x, [[0, 0], incoming(rows), incoming(columns), [0, 0]]);
  return tf.slice(wider, [0, Math.max(-rows, 0), Math.max(-columns, 0), 0], x.shape);
};

const mergePatches: Kernel<'mergePatches'> = (_, [x]) => {
  const whole = paddedTo(x, { height: 2, width: 2 });
  const [batch, height, width, channels] = whole.shape;
  const tiles = tf.reshape(whole, [batch, height / 2, 2, width / 2, 2, channels]);
  return tf.reshape(tf.transpose(tiles, [0, 1, 3, 4, 2, 5]), [batch, height / 2, width / 2, 4 * channels]);
};

/** Resizes a parameter n × C to the extent of the map along an axis. */
function resizedAlong(parameter: tf.Tensor, extent: number): tf.Tensor2D {
  const [positions, channels] = parameter.shape as [number, number];
  if (positions === extent) return parameter as tf.Tensor2D;
  const column = tf.reshape(parameter, [1, positions, 1, channels]) as tf.Tensor4D;
  return tf.reshape(tf.image.resizeBilinear(column, [extent, 1], true, false), [extent, channels]);
}

const dimensionOf = { height: 1, width: 2 } as const;
const alongAxis = (axis: Axis, extent: number): [number, number] => (axis === 'height' ? [extent, 1] : [1, extent]);

/** Convolves once around: the map, and again all of it but the last pixel. */
const circularConv2d: Kernel<'circularConv2d'> = ({ axis }, [x], [weight]) => {
  const dimension = dimensionOf[axis];
  const extent = x.shape[dimension];
  const size = [...x.shape] as [number, number, number, number];
  size[dimension] = extent - 1;
  const around = then(tf.slice(x, [0, 0, 0, 0], size), (again) => tf.concat([x, again], dimension));
  const filter = tf.reshape(resizedAlong(weight, extent), [...alongAxis(axis, extent), x.shape[3], 1]);
  return tf.depthwiseConv2d(around, filter as tf.Tensor4D, 1, 'valid');
};

const addAlongAxis: Kernel<'addAlongAxis'> = ({ axis }, [x], [parameter]) => {
  const extent = x.shape[dimensionOf[axis]];
  return tf.add(x, tf.reshape(resizedAlong(parameter, extent), [1, ...alongAxis(axis, extent), x.shape[3]]));
};

/** Joins the results for groups of regions, of which some are empty. */
function concatBatch(maps: readonly tf.Tensor4D[]): tf.Tensor4D {
  const [first, ...others] = maps.filter((map) => map.size > 0);
  return first && others.length === 0 ? tf.clone(first) : tf.concat([first as tf.Tensor4D, ...others], 0);
}

export const kernels: Kernels = {
  conv2d,
  convTranspose2d,
  linear,
  batchNorm: (_, [x], [factor, shift]) => then(tf.mul<tf.Tensor4D>(x, factor), (y) => tf.add(y, shift)),
  groupNorm,
  layerNorm,
  relu: (_, [x]) => relu(x),
  silu: (_, [x]) => tf.mul(x, tf.sigmoid(x)),
  sigmoid: (_, [x]) => tf.sigmoid(x),
  gelu: (_, [x]) => own('gelu', { x }),
  hardsigmoid,
  hardswish: (attributes, [x]) => tf.mul(x, hardsigmoid(attributes, [x], [])),
  scale: (_, [x], [factor]) => tf.mul(x, factor),
  add: (_, [a, b]) => tf.add(a, b),
  sub: (_, [a, b]) => tf.sub(a, b),
  mul: (_, [a, b]) => tf.mul(a, b),
  concat: ({ axis }, maps) => (axis === 'batch' ? concatBatch(maps) : tf.concat([...maps], 3)),
  slice: ({ start, end }, [x]) => tf.slice(x, [0, 0, 0, start], [-1, -1, -1, end - start]),
  // as a pooling window: a mean over two axes transposes first, and is ten times slower on wasm
  globalAvgPool: (_, [x]) => tf.avgPool(x, sizeOfMap(x), 1, 'valid'),
  adaptiveAvgPool,
  maxPool,
  avgPool,
  resize,
  roiAlign,
  padToMultiple: ({ multiple }, [x]) => paddedTo(x, multiple),
  mergePatches,
  windowAttention,
  attention,
  linearAttention,
  mixPositions,
  shift,
  circularConv2d,
  addAlongAxis,
};
