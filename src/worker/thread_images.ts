import { EngineError } from '../errors.ts';
import { checkPixels, imageContext, withinMemory } from '../formats/context.ts';
import { type Bitmap, pageGlobals } from '../globals.ts';
import type { Raster } from '../image/raster.ts';
import { pixelsOf } from '../platform/browser/bitmap.ts';
import { captureImage } from '../platform/browser/page_images.ts';
import { CapturedImage } from '../platform/captured.ts';
import type { ImageRef } from '../platform/contract.ts';
import type { ImageParcel } from './messages.ts';

/** Images in the thread: those that came, and bitmaps of what was drawn. */

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** Returns an image that `predict` takes. A frame is copied and closed, so that the camera can go on; a bitmap is closed when it is read. */
export function threadImage({ content, isOpaque, file }: ImageParcel): ImageRef {
  const kind = classOf(content);
  if (kind === 'VideoFrame') {
    const captured = captureImage(content) as CapturedImage; // which a frame always is
    (content as Bitmap).close();
    return captured as unknown as ImageRef; // the model takes it as what it captures itself
  }
  if (kind !== 'ImageBitmap') return content as ImageRef;
  const bitmap = content as Bitmap;
  const captured = new CapturedImage(async (limits) => {
    const context = imageContext(file ?? kind, limits);
    checkPixels('', bitmap, context);
    return withinMemory('', context, () => pixelsOf(bitmap, isOpaque));
  }, file);
  return captured as unknown as ImageRef;
}

/** Frees a bitmap that was not read. */
export function closeImage({ content }: ImageParcel): void {
  if (classOf(content) === 'ImageBitmap') (content as Bitmap).close();
}

/** Returns a picture as a bitmap, which can be transferred. */
export function bitmapOf({ width, height, data }: Raster): Promise<Bitmap> {
  const { ImageData, createImageBitmap } = pageGlobals();
  if (!ImageData || !createImageBitmap) throw new EngineError('there are no bitmaps here. Use result.render().');
  const clamped = new Uint8ClampedArray(data.buffer as ArrayBuffer, data.byteOffset, data.length);
  return createImageBitmap(new ImageData(clamped, width, height));
}
