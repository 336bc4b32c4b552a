import type { Size } from '../../arrays.ts';
import type { Node } from '../../nn/graph.ts';
import type { Axis, Op, Window } from '../../nn/ops.ts';
import { biasRows, maskedScore, type SizedArray } from '../shape_dependent.ts';
import type { Attributes } from './emit.ts';

/** Attention among all pixels of a map, N × heads × … × … inside. */

/** Queries, keys and values, N × heads × depth × pixels as the channels have them, or turned. */
function partsOf(onnx: OperatorWriter, qkv: string, heads: number, depth: number) {
  const split = onnx.operator('Reshape', [qkv, onnx.ints([0, 3, heads, depth, -1])]);
  const part = (index: number) => onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 1 });
  const turned = (x: string) => onnx.operator('Transpose', [x], { perm: [0, 1, 3, 2] });
  return { part, turned };
}

/** N × heads × depth × pixels to a map as large as that of the queries, keys and values. */
function joined(onnx: OperatorWriter, values: string, qkv: string, channels: number): void {
  const batch = onnx.operator('Shape', [qkv], { start: 0, end: 1 });
  const size = onnx.operator('Shape', [qkv], { start: 2 });
  onnx.operator('Reshape', [values, onnx.operator('Concat', [batch, onnx.ints([channels]), size], { axis: 0 })]);
}

export function emitAttention(
  onnx: OperatorWriter,
  [qkv]: readonly string[],
  { attributes: { heads }, channels }: Node<'attention'>,
): void {
  const depth = channels / heads;
  const { part, turned } = partsOf(onnx, qkv!, heads, depth);
  const queries = onnx.operator('Mul', [turned(part(0)), onnx.floats([depth ** -0.5], [])]);
  const weights = onnx.operator('Softmax', [onnx.operator('MatMul', [queries, part(1)])], { axis: -1 });
  joined(onnx, turned(onnx.operator('MatMul', [weights, turned(part(2))])), qkv!, channels);
}

export function emitLinearAttention(
  onnx: OperatorWriter,
  [qkv]: readonly string[],
  { attributes: { heads }, channels }: Node<'linearAttention'>,
): void {
  const { part, turned } = partsOf(onnx, qkv!, heads, channels / heads);
  const positive = (x: string) => onnx.operator('Add', [onnx.operator('Elu', [x]), onnx.floats([1], [])]);
  const [queries, keys] = [positive(part(0)), positive(part(1))]; // depth × pixels
  const context = onnx.operator('MatMul', [part(2), turned(keys)]); // depth of values × depth of keys
  const sums = onnx.operator('ReduceSum', [keys, onnx.ints([3])], { keepdims: 1 }); // depth × 1
  const total = onnx.operator('MatMul', [turned(sums), queries]); // 1 × pixels
  joined(onnx, onnx.operator('Div', [onnx.operator('MatMul', [context, queries]), total]), qkv!, channels);
}

/** Attention in windows: pixels are gathered into windows and back by two lists that come with the size. */
export function emitWindowAttention(
  onnx: OperatorWriter,
  [qkv, table, bias]: readonly string[],
  { attributes, channels }: Node<'windowAttention'>,
): void {
  const { heads, window, shift, padding } = attributes;
  const windows = { window, shift, padding };
  const places = window ** 2;
  const depth = channels / heads;
  const batch = onnx.operator('Shape', [qkv!], { start: 0, end: 1 });
  const shapeOf = (...extents: (string | number)[]) =>
    onnx.operator(
      'Concat',
      extents.map((extent) => (typeof extent === 'number' ? onnx.ints([extent]) : extent)),
      {
        axis: 0,
      },
    );

  // N × pixels × 3C, and one pixel more: the filling, which is what the projection makes of zeros
  const pixels = onnx.operator('Transpose', [onnx.operator('Reshape', [qkv!, onnx.ints([0, 3 * channels, -1])])], {
    perm: [0, 2, 1],
  });
  const filling = onnx.operator('Expand', [bias ?? onnx.floats([0]), shapeOf(batch, 1, 3 * channels)]);
  const filled = onnx.operator('Concat', [pixels, filling], { axis: 1 });
  const inWindows = onnx.operator('Gather', [filled, onnx.sized({ kind: 'windowTokens', windows })], { axis: 1 });
  const split = onnx.operator('Reshape', [inWindows, onnx.ints([-1, places, 3, heads, depth])]);
  const part = (index: number, perm: readonly number[]) =>
    onnx.operator('Transpose', [onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 2 })], { perm });

  // N·windows × heads × places × places
  const queries = onnx.operator('Mul', [part(0, [0, 2, 1, 3]), onnx.floats([depth ** -0.5], [])]);
  const products = onnx.operator('MatMul', [queries, part(1, [0, 2, 3, 1])]);
  const pairs = onnx.operator('Gather', [table!, onnx.ints([...biasRows(window)], [places, places])], { axis: 0 });
  const scores = onnx.operator('Add', [products, onnx.operator('Transpose', [pairs], { perm: [2, 0, 1] })]);
  const weights = onnx.operator('Softmax', [shift > 0 ? masked() : scores], { axis: -1 });

  const values = onnx.operator('MatMul', [weights, part(2, [0, 2, 1, 3])]);
  const joined = onnx.operator('Transpose', [values], { perm: [0, 2, 1, 3] });
  const rows = onnx.operator('Reshape', [joined, shapeOf(batch, -1, channels)]);
  const back = onnx.operator('Gather', [rows, onnx.sized({ kind: 'windowPlaces', windows })], { axis: 1 });
  const size = onnx.operator('Shape', [qkv!], { start: 2 });
  onnx.operator('Reshape', [onnx.operator('Transpose', [back], { perm: [0, 2, 1] }), shapeOf(batch, channels, size)]);

  /** Whether two places see each other depends on the window, and not on the image or the head. */
  function masked(): string {
    const regions = onnx.sized({ kind: 'windowRegions', windows });
    const [column, row] = [2, 1].map((axis) => onnx.operator('Unsqueeze', [regions, onnx.ints([axis])]));
    const [seen, unseen] = [0, maskedScore].map((value) => onnx.floats([value], []));
    const mask = onnx.operator('Where', [onnx.operator('Equal', [column!, row!]), seen!, unseen!]);
    const byWindow = onnx.operator('Reshape', [scores, shapeOf(batch, -1, heads, places, places)]);
    const sum = onnx.operator('Add', [byWindow, onnx.operator('Unsqueeze', [mask, onnx.ints([1])])]);
    return onnx.operator('Reshape', [sum, onnx.ints([-1, heads, places, places])]);
  }
}

/**
 * How each operation is said in ONNX (opset 17). Values are N×C×H×W with every extent but the channels left to the run, so
 * shapes that an operator needs are computed inside the model.
 */

/** What an emitter may do. The value of the last operator that it writes is the operation's result. */
export interface OperatorWriter {
  /** Appends an operator with one output and returns the name of that; absent optional inputs are ''. */
  operator(type: string, inputs: readonly string[], attributes?: Attributes): string;
  ints(values: readonly number[], shape?: readonly number[]): string;
  floats(values: readonly number[], shape?: readonly number[]): string;
  /** An array that follows from the size of the operation's first input, and which the runner makes for each size. */
  sized(array: SizedArray): string;
}

type Emit<K extends Op> = (onnx: OperatorWriter, inputs: readonly string[], node: Node<K>) => void;

export type Operation = Exclude<Op, 'input' | 'param'>;

const pair = ({ height, width }: Size): number[] => [height, width];
/** TensorProto.DataType.INT64, as an attribute. */
const int64 = 7;
/** PyTorch pads both ends alike. */
const pads = ({ padding }: Pick<Window, 'padding'>): number[] => [...pair(padding), ...pair(padding)];

const plain =
  (type: string): Emit<Op> =>
  (onnx, inputs) => {
    onnx.operator(type, inputs);
  };

export const emitters: { [K in Operation]: Emit<K> } = {
  conv2d: (onnx, inputs, { attributes }) => {
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
    });
  },

  // Not a convolution, which takes ten times as long for the 12544 features of a box head.
  linear: (onnx, [x, ...parameters]) => {
    const rows = onnx.operator('Flatten', [x!], { axis: 1 });
    const features = onnx.operator('Gemm', [rows, ...parameters], { transB: 1 });
    onnx.operator('Unsqueeze', [features, onnx.ints([2, 3])]);
  },

  batchNorm: (onnx, inputs, { attributes: { eps } }) => {
    onnx.operator('BatchNormalization', inputs, { epsilon: { float: eps } });
  },

  groupNorm: (onnx, [x, weight, bias], { attributes: { groups, eps }, channels }) => {
    const epsilon = { float: eps };
    if (groups === channels) {
      onnx.operator('InstanceNormalization', [x!, weight!, bias!], { epsilon });
      return;
    }
    // Opset 17 has no group norm: the groups take the channels' place, and what is left of them counts as extent.
    const shape = onnx.operator('Shape', [x!]);
    const batch = onnx.operator('Shape', [x!], { start: 0, end: 1 });
    const extent = onnx.operator('Shape', [x!], { start: 2 });
    const split = onnx.operator('Concat', [batch, onnx.ints([groups, channels / groups]), extent], { axis: 0 });
    const grouped = onnx.operator('Reshape', [x!, split]);
    const [one, zero] = [1, 0].map((value) => onnx.floats(new Array<number>(groups).fill(value)));
    const normed = onnx.operator('InstanceNormalization', [grouped, one!, zero!], { epsilon });
    const perChannel = (parameter: string) => onnx.operator('Unsqueeze', [parameter, onnx.ints([1, 2])]);
    const weighed = onnx.operator('Mul', [onnx.operator('Reshape', [normed, shape]), perChannel(weight!)]);
    onnx.operator('Add', [weighed, perChannel(bias!)]);
  },

  // The operator reads the last axes. Two transposes are half the time of the mean and variance over channels written out.
  layerNorm: (onnx, [x, weight, bias], { attributes: { eps } }) => {
    const last = onnx.operator('Transpose', [x!], { perm: [0, 2, 3, 1] });
    const normed = onnx.operator('LayerNormalization', [last, weight!, bias!], { axis: -1, epsilon: { float: eps } });
    onnx.operator('Transpose', [normed], { perm: [0, 3, 1, 2] });
  },

  relu: plain('Relu'),
  sigmoid: plain('Sigmoid'),
  silu: (onnx, [x]) => {
    onnx.operator('Mul', [x!, onnx.operator('Sigmoid', [x!])]);
  },
  // x · ½ · (1 + erf(x / √2)), in the order that onnxruntime knows as Gelu.
  gelu: (onnx, [x]) => {
    const erf = onnx.operator('Erf', [onnx.operator('Div', [x!, onnx.floats([Math.SQRT2], [])])]);
    const doubled = onnx.operator('Mul', [x!, onnx.operator('Add', [erf, onnx.floats([1], [])])]);
    onnx.operator('Mul', [doubled, onnx.floats([0.5], [])]);
  },

  hardsigmoid: (onnx, [x]) => {
    onnx.operator('HardSigmoid', [x!], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
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
    onnx.operator('Slice', [x!, onnx.ints([start]), onnx.ints([end]), onnx.ints([1])]);
  },

  globalAvgPool: plain('GlobalAveragePool'),
  // The bins depend on the size, so they come as matrices: height bins · (x · width binsᵀ).
  adaptiveAvgPool: (onnx, [x], { attributes: { bins } }) => {
    const columns = onnx.operator('Transpose', [onnx.sized({ kind: 'pooling', axis: 'width', bins: bins.width })], {
      perm: [1, 0],
    });
    const narrow = onnx.operator('MatMul', [x!, columns]);
    onnx.operator('MatMul', [onnx.sized({ kind: 'pooling', axis: 'height', bins: bins.height }), narrow]);
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
      onnx.operator('Resize', [x!, '', onnx.floats([1, 1, factor, factor])], how);
    } else if (mode === 'nearest') {
      nearestLike(onnx, x!, like);
    } else {
      const kept = onnx.operator('Shape', [x!], { start: 0, end: 2 });
      const size = onnx.operator('Shape', [like], { start: 2, end: 4 });
      onnx.operator('Resize', [x!, '', '', onnx.operator('Concat', [kept, size], { axis: 0 })], how);
    }
  },

  roiAlign: (onnx, [map, regions], { attributes: { outputSize, spatialScale, samplingRatio, aligned } }) => {
    const image = onnx.operator('Gather', [regions!, onnx.ints([0], [])], { axis: 1 });
    const boxes = onnx.operator('Slice', [regions!, onnx.ints([1]), onnx.ints([5]), onnx.ints([1])]);
    onnx.operator('RoiAlign', [map!, boxes, onnx.operator('Cast', [image], { to: int64 })], {
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
    filledUp(onnx, x!, multiple);
  },
  mergePatches: (onnx, [x]) => {
    const whole = filledUp(onnx, x!, { height: 2, width: 2 });
    const everySecond = (row: number, column: number) =>
      onnx.operator('Slice', [
        whole,
        onnx.ints([row, column]),
        onnx.ints([end, end]),
        onnx.ints([2, 3]),
        onnx.ints([2, 2]),
      ]);
    onnx.operator('Concat', [everySecond(0, 0), everySecond(1, 0), everySecond(0, 1), everySecond(1, 1)], { axis: 1 });
  },
  windowAttention: emitWindowAttention,
  attention: emitAttention,
  linearAttention: emitLinearAttention,
  mixPositions: (onnx, [x, weight, bias], { attributes: { to }, channels }) => {
    const rows = onnx.operator('Reshape', [x!, onnx.ints([0, channels, -1])]);
    const mixed = onnx.operator('MatMul', [rows, onnx.operator('Transpose', [weight!], { perm: [1, 0] })]);
    onnx.operator('Reshape', [onnx.operator('Add', [mixed, bias!]), onnx.ints([0, channels, ...pair(to)])]);
  },
  // zeros at one end, and as many pixels less at the other
  shift: (onnx, [x], { attributes: { rows, columns } }) => {
    const by = [rows, columns];
    const [before, after] = [by.map((n) => Math.max(n, 0)), by.map((n) => Math.max(-n, 0))];
    const wider = onnx.operator('Pad', [x!, onnx.ints([0, 0, ...before, 0, 0, ...after])]);
    const ends = before.map((n) => (n > 0 ? -n : end));
    onnx.operator('Slice', [wider, onnx.ints(after), onnx.ints(ends), onnx.ints([2, 3])]);
  },
  // once around: the map, and again all of it but the last pixel
  circularConv2d: (onnx, [x, weight], { attributes: { axis }, channels }) => {
    const dimension = dimensionOf[axis];
    const again = onnx.operator('Slice', [x!, onnx.ints([0]), onnx.ints([-1]), onnx.ints([dimension])]);
    const around = onnx.operator('Concat', [x!, again], { axis: dimension });
    const y = onnx.operator('Conv', [around, resizedAlong(onnx, weight!, x!, axis, [channels, 1])], {
      group: channels,
    });
    // of a kernel whose size is not known beforehand onnxruntime infers no shape, not even that there are four axes
    onnx.operator('Reshape', [y, onnx.operator('Shape', [x!])]);
  },
  addAlongAxis: (onnx, [x, parameter], { attributes: { axis }, channels }) => {
    onnx.operator('Add', [x!, resizedAlong(onnx, parameter!, x!, axis, [1, channels])]);
  },
};

/** Beyond every map. */
const end = 2 ** 31 - 1;
const dimensionOf = { height: 2, width: 3 } as const;

/** Zeros at the ends of height and width, as many as are lacking. */
function filledUp(onnx: OperatorWriter, x: string, multiple: Size): string {
  const size = onnx.operator('Shape', [x], { start: 2, end: 4 });
  // the remainder of −n has the sign of the divisor
  const lacking = onnx.operator('Mod', [onnx.operator('Neg', [size]), onnx.ints(pair(multiple))]);
  const pads = onnx.operator('Concat', [onnx.ints([0, 0, 0, 0, 0, 0]), lacking], { axis: 0 });
  return onnx.operator('Pad', [x, pads]);
}

/** A parameter as long as the map along an axis, `leading` its first two extents. */
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
  return onnx.operator('Resize', [parameter, '', '', sizes], {
    mode: 'linear',
    coordinate_transformation_mode: 'align_corners',
  });
}

/**
 * Gathers floor(dst · in / out) in whole numbers. Resize computes floor(dst / float32(out / in)), which for some sizes (14 to 2
 * is the first) is one less; it would take two thirds of the time. Columns first, while there are fewer rows.
 */
function nearestLike(onnx: OperatorWriter, x: string, like: string): void {
  const sizes = { from: onnx.operator('Shape', [x]), to: onnx.operator('Shape', [like]) };
  let result = x;
  for (const axis of [3, 2]) {
    const extent = (shape: string) => onnx.operator('Gather', [shape, onnx.ints([axis], [])]);
    const [from, to] = [extent(sizes.from), extent(sizes.to)];
    const places = onnx.operator('Range', [onnx.ints([0], []), to, onnx.ints([1], [])]);
    const sources = onnx.operator('Div', [onnx.operator('Mul', [places, from]), to]);
    result = onnx.operator('Gather', [result, sources], { axis });
  }
}
