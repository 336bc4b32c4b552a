import type { Size } from '../ndarray.ts';

/** An image as 8-bit RGBA, rows top down: the shape of the browser's `ImageData`. */
export interface Raster extends Size {
  readonly data: Uint8ClampedArray | Uint8Array;
}
