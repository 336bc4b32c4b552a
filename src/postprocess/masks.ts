import type { Size } from '../arrays.ts';
import { forEachColumnStretch, type Rle, rleArea, rleBoxXywh, runCollector } from './rle.ts';

/**
 * Masks kept as a crop and its runs: how to read them, and how to make one from a mask of the whole image. Nothing in this file makes a
 * dense map of the image unless it is asked for.
 */

/** The mask of one image, kept as its crop: nothing is set outside. `rle` has the crop's size. */
export interface CompactMask {
  readonly imageSize: Size;
  readonly left: number;
  readonly top: number;
  readonly rle: Rle;
}

/** Cuts a mask of the whole image to what is set. An empty mask has an empty crop. */
export function compactMask(rle: Rle): CompactMask {
  const [left, top, width, height] = rleBoxXywh(rle);
  const runs = runCollector({ height, width });
  forEachColumnStretch(rle, (x, from, to) => {
    runs.add((x - left) * height + from - top, (x - left) * height + to - top);
  });
  return { imageSize: { height: rle.height, width: rle.width }, left, top, rle: runs.finish() };
}

/** Returns the mask as runs over the whole image, as COCO wants it. */
export function fullRle({ imageSize, left, top, rle }: CompactMask): Rle {
  const runs = runCollector(imageSize);
  forEachColumnStretch(rle, (x, from, to) => {
    const column = (left + x) * imageSize.height + top;
    runs.add(column + from, column + to);
  });
  return runs.finish();
}

/** Returns the mask over the whole image: height × width values, 0 or 1. */
export function maskBitmap({ imageSize, left, top, rle }: CompactMask): Uint8Array {
  const bitmap = new Uint8Array(imageSize.height * imageSize.width);
  forEachColumnStretch(rle, (x, from, to) => {
    for (let y = from; y < to; y++) bitmap[(top + y) * imageSize.width + left + x] = 1;
  });
  return bitmap;
}

/** Counts the pixels that are set. */
export function maskArea({ rle }: CompactMask): number {
  return rleArea(rle);
}

/** Returns the smallest box around what is set, x1, y1, x2, y2; all 0 for an empty mask. */
export function maskBox({ left, top, rle }: CompactMask): [x1: number, y1: number, x2: number, y2: number] {
  const [x, y, width, height] = rleBoxXywh(rle);
  return width === 0 ? [0, 0, 0, 0] : [left + x, top + y, left + x + width, top + y + height];
}

/** Returns a mask with nothing set. */
export function emptyMask(imageSize: Size): CompactMask {
  return { imageSize, left: 0, top: 0, rle: { height: 0, width: 0, counts: new Uint32Array(0) } };
}
