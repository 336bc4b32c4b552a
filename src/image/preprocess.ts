import type { NDArray, Size } from '../arrays.ts';
import { type EdgeScale, type Geometry, geometryOf, keepRatioSize, roundUpSize } from './geometry.ts';
import type { Raster } from './raster.ts';
import { type LabelMap, resizeLinear, resizeNearest, resizeRows, roundHalfEven } from './resize.ts';
import { type Interpolation, resizePillow } from './resize_pillow.ts';

/** How a classifier looks at a picture: its middle. */
export interface CenterCrop {
  /** Height and width of the network's input. */
  readonly size: number;
  /** How much of the short side is seen, above 0 and at most 1. */
  readonly cropPct: number;
  /** Default bicubic. */
  readonly interpolation?: Interpolation;
}

/** The size to which timm's evaluation resizes: short side floor(size / cropPct), the long one in ratio, rounded down. */
export function sizeBeforeCrop({ height, width }: Size, { size, cropPct }: CenterCrop): Size {
  const short = Math.floor(size / cropPct);
  const long = Math.floor((short * Math.max(height, width)) / Math.min(height, width));
  return height <= width ? { height: short, width: long } : { height: long, width: short };
}

/**
 * timm's evaluation on Pillow, byte for byte: resize of the short side, then the square in the middle; where it
 * cannot lie exactly there, its corner is rounded to the even pixel.
 */
export function centerCrop(image: Raster, crop: CenterCrop): Raster {
  const resized = sizeBeforeCrop(image, crop);
  const { size, interpolation } = crop;
  const window = {
    left: roundHalfEven((resized.width - size) / 2),
    top: roundHalfEven((resized.height - size) / 2),
    width: size,
    height: size,
  };
  return resizePillow(image, resized, window, interpolation);
}

/** From a raster to a network's input, in the arithmetic of mmcv: one resize that writes the normalised planes as it goes. */

export interface Normalization {
  /** Per channel in the order of the planes, in units of bytes (0–255). */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** What the network was trained on; mmcv's `to_rgb: false` is `bgr`. Default `rgb`. */
  readonly channelOrder?: 'rgb' | 'bgr';
}

export interface DetectionPipeline extends Normalization {
  /** Edges to fit between; with `keepRatio: false` exactly [width, height]. */
  readonly scale: EdgeScale;
  /** Default true. */
  readonly keepRatio?: boolean;
  /** The input is padded with zeros right and below to a multiple of it. */
  readonly divisor: number;
}

export interface SegmentationPipeline extends Normalization {
  readonly scale: EdgeScale;
  /** The image is stretched up to a multiple of it; nothing is padded. */
  readonly divisor: number;
}

export interface ClassificationPipeline extends Normalization, CenterCrop {}

export interface Prepared {
  readonly input: NDArray; // (1, 3, padded height, padded width)
  readonly geometry: Geometry;
}

/** mmdetection's test pipeline: resize (ratio kept), normalise, then pad with zeros right and below to the divisor. */
export function prepareDetection(image: Raster, pipeline: DetectionPipeline): Prepared {
  const [width, height] = pipeline.scale;
  const resized = pipeline.keepRatio === false ? { height, width } : keepRatioSize(image, pipeline.scale);
  const padded = roundUpSize(resized, pipeline.divisor);
  return {
    input: normalizedPlanes(image, resized, padded, pipeline),
    geometry: geometryOf(sizeOnly(image), resized, padded),
  };
}

/**
 * The official segmentation pipeline (`AlignResize`): the image is resized keeping its ratio and the result, in bytes
 * again, is stretched up to multiples of the divisor. Two roundings, as the reference does it.
 */
export function prepareSegmentation(image: Raster, pipeline: SegmentationPipeline): Prepared {
  const first = keepRatioSize(image, pipeline.scale);
  const aligned = roundUpSize(first, pipeline.divisor);
  const stretched = sameSize(first, aligned) ? image : resizeLinear(image, first);
  return {
    input: normalizedPlanes(stretched, aligned, aligned, pipeline),
    geometry: geometryOf(sizeOnly(image), aligned, aligned),
  };
}

/**
 * timm's evaluation pipeline on Pillow: bicubic resize of the short side, centre crop, normalise. The pictures are read as
 * everywhere in this package, EXIF applied; Pillow leaves a turned photograph lying on its side, which no user means.
 */
export function prepareClassification(image: Raster, pipeline: ClassificationPipeline): NDArray {
  const crop = centerCrop(image, pipeline);
  return normalizedPlanes(crop, crop, crop, pipeline); // (1, 3, size, size)
}

/** A label map through the segmentation pipeline: the same two sizes, nearest neighbour. */
export function prepareLabels<T extends Uint8Array | Uint16Array | Int32Array>(
  labels: LabelMap<T>,
  { scale, divisor }: Pick<SegmentationPipeline, 'scale' | 'divisor'>,
): LabelMap<T> {
  const first = keepRatioSize(labels, scale);
  return resizeNearest(resizeNearest(labels, first), roundUpSize(first, divisor));
}

export interface Batch {
  readonly input: NDArray; // (images, 3, height, width)
  /** The common size (`batch_input_shape`); every image keeps its own geometry. */
  readonly padded: Size;
}

/**
 * Joins prepared images: each is padded with zeros right and below to the largest height and width among them, which are
 * then rounded up to `divisor`.
 */
export function batchInputs(inputs: readonly NDArray[], divisor = 1): Batch {
  const heights = inputs.map(({ shape }) => shape[2]!);
  const widths = inputs.map(({ shape }) => shape[3]!);
  const padded = roundUpSize({ height: Math.max(...heights), width: Math.max(...widths) }, divisor);
  const plane = padded.height * padded.width;
  const data = new Float32Array(inputs.length * 3 * plane);
  inputs.forEach((input, image) => {
    const height = heights[image]!;
    const width = widths[image]!;
    for (let row = 0; row < 3 * height; row++) {
      const start = (image * 3 + Math.floor(row / height)) * plane + (row % height) * padded.width;
      data.set(input.data.subarray(row * width, (row + 1) * width), start);
    }
  });
  return { input: { shape: [inputs.length, 3, padded.height, padded.width], data }, padded };
}

/** A byte has 256 values: each channel's normalised ones are computed once, in mmcv's float32 steps, and looked up. */
function normalizationTables({ mean, std }: Normalization): Float32Array[] {
  return mean.map((channelMean, channel) => {
    const inverse = Math.fround(1 / std[channel]!);
    return Float32Array.from({ length: 256 }, (_, byte) => Math.fround(byte - Math.fround(channelMean)) * inverse);
  });
}

/** Resizes to `size` and writes planes of `padded`, whose rest stays 0. */
function normalizedPlanes(image: Raster, size: Size, padded: Size, normalization: Normalization): NDArray {
  const plane = padded.height * padded.width;
  const data = new Float32Array(3 * plane);
  const tables = normalizationTables(normalization);
  const bgr = normalization.channelOrder === 'bgr';
  // the planes that red, green and blue go to, and their tables
  const [red, green, blue] = bgr ? [2, 1, 0] : [0, 1, 2];
  const [reds, greens, blues] = [tables[red!]!, tables[1]!, tables[blue!]!];
  const write = (y: number, row: Raster['data'], start: number, stride: 3 | 4) => {
    let r = red! * plane + y * padded.width;
    let g = green! * plane + y * padded.width;
    let b = blue! * plane + y * padded.width;
    for (let x = 0, i = start; x < size.width; x++, i += stride) {
      data[r++] = reds[row[i]!]!;
      data[g++] = greens[row[i + 1]!]!;
      data[b++] = blues[row[i + 2]!]!;
    }
  };
  if (sameSize(image, size)) {
    for (let y = 0; y < size.height; y++) write(y, image.data, y * size.width * 4, 4);
  } else resizeRows(image, size, 3, (y, row) => write(y, row, 0, 3));
  return { shape: [1, 3, padded.height, padded.width], data };
}

const sizeOnly = ({ height, width }: Size): Size => ({ height, width });
const sameSize = (a: Size, b: Size): boolean => a.height === b.height && a.width === b.width;
