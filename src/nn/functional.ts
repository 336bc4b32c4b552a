import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { foundIn } from '../validate.ts';
import { checkOptions } from './attributes.ts';
import {
  type Axis,
  type activations,
  type Nothing,
  type Op,
  type RoiAlignOptions,
  sizeFrom,
  type WindowAttention,
} from './ops.ts';
import { channelsOf, type ParameterValue, record, type Scope, type Value } from './scope.ts';

const nothing: Nothing = Object.freeze({});

function elementwise(op: 'add' | 'sub' | 'mul') {
  return (a: Value, b: Value): Value => {
    const [m, n] = [channelsOf(a, op), channelsOf(b, op)];
    if (m !== n && m !== 1 && n !== 1) throw new ShapeError(`${op} needs equal channels, or 1, got ${m} and ${n}.`);
    return record(op, [a, b], nothing, Math.max(m, n));
  };
}

/** a + b; either may have one channel, or one pixel, for all. */
export const add = elementwise('add');
/** a − b; either may have one channel, or one pixel, for all. */
export const sub = elementwise('sub');
/** a · b; either may have one channel, or one pixel, for all. */
export const mul = elementwise('mul');

function activation(op: (typeof activations)[number]) {
  return (x: Value, scope?: Scope): Value => record(op, [x], nothing, channelsOf(x, op), scope);
}

/** max(x, 0). */
export const relu = activation('relu');
/** x · sigmoid(x). */
export const silu = activation('silu');
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = activation('sigmoid');
/** x · Φ(x), by erf and not by tanh. */
export const gelu = activation('gelu');
/** x / 6 + 1/2, clamped to 0 and 1. */
export const hardsigmoid = activation('hardsigmoid');
/** x · hardsigmoid(x). */
export const hardswish = activation('hardswish');

/** x · parameter, channel by channel; the parameter's shape is [1, C, 1, 1]. */
export function scale(x: Value, parameter: ParameterValue, scope?: Scope): Value {
  return record('scale', [x, parameter], nothing, channelsOf(x, 'scale'), scope);
}

/** Joins maps of equal height and width along the channels, or results for several groups of regions along the batch. */
export function concat(values: readonly Value[], axis: 'channels' | 'batch' = 'channels'): Value {
  if (!Array.isArray(values)) throw new ShapeError(`concat takes a list of values, got ${foundIn(values)}.`);
  if (axis !== 'channels' && axis !== 'batch') {
    throw new ShapeError(`concat: axis must be "channels" or "batch", got ${foundIn(axis)}.`);
  }
  const [first, ...rest]: readonly Value[] = values;
  if (!first) throw new ShapeError('concat needs at least one value.');
  for (const value of values) channelsOf(value, 'concat');
  if (rest.length === 0) return first;
  if (axis === 'batch' && rest.some((value) => value.channels !== first.channels)) {
    throw new ShapeError(
      `concat along the batch needs equal channels, got ${values.map((v) => v.channels).join(', ')}.`,
    );
  }
  const channels = axis === 'channels' ? values.reduce((sum, value) => sum + value.channels, 0) : first.channels;
  return record('concat', [first, ...rest], { axis }, channels);
}

/** Takes channels `start` up to, not including, `end`. */
export function slice(x: Value, start: number, end: number = channelsOf(x, 'slice')): Value {
  const isRange = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end;
  if (!(isRange && end <= channelsOf(x, 'slice'))) {
    throw new ShapeError(
      `slice of channels ${foundIn(start)} to ${foundIn(end)} does not lie within the ${x.channels} channels.`,
    );
  }
  return record('slice', [x], { start, end }, end - start);
}

/** Takes the mean over height and width, N×C×1×1. */
export function globalAvgPool(x: Value, scope?: Scope): Value {
  return record('globalAvgPool', [x], nothing, channelsOf(x, 'globalAvgPool'), scope);
}

/** Takes the means of `bins` areas of the map: N×C×bins. */
export function adaptiveAvgPool(x: Value, bins: number | Size, scope?: Scope): Value {
  return record('adaptiveAvgPool', [x], { bins: sizeFrom(bins) }, channelsOf(x, 'adaptiveAvgPool'), scope);
}

function pooling(op: 'maxPool' | 'avgPool') {
  return (
    x: Value,
    options: { kernel: number | Size; stride?: number | Size; padding?: number | Size },
    scope?: Scope,
  ): Value => {
    checkOptions(op, options ?? null, ['kernel', 'stride', 'padding']);
    const { kernel, stride = kernel, padding = 0 } = options;
    const window = { kernel: sizeFrom(kernel), stride: sizeFrom(stride), padding: sizeFrom(padding) };
    return record(op, [x], window, channelsOf(x, op), scope);
  };
}

/** Takes the largest pixel of each window; padding never wins. */
export const maxPool = pooling('maxPool');
/** Takes the mean of each window; padding does not count. */
export const avgPool = pooling('avgPool');

/** Resizes to another value's height and width, or by an integer factor. Only the bilinear mode reads `alignCorners`. */
export function resize(
  x: Value,
  to: { like: Value } | { factor: number },
  options: { mode?: 'bilinear' | 'nearest'; alignCorners?: boolean } = {},
  scope?: Scope,
): Value {
  checkOptions('resize', to ?? null, ['like', 'factor']);
  checkOptions('resize', options, ['mode', 'alignCorners']);
  const { mode = 'bilinear', alignCorners = false } = options;
  const how = { mode, alignCorners };
  return 'like' in to
    ? record('resize', [x, to.like], how, channelsOf(x, 'resize'), scope)
    : record('resize', [x], { ...how, factor: to.factor }, channelsOf(x, 'resize'), scope);
}

/** Pools every region of `regions` (n × 5) from the map: n×C×outputSize. */
export function roiAlign(x: Value, regions: Value, options: RoiAlignOptions): Value {
  checkOptions('roiAlign', options ?? null, ['outputSize', 'spatialScale', 'samplingRatio', 'aligned']);
  return record('roiAlign', [x, regions], options, channelsOf(x, 'roiAlign'));
}

/** Pads by zeros to the right and below, up to multiples of both extents. */
export function padToMultiple(x: Value, multiple: number | Size): Value {
  return record('padToMultiple', [x], { multiple: sizeFrom(multiple) }, channelsOf(x, 'padToMultiple'));
}

/** Moves tiles of 2×2 pixels to channels: N×4C×⌈H/2⌉×⌈W/2⌉. */
export function mergePatches(x: Value): Value {
  return record('mergePatches', [x], nothing, 4 * channelsOf(x, 'mergePatches'));
}

/**
 * Swin's attention within windows, with the shift and the padding that belong to it.
 *
 * @param qkv queries, keys and values of every pixel: a third of the channels each, head by head
 * @param parameters `table` of the shape [(2·window − 1)², heads], the position bias by row and column distance; `bias` [3C] of the
 *   projection that made `qkv`, if it has one
 */
export function windowAttention(
  qkv: Value,
  parameters: { table: ParameterValue; bias?: ParameterValue | undefined },
  options: WindowAttention,
): Value {
  checkOptions('windowAttention', parameters ?? null, ['table', 'bias']);
  checkOptions('windowAttention', options ?? null, ['heads', 'window', 'shift', 'padding']);
  const { table, bias } = parameters;
  const channels = attended('windowAttention', qkv, options.heads);
  return record('windowAttention', bias ? [qkv, table, bias] : [qkv, table], options, channels);
}

/** Returns the channels of what attention gives: a third. */
function attended(op: Op, qkv: Value, heads: number): number {
  const channels = channelsOf(qkv, op) / 3;
  if (Number.isInteger(heads) && Number.isInteger(channels / heads)) return channels;
  throw new ShapeError(
    `${op} needs channels for queries, keys and values of ${foundIn(heads)} heads, got ${qkv.channels}.`,
  );
}

/** Attention among all pixels. `qkv` holds queries, keys and values: a third of the channels each, head by head. */
export function attention(qkv: Value, heads: number, scope?: Scope): Value {
  return record('attention', [qkv], { heads }, attended('attention', qkv, heads), scope);
}

/** Like `attention`, with the kernel φ in place of the softmax. */
export function linearAttention(qkv: Value, heads: number, scope?: Scope): Value {
  return record('linearAttention', [qkv], { heads }, attended('linearAttention', qkv, heads), scope);
}

/** Moves a map down by `rows` and right by `columns`; zeros come in. */
export function shift(x: Value, by: { rows?: number; columns?: number }): Value {
  checkOptions('shift', by ?? null, ['rows', 'columns']);
  const { rows = 0, columns = 0 } = by;
  return record('shift', [x], { rows, columns }, channelsOf(x, 'shift'));
}

/** Convolves around an axis. The weight is [C, 1, n, 1] along the height, [C, 1, 1, n] along the width, for any n. */
export function circularConv2d(x: Value, weight: ParameterValue, axis: Axis): Value {
  return record('circularConv2d', [x, weight], { axis }, channelsOf(x, 'circularConv2d'));
}

/** Adds a parameter along an axis: [1, C, n, 1] along the height, [1, C, 1, n] along the width, for any n. */
export function addAlongAxis(x: Value, parameter: ParameterValue, axis: Axis): Value {
  return record('addAlongAxis', [x, parameter], { axis }, channelsOf(x, 'addAlongAxis'));
}
