import type { Size } from '../arrays.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import { forEachColumnStretch } from '../postprocess/rle.ts';
import { blend, blendMixtures, type Canvas, type Mixture, pixelsOf } from './canvas.ts';
import type { Color } from './colors.ts';

/** Painting masks: filled with a colour, and their contours. Both read the runs, so that no bitmap is needed. */

/** A vertical stretch of set pixels: rows `start` up to (not including) `end`. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** A mask cut to the image. */
export interface MaskSpans {
  /** The image's column that `columns` begin at. */
  readonly left: number;
  /** The spans of each column, top down and apart from each other, in rows of the image. */
  readonly columns: readonly (readonly Span[])[];
  readonly area: number;
}

/** Reads the spans of a mask on an image of the given size. Linear in the number of runs and columns. */
export function spansOf({ left, top, rle }: CompactMask, image: Size): MaskSpans {
  const first = Math.max(0, -left);
  const end = Math.max(first, Math.min(rle.width, image.width - left));
  const columns = Array.from({ length: end - first }, (): Span[] => []);
  let area = 0;
  forEachColumnStretch(rle, (x, from, to) => {
    const span = { start: Math.max(0, top + from), end: Math.min(image.height, top + to) };
    if (span.start >= span.end || x < first) return;
    const column = columns[x - first];
    if (!column) return;
    column.push(span);
    area += span.end - span.start;
  });
  return { left: left + first, columns, area };
}

/**
 * Calls `visit` for every edge pixel: one that is set and has a neighbour above, below, left or right that is not. Beyond
 * the image nothing is set. Columns from left to right, rows top down; linear in runs and edge pixels.
 */
export function forEachEdgePixel({ left, columns }: MaskSpans, visit: (x: number, y: number) => void): void {
  for (let column = 0; column < columns.length; column++) {
    const x = left + column;
    const before = columns[column - 1] ?? none;
    const after = columns[column + 1] ?? none;
    // spans come top down, so those of the neighbours are passed once
    let [i, j] = [0, 0];
    for (const { start, end } of columns[column]!) {
      const last = end - 1;
      visit(x, start);
      for (let y = start + 1; y < last; ) {
        // the stretches of both neighbours that hold this row or lie below it
        while (i < before.length && before[i]!.end <= y) i++;
        while (j < after.length && after[j]!.end <= y) j++;
        const [a, b] = [before[i], after[j]];
        if (a && b && a.start <= y && b.start <= y) {
          y = Math.min(a.end, b.end); // neither is free up to here
          continue;
        }
        const until = Math.min(
          last,
          Math.max(a && a.start <= y ? y : (a?.start ?? last), b && b.start <= y ? y : (b?.start ?? last)),
        );
        for (; y < until; y++) visit(x, y);
      }
      if (last > start) visit(x, last);
    }
  }
}

const none: readonly Span[] = [];

/** Rows painted at a time: the columns of a mask lie far apart in memory, those of a few rows stay in the cache. */
const bandHeight = 16;

/** Fills the mask's pixels with a colour. */
export function fillMask(canvas: Canvas, { left, columns }: MaskSpans, mixture: Mixture): void {
  const { width } = canvas;
  const pixels = pixelsOf(canvas);
  const { top, bottom } = rowsOf(columns);
  const next = new Uint32Array(columns.length);
  for (let band = top; band < bottom; band += bandHeight) {
    const bandEnd = band + bandHeight;
    for (let column = 0; column < columns.length; column++) {
      const spans = columns[column]!;
      const x = left + column;
      let i = next[column]!;
      for (let span = spans[i]; span && span.start < bandEnd; span = spans[++i]) {
        const from = Math.max(span.start, band) * width + x;
        blendMixtures(canvas, pixels, from, Math.min(span.end, bandEnd) * width + x, width, mixture);
        if (span.end > bandEnd) break;
      }
      next[column] = i;
    }
  }
}

/** Returns the first row of a mask, and the first below it. */
function rowsOf(columns: MaskSpans['columns']): { readonly top: number; readonly bottom: number } {
  let top = Infinity;
  let bottom = 0;
  for (const spans of columns) {
    const [first] = spans;
    const last = spans.at(-1);
    if (!first || !last) continue;
    top = Math.min(top, first.start);
    bottom = Math.max(bottom, last.end);
  }
  return { top: Math.min(top, bottom), bottom };
}

/** Room to mark pixels in, reused from mask to mask: always all zero between two uses. */
export interface ContourBuffer {
  readonly covered: Uint8Array;
}

export function createContourBuffer({ width, height }: Size): ContourBuffer {
  return { covered: new Uint8Array(width * height) };
}

/**
 * Draws the mask's contour: a round brush of diameter `lineWidth` is set down on the middle of every edge pixel, and
 * each pixel takes the greatest coverage of any of them. Width 1 paints exactly the edge pixels.
 */
export function strokeMask(
  canvas: Canvas,
  spans: MaskSpans,
  lineWidth: number,
  color: Color,
  alpha: number,
  { covered }: ContourBuffer,
): void {
  const { reach, dx, dy, coverage } = roundBrush(lineWidth);
  const { width, height, data } = canvas;
  const offsets = dx.map((x, i) => dy[i]! * width + x);
  forEachEdgePixel(spans, (x, y) => {
    const middle = y * width + x;
    const isInside = x >= reach && y >= reach && x < width - reach && y < height - reach;
    for (let i = 0; i < offsets.length; i++) {
      if (!isInside && (x + dx[i]! < 0 || y + dy[i]! < 0 || x + dx[i]! >= width || y + dy[i]! >= height)) continue;
      const at = middle + offsets[i]!;
      if (coverage[i]! > covered[at]!) covered[at] = coverage[i]!;
    }
  });
  const { top, bottom } = rowsOf(spans.columns);
  const left = Math.max(0, spans.left - reach);
  const right = Math.min(width, spans.left + spans.columns.length + reach);
  for (let y = Math.max(0, top - reach); y < Math.min(height, bottom + reach); y++) {
    const end = y * width + right;
    for (let at = y * width + left; at < end; at++) {
      const share = covered[at]!;
      if (share === 0) continue;
      blend(data, at * 4, color, Math.round((share * alpha) / 255));
      covered[at] = 0;
    }
  }
}

/** The pixels around the middle, up to `reach` away, with their coverage: 255 if they lie wholly in the disc. */
interface Brush {
  readonly reach: number;
  readonly dx: Int32Array;
  readonly dy: Int32Array;
  readonly coverage: Uint8Array;
}

function roundBrush(diameter: number): Brush {
  const radius = diameter / 2;
  const reach = Math.ceil(radius);
  const pixels: [dx: number, dy: number, coverage: number][] = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const coverage = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - Math.sqrt(dx * dx + dy * dy))));
      if (coverage > 0) pixels.push([dx, dy, coverage]);
    }
  }
  return {
    reach,
    dx: Int32Array.from(pixels, ([dx]) => dx),
    dy: Int32Array.from(pixels, ([, dy]) => dy),
    coverage: Uint8Array.from(pixels, ([, , coverage]) => coverage),
  };
}
