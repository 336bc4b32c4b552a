import { EngineError } from '../../errors.ts';
import { type Bitmap, pageGlobals } from '../../globals.ts';
import type { Raster } from '../../image/raster.ts';

/** Bitmaps of the browser, and the way from them to pixels: by a canvas, the only one that every browser has. */

/** Sides of a tile. Browsers limit the size of a canvas, some to 16 million pixels, and draw nothing on a larger one. */
const tile = { width: 4096, height: 1024 };

/** Makes a bitmap of an image as it is now, upright, without the conversion of a colour profile, as OpenCV reads files. */
export async function bitmapOf(image: unknown): Promise<Bitmap> {
  const { createImageBitmap } = pageGlobals();
  if (!createImageBitmap)
    throw new EngineError('this runtime has no createImageBitmap. Give the bytes of a PNG or JPEG file.');
  return createImageBitmap(image, { imageOrientation: 'from-image', colorSpaceConversion: 'none' });
}

/**
 * Reads the pixels of a bitmap, and frees it.
 *
 * @throws DOMException `SecurityError` if it shows what the page may not read
 */
export function pixelsOf(bitmap: Bitmap, opaque: boolean): Raster {
  const { OffscreenCanvas } = pageGlobals();
  try {
    const { width, height } = bitmap;
    const data = new Uint8ClampedArray(4 * width * height);
    const size = { width: Math.min(width, tile.width), height: Math.min(height, tile.height) };
    const context =
      OffscreenCanvas && new OffscreenCanvas(size.width, size.height).getContext('2d', { willReadFrequently: true });
    if (!context)
      throw new EngineError(
        'this runtime has no OffscreenCanvas with a 2D context. Give the bytes of a PNG or JPEG file.',
      );
    for (let top = 0; top < height; top += size.height) {
      for (let left = 0; left < width; left += size.width) {
        const columns = Math.min(size.width, width - left);
        const rows = Math.min(size.height, height - top);
        context.clearRect(0, 0, size.width, size.height);
        context.drawImage(bitmap, -left, -top);
        const { data: part } = context.getImageData(0, 0, columns, rows);
        for (let y = 0; y < rows; y++) {
          data.set(part.subarray(4 * columns * y, 4 * columns * (y + 1)), 4 * ((top + y) * width + left));
        }
      }
    }
    if (opaque) for (let i = 3; i < data.length; i += 4) data[i] = 255;
    return { width, height, data };
  } finally {
    bitmap.close();
  }
}
