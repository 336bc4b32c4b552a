import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import { blankCanvas, paste } from './canvas.ts';
import { type Color, readableOn, white } from './colors.ts';
import { sizesFor } from './sizes.ts';
import { fitText, measureText, paintText } from './text.ts';

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
