import type { Size } from '../arrays.ts';
import { ImageError } from '../errors.ts';
import { foundIn, isObject } from '../values.ts';

/** An image as 8-bit RGBA, rows top down: the shape of the browser's `ImageData`. */
export interface Raster extends Size {
  readonly data: Uint8ClampedArray | Uint8Array;
  /** Sentences for the user about what is unusual in the file. Absent if there are none. */
  readonly notices?: readonly string[] | undefined;
}

/** An image whose pixels are numbers rather than colours: classes, instances or a mask. */
export interface LabelMap<T extends Uint8Array | Uint16Array = Uint8Array | Uint16Array> extends Size {
  /** height × width, row by row. */
  readonly labels: T;
}

export const sameSize = (a: Size, b: Size): boolean => a.height === b.height && a.width === b.width;

/** Returns a copy of a part of an image. */
export function cutRaster(
  image: Raster,
  { top, left, height, width }: Size & { readonly top: number; readonly left: number },
): Raster {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 4 * ((top + y) * image.width + left);
    data.set(image.data.subarray(start, start + 4 * width), 4 * y * width);
  }
  return { width, height, data };
}

/**
 * Checks pixels from outside.
 *
 * @throws ImageError that says what was found
 */
export function checkRaster(raster: Raster): void {
  const { width, height, data } = raster ?? {};
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (kind !== 'Uint8ClampedArray' && kind !== 'Uint8Array') {
    throw new ImageError(
      'pixels must be { width, height, data } with data a Uint8ClampedArray or Uint8Array, got ' +
        `${isObject(raster) && 'data' in raster ? `data ${foundIn(data)}` : foundIn(raster)}.`,
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ImageError(`image is ${width}×${height}: width and height must be at least 1.`);
  }
  if (data.length !== 4 * width * height) {
    throw new ImageError(
      `an image of ${width}×${height} pixels needs ${4 * width * height} bytes (RGBA), got ${data.length}.`,
    );
  }
}
