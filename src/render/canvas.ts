import type { Raster } from '../image/raster.ts';
import type { Size } from '../ndarray.ts';
import type { Color } from './colors.ts';

/**
 * The picture under work. Public functions of this room take a raster, paint on a copy and return it; only the painters
 * inside change pixels in place. Colours are mixed in 8-bit sRGB with whole numbers, so every machine gives the same bytes.
 */
export interface Canvas extends Size {
  readonly data: Uint8ClampedArray;
}

/** Whole pixels; `right` and `bottom` are the first ones outside. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A copy to paint on. */
export function canvasFrom({ width, height, data }: Raster): Canvas {
  return { width, height, data: new Uint8ClampedArray(data) };
}

/** An opaque canvas of one colour. */
export function blankCanvas({ width, height }: Size, [r, g, b]: Color): Canvas {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < data.length; at += 4) {
    data[at] = r;
    data[at + 1] = g;
    data[at + 2] = b;
    data[at + 3] = 255;
  }
  return { width, height, data };
}

/** An opacity of 0 to 1 as the 0 to 255 that the painters take; values outside are held to the range. */
export function alphaOf(opacity: number): number {
  return Math.round(255 * Math.min(1, Math.max(0, opacity)));
}

/** One channel of an opaque pixel under `alpha` parts in 255 of `value`. */
export function mix(value: number, below: number, alpha: number): number {
  return ((value * alpha + below * (255 - alpha) + 127) / 255) | 0;
}

/** Lays `color` over the pixel at byte `at`; `alpha` is a whole number of 0 to 255. */
export function blend(data: Uint8ClampedArray, at: number, [r, g, b]: Color, alpha: number): void {
  const below = data[at + 3]!;
  if (below === 255) {
    data[at] = mix(r, data[at]!, alpha);
    data[at + 1] = mix(g, data[at + 1]!, alpha);
    data[at + 2] = mix(b, data[at + 2]!, alpha);
    return;
  }
  // "over" onto a pixel that is itself transparent: both colours count by what is left of them
  const total = alpha * 255 + below * (255 - alpha);
  if (total === 0) return;
  const share = (alpha * 255) / total;
  data[at] = Math.round(r * share + data[at]! * (1 - share));
  data[at + 1] = Math.round(g * share + data[at + 1]! * (1 - share));
  data[at + 2] = Math.round(b * share + data[at + 2]! * (1 - share));
  data[at + 3] = Math.round(total / 255);
}

/** The part of `rect` that lies on the canvas; empty (`right <= left` or `bottom <= top`) if there is none. */
export function clip(rect: Rect, { width, height }: Size): Rect {
  return {
    left: Math.max(0, rect.left),
    top: Math.max(0, rect.top),
    right: Math.min(width, rect.right),
    bottom: Math.min(height, rect.bottom),
  };
}

/** Fills a rectangle; what lies off the canvas is left out. */
export function fillRect(canvas: Canvas, rect: Rect, color: Color, alpha = 255): void {
  const { left, top, right, bottom } = clip(rect, canvas);
  for (let y = top; y < bottom; y++) {
    const row = y * canvas.width;
    for (let x = left; x < right; x++) blend(canvas.data, (row + x) * 4, color, alpha);
  }
}

/** The outline of a rectangle, `width` pixels wide, inside its edges. Every pixel is painted once. */
export function strokeRect(canvas: Canvas, rect: Rect, width: number, color: Color, alpha = 255): void {
  const { left, top, right, bottom } = rect;
  if (right - left <= 2 * width || bottom - top <= 2 * width) {
    fillRect(canvas, rect, color, alpha);
    return;
  }
  fillRect(canvas, { left, top, right, bottom: top + width }, color, alpha);
  fillRect(canvas, { left, top: bottom - width, right, bottom }, color, alpha);
  fillRect(canvas, { left, top: top + width, right: left + width, bottom: bottom - width }, color, alpha);
  fillRect(canvas, { left: right - width, top: top + width, right, bottom: bottom - width }, color, alpha);
}

/** Copies a raster onto the canvas with its top left corner at (left, top). Transparent pixels let the canvas through. */
export function paste(canvas: Canvas, raster: Raster, left: number, top: number): void {
  const seen = clip({ left, top, right: left + raster.width, bottom: top + raster.height }, canvas);
  for (let y = seen.top; y < seen.bottom; y++) {
    for (let x = seen.left; x < seen.right; x++) {
      const from = ((y - top) * raster.width + x - left) * 4;
      const color: Color = [raster.data[from]!, raster.data[from + 1]!, raster.data[from + 2]!];
      blend(canvas.data, (y * canvas.width + x) * 4, color, raster.data[from + 3]!);
    }
  }
}
