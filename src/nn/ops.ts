import type { Shape, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { foundIn } from '../validate.ts';

/**
 * The vocabulary: PyTorch's names and semantics on maps N×C×H×W. Models use the functions of `functional.ts`, or the layers
 * that bring their parameters. Interpreters are exhaustive tables over `Op`.
 */
export interface Attributes {
  /** A map from the caller, or regions (n × 5: batch index, x1, y1, x2, y2 in image pixels). */
  input: { readonly name: string; readonly kind: 'map' | 'regions' };
  param: Parameter;
  conv2d: Convolution;
  /** Weight [in, out, kh, kw]; `outputPadding` adds rows below and columns at the right to the result. */
  convTranspose2d: Window & { readonly outputPadding: Size };
  /** Flattens in C·H·W order; gives N×out×1×1. */
  linear: { readonly inFeatures: number };
  /** In evaluation mode: normalises by the running statistics. */
  batchNorm: { readonly eps: number };
  groupNorm: { readonly groups: number; readonly eps: number };
  /** Normalises over the channels of every position. */
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
  /** To the size of `like`, or by an integer factor without it. Nearest reads floor(dst · in / out). */
  resize: {
    readonly mode: 'bilinear' | 'nearest';
    readonly alignCorners: boolean;
    readonly factor?: number | undefined;
  };
  /** mmcv's RoIAlign, average mode; `spatialScale` takes image pixels to the map. */
  roiAlign: RoiAlignOptions;
  /** Zeros to the right and below, up to multiples of both extents. */
  padToMultiple: { readonly multiple: Size };
  /** Tiles of 2×2 pixels to channels: top left, bottom left, top right, bottom right. Odd sizes are padded by zeros first. */
  mergePatches: Nothing;
  windowAttention: WindowAttention;
  /** Among all pixels: softmax(q·kᵀ / √depth) · v, head by head. The number of scores is the square of the pixels. */
  attention: Heads;
  /** Among all pixels: φ(q) · (φ(k)ᵀ·v) / (φ(q) · Σφ(k)) with φ = elu + 1, head by head; linear in the pixels (arXiv 2006.16236). */
  linearAttention: Heads;
  /** A linear layer over the pixels of maps of one size, the same for every channel: weight [to, from] in row-major order. */
  mixPositions: { readonly from: Size; readonly to: Size };
  /** y[i, j] = x[i − rows, j − columns], zero if x has no such pixel. */
  shift: { readonly rows: number; readonly columns: number };
  /** Depthwise around a whole axis of n pixels: y[i] = Σ w[k] · x[(i + k) mod n], the weight resized to n (corners aligned). */
  circularConv2d: { readonly axis: Axis };
  /** x plus a parameter with a value for every position along an axis, resized to its extent (corners aligned). */
  addAlongAxis: { readonly axis: Axis };
}

/**
 * The inputs of each operation: maps `M` first, then parameters `P`. An interpreter fills in what it has for each kind:
 * ids of nodes, shapes, names of ONNX values.
 */
export interface Operands<M, P> {
  input: readonly [];
  param: readonly [];
  conv2d: readonly [x: M, weight: P, bias?: P];
  convTranspose2d: readonly [x: M, weight: P, bias?: P];
  linear: readonly [x: M, weight: P, bias: P];
  batchNorm: readonly [x: M, weight: P, bias: P, mean: P, variance: P];
  groupNorm: readonly [x: M, weight: P, bias: P];
  layerNorm: readonly [x: M, weight: P, bias: P];
  relu: readonly [x: M];
  silu: readonly [x: M];
  sigmoid: readonly [x: M];
  gelu: readonly [x: M];
  hardsigmoid: readonly [x: M];
  hardswish: readonly [x: M];
  scale: readonly [x: M, factor: P];
  add: readonly [a: M, b: M];
  sub: readonly [a: M, b: M];
  mul: readonly [a: M, b: M];
  concat: readonly [first: M, ...others: M[]];
  slice: readonly [x: M];
  globalAvgPool: readonly [x: M];
  adaptiveAvgPool: readonly [x: M];
  maxPool: readonly [x: M];
  avgPool: readonly [x: M];
  resize: readonly [x: M, like?: M];
  roiAlign: readonly [x: M, regions: M];
  padToMultiple: readonly [x: M];
  mergePatches: readonly [x: M];
  windowAttention: readonly [qkv: M, table: P, bias?: P];
  attention: readonly [qkv: M];
  linearAttention: readonly [qkv: M];
  mixPositions: readonly [x: M, weight: P, bias: P];
  shift: readonly [x: M];
  circularConv2d: readonly [x: M, weight: P];
  addAlongAxis: readonly [x: M, parameter: P];
}

/** The names of all operations. */
export type Op = keyof Attributes;

/** The operations that compute; the others hand in values. */
export type Operation = Exclude<Op, 'input' | 'param'>;

/** The operations that change every value by itself, whatever the layout. */
export const activations = ['relu', 'silu', 'sigmoid', 'gelu', 'hardsigmoid', 'hardswish'] as const;

/** An axis of a map that an operation works along. */
export type Axis = 'height' | 'width';

export type Nothing = Readonly<Record<string, never>>;

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

/** The options of mmcv's RoIAlign. */
export interface RoiAlignOptions {
  readonly outputSize: Size;
  readonly spatialScale: number;
  /** Samples per bin and axis; 0 means ceil(region / bins). */
  readonly samplingRatio: number;
  /** Whether coordinates are shifted by half a pixel (mmcv ≥ 1.0). */
  readonly aligned: boolean;
}

/** The number of heads into which attention splits the channels. */
export interface Heads {
  readonly heads: number;
}

/** Swin's attention among the pixels of a window: softmax(q·kᵀ / √depth + position bias + mask) · v, head by head. */
export interface WindowAttention {
  readonly heads: number;
  /** Side of the square windows. */
  readonly window: number;
  /** Pixels by which the windows lie further right and below; parts of a window that are not neighbours do not see each other. */
  readonly shift: number;
  /**
   * Maps are padded to whole windows at the right and below, `first` before they are rolled by the shift (Microsoft's detection
   * code, mmdet, mmseg), or `last`, after it (timm). A padded pixel is what the projection makes of zeros, and is attended to.
   */
  readonly padding: 'first' | 'last';
}

/** `ignored` ones (`num_batches_tracked`, second names) belong to the key list and to nothing else. */
export type ParameterKind = 'parameter' | 'buffer' | 'ignored';

/** A tensor of the state dict that a model asks for. */
export interface Parameter {
  readonly key: string;
  readonly shape: Shape;
  readonly kind: ParameterKind;
  /**
   * The shape in which operations take it, if the checkpoint has the same numbers in another: a 1×1 convolution kept as [out, in]. The
   * numbers are not moved.
   */
  readonly view?: Shape | undefined;
  /** The key that this one is another name of: a state dict has the tensor under both, or under either. */
  readonly aliasOf?: string | undefined;
}

/** Returns both extents from one number or from a given size. @throws ShapeError if it is neither */
export function sizeFrom(value: number | Size): Size {
  if (typeof value === 'number') return { height: value, width: value };
  if (typeof value === 'object' && value !== null && 'height' in value && 'width' in value) return value;
  throw new ShapeError(`an extent is a number or { height, width }, not ${foundIn(value)}.`);
}
