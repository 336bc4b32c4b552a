import { ShapeError } from '../errors.ts';
import type { Size } from '../ndarray.ts';
import type { Parameter } from './graph.ts';
import { channelsOf, type ParameterValue, record, type Scope, type Value } from './scope.ts';

/**
 * The vocabulary: PyTorch's names and semantics on maps N×C×H×W. Models use these functions, or the layers that bring
 * their parameters; interpreters are exhaustive tables over `Op`.
 */
export interface Attributes {
  /** A map handed in by the caller, or (n × 5: batch index, x1, y1, x2, y2 in image pixels) regions. */
  input: { readonly name: string; readonly kind: 'map' | 'regions' };
  param: Parameter;
  conv2d: Convolution;
  /** Weight [in, out, kh, kw]; no output padding. */
  convTranspose2d: { readonly kernel: Size; readonly stride: Size; readonly padding: Size };
  /** Flattens in C·H·W order; gives N×out×1×1. */
  linear: { readonly inFeatures: number };
  /** In evaluation mode, by the running statistics: inputs x, weight, bias, mean, variance. */
  batchNorm: { readonly eps: number };
  groupNorm: { readonly groups: number; readonly eps: number };
  /** Over the channels of every position. */
  layerNorm: { readonly eps: number };
  relu: Nothing;
  silu: Nothing;
  sigmoid: Nothing;
  /** By the error function, not its tanh approximation. */
  gelu: Nothing;
  /** min(max(x + 3, 0), 6) / 6. */
  hardsigmoid: Nothing;
  /** x · hardsigmoid(x). */
  hardswish: Nothing;
  /** x times a parameter of shape [1, C, 1, 1]. */
  scale: Nothing;
  /** Extents must be equal or 1, as in PyTorch's broadcasting. */
  add: Nothing;
  sub: Nothing;
  mul: Nothing;
  concat: { readonly axis: 'channels' | 'batch' };
  /** Channels `start` up to, not including, `end`. */
  slice: { readonly start: number; readonly end: number };
  globalAvgPool: Nothing;
  /** Bin i covers floor(i·n/bins) up to ceil((i+1)·n/bins); bins may outnumber the pixels. */
  adaptiveAvgPool: { readonly bins: Size };
  /** Padding never wins. */
  maxPool: Window;
  /** The mean of a window's pixels; padding does not count (`count_include_pad=False`). */
  avgPool: Window;
  /** To the size of the second input, or by an integer factor where there is none. Nearest reads floor(dst · in / out). */
  resize: { readonly mode: 'bilinear' | 'nearest'; readonly alignCorners: boolean; readonly factor?: number };
  /** mmcv's RoIAlign, average mode; `spatialScale` takes image pixels to the map. */
  roiAlign: RoiAlignOptions;
  /** Zeros to the right and below, up to multiples of both extents. */
  padToMultiple: { readonly multiple: Size };
  /** Tiles of 2×2 pixels to channels: top left, bottom left, top right, bottom right. Odd sizes count as padded by zeros. */
  mergePatches: Nothing;
  windowAttention: WindowAttention;
  /** Among all pixels: softmax(q·kᵀ / √depth) · v, head by head. Its scores are the square of the pixels. */
  attention: Heads;
  /** Among all pixels: φ(q) · (φ(k)ᵀ·v) / (φ(q) · Σφ(k)) with φ = elu + 1, head by head; linear in the pixels (arXiv 2006.16236). */
  linearAttention: Heads;
  /** A linear layer over the pixels of maps of one size, the same for every channel: weight [to, from] in row-major order. */
  mixPositions: { readonly from: Size; readonly to: Size };
  /** y[i, j] = x[i − rows, j − columns], zero where x has no such pixel. */
  shift: { readonly rows: number; readonly columns: number };
  /** Depthwise around a whole axis of n pixels: y[i] = Σ w[k] · x[(i + k) mod n], the weight resized to n (corners aligned). */
  circularConv2d: { readonly axis: Axis };
  /** x plus a parameter with a value for every place along an axis, resized to its extent (corners aligned). */
  addAlongAxis: { readonly axis: Axis };
}

/** An axis of a map that an operation works along. */
export type Axis = 'height' | 'width';

type Nothing = Readonly<Record<string, never>>;
const nothing: Nothing = Object.freeze({});

/** The names of all operations. */
export type Op = keyof Attributes;

/** A pooling window, in pixels; padding is symmetric. */
export interface Window {
  readonly kernel: Size;
  readonly stride: Size;
  readonly padding: Size;
}

/** A convolution's window; dilation spreads its taps, groups split the channels. */
export interface Convolution extends Window {
  readonly dilation: Size;
  readonly groups: number;
}

/** Of mmcv's RoIAlign. */
export interface RoiAlignOptions {
  readonly outputSize: Size;
  readonly spatialScale: number;
  /** Samples per bin and axis; 0 means ceil(region / bins). */
  readonly samplingRatio: number;
  /** Whether coordinates are shifted by half a pixel (mmcv ≥ 1.0). */
  readonly aligned: boolean;
}

/** Into how many heads attention splits the channels. */
export interface Heads {
  readonly heads: number;
}

/** Swin's attention among the pixels of a window: softmax(q·kᵀ / √depth + position bias + mask) · v, head by head. */
export interface WindowAttention {
  readonly heads: number;
  /** Side of the square windows. */
  readonly window: number;
  /** Pixels by which the windows lie further right and below; the parts of a window that are no neighbours do not see each other. */
  readonly shift: number;
  /**
   * Maps are filled up to whole windows at the right and below, `first` before they are rolled by the shift (Microsoft's detection
   * code, mmdet, mmseg), or `last`, after it (timm). Filling is what the projection makes of zeros, and is attended to.
   */
  readonly padding: 'first' | 'last';
}

/** Both extents from one number or from a given size. @throws ShapeError where it is neither */
export function sizeFrom(value: number | Size): Size {
  if (typeof value === 'number') return { height: value, width: value };
  if (typeof value === 'object' && value !== null && 'height' in value && 'width' in value) return value;
  throw new ShapeError(`an extent is a number or { height, width }, not ${JSON.stringify(value)}.`);
}

function elementwise(op: 'add' | 'sub' | 'mul') {
  return (a: Value, b: Value): Value => {
    const [m, n] = [channelsOf(a, op), channelsOf(b, op)];
    if (m !== n && m !== 1 && n !== 1) throw new ShapeError(`${op} needs equal channels, or 1, got ${m} and ${n}.`);
    return record(op, [a, b], nothing, Math.max(m, n));
  };
}

/** a + b; one of them may have one channel, or one pixel, for all. */
export const add = elementwise('add');
/** a − b; one of them may have one channel, or one pixel, for all. */
export const sub = elementwise('sub');
/** a · b; one of them may have one channel, or one pixel, for all. */
export const mul = elementwise('mul');

function activation(op: 'relu' | 'silu' | 'sigmoid' | 'gelu' | 'hardsigmoid' | 'hardswish') {
  return (x: Value, scope?: Scope): Value => record(op, [x], nothing, channelsOf(x, op), scope);
}

/** max(x, 0). */
export const relu = activation('relu');
/** x · sigmoid(x). */
export const silu = activation('silu');
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = activation('sigmoid');
/** x · Φ(x) by erf, not by tanh. */
export const gelu = activation('gelu');
/** x / 6 + 1/2, held between 0 and 1. */
export const hardsigmoid = activation('hardsigmoid');
/** x · hardsigmoid(x). */
export const hardswish = activation('hardswish');

/** x · parameter, channel by channel; the parameter's shape is [1, C, 1, 1]. */
export function scale(x: Value, parameter: ParameterValue, scope?: Scope): Value {
  return record('scale', [x, parameter], nothing, channelsOf(x, 'scale'), scope);
}

/** Joins maps of equal height and width along the channels, or results for several groups of regions along the batch. */
export function concat(values: readonly Value[], axis: 'channels' | 'batch' = 'channels'): Value {
  const [first, ...rest] = values;
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

/** Channels `start` up to, not including, `end`. */
export function slice(x: Value, start: number, end: number = channelsOf(x, 'slice')): Value {
  if (!(start >= 0 && start < end && end <= x.channels)) {
    throw new ShapeError(`slice of channels ${start} to ${end} does not lie within the ${x.channels} channels.`);
  }
  return record('slice', [x], { start, end }, end - start);
}

/** The mean over height and width, N×C×1×1. */
export function globalAvgPool(x: Value, scope?: Scope): Value {
  return record('globalAvgPool', [x], nothing, channelsOf(x, 'globalAvgPool'), scope);
}

/** The means of `bins` areas of the map: N×C×bins. */
export function adaptiveAvgPool(x: Value, bins: number | Size, scope?: Scope): Value {
  return record('adaptiveAvgPool', [x], { bins: sizeFrom(bins) }, channelsOf(x, 'adaptiveAvgPool'), scope);
}

function pooling(op: 'maxPool' | 'avgPool') {
  return (
    x: Value,
    {
      kernel,
      stride = kernel,
      padding = 0,
    }: { kernel: number | Size; stride?: number | Size; padding?: number | Size },
    scope?: Scope,
  ): Value => {
    const window = { kernel: sizeFrom(kernel), stride: sizeFrom(stride), padding: sizeFrom(padding) };
    return record(op, [x], window, channelsOf(x, op), scope);
  };
}

/** The largest pixel of each window; padding never wins. */
export const maxPool = pooling('maxPool');
/** The mean of each window; padding does not count. */
export const avgPool = pooling('avgPool');

/** Resizes to another value's height and width, or by an integer factor. `alignCorners` is of the bilinear mode. */
export function resize(
  x: Value,
  to: { like: Value } | { factor: number },
  { mode = 'bilinear', alignCorners = false }: { mode?: 'bilinear' | 'nearest'; alignCorners?: boolean } = {},
  scope?: Scope,
): Value {
  const how = { mode, alignCorners };
  return 'like' in to
    ? record('resize', [x, to.like], how, channelsOf(x, 'resize'), scope)
    : record('resize', [x], { ...how, factor: to.factor }, channelsOf(x, 'resize'), scope);
}

/** Pools every region of `regions` (n × 5) from the map: n×C×outputSize. */
export function roiAlign(x: Value, regions: Value, options: RoiAlignOptions): Value {
  return record('roiAlign', [x, regions], options, channelsOf(x, 'roiAlign'));
}

/** Zeros to the right and below, up to multiples of both extents. */
export function padToMultiple(x: Value, multiple: number | Size): Value {
  return record('padToMultiple', [x], { multiple: sizeFrom(multiple) }, channelsOf(x, 'padToMultiple'));
}

/** Tiles of 2×2 pixels to channels: N×4C×⌈H/2⌉×⌈W/2⌉. */
export function mergePatches(x: Value): Value {
  return record('mergePatches', [x], nothing, 4 * channelsOf(x, 'mergePatches'));
}

/**
 * Swin's attention within windows, and the shift and the filling that belong to it.
 *
 * @param qkv queries, keys and values of every pixel: a third of the channels each, head by head
 * @param parameters `table` of the shape [(2·window − 1)², heads], the position bias by row and column distance; `bias` [3C] of the
 *   projection that made `qkv`, where it has one
 */
export function windowAttention(
  qkv: Value,
  { table, bias }: { table: ParameterValue; bias?: ParameterValue | undefined },
  options: WindowAttention,
): Value {
  const channels = attended('windowAttention', qkv, options.heads);
  return record('windowAttention', bias ? [qkv, table, bias] : [qkv, table], options, channels);
}

/** Channels of what attention gives: a third. */
function attended(op: Op, qkv: Value, heads: number): number {
  const channels = qkv.channels / 3;
  if (Number.isInteger(channels / heads)) return channels;
  throw new ShapeError(`${op} needs channels for queries, keys and values of ${heads} heads, got ${qkv.channels}.`);
}

/** `qkv`: queries, keys and values of every pixel, a third of the channels each, head by head. */
export function attention(qkv: Value, heads: number, scope?: Scope): Value {
  return record('attention', [qkv], { heads }, attended('attention', qkv, heads), scope);
}

/** As `attention`, by the kernel φ in place of the softmax. */
export function linearAttention(qkv: Value, heads: number, scope?: Scope): Value {
  return record('linearAttention', [qkv], { heads }, attended('linearAttention', qkv, heads), scope);
}

/** Moves a map down by `rows` and right by `columns`; zeros come in. */
export function shift(x: Value, { rows = 0, columns = 0 }: { rows?: number; columns?: number }): Value {
  return record('shift', [x], { rows, columns }, channelsOf(x, 'shift'));
}

/** The weight is [C, 1, n, 1] along the height, [C, 1, 1, n] along the width, for whatever n. */
export function circularConv2d(x: Value, weight: ParameterValue, axis: Axis): Value {
  return record('circularConv2d', [x, weight], { axis }, channelsOf(x, 'circularConv2d'));
}

/** The parameter is [1, C, n, 1] along the height, [1, C, 1, n] along the width, for whatever n. */
export function addAlongAxis(x: Value, parameter: ParameterValue, axis: Axis): Value {
  return record('addAlongAxis', [x, parameter], { axis }, channelsOf(x, 'addAlongAxis'));
}
