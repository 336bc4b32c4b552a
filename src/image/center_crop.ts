import type { Size } from '../ndarray.ts';
import type { Raster } from './raster.ts';
import { roundHalfEven } from './resize.ts';
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
