import { ImageError } from '../errors.ts';
import { imageContext } from '../formats/context.ts';
import { checkRaster, type Raster } from '../image/raster.ts';
import type { ImageRef, Platform } from '../platform/contract.ts';
import { isDataUrl, isFile, nameOf } from '../platform/refs.ts';
import { foundIn, isObject } from '../validate.ts';

/** Reads images in any form that a caller may give. */

/** Returns the pixels of an image: RGBA, turned as EXIF says. @throws ImageError saying what was found */
export async function decodeRef(image: ImageRef, platform: Platform, signal?: AbortSignal): Promise<Raster> {
  checkImage(image);
  if (isRaster(image)) return { width: image.width, height: image.height, data: image.data };
  const bytes = isDataUrl(image) ? await bytesIn(`${image}`) : await platform.readImage(image, signal);
  return platform.decodeImage(bytes, nameOf(image));
}

/** Returns the bytes of a `data:` URL. @throws ImageRefusal */
async function bytesIn(url: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await (await fetch(url)).arrayBuffer());
  } catch (cause) {
    throw imageContext('data: URL').refuse('malformed', '', 'invalid base64', 'Encode the file again.', cause);
  }
}

/** Checks the argument of `predict`. @throws ImageError if the value is not an image */
export function checkImage(image: unknown): void {
  if (isFile(image) && image !== '') return;
  if (isRaster(image)) {
    checkRaster(image);
    return;
  }
  if (image === '') throw new ImageError('empty image argument. Is a variable unset?');
  throw new ImageError(
    'an image is a path, a URL, the bytes of a file (Uint8Array, ArrayBuffer or Blob), or pixels { width, height, data }, got ' +
      `${foundIn(image)}.`,
  );
}

/** Checks the argument of `predictBatch`. @throws ImageError if the value is not a list */
export function checkImages(images: unknown): void {
  if (Array.isArray(images)) return;
  throw new ImageError(`predictBatch takes a list of images, got ${foundIn(images)}. For one image use predict.`);
}

const isRaster = (image: unknown): image is Raster =>
  isObject(image) && 'data' in image && 'width' in image && 'height' in image;
