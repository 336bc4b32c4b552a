import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import { boxAt } from '../postprocess/boxes.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import { blankCanvas, paste, sizesFor } from './canvas.ts';
import { type Color, readableOn, white } from './colors.ts';
import { spansOf } from './masks.ts';
import { fitText, measureText, paintText } from './text.ts';

/** Images made from images: an instance cut out, and a row of images with captions. */

/**
 * Cuts out the pixels of a box: the smallest crop of whole pixels that holds it. With a mask everything outside the mask is
 * transparent black, so nothing of the background is left in the file; inside, the image's alpha stays.
 *
 * @param box x1, y1, x2, y2 in pixels of the image; the part beyond the image is cut off
 * @throws ShapeError if the box covers no pixel of the image, or the mask belongs to an image of another size
 */
export function cropInstance(raster: Raster, box: ArrayLike<number>, mask?: CompactMask): Raster {
  const [x1, y1, x2, y2] = boxAt(box, 0);
  const left = Math.max(0, Math.floor(x1));
  const top = Math.max(0, Math.floor(y1));
  const right = Math.min(raster.width, Math.ceil(x2));
  const bottom = Math.min(raster.height, Math.ceil(y2));
  // written so that NaN covers nothing
  if (!(right > left && bottom > top)) {
    throw new ShapeError(
      `cropInstance: the box (${Array.from(box, (v) => Number(v.toFixed(2))).join(', ')}) covers no pixel of an image of ` +
        `${raster.width}×${raster.height}. Boxes are x1, y1, x2, y2 in the image's pixels.`,
    );
  }
  const width = right - left;
  const height = bottom - top;
  const data = new Uint8ClampedArray(width * height * 4);
  const copyRow = (x: number, y: number, length: number) => {
    const from = (y * raster.width + x) * 4;
    data.set(raster.data.subarray(from, from + 4 * length), ((y - top) * width + x - left) * 4);
  };
  if (!mask) {
    for (let y = top; y < bottom; y++) copyRow(left, y, width);
    return { width, height, data };
  }
  if (mask.imageSize.width !== raster.width || mask.imageSize.height !== raster.height) {
    throw new ShapeError(
      `cropInstance: the mask belongs to an image of ${mask.imageSize.width}×${mask.imageSize.height} pixels, this one ` +
        `has ${raster.width}×${raster.height}. Cut from the image that was predicted.`,
    );
  }
  const spans = spansOf(mask, raster);
  for (const [column, stretches] of spans.columns.entries()) {
    const x = spans.left + column;
    if (x < left || x >= right) continue;
    for (const { start, end } of stretches) {
      for (let y = Math.max(top, start); y < Math.min(bottom, end); y++) copyRow(x, y, 1);
    }
  }
  return { width, height, data };
}

/** An image of a row and the caption under it. */
export interface Panel {
  readonly raster: Raster;
  readonly caption?: string | undefined;
}

/** How images are arranged in a row. */
export interface SideBySideOptions {
  /** Pixels between the images. By default a hundredth of their total width, at least 2. */
  readonly gap?: number | undefined;
  /** How images of different height are aligned. By default `top`. */
  readonly align?: 'top' | 'middle' | undefined;
  /** By default white. */
  readonly background?: Color | undefined;
  /** The size of the captions' em square in pixels. By default that of labels on the first image. */
  readonly textSize?: number | undefined;
}

/**
 * Puts images in a row, each with its caption centred below it (shortened with "…" if it is wider). No image is scaled.
 * The background shows under (or around) a lower one.
 *
 * @throws ShapeError without an image
 */
export function sideBySide(panels: readonly Panel[], options: SideBySideOptions = {}): Raster {
  const [first] = panels;
  if (!first) throw new ShapeError('sideBySide: there is no image. Give at least one panel.');
  const total = panels.reduce((sum, { raster }) => sum + raster.width, 0);
  const { align = 'top', background = white, textSize = sizesFor(first.raster).textSize } = options;
  const gap = Math.max(0, Math.round(options.gap ?? Math.max(2, total / 100)));
  const height = Math.max(...panels.map(({ raster }) => raster.height));
  const captionHeight = panels.some(({ caption }) => caption) ? Math.round(textSize * 1.8) : 0;
  const canvas = blankCanvas({ width: total + gap * (panels.length - 1), height: height + captionHeight }, background);
  const color = readableOn(background);
  let left = 0;
  for (const { raster, caption = '' } of panels) {
    paste(canvas, raster, left, align === 'top' ? 0 : Math.floor((height - raster.height) / 2));
    const text = fitText(caption, textSize, raster.width);
    const x = left + (raster.width - measureText(text, textSize).width) / 2;
    paintText(canvas, text, { x, y: height + Math.round(textSize * 1.2), size: textSize, color });
    left += raster.width + gap;
  }
  return canvas;
}
