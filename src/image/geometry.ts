import type { Size } from '../arrays.ts';

/** How an image became a network's input: the sizes and factors that bring boxes, masks and label maps back to it. */
export interface Geometry {
  /** The image as it was decoded. */
  readonly original: Size;
  /** The part of the input that shows the image, from its upper left corner (`img_shape` in mmdetection). */
  readonly resized: Size;
  /** The input's size, padding included (`pad_shape`). */
  readonly padded: Size;
  /** resized width / original width. Boxes are divided by it, not by the nominal ratio. */
  readonly scaleX: number;
  /** resized height / original height */
  readonly scaleY: number;
}

/** Returns the geometry of an image that was resized and padded. */
export function geometryOf(original: Size, resized: Size, padded: Size): Geometry {
  return {
    original,
    resized,
    padded,
    scaleX: resized.width / original.width,
    scaleY: resized.height / original.height,
  };
}

/**
 * Two edges that the image must fit between: the larger bounds its long side, the smaller its short side, in either order
 * (mmcv's `scale=(1333, 800)`).
 */
export type EdgeScale = readonly [number, number];

/**
 * Returns the largest size of the same aspect ratio within `scale`, as `mmcv.rescale_size` rounds it. An edge that would
 * vanish (a hair-line image; the reference fails on it) becomes 1.
 */
export function keepRatioSize({ height, width }: Size, scale: EdgeScale): Size {
  const ratio = Math.min(Math.max(...scale) / Math.max(height, width), Math.min(...scale) / Math.min(height, width));
  const scaled = (edge: number) => Math.max(1, Math.floor(edge * ratio + 0.5));
  return { height: scaled(height), width: scaled(width) };
}

/** Rounds both edges up to multiples of `divisor`. */
export function roundUpSize({ height, width }: Size, divisor: number): Size {
  const up = (edge: number) => Math.ceil(edge / divisor) * divisor;
  return { height: up(height), width: up(width) };
}
