import { ImageError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import type { ImageRef, Platform } from './platform.ts';

/** Pixels of whatever the caller has. @throws ImageError saying what was found */
export async function decodeRef(image: ImageRef, platform: Platform): Promise<Raster> {
  if (isRaster(image)) return checked(image);
  const bytes = await platform.readImage(image);
  return platform.decodeImage(bytes, nameOf(image));
}

function isRaster(image: ImageRef): image is Raster {
  return typeof image === 'object' && 'data' in image && 'width' in image && 'height' in image;
}

function checked({ width, height, data }: Raster): Raster {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ImageError(`an image of ${width}×${height} pixels has none.`);
  }
  if (data.length !== 4 * width * height) {
    throw new ImageError(
      `an image of ${width}×${height} pixels needs ${4 * width * height} bytes (RGBA), got ${data.length}.`,
    );
  }
  return { width, height, data };
}

/** What messages call it. */
export const nameOf = (ref: unknown): string => fileOf(ref) ?? 'bytes';

/** Path, address or file name; nothing for bytes and pixels. */
export function fileOf(ref: unknown): string | undefined {
  if (typeof ref === 'string' || ref instanceof URL) return `${ref}`;
  if (typeof Blob !== 'undefined' && ref instanceof Blob && 'name' in ref) return `${ref.name}`;
  return undefined;
}
