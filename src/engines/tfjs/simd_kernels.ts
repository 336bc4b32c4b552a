import type * as tf from '@tensorflow/tfjs-core';
import type { NDArray } from '../../arrays.ts';
import type { Convolution } from '../../nn/ops.ts';
import { roiAlignNhwc } from '../../postprocess/roi_align.ts';
import { plain } from './implementation.ts';
import type { Implementation, Kernel, Layout } from './kernel.ts';
import { results } from './scratch.ts';
import { type Activation, activations, type Simd } from './simd.ts';

/** The vocabulary on the wasm backend: some operations by this package's kernels, the others by those of TensorFlow.js. */

/** A convolution with the activation that is applied as it writes. */
export type Fused = Convolution & { readonly activation?: Activation | undefined };

const isOne = ({ height, width }: Convolution['kernel']): boolean => height === 1 && width === 1;

/** True for a convolution of single pixels: a product of matrices. */
const isPointwise = ({ kernel, stride, padding, groups }: Convolution): boolean =>
  groups === 1 && isOne(kernel) && isOne(stride) && padding.height === 0 && padding.width === 0;

/** The outputs in a panel of the packed weight. */
const panel = 8;

/** O I 1 1 → panels of 8 outputs, in each 8 for every input; zeros fill the last. */
function packed({ shape, data }: NDArray): NDArray {
  const [outputs = 0, inputs = 0] = shape;
  const panels = Math.ceil(outputs / panel);
  const out = new Float32Array(panels * inputs * panel);
  for (let o = 0; o < outputs; o++) {
    const start = Math.floor(o / panel) * inputs * panel + (o % panel);
    for (let i = 0; i < inputs; i++) out[start + i * panel] = data[o * inputs + i]!;
  }
  return { shape: [panels, inputs, panel], data: out };
}

/** Always with a bias, which says how many outputs there are. */
const layoutOfConv2d: Layout<'conv2d'> = (attributes, parameters, inChannels) => {
  const [weight, bias] = parameters;
  if (!isPointwise(attributes)) return plain.layouts.conv2d!(attributes, parameters, inChannels);
  const [outputs = 0] = weight.shape;
  return [packed(weight), bias ?? { shape: [outputs], data: new Float32Array(outputs) }];
};

const pixelsOf = ([batch, height, width]: tf.Tensor4D['shape']): number => batch * height * width;

/** Returns the extent of a convolution's result along an axis. */
const extentOf = ({ kernel, stride, padding, dilation }: Convolution, axis: 'height' | 'width', from: number): number =>
  Math.floor((from + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;

export function simdImplementation({ functions, pointer, values, make, threaded }: Simd): Implementation {
  const activate =
    (activation: Activation) =>
    (_: unknown, [x]: readonly [tf.Tensor4D]): tf.Tensor4D => {
      const y = make(x.shape);
      functions.activate(pointer(x), y.at, x.size, activations[activation]);
      return y.tensor;
    };

  const affine = (x: tf.Tensor4D, factor: tf.Tensor, shift?: tf.Tensor): tf.Tensor4D => {
    const y = make(x.shape);
    functions.affine(pointer(x), pointer(factor), pointer(shift), y.at, pixelsOf(x.shape), x.shape[3]);
    return y.tensor;
  };

  const layerNorm: Kernel<'layerNorm'> = ({ eps }, [x], [gamma, beta]) => {
    const y = make(x.shape);
    functions.layerNorm(pointer(x), pointer(gamma), pointer(beta), y.at, pixelsOf(x.shape), x.shape[3], eps);
    return y.tensor;
  };

  const pointwise = (
    { activation = 'none' }: Fused,
    x: tf.Tensor4D,
    weight: tf.Tensor,
    bias: tf.Tensor,
  ): tf.Tensor4D => {
    const [batch, height, width, inputs] = x.shape;
    const y = make([batch, height, width, bias.size]);
    const tensors = [pointer(x), pointer(weight), pointer(bias), y.at] as const;
    functions.pointwise(...tensors, pixelsOf(x.shape), inputs, bias.size, activations[activation]);
    return y.tensor;
  };

  const depthwise = (attributes: Fused, x: tf.Tensor4D, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor4D => {
    const { kernel, stride, dilation, padding, activation = 'none' } = attributes;
    const [batch, height, width, channels] = x.shape;
    const size = [extentOf(attributes, 'height', height), extentOf(attributes, 'width', width)] as const;
    const y = make([batch, ...size, channels]);
    functions.depthwise(
      ...([pointer(x), pointer(weight), pointer(bias), y.at] as const),
      ...([batch, height, width, channels, ...size] as const),
      ...([kernel.height, kernel.width, stride.height, stride.width, dilation.height, dilation.width] as const),
      ...([padding.height, padding.width, activations[activation]] as const),
    );
    return y.tensor;
  };

  /** The plain reference reads the map where it is: nothing is copied to the host. */
  const roiAlign: Kernel<'roiAlign'> = (options, [x, regions]) => {
    const { height, width } = options.outputSize;
    const y = make([regions.shape[0], height, width, x.shape[3]]);
    const map = { shape: x.shape, data: values(x) };
    const rows = { shape: [regions.shape[0], 5], data: values(regions) };
    values(y.tensor).set(roiAlignNhwc(map, rows, options).data);
    return y.tensor;
  };

  /** Applies the activation to a result in its place. */
  const finished = (y: tf.Tensor4D, { activation }: Fused): tf.Tensor4D => {
    if (activation) functions.activate(pointer(y), pointer(y), y.size, activations[activation]);
    return y;
  };

  // with threads, TensorFlow.js's convolutions take them all
  const conv2d: Kernel<'conv2d'> = (attributes, [x], parameters) => {
    const [weight, bias] = parameters;
    const channels = x.shape[3];
    if (!threaded && isPointwise(attributes) && bias) return pointwise(attributes, x, weight, bias);
    const isDepthwise = attributes.groups === channels && weight.shape[3] === 1;
    if (!threaded && isDepthwise && channels >= 8) return depthwise(attributes, x, weight, bias);
    return finished(plain.kernels.conv2d(attributes, [x], parameters), attributes);
  };

  return {
    kernels: {
      ...plain.kernels,
      conv2d,
      relu: activate('relu'),
      gelu: activate('gelu'),
      silu: activate('silu'),
      sigmoid: activate('sigmoid'),
      batchNorm: (_, [x], [factor, shift]) => affine(x, factor, shift),
      scale: (_, [x], [factor]) => affine(x, factor),
      layerNorm,
      roiAlign,
    },
    layouts: threaded ? plain.layouts : { ...plain.layouts, conv2d: layoutOfConv2d },
    held: { ...plain.held, gelu: results(1), silu: results(1), batchNorm: results(1), layerNorm: results(1) },
  };
}
