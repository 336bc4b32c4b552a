import type { Size } from '../../arrays.ts';
import type { Axis, Operands, Operation, Window } from '../../nn/ops.ts';
import { attention, linearAttention, windowAttention } from './attention.ts';
import { axesOf } from './layouts.ts';
import { type Attributes, type Emit, type OperatorWriter, transposedMatrix } from './writer.ts';

/**
 * The vocabulary in ONNX (opset 17). Only the channels of values are known, so shapes that an operator needs are computed
 * inside the model. Values are N×C×H×W, or N×H×W×C where `layouts.ts` says so.
 */

const pair = ({ height, width }: Size): number[] => [height, width];
/** TensorProto.DataType.INT64, as an attribute. */
const int64 = 7;
/** PyTorch pads both ends alike. */
const pads = ({ padding }: Pick<Window, 'padding'>): number[] => [...pair(padding), ...pair(padding)];

/** For operations that are one operator without attributes. */
const plain = (type: string) => (onnx: OperatorWriter, inputs: readonly (string | undefined)[]) => {
  onnx.operator(type, inputs);
};

export const emitters: { [K in Operation]: Emit<K> } = {
  conv2d: (onnx, inputs, { attributes }) => {
    if (onnx.layout === 'channels-last') {
      multiplied(onnx, inputs);
      return;
    }
    onnx.operator('Conv', inputs, {
      kernel_shape: pair(attributes.kernel),
      strides: pair(attributes.stride),
      pads: pads(attributes),
      dilations: pair(attributes.dilation),
      group: attributes.groups,
    });
  },

  convTranspose2d: (onnx, inputs, { attributes }) => {
    onnx.operator('ConvTranspose', inputs, {
      kernel_shape: pair(attributes.kernel),
      strides: pair(attributes.stride),
      pads: pads(attributes),
      output_padding: pair(attributes.outputPadding),
    });
  },

  // Not a convolution, which takes ten times as long for the 12544 features of a box head.
  linear: (onnx, [x, ...parameters]) => {
    const rows = onnx.operator('Flatten', [x], { axis: 1 });
    const features = onnx.operator('Gemm', [rows, ...parameters], { transB: 1 });
    onnx.operator('Unsqueeze', [features, onnx.ints([2, 3])]);
  },

  batchNorm: (onnx, inputs, { attributes: { eps } }) => {
    onnx.operator('BatchNormalization', inputs, { epsilon: { float: eps } });
  },

  groupNorm: (onnx, [x, weight, bias], { attributes: { groups, eps }, channels }) => {
    if (groups === channels) {
      onnx.operator('InstanceNormalization', [x, weight, bias], { epsilon: { float: eps } });
      return;
    }
    // Opset 17 has no group norm. Means along one axis after the other are precise: an instance norm of 1.6 million values is off by 5e-4 of
    // the result's peak on WebAssembly, as it adds them to a few numbers of 32 bits.
    const shape = onnx.operator('Shape', [x]);
    const batch = onnx.operator('Shape', [x], { start: 0, end: 1 });
    const extent = onnx.operator('Shape', [x], { start: 2 });
    const split = onnx.operator('Concat', [batch, onnx.ints([groups, channels / groups]), extent], { axis: 0 });
    const grouped = onnx.operator('Reshape', [x, split]);
    const meanOf = (value: string) =>
      [4, 3, 2].reduce((mean, axis) => onnx.operator('ReduceMean', [mean], { axes: [axis] }), value);
    const centred = onnx.operator('Sub', [grouped, meanOf(grouped)]);
    const variance = meanOf(onnx.operator('Mul', [centred, centred]));
    const deviation = onnx.operator('Sqrt', [onnx.operator('Add', [variance, onnx.floats([eps], [])])]);
    const perChannel = (parameter: string) => onnx.operator('Reshape', [parameter, onnx.ints([1, groups, -1, 1, 1])]);
    const factor = onnx.operator('Div', [perChannel(weight), deviation]);
    const weighed = onnx.operator('Add', [onnx.operator('Mul', [centred, factor]), perChannel(bias)]);
    onnx.operator('Reshape', [weighed, shape]);
  },

  layerNorm: (onnx, inputs, { attributes: { eps } }) => {
    onnx.operator('LayerNormalization', inputs, { axis: -1, epsilon: { float: eps } });
  },

  relu: plain('Relu'),
  sigmoid: plain('Sigmoid'),
  silu: (onnx, [x]) => {
    onnx.operator('Mul', [x, onnx.operator('Sigmoid', [x])]);
  },
  // x · ½ · (1 + erf(x / √2)), in the order that onnxruntime knows as Gelu.
  gelu: (onnx, [x]) => {
    const erf = onnx.operator('Erf', [onnx.operator('Div', [x, onnx.floats([Math.SQRT2], [])])]);
    const doubled = onnx.operator('Mul', [x, onnx.operator('Add', [erf, onnx.floats([1], [])])]);
    onnx.operator('Mul', [doubled, onnx.floats([0.5], [])]);
  },

  hardsigmoid: (onnx, [x]) => {
    onnx.operator('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
  },
  hardswish: plain('HardSwish'),

  scale: plain('Mul'), // the parameter is [1, C, 1, 1]
  add: plain('Add'),
  sub: plain('Sub'),
  mul: plain('Mul'),

  concat: (onnx, inputs, { attributes: { axis } }) => {
    onnx.operator('Concat', inputs, { axis: axis === 'batch' ? 0 : 1 });
  },
  slice: (onnx, [x], { attributes: { start, end } }) => {
    onnx.operator('Slice', [x, onnx.ints([start]), onnx.ints([end]), onnx.ints([1])]);
  },

  globalAvgPool: plain('GlobalAveragePool'),
  // The bins depend on the size, so they come as matrices: height bins · (x · width binsᵀ).
  adaptiveAvgPool: (onnx, [x], { attributes: { bins } }) => {
    const columns = onnx.operator(
      'Transpose',
      [onnx.shapeDependent({ kind: 'pooling', axis: 'width', bins: bins.width })],
      {
        perm: [1, 0],
      },
    );
    const narrow = onnx.operator('MatMul', [x, columns]);
    onnx.operator('MatMul', [onnx.shapeDependent({ kind: 'pooling', axis: 'height', bins: bins.height }), narrow]);
  },
  maxPool: (onnx, inputs, { attributes }) => {
    onnx.operator('MaxPool', inputs, {
      kernel_shape: pair(attributes.kernel),
      strides: pair(attributes.stride),
      pads: pads(attributes),
    });
  },

  avgPool: (onnx, inputs, { attributes }) => {
    onnx.operator('AveragePool', inputs, {
      kernel_shape: pair(attributes.kernel),
      strides: pair(attributes.stride),
      pads: pads(attributes),
      count_include_pad: 0,
    });
  },

  resize: (onnx, [x, like], { attributes: { mode, alignCorners, factor = 1 } }) => {
    const how: Attributes =
      mode === 'nearest'
        ? { mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
        : { mode: 'linear', coordinate_transformation_mode: alignCorners ? 'align_corners' : 'half_pixel' };
    if (like === undefined) {
      onnx.operator('Resize', [x, undefined, onnx.floats([1, 1, factor, factor])], how);
    } else if (mode === 'nearest') {
      nearestLike(onnx, x, like);
    } else {
      const kept = onnx.operator('Shape', [x], { start: 0, end: 2 });
      const size = onnx.operator('Shape', [like], { start: 2, end: 4 });
      onnx.operator('Resize', [x, undefined, undefined, onnx.operator('Concat', [kept, size], { axis: 0 })], how);
    }
  },

  roiAlign: (onnx, [map, regions], { attributes: { outputSize, spatialScale, samplingRatio, aligned } }) => {
    const image = onnx.operator('Gather', [regions, onnx.ints([0], [])], { axis: 1 });
    const boxes = onnx.operator('Slice', [regions, onnx.ints([1]), onnx.ints([5]), onnx.ints([1])]);
    onnx.operator('RoiAlign', [map, boxes, onnx.operator('Cast', [image], { to: int64 })], {
      mode: 'avg',
      output_height: outputSize.height,
      output_width: outputSize.width,
      spatial_scale: { float: spatialScale },
      sampling_ratio: samplingRatio,
      // `output_half_pixel` is the older form: no shift, and regions at least one pixel wide and high.
      coordinate_transformation_mode: aligned ? 'half_pixel' : 'output_half_pixel',
    });
  },

  padToMultiple: (onnx, [x], { attributes: { multiple } }) => {
    paddedTo(onnx, x, multiple);
  },
  mergePatches: (onnx, [x]) => {
    const axes = axesOf[onnx.layout];
    const whole = paddedTo(onnx, x, { height: 2, width: 2 });
    const everySecond = (row: number, column: number) =>
      onnx.operator('Slice', [
        whole,
        onnx.ints([row, column]),
        onnx.ints([end, end]),
        onnx.ints([axes.height, axes.width]),
        onnx.ints([2, 2]),
      ]);
    const tiles = [everySecond(0, 0), everySecond(1, 0), everySecond(0, 1), everySecond(1, 1)];
    onnx.operator('Concat', tiles, { axis: axes.channels });
  },
  windowAttention,
  attention,
  linearAttention,
  mixPositions: (onnx, [x, weight, bias], { attributes: { to }, channels }) => {
    const rows = onnx.operator('Reshape', [x, onnx.ints([0, channels, -1])]);
    const mixed = onnx.operator('MatMul', [rows, onnx.operator('Transpose', [weight], { perm: [1, 0] })]);
    onnx.operator('Reshape', [onnx.operator('Add', [mixed, bias]), onnx.ints([0, channels, ...pair(to)])]);
  },
  // zeros at one end, and as many pixels less at the other
  shift: (onnx, [x], { attributes: { rows, columns } }) => {
    const by = [rows, columns];
    const [before, after] = [by.map((n) => Math.max(n, 0)), by.map((n) => Math.max(-n, 0))];
    const wider = onnx.operator('Pad', [x, onnx.ints([0, 0, ...before, 0, 0, ...after])]);
    const ends = before.map((n) => (n > 0 ? -n : end));
    onnx.operator('Slice', [wider, onnx.ints(after), onnx.ints(ends), onnx.ints([2, 3])]);
  },
  // once around: the map, and again all of it but the last pixel
  circularConv2d: (onnx, [x, weight], { attributes: { axis }, channels }) => {
    const dimension = dimensionOf[axis];
    const again = onnx.operator('Slice', [x, onnx.ints([0]), onnx.ints([-1]), onnx.ints([dimension])]);
    const around = onnx.operator('Concat', [x, again], { axis: dimension });
    const y = onnx.operator('Conv', [around, resizedAlong(onnx, weight, x, axis, [channels, 1])], {
      group: channels,
    });
    // onnxruntime infers no shape, not even four axes, for a kernel whose size is not known beforehand
    onnx.operator('Reshape', [y, onnx.operator('Shape', [x])]);
  },
  addAlongAxis: (onnx, [x, parameter], { attributes: { axis }, channels }) => {
    onnx.operator('Add', [x, resizedAlong(onnx, parameter, x, axis, [1, channels])]);
  },
};

/** An index beyond every map. */
const end = 2 ** 31 - 1;
const dimensionOf = axesOf['channels-first'];

/** A 1×1 convolution of channels-last values. */
function multiplied(onnx: OperatorWriter, [x, weight, bias]: Operands<string, string>['conv2d']): void {
  const product = onnx.operator('MatMul', [x, transposedMatrix(onnx, weight)]);
  if (bias !== undefined) onnx.operator('Add', [product, bias]);
}

/** Pads height and width by zeros at their ends, up to multiples. */
function paddedTo(onnx: OperatorWriter, x: string, multiple: Size): string {
  const { height } = axesOf[onnx.layout];
  const size = onnx.operator('Shape', [x], { start: height, end: height + 2 });
  // the remainder of −n has the sign of the divisor
  const missing = onnx.operator('Mod', [onnx.operator('Neg', [size]), onnx.ints(pair(multiple))]);
  const before = onnx.ints(new Array<number>(height + 4).fill(0));
  const after = height === 1 ? [onnx.ints([0])] : [];
  return onnx.operator('Pad', [x, onnx.operator('Concat', [before, missing, ...after], { axis: 0 })]);
}

/** Resizes a parameter to the extent of the map along an axis; `leading` are its first two extents. */
function resizedAlong(
  onnx: OperatorWriter,
  parameter: string,
  like: string,
  axis: Axis,
  leading: readonly number[],
): string {
  const extent = onnx.operator('Shape', [like], { start: dimensionOf[axis], end: dimensionOf[axis] + 1 });
  const one = onnx.ints([1]);
  const size = axis === 'height' ? [extent, one] : [one, extent];
  const sizes = onnx.operator('Concat', [onnx.ints(leading), ...size], { axis: 0 });
  return onnx.operator('Resize', [parameter, undefined, undefined, sizes], {
    mode: 'linear',
    coordinate_transformation_mode: 'align_corners',
  });
}

/**
 * Gathers floor(dst · in / out) in whole numbers. Resize takes two thirds of the time, but computes
 * floor(dst / float32(out / in)), which is one less for some sizes (14 to 2 is the first). Columns come first, while there
 * are fewer rows.
 */
function nearestLike(onnx: OperatorWriter, x: string, like: string): void {
  const sizes = { from: onnx.operator('Shape', [x]), to: onnx.operator('Shape', [like]) };
  let result = x;
  for (const axis of [3, 2]) {
    const extent = (shape: string) => onnx.operator('Gather', [shape, onnx.ints([axis], [])]);
    const [from, to] = [extent(sizes.from), extent(sizes.to)];
    const positions = onnx.operator('Range', [onnx.ints([0], []), to, onnx.ints([1], [])]);
    const sources = onnx.operator('Div', [onnx.operator('Mul', [positions, from]), to]);
    result = onnx.operator('Gather', [result, sources], { axis });
  }
}
