import { ConfigError, ImageError } from '../errors.ts';
import { imageContext } from '../formats/context.ts';
import { checkRaster, type Raster } from '../image/raster.ts';
import { CapturedImage } from '../platform/captured.ts';
import type { DecodeLimits, ImageRef, Platform } from '../platform/contract.ts';
import { dataUrlBytes } from '../platform/data_url.ts';
import { type FileRef, isDataUrl, isFile, nameOf } from '../platform/refs.ts';
import { foundIn, isObject } from '../validate.ts';

/** Reads images in any form that a caller may give. */

/** An image as it was at the call. */
export type TakenImage = ImageRef | CapturedImage;

/** Returns the pixels of an image: RGBA, turned as EXIF says. @throws ImageError saying what was found */
export async function decodeRef(
  image: TakenImage,
  platform: Platform,
  { signal, maxPixels }: DecodeLimits & { readonly signal?: AbortSignal | undefined },
): Promise<Raster> {
  checkImage(image);
  if (image instanceof CapturedImage) return image.pixels({ maxPixels }, signal);
  if (isRaster(image)) return image;
  const file = image as FileRef; // the platform captured the images of a page
  const bytes = isDataUrl(file) ? await bytesIn(`${file}`) : await platform.readImage(file, signal);
  return platform.decodeImage(bytes, nameOf(file), { maxPixels });
}

/**
 * Copies what a caller may change after the call: pixels, bytes and images of the page, as the next frame of a camera does. Leaves the
 * rest, and what is not an image, as it is.
 */
export function takeImage(image: TakenImage, platform: Pick<Platform, 'captureImage'>): TakenImage {
  if (isGone(image)) return image; // there is nothing to copy
  if (isRaster(image)) {
    const { width, height, data, notices } = image;
    // a Buffer's own slice would share its memory
    if (classOf(data) === 'Uint8ClampedArray') return { width, height, data: new Uint8ClampedArray(data), notices };
    if (classOf(data) === 'Uint8Array') return { width, height, data: new Uint8Array(data), notices };
    return image;
  }
  const kind = classOf(image);
  if (kind === 'Uint8Array') return new Uint8Array(image as Uint8Array);
  if (kind === 'ArrayBuffer') return (image as ArrayBuffer).slice(0);
  if (kind === 'URL') return new URL(`${image}`);
  return platform.captureImage?.(image) ?? image;
}

/** Tells if the memory of an image was transferred to another thread. */
function isGone(image: unknown): boolean {
  const data = isRaster(image) ? image.data : image;
  const memory = ArrayBuffer.isView(data) ? data.buffer : data;
  if (classOf(memory) !== 'ArrayBuffer') return false;
  try {
    new Uint8Array(memory as ArrayBuffer); // a view, which copies nothing
    return false;
  } catch {
    return true;
  }
}

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** Returns the bytes of a `data:` URL. @throws ImageRefusal */
async function bytesIn(url: string): Promise<Uint8Array> {
  try {
    return dataUrlBytes(url);
  } catch (cause) {
    throw imageContext('data: URL').refuse('malformed', '', 'invalid base64', 'Encode the file again.', cause);
  }
}

/** Checks the argument of `predict`. @throws ImageError if the value is not an image */
export function checkImage(image: unknown): void {
  if (image instanceof CapturedImage) return;
  if (isGone(image)) {
    throw new ImageError(
      'the memory of this image was transferred to another thread. Give a copy, or transfer a copy.',
    );
  }
  if (isFile(image) && image !== '') {
    if (typeof image === 'string' && isBareBase64(image)) {
      throw new ImageError(
        'this text is base64. Write "data:image/png;base64," (or jpeg) before it, or give the bytes.',
      );
    }
    return;
  }
  if (isRaster(image)) {
    checkRaster(image);
    return;
  }
  if (image === '') throw new ImageError('empty image argument. Is a variable unset?');
  const way = waysOf[isObject(image) ? `${image.constructor?.name}` : ''];
  throw new ImageError(
    'an image is a path, a URL, the bytes of a file (Uint8Array, ArrayBuffer, Blob or Response), in a browser an <img>, <video>, <canvas>, ' +
      'OffscreenCanvas, ImageBitmap or VideoFrame, or pixels { width, height, data }, got ' +
      `${foundIn(image)}.${way ? ` ${way}` : ''}`,
  );
}

/** Tells if a text is the base64 of a PNG or JPEG file without the head of a `data:` URL. No path is so long without a dot. */
const isBareBase64 = (text: string): boolean =>
  text.length > 200 && /^(iVBORw0KGgo|\/9j\/)[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text);

const throughCanvas =
  'Draw it on a canvas and give its pixels: context.drawImage(it, 0, 0), then context.getImageData(0, 0, width, height).';
const ofCanvas = "Give its pixels: canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).";

/** How images that the platform does not capture become one of the forms, by class. */
const waysOf: Readonly<Record<string, string>> = {
  HTMLImageElement: throughCanvas,
  HTMLVideoElement: throughCanvas,
  SVGImageElement: throughCanvas,
  ImageBitmap: throughCanvas,
  VideoFrame: throughCanvas,
  HTMLCanvasElement: ofCanvas,
  OffscreenCanvas: ofCanvas,
  FileList: 'Give one of its files.',
};

/** Checks the argument of a function of several images. @throws ImageError if the value is not a list */
export function checkImages(images: unknown, call: string): void {
  if (Array.isArray(images)) return;
  throw new ImageError(`${call} takes a list of images, got ${foundIn(images)}. For one image use predict.`);
}

/** Checks the argument of `stream`. A text is one image, not a list of letters. @throws ConfigError if it cannot be iterated over */
export function checkSource(images: unknown): void {
  if (isObject(images) && (Symbol.asyncIterator in images || Symbol.iterator in images)) return;
  throw new ConfigError(`a stream takes a list, an iterator or an async iterator of images, got ${foundIn(images)}.`);
}

const isRaster = (image: unknown): image is Raster =>
  isObject(image) && 'data' in image && 'width' in image && 'height' in image;
