import type { Size } from '../arrays.ts';
import type { Raster } from '../image/raster.ts';
import type { Color } from './colors.ts';

/**
 * Painting pixels: rectangles, other rasters and anti-aliased shapes. Public functions of this room take a raster, paint
 * on a copy and return it; only the painters inside change pixels in place. Colours are mixed in 8-bit sRGB with whole
 * numbers, so every machine gives the same bytes.
 */

/** The image being painted. */
export interface Canvas extends Size {
  /** All of its buffer, which is also filled pixel by pixel. */
  readonly data: Uint8ClampedArray;
}

/** A rectangle of whole pixels; `right` and `bottom` are the first ones outside. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Sizes of what is drawn, in pixels of the image. */
export interface DrawingSizes {
  /** The width of box outlines. */
  readonly lineWidth: number;
  /** The width of mask contours. */
  readonly contourWidth: number;
  /** The size of the em square of labels. */
  readonly textSize: number;
}

/**
 * Returns sizes that look alike on small and large images if these are shown equally large. With s = √(width · height):
 * lines are s / 400 wide, contours s / 512 (both at least 1), text is s / 70 (at least 10, so that it stays legible); all
 * rounded.
 *
 * ```
 * 320×240: 1, 1, 10   768×768: 2, 2, 11   1024×1024: 3, 2, 15   4000×3000: 9, 7, 49
 * ```
 */
export function sizesFor({ width, height }: Size): DrawingSizes {
  const side = Math.sqrt(width * height);
  return {
    lineWidth: Math.max(1, Math.round(side / 400)),
    contourWidth: Math.max(1, Math.round(side / 512)),
    textSize: Math.max(10, Math.round(side / 70)),
  };
}

/** Copies a raster to paint on. */
export function canvasFrom({ width, height, data }: Raster): Canvas {
  return { width, height, data: new Uint8ClampedArray(data) };
}

/** Makes an opaque canvas of one colour. */
export function blankCanvas({ width, height }: Size, color: Color): Canvas {
  const canvas = { width, height, data: new Uint8ClampedArray(width * height * 4) };
  pixelsOf(canvas).fill(wordOf(color));
  return canvas;
}

/** Makes a canvas with a copy of the image at its top left corner, transparent pixels too, and a colour beside and below it. */
export function canvasAround(raster: Raster, { width, height }: Size, color: Color): Canvas {
  const canvas = { width, height, data: new Uint8ClampedArray(width * height * 4) };
  const pixels = pixelsOf(canvas);
  const stride = raster.width * 4;
  for (let y = 0; y < raster.height; y++) {
    canvas.data.set(raster.data.subarray(y * stride, (y + 1) * stride), y * width * 4);
    pixels.fill(wordOf(color), y * width + raster.width, (y + 1) * width);
  }
  pixels.fill(wordOf(color), raster.height * width);
  return canvas;
}

/** Lays the transparent pixels of the canvas's upper left part over a colour. */
export function flatten(canvas: Canvas, { width, height }: Size, [r, g, b]: Color): void {
  const { data } = canvas;
  const pixels = pixelsOf(canvas);
  for (let y = 0; y < height; y++) {
    const row = y * canvas.width * 4;
    if (isOpaque(pixels, y * canvas.width, width)) continue;
    for (let at = row; at < row + width * 4; at += 4) {
      const alpha = data[at + 3]!;
      if (alpha === 255) continue;
      const above: Color = [data[at]!, data[at + 1]!, data[at + 2]!];
      data[at] = r;
      data[at + 1] = g;
      data[at + 2] = b;
      data[at + 3] = 255;
      blend(data, at, above, alpha);
    }
  }
}

function isOpaque(pixels: Uint32Array, start: number, count: number): boolean {
  const end = start + count;
  let all = opaqueAlpha;
  let at = start;
  for (; at + 3 < end; at += 4) all &= pixels[at]! & pixels[at + 1]! & pixels[at + 2]! & pixels[at + 3]!;
  for (; at < end; at++) all &= pixels[at]!;
  return all === opaqueAlpha;
}

/** Converts an opacity of 0 to 1 to the 0 to 255 that the painters take; values outside are clamped. */
export function alphaOf(opacity: number): number {
  return Math.round(255 * Math.min(1, Math.max(0, opacity)));
}

/** A colour at an opacity, mixed beforehand over every value of an opaque pixel: what is filled has many more pixels than there are values. */
export interface Mixture {
  readonly color: Color;
  /** 0 to 255 */
  readonly alpha: number;
  /** For each channel its 256 values, where they stand in a pixel as the machine orders bytes. */
  readonly words: Uint32Array;
}

/** How far each channel is shifted in a pixel that is read as one number. */
const [redAt, greenAt, blueAt, alphaAt] =
  new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? ([0, 8, 16, 24] as const) : ([24, 16, 8, 0] as const);
const opaqueAlpha = 255 << alphaAt;

export function mixtureOf(color: Color, alpha: number): Mixture {
  const words = new Uint32Array(768);
  for (const [channel, shift] of [redAt, greenAt, blueAt].entries()) {
    for (let below = 0; below < 256; below++)
      words[256 * channel + below] = mix(color[channel]!, below, alpha) << shift;
  }
  return { color, alpha, words };
}

/** Returns the pixels of a canvas as numbers. */
export const pixelsOf = ({ data }: Canvas): Uint32Array => new Uint32Array(data.buffer);

/** Lays a mixture over the pixels from `from` to `to` in steps of `step`, as `blend` does. */
export function blendMixtures(
  { data }: Canvas,
  pixels: Uint32Array,
  from: number,
  to: number,
  step: number,
  { color, alpha, words }: Mixture,
): void {
  for (let at = from; at < to; at += step) {
    const below = pixels[at]!;
    if ((below & opaqueAlpha) !== opaqueAlpha) {
      blend(data, at * 4, color, alpha);
      continue;
    }
    pixels[at] =
      words[(below >>> redAt) & 255]! |
      words[256 + ((below >>> greenAt) & 255)]! |
      words[512 + ((below >>> blueAt) & 255)]! |
      opaqueAlpha;
  }
}

/** Mixes one channel of an opaque pixel with `alpha` parts in 255 of `value`. */
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
function clip(rect: Rect, { width, height }: Size): Rect {
  return {
    left: Math.max(0, rect.left),
    top: Math.max(0, rect.top),
    right: Math.min(width, rect.right),
    bottom: Math.min(height, rect.bottom),
  };
}

/** Fills a rectangle, clipped to the canvas. */
export function fillRect(canvas: Canvas, rect: Rect, color: Color, alpha = 255): void {
  const { left, top, right, bottom } = clip(rect, canvas);
  const pixels = pixelsOf(canvas);
  const opaque = wordOf(color);
  for (let y = top; y < bottom; y++) {
    const row = y * canvas.width;
    for (let x = left; x < right; x++) {
      if (alpha === 255) pixels[row + x] = opaque;
      else blend(canvas.data, (row + x) * 4, color, alpha);
    }
  }
}

/** Draws the outline of a rectangle, `width` pixels wide, inside its edges. Every pixel is painted once. */
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

/** Paints a raster with its top left corner at (left, top). Transparent pixels let the canvas through. */
export function paste(canvas: Canvas, raster: Raster, left: number, top: number): void {
  const seen = clip({ left, top, right: left + raster.width, bottom: top + raster.height }, canvas);
  const { data } = raster;
  for (let y = seen.top; y < seen.bottom; y++) {
    let from = ((y - top) * raster.width + seen.left - left) * 4;
    let to = (y * canvas.width + seen.left) * 4;
    for (const end = from + (seen.right - seen.left) * 4; from < end; ) {
      let opaque = from;
      while (opaque < end && data[opaque + 3] === 255) opaque += 4;
      if (opaque > from) {
        canvas.data.set(data.subarray(from, opaque), to);
        to += opaque - from;
        from = opaque;
        continue;
      }
      blend(canvas.data, to, [data[from]!, data[from + 1]!, data[from + 2]!], data[from + 3]!);
      from += 4;
      to += 4;
    }
  }
}

/**
 * A shape to fill with anti-aliasing, by signed areas (Raph Levien, "Inside the fastest font renderer in the world", 2016): every edge
 * leaves, per row, the change of coverage it causes; a running sum along the row is the exact share of each pixel that
 * lies inside. The order of the edges does not matter, so several shapes may be drawn on one coverage.
 */
export interface Coverage extends Size {
  /** The changes of coverage, one more column than the width so that an edge may end at the right border. */
  readonly changes: Float64Array;
}

/** Makes an empty shape on `width` × `height` pixels. Everything drawn on it must lie inside. */
export function createCoverage({ width, height }: Size): Coverage {
  return { width, height, changes: new Float64Array((width + 1) * height) };
}

/** Adds a straight edge; a closed outline is a chain of them. */
export function addLine(shape: Coverage, x0: number, y0: number, x1: number, y1: number): void {
  if (y0 === y1) return;
  const direction = y0 < y1 ? 1 : -1;
  const [topX, top, bottomX, bottom] = y0 < y1 ? [x0, y0, x1, y1] : [x1, y1, x0, y0];
  const slope = (bottomX - topX) / (bottom - top);
  let x = topX;
  for (let y = Math.floor(top); y < Math.min(shape.height, Math.ceil(bottom)); y++) {
    const height = Math.min(y + 1, bottom) - Math.max(y, top);
    // the last step ends exactly on the end: rounding must not carry the edge past the border
    const next = y + 1 >= bottom ? bottomX : x + slope * height;
    addRowEdge(shape.changes, y * (shape.width + 1), x, next, height * direction);
    x = next;
  }
}

/** Adds the part of an edge within one row: it goes from `from` to `to` and covers `height` (signed) of the row. */
function addRowEdge(changes: Float64Array, row: number, from: number, to: number, height: number): void {
  const [left, right] = from < to ? [from, to] : [to, from];
  const first = Math.floor(left);
  const end = Math.ceil(right);
  if (end <= first + 1) {
    // within one pixel: a trapezium, its share to the right of the edge's middle
    const middle = (left + right) / 2 - first;
    changes[row + first]! += height * (1 - middle);
    if (middle > 0) changes[row + first + 1]! += height * middle;
    return;
  }
  // across several pixels: the covered area up to each pixel border grows quadratically, linearly, quadratically
  const perPixel = 1 / (right - left);
  let before = 0;
  for (let x = first; x < end; x++) {
    const a = Math.max(left, x) - left;
    const b = Math.min(right, x + 1) - left;
    const crossed = b - a;
    const upTo = x + 1 - left;
    // area right of the edge inside pixel x, per unit of height
    const inside = perPixel * (crossed * (upTo - (a + b) / 2)) + a * perPixel;
    changes[row + x]! += height * (inside - before);
    before = inside;
  }
  changes[row + end]! += height * (1 - before);
}

/** Adds a quadratic curve, flattened so that no piece is further than 1/20 pixel from it. */
export function addCurve(
  shape: Coverage,
  x0: number,
  y0: number,
  cx: number,
  cy: number,
  x1: number,
  y1: number,
): void {
  let from = { x: x0, y: y0 };
  for (const to of curvePoints(x0, y0, cx, cy, x1, y1)) {
    addLine(shape, from.x, from.y, to.x, to.y);
    from = to;
  }
}

/** Returns the points of a quadratic curve after its first, so that no piece between them is further than 1/20 pixel from it. */
export function curvePoints(x0: number, y0: number, cx: number, cy: number, x1: number, y1: number) {
  // the distance of a quadratic from its chord is |p0 − 2c + p1| / 4 and falls with the square of the number of pieces
  const bendX = x0 - 2 * cx + x1;
  const bendY = y0 - 2 * cy + y1;
  const pieces = Math.max(1, Math.ceil(Math.sqrt(5 * Math.sqrt(bendX * bendX + bendY * bendY))));
  const points: { readonly x: number; readonly y: number }[] = [];
  for (let i = 1; i < pieces; i++) {
    const t = i / pieces;
    const s = 1 - t;
    points.push({ x: s * s * x0 + 2 * s * t * cx + t * t * x1, y: s * s * y0 + 2 * s * t * cy + t * t * y1 });
  }
  points.push({ x: x1, y: y1 });
  return points;
}

/** Adds a rectangle with rounded corners. */
export function addRoundedRect(
  shape: Coverage,
  left: number,
  top: number,
  right: number,
  bottom: number,
  radius: number,
): void {
  const r = Math.min(radius, (right - left) / 2, (bottom - top) / 2);
  addCurve(shape, left, top + r, left, top, left + r, top);
  addCurve(shape, right - r, top, right, top, right, top + r);
  addLine(shape, right, top + r, right, bottom - r);
  addCurve(shape, right, bottom - r, right, bottom, right - r, bottom);
  addCurve(shape, left + r, bottom, left, bottom, left, bottom - r);
  addLine(shape, left, bottom - r, left, top + r);
}

/** Adds another shape with its top left corner at (left, top); it must lie inside. */
export function addCoverage(shape: Coverage, other: Coverage, left: number, top: number): void {
  const columns = other.width + 1;
  for (let y = 0, from = 0; y < other.height; y++) {
    let to = (top + y) * (shape.width + 1) + left;
    for (const end = from + columns; from < end; from++, to++) shape.changes[to]! += other.changes[from]!;
  }
}

function paintCoverage(
  canvas: Canvas,
  { changes, ...shape }: Coverage,
  left: number,
  top: number,
  color: Color,
  alpha: number,
): void {
  const { width, height, data } = canvas;
  const pixels = pixelsOf(canvas);
  const opaque = wordOf(color);
  const first = Math.max(0, -left);
  const end = Math.min(shape.width, width - left);
  for (let y = Math.max(0, -top); y < Math.min(shape.height, height - top); y++) {
    const row = y * (shape.width + 1);
    const target = (top + y) * width + left;
    let sum = 0;
    for (let x = 0; x < end; ) {
      sum += changes[row + x]!;
      // outlines that overlap count twice, holes count zero: a pixel inside any of them is covered
      const covered = Math.round(Math.min(1, Math.abs(sum)) * alpha);
      const from = target + Math.max(first, x);
      while (++x < end && changes[row + x] === 0);
      if (covered === 255) for (let at = from; at < target + x; at++) pixels[at] = opaque;
      else if (covered > 0) for (let at = from; at < target + x; at++) blend(data, at * 4, color, covered);
    }
  }
}

/** The most values of shapes whose memory is kept: half a megabyte. */
const mostKept = 2 ** 16;
let kept = new Float64Array(0);

/**
 * Draws a shape and paints it with its top left corner at (left, top), clipped to the canvas. Small shapes share memory, one after the
 * other: a hundred labels would take megabytes. So `draw` must not paint another one.
 */
export function paintShape(
  canvas: Canvas,
  { width, height }: Size,
  left: number,
  top: number,
  color: Color,
  alpha: number,
  draw: (shape: Coverage) => void,
): void {
  const values = (width + 1) * height;
  if (values <= mostKept && values > kept.length) kept = new Float64Array(values);
  const changes = values <= mostKept ? kept.fill(0, 0, values) : new Float64Array(values);
  const shape = { width, height, changes };
  draw(shape);
  paintCoverage(canvas, shape, left, top, color, alpha);
}

/** Returns the four bytes of an opaque pixel as the machine orders them. */
const wordOf = ([r, g, b]: Color): number => new Uint32Array(Uint8Array.of(r, g, b, 255).buffer)[0] ?? 0;
