import type { Shape, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';

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

export type Nothing = Readonly<Record<string, never>>;
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

/** `ignored` ones (`num_batches_tracked`, second names) belong to the key list and to nothing else. */
export type ParameterKind = 'parameter' | 'buffer' | 'ignored';

/** A tensor of the state dict that a model asks for. */
export interface Parameter {
  readonly key: string;
  readonly shape: Shape;
  readonly kind: ParameterKind;
  /** The shape in which operations take it, where the checkpoint has the same numbers in another: a 1×1 convolution kept as [out, in]. */
  readonly view?: Shape;
  /** The key of which this one is another name: a state dict has the tensor under both, or under either. */
  readonly aliasOf?: string;
}

/** Both extents from one number or from a given size. @throws ShapeError where it is neither */
export function sizeFrom(value: number | Size): Size {
  if (typeof value === 'number') return { height: value, width: value };
  if (typeof value === 'object' && value !== null && 'height' in value && 'width' in value) return value;
  throw new ShapeError(`an extent is a number or { height, width }, not ${JSON.stringify(value)}.`);
}
