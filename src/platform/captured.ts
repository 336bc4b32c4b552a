import type { Raster } from '../image/raster.ts';

/** Reads the pixels of a captured image. It may do so once. */
export type ReadPixels = (limits: { readonly maxPixels?: number | undefined }, signal?: AbortSignal) => Promise<Raster>;

/** An image of a page (an element, a bitmap, a frame of a video) as it was when `predict` was called. Made by the platform. */
export class CapturedImage {
  /** @param file its URL, if it has one */
  constructor(
    readonly pixels: ReadPixels,
    readonly file: string | undefined,
  ) {}
}
