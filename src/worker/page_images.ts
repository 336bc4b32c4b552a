import { type Bitmap, pageGlobals } from '../globals.ts';
import { checkImage, takeImage } from '../library/images.ts';
import { captureBitmap } from '../platform/browser/page_images.ts';
import { openWeights, readImage } from '../platform/browser.ts';
import type { ImageRef } from '../platform/contract.ts';
import { fileOf, isDataUrl, isFile, isResponse, type OnBytes } from '../platform/refs.ts';
import { isObject } from '../validate.ts';
import type { ImageParcel } from './messages.ts';

/** Images on their way to the thread. Each is taken when the call comes: what the caller does later changes nothing. */

/** What an image may ask for, and what ends the wait for it. */
export interface SendOptions {
  readonly maxPixels?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An image that was taken. */
export interface TakenImage {
  /** As the caller named it; absent for bytes and pixels. */
  readonly file: string | undefined;
  /** Waits for what the message holds, and for what of it moves to the thread. @throws ImageError saying what is wrong with the image */
  send(options: SendOptions): Promise<SentImage>;
  /** Frees an image that is not sent. */
  discard(): void;
}

export interface SentImage {
  readonly image: ImageParcel;
  readonly moved: readonly unknown[];
}

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/**
 * Takes an image. A bitmap or a frame is taken over: it moves to the thread, and is closed in every case. What is no image fails when it
 * is sent.
 *
 * @param keep leaves a bitmap or a frame with the caller, and sends a copy
 */
export function takeForThread(image: unknown, keep: boolean): TakenImage {
  const kind = classOf(image);
  if (!keep && (kind === 'ImageBitmap' || kind === 'VideoFrame') && !isClosed(image)) return frame(image as Bitmap);
  if (keep && kind === 'VideoFrame' && !isClosed(image)) return frame((image as { clone(): Bitmap }).clone());
  const captured = captureBitmap(image);
  if (captured) {
    const { url: file, isOpaque, read } = captured;
    return {
      file,
      send: async ({ signal, ...limits }) => {
        const bitmap = await read(readable, limits, signal);
        return { image: { content: bitmap, isOpaque, file }, moved: [bitmap] };
      },
      discard: () => void read((bitmap) => bitmap.close(), {}).catch(() => {}),
    };
  }
  const file = fileOf(image);
  const content = taken(image);
  return {
    file,
    send: async ({ signal }) => {
      if (content instanceof Error) throw content;
      const sent = isResponse(content) ? await readImage(content, signal) : content;
      return { image: { content: sent, isOpaque: false, file }, moved: memoryOf(sent) };
    },
    discard: () => {}, // a copy in memory, which is collected
  };
}

/** Frees bitmaps and frames that are not sent. */
export function freeAll(moved: readonly unknown[]): void {
  for (const one of moved) (one as Partial<Bitmap>).close?.();
}

/** A bitmap or a frame that is the caller's no longer. */
const frame = (content: Bitmap): TakenImage => ({
  file: undefined,
  send: async () => ({ image: { content, isOpaque: false, file: undefined }, moved: [content] }),
  discard: () => content.close(),
});

/** Tells whether a bitmap or frame was closed or transferred: it has no size. `captureBitmap` refuses it. */
function isClosed(image: unknown): boolean {
  const { width, displayWidth = width } = image as { readonly width?: number; readonly displayWidth?: number };
  return displayWidth === 0;
}

/** Returns a copy of what the caller may change, or what is wrong with it. */
function taken(image: unknown): Exclude<ImageParcel['content'], Bitmap> | Error {
  try {
    checkImage(image);
    const copy = takeImage(image as ImageRef, {}) as Exclude<ImageParcel['content'], Bitmap>; // no image of the page
    return isName(copy) ? absolute(copy) : copy;
  } catch (error) {
    return error as Error;
  }
}

const isName = (value: unknown): value is string | URL =>
  (typeof value === 'string' || classOf(value) === 'URL') && !isDataUrl(value);

/** Returns the bitmap if the page may read it. @throws DOMException `SecurityError` if it shows something of another origin */
function readable(bitmap: Bitmap): Bitmap {
  const { OffscreenCanvas } = pageGlobals();
  const context = OffscreenCanvas && new OffscreenCanvas(1, 1).getContext('2d');
  context?.drawImage(bitmap, 0, 0);
  context?.getImageData(0, 0, 1, 1);
  return bitmap;
}

/** Returns a URL that means the same to a worker, whose own address is another. */
export function absolute(url: string | URL): string {
  const { document, location } = globalThis as {
    readonly document?: { readonly baseURI: string };
    readonly location?: { readonly href: string };
  };
  const base = document?.baseURI ?? location?.href;
  return base !== undefined && URL.canParse(`${url}`, base) ? new URL(`${url}`, base).href : `${url}`;
}

/** Returns weights with URLs that mean the same in the worker, and the bytes of an answer of `fetch`. */
export async function sentWeights(file: unknown, signal: AbortSignal | undefined, onBytes: OnBytes): Promise<unknown> {
  if (isResponse(file)) {
    const source = await openWeights(file, { signal, onBytes });
    return source.read(0, source.size);
  }
  return isFile(file) && isName(file) && file !== '' ? absolute(file) : file;
}

function memoryOf(image: unknown): unknown[] {
  if (classOf(image) === 'Uint8Array') return [(image as Uint8Array).buffer];
  if (classOf(image) === 'ArrayBuffer') return [image];
  return isObject(image) && ArrayBuffer.isView(image.data) ? [image.data.buffer] : [];
}
