import type { Size } from '../arrays.ts';
import { ImageError } from '../errors.ts';

/** An image as 8-bit RGBA, rows top down: the shape of the browser's `ImageData`. */
export interface Raster extends Size {
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** Holds pixels from outside to what a raster is. @throws ImageError saying what was found */
export function checkRaster(raster: Raster): void {
  const { width, height, data } = raster ?? {};
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (kind !== 'Uint8ClampedArray' && kind !== 'Uint8Array') {
    throw new ImageError(
      `pixels are { width, height, data } with data a Uint8ClampedArray or Uint8Array, not ${kind}.`,
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ImageError(`an image of ${width}×${height} pixels has none.`);
  }
  if (data.length !== 4 * width * height) {
    throw new ImageError(
      `an image of ${width}×${height} pixels needs ${4 * width * height} bytes (RGBA), got ${data.length}.`,
    );
  }
}
