import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import { blankCanvas, paste } from './canvas.ts';
import { type Color, readableOn, white } from './colors.ts';
import { spansOf } from './masks.ts';
import { sizesFor } from './overlay.ts';
import { fitText, measureText, paintText } from './text.ts';

/**
 * The pixels of a box, cut out: the smallest crop of whole pixels that holds it. With a mask everything outside the mask is
 * transparent black, so nothing of the background is left in the file; inside, the picture's own alpha stays.
 *
 * @param box x1, y1, x2, y2 in pixels of the picture; the part beyond the picture is cut off.
 * @throws ShapeError where the box covers no pixel of the picture, or the mask belongs to a picture of another size.
 */
export function cropInstance(raster: Raster, box: ArrayLike<number>, mask?: CompactMask): Raster {
  const left = Math.max(0, Math.floor(box[0]!));
  const top = Math.max(0, Math.floor(box[1]!));
  const right = Math.min(raster.width, Math.ceil(box[2]!));
  const bottom = Math.min(raster.height, Math.ceil(box[3]!));
  // written so that NaN counts as nothing
  if (!(right > left && bottom > top)) {
    throw new ShapeError(
      `cropInstance: the box (${Array.from(box, (v) => Number(v.toFixed(2))).join(', ')}) covers no pixel of a picture of ` +
        `${raster.width}×${raster.height}. Boxes are x1, y1, x2, y2 in the picture's pixels.`,
    );
  }
  const width = right - left;
  const height = bottom - top;
  const data = new Uint8ClampedArray(width * height * 4);
  if (!mask) {
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * raster.width + left) * 4;
      data.set(raster.data.subarray(from, from + width * 4), y * width * 4);
    }
    return { width, height, data };
  }
  if (mask.imageSize.width !== raster.width || mask.imageSize.height !== raster.height) {
    throw new ShapeError(
      `cropInstance: the mask belongs to a picture of ${mask.imageSize.width}×${mask.imageSize.height} pixels, this one ` +
        `has ${raster.width}×${raster.height}. Cut from the picture that was predicted.`,
    );
  }
  const spans = spansOf(mask, raster);
  for (let column = 0; column + 1 < spans.offsets.length; column++) {
    const x = spans.left + column;
    if (x < left || x >= right) continue;
    for (let i = spans.offsets[column]!; i < spans.offsets[column + 1]!; i++) {
      const end = Math.min(bottom, spans.ends[i]!);
      for (let y = Math.max(top, spans.starts[i]!); y < end; y++) {
        const from = (y * raster.width + x) * 4;
        data.set(raster.data.subarray(from, from + 4), ((y - top) * width + x - left) * 4);
      }
    }
  }
  return { width, height, data };
}

/** A picture of a row and what stands under it. */
export interface Panel {
  readonly raster: Raster;
  readonly caption?: string;
}

/** How pictures stand beside each other. */
export interface SideBySideOptions {
  /** Pixels between the pictures; a hundredth of their total width (at least 2) where it is not given. */
  readonly gap?: number;
  /** How pictures of different height stand beside each other; `top` where it is not given. */
  readonly align?: 'top' | 'middle';
  /** White where it is not given. */
  readonly background?: Color;
  /** Size of the captions' em square in pixels; that of labels on the first picture where it is not given. */
  readonly textSize?: number;
}

/**
 * Pictures in a row, each with its caption centred below it (shortened with "…" where it is wider). Pixels stay as they
 * are: no picture is scaled, the room under (or around) a lower one shows the background.
 *
 * @throws ShapeError where there is no picture.
 */
export function sideBySide(panels: readonly Panel[], options: SideBySideOptions = {}): Raster {
  const first = panels[0];
  if (!first) throw new ShapeError('sideBySide: there is no picture. Give at least one panel.');
  const pictures = panels.reduce((sum, { raster }) => sum + raster.width, 0);
  const { align = 'top', background = white, textSize = sizesFor(first.raster).textSize } = options;
  const gap = Math.max(0, Math.round(options.gap ?? Math.max(2, pictures / 100)));
  const height = Math.max(...panels.map(({ raster }) => raster.height));
  const captionHeight = panels.some(({ caption }) => caption) ? Math.round(textSize * 1.8) : 0;
  const canvas = blankCanvas(
    { width: pictures + gap * (panels.length - 1), height: height + captionHeight },
    background,
  );
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
