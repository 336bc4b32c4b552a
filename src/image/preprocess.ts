import type { NDArray, Size } from '../arrays.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { type EdgeScale, type Geometry, geometryOf, keepRatioSize, roundUpSize } from './geometry.ts';
import { type LabelMap, type Raster, sameSize } from './raster.ts';
import { linearRaster, type RasterPart, resizeNearest, resizeRows, roundHalfEven, rowsPerSlice } from './resize.ts';
import { type Interpolation, resizePillow } from './resize_pillow.ts';

/**
 * From a raster to a network's input. Detection and segmentation follow the arithmetic of mmcv: one resize that writes the
 * normalised planes as it goes. Classification follows timm on Pillow.
 */

/** How pixels become numbers: (byte - mean) / std per channel. */
export interface Normalization {
  /** Per channel in the order of the planes, in units of bytes (0–255). */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** The order that the network was trained on; mmcv's `to_rgb: false` is `bgr`. By default `rgb`. */
  readonly channelOrder?: 'rgb' | 'bgr' | undefined;
}

/** A value of the network's input, one for all channels or one for each in the network's order. */
export type PadValue = number | readonly [number, number, number];

/** How an image is resized, and what is put right and below of it. */
interface Fitting {
  /** Edges to fit between; with `keepRatio: false` exactly [width, height]. */
  readonly scale: EdgeScale;
  /** By default true. */
  readonly keepRatio?: boolean | undefined;
  /** The input is padded to at least this size. */
  readonly padSize?: Size | undefined;
  /** The values of the padding, after the normalisation. By default 0. */
  readonly padValue?: PadValue | undefined;
}

export interface DetectionPipeline extends Normalization, Fitting {
  /** The input is padded right and below to a multiple of it. */
  readonly divisor: number;
}

export interface SegmentationPipeline extends Normalization, Fitting {
  /** The image is stretched up to a multiple of it. */
  readonly divisor: number;
  /** The stretched image is padded right and below to a multiple of it. By default 1. */
  readonly padDivisor?: number | undefined;
}

/** Which part of an image a classification model sees: its middle. */
export interface CenterCrop {
  /** Height and width of the network's input. */
  readonly size: number;
  /** The part of the short side that is seen, above 0 and at most 1. */
  readonly cropPct: number;
  /** By default bicubic. */
  readonly interpolation?: Interpolation | undefined;
}

export interface ClassificationPipeline extends Normalization, CenterCrop {}

/** An input with the way back to the image. */
export interface Prepared {
  readonly input: NDArray; // (1, 3, padded height, padded width)
  readonly geometry: Geometry;
  /** Returns a window of the input. If it is there, `input` is made when it is first asked for. */
  readonly cut?: ((window: RasterPart) => NDArray) | undefined;
}

/** mmdetection's test pipeline: resizes (ratio kept), normalises, then pads right and below to the divisor. */
export function* prepareDetection(image: Raster, pipeline: DetectionPipeline): Sliced<Prepared> {
  const resized = fittedSize(image, pipeline);
  const padded = paddedSize(resized, pipeline.divisor, pipeline);
  return {
    input: yield* normalizedPlanes(image, resized, padded, pipeline),
    geometry: geometryOf(sizeOnly(image), resized, padded),
  };
}

/**
 * The official segmentation pipeline (`AlignResize`): the image is resized keeping its ratio and the result, in bytes
 * again, is stretched up to multiples of the divisor. Two roundings, as the reference does it. Padding comes last.
 */
export function* prepareSegmentation(image: Raster, pipeline: SegmentationPipeline): Sliced<Prepared> {
  const first = fittedSize(image, pipeline);
  const aligned = roundUpSize(first, pipeline.divisor);
  const stretched = sameSize(first, aligned) ? image : yield* linearRaster(image, first);
  const padded = paddedSize(aligned, pipeline.padDivisor ?? 1, pipeline);
  return {
    input: yield* normalizedPlanes(stretched, aligned, padded, pipeline),
    geometry: geometryOf(sizeOnly(image), aligned, padded),
  };
}

/**
 * Does what `prepareSegmentation` does for a network that sees windows only: each is resized and made when it is cut. The input of a large
 * image would take three times as much as the image, and the resized bytes as much again.
 */
export function* prepareWindows(image: Raster, pipeline: SegmentationPipeline): Sliced<Prepared> {
  const first = fittedSize(image, pipeline);
  const aligned = roundUpSize(first, pipeline.divisor);
  const stretched = sameSize(first, aligned) ? image : yield* linearRaster(image, first);
  const padded = paddedSize(aligned, pipeline.padDivisor ?? 1, pipeline);
  const cut = (window: RasterPart) => normalizedPart(stretched, aligned, window, pipeline);
  let whole: NDArray | undefined;
  return {
    get input() {
      whole ??= cut({ top: 0, left: 0, ...padded });
      return whole;
    },
    geometry: geometryOf(sizeOnly(image), aligned, padded),
    cut,
  };
}

function fittedSize(image: Size, { scale, keepRatio }: Fitting): Size {
  const [width, height] = scale;
  return keepRatio === false ? { height, width } : keepRatioSize(image, scale);
}

function paddedSize(size: Size, divisor: number, { padSize }: Fitting): Size {
  const larger = (axis: 'height' | 'width') => Math.max(size[axis], padSize?.[axis] ?? 0);
  return roundUpSize({ height: larger('height'), width: larger('width') }, divisor);
}

/** Prepares a label map as `prepareSegmentation` does an image: the same two sizes, nearest neighbour. */
export function prepareLabels<T extends Uint8Array | Uint16Array>(
  labels: LabelMap<T>,
  pipeline: Pick<SegmentationPipeline, 'scale' | 'keepRatio' | 'divisor'>,
): LabelMap<T> {
  const first = fittedSize(labels, pipeline);
  return resizeNearest(resizeNearest(labels, first), roundUpSize(first, pipeline.divisor));
}

/**
 * timm's evaluation pipeline on Pillow: resizes the short side, cuts out the middle, normalises. The image is upright, EXIF
 * applied, as everywhere in this package; Pillow ignores the orientation.
 */
export function* prepareClassification(image: Raster, pipeline: ClassificationPipeline): Sliced<NDArray> {
  const crop = yield* centerCrop(image, pipeline);
  return yield* normalizedPlanes(crop, crop, crop, pipeline); // (1, 3, size, size)
}

/**
 * timm's evaluation on Pillow, byte for byte: resizes the short side, then cuts out the square in the middle. If it cannot
 * lie exactly there, its corner is rounded to the even pixel.
 */
export function* centerCrop(image: Raster, { size, cropPct, interpolation }: CenterCrop): Sliced<Raster> {
  const resized = sizeBeforeCrop(image, { size, cropPct });
  const left = roundHalfEven((resized.width - size) / 2);
  const top = roundHalfEven((resized.height - size) / 2);
  return yield* resizePillow(image, resized, { left, top, width: size, height: size }, interpolation);
}

/** Returns the size that timm's evaluation resizes to: short side floor(size / cropPct), the long one in ratio, rounded down. */
export function sizeBeforeCrop({ height, width }: Size, { size, cropPct }: CenterCrop): Size {
  const short = Math.floor(size / cropPct);
  const long = Math.floor((short * Math.max(height, width)) / Math.min(height, width));
  return height <= width ? { height: short, width: long } : { height: long, width: short };
}

/** Resizes to `size` and writes planes of `padded`, whose rest has the value of the padding. */
function* normalizedPlanes(image: Raster, size: Size, padded: Size, normalization: Padded): Sliced<NDArray> {
  const { data, write } = planeWriter(padded, normalization);
  if (sameSize(image, size)) {
    const rows = rowsPerSlice(size.width);
    for (let y = 0; y < size.height; y++) {
      write(image.data, y * size.width * 4, 4, y, size.width);
      if (y % rows === rows - 1) yield;
    }
  } else yield* resizeRows(image, size, 3, (y, row) => write(row, 0, 3, y, size.width));
  return { shape: [1, 3, padded.height, padded.width], data };
}

/** Writes the planes of a part of an image that is resized to `size`. The rest of the part has the value of the padding. */
function normalizedPart(image: Raster, size: Size, part: RasterPart, normalization: Padded): NDArray {
  const { data, write } = planeWriter(part, normalization);
  const height = Math.min(part.height, size.height - part.top);
  const width = Math.min(part.width, size.width - part.left);
  if (height > 0 && width > 0) {
    const { top, left } = part;
    const isResized = !sameSize(image, size);
    if (isResized) {
      atOnce(resizeRows(image, size, 3, (y, row) => write(row, 0, 3, y, width), { top, left, height, width }));
    } else {
      for (let y = 0; y < height; y++) write(image.data, 4 * ((top + y) * image.width + left), 4, y, width);
    }
  }
  return { shape: [1, 3, part.height, part.width], data };
}

type Padded = Normalization & { readonly padValue?: PadValue | undefined };

/** Returns planes of the padding's value, and a function that writes rows of bytes to them. */
function planeWriter({ height, width: planeWidth }: Size, normalization: Padded) {
  const plane = height * planeWidth;
  const data = planesOf(1, plane, normalization.padValue);
  const [first, green, last] = [0, 1, 2].map((channel) => ({
    values: data.subarray(channel * plane, (channel + 1) * plane),
    table: normalizationTable(normalization, channel),
  })) as [Plane, Plane, Plane];
  const [red, blue] = normalization.channelOrder === 'bgr' ? [last, first] : [first, last];
  const write = (row: Raster['data'], start: number, stride: 3 | 4, y: number, width: number) => {
    for (const [i, { values, table }] of [red, green, blue].entries()) {
      normalizeRow(row, start + i, stride, table, values, y * planeWidth, width);
    }
  };
  return { data, write };
}

/** The values of one channel, and what each byte becomes in it. */
interface Plane {
  readonly values: Float32Array;
  readonly table: Float32Array;
}

/** Writes one channel of a row of interleaved bytes. */
function normalizeRow(
  row: Raster['data'],
  start: number,
  stride: 3 | 4,
  table: Float32Array,
  values: Float32Array,
  at: number,
  width: number,
): void {
  for (let i = start, end = at + width; at < end; at++, i += stride) values[at] = table[row[i]!]!;
}

/** A byte has 256 values: a channel's normalised ones are computed once, in mmcv's float32 steps, and looked up. */
export function normalizationTable({ mean, std }: Normalization, channel: number): Float32Array {
  const inverse = Math.fround(1 / std[channel]!);
  const channelMean = Math.fround(mean[channel]!);
  return Float32Array.from({ length: 256 }, (_, byte) => Math.fround(byte - channelMean) * inverse);
}

/** Returns planes of three channels per image, filled with the value of the padding. */
function planesOf(images: number, plane: number, value: PadValue = 0): Float32Array {
  const data = new Float32Array(images * 3 * plane);
  if (value === 0) return data;
  for (let i = 0; i < 3 * images; i++) {
    data.fill(typeof value === 'number' ? value : value[i % 3]!, i * plane, (i + 1) * plane);
  }
  return data;
}

/**
 * Mirrors the images of a batch from left to right. The padding stays right and below, as if the images had been mirrored before it.
 *
 * @param resized the part of each input that shows the image, by default all of it
 */
export function mirroredInputs({ shape, data }: NDArray, resized: readonly Size[]): NDArray {
  const [images = 0, channels = 0, height = 0, width = 0] = shape;
  const mirrored = data.slice();
  for (let image = 0; image < images; image++) {
    const shown = resized[image] ?? { height, width };
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height * width;
      for (let y = 0, row = plane; y < shown.height; y++, row += width)
        mirrored.subarray(row, row + shown.width).reverse();
    }
  }
  return { shape, data: mirrored };
}

const sizeOnly = ({ height, width }: Size): Size => ({ height, width });

/** Inputs of several images joined to one. */
export interface Batch {
  readonly input: NDArray; // (images, 3, height, width)
  /** The common size (`batch_input_shape`); every image keeps its geometry. */
  readonly padded: Size;
}

/**
 * Joins prepared images: each is padded right and below to the largest height and width among them, which are then rounded
 * up to `divisor`.
 */
export function* batchInputs(inputs: readonly NDArray[], divisor = 1, padValue?: PadValue): Sliced<Batch> {
  const sizes = inputs.map(({ shape: [, , height = 0, width = 0] }) => ({ height, width }));
  const largest = (axis: 'height' | 'width') => Math.max(...sizes.map((size) => size[axis]));
  const padded = roundUpSize({ height: largest('height'), width: largest('width') }, divisor);
  const data = planesOf(inputs.length, padded.height * padded.width, padValue);
  for (const [image, { shape, data: values }] of inputs.entries()) {
    const [, , height = 0, width = 0] = shape;
    for (let row = 0; row < 3 * height; row++) {
      const plane = image * 3 + Math.floor(row / height);
      const start = (plane * padded.height + (row % height)) * padded.width;
      data.set(values.subarray(row * width, (row + 1) * width), start);
    }
    yield;
  }
  return { input: { shape: [inputs.length, 3, padded.height, padded.width], data }, padded };
}
