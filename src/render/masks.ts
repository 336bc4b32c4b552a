import type { Size } from '../arrays.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import { forEachColumnStretch } from '../postprocess/rle.ts';
import { blend, type Canvas, mix } from './canvas.ts';
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
  for (const [column, spans] of columns.entries()) {
    const x = left + column;
    const [before = [], after = []] = [columns[column - 1], columns[column + 1]];
    for (const { start, end } of spans) {
      const last = end - 1;
      visit(x, start);
      // the gaps of both neighbour columns between the two ends, merged top down
      let y = start + 1;
      while (y < last) {
        const [leftGap, rightGap] = [nextGap(before, y, last), nextGap(after, y, last)];
        const from = Math.min(leftGap.start, rightGap.start);
        if (from >= last) break;
        const to = Math.max(leftGap.start === from ? leftGap.end : 0, rightGap.start === from ? rightGap.end : 0);
        for (y = from; y < to; y++) visit(x, y);
      }
      if (last > start) visit(x, last);
    }
  }
}

/** The first stretch at or below row `y`, and above `limit`, that is not set in the column. */
function nextGap(column: readonly Span[], y: number, limit: number): Span {
  let from = y;
  for (const { start, end } of column) {
    if (end <= from) continue;
    if (start > from) return { start: from, end: Math.min(limit, start) };
    from = end;
  }
  return { start: Math.min(from, limit), end: limit };
}

/** Rows painted at a time: the columns of a mask lie far apart in memory, those of a few rows stay in the cache. */
const bandHeight = 16;

/** Fills the mask's pixels with a colour; `alpha` is 0 to 255. */
export function fillMask({ data, width }: Canvas, { left, columns }: MaskSpans, color: Color, alpha: number): void {
  // a mask has many more pixels than a channel has values: each value is mixed once
  const table = (value: number) => Uint8Array.from({ length: 256 }, (_, below) => mix(value, below, alpha));
  const [red, green, blue] = [table(color[0]), table(color[1]), table(color[2])];
  const stride = width * 4;
  const bottom = columns.reduce((lowest, spans) => Math.max(lowest, spans.at(-1)?.end ?? 0), 0);
  const top = columns.reduce((highest, spans) => Math.min(highest, spans[0]?.start ?? bottom), bottom);
  const next = new Uint32Array(columns.length);
  for (let band = top; band < bottom; band += bandHeight) {
    const bandEnd = band + bandHeight;
    for (const [column, spans] of columns.entries()) {
      const x = (left + column) * 4;
      let i = next[column]!;
      for (let span = spans[i]; span && span.start < bandEnd; span = spans[++i]) {
        const end = Math.min(span.end, bandEnd) * stride + x;
        for (let at = Math.max(span.start, band) * stride + x; at < end; at += stride) {
          if (data[at + 3] !== 255) {
            blend(data, at, color, alpha);
            continue;
          }
          data[at] = red[data[at]!]!;
          data[at + 1] = green[data[at + 1]!]!;
          data[at + 2] = blue[data[at + 2]!]!;
        }
        if (span.end > bandEnd) break;
      }
      next[column] = i;
    }
  }
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
  const brush = roundBrush(lineWidth);
  const { width, height, data } = canvas;
  const touched: number[] = [];
  forEachEdgePixel(spans, (x, y) => {
    for (const { dx, dy, coverage } of brush) {
      const px = x + dx;
      const py = y + dy;
      if (px < 0 || py < 0 || px >= width || py >= height) continue;
      const at = py * width + px;
      const before = covered[at]!;
      if (before === 0) touched.push(at);
      if (coverage > before) covered[at] = coverage;
    }
  });
  for (const at of touched) {
    blend(data, at * 4, color, Math.round((covered[at]! * alpha) / 255));
    covered[at] = 0;
  }
}

interface BrushPixel {
  readonly dx: number;
  readonly dy: number;
  readonly coverage: number;
}

/** The pixels around the middle with their coverage, 255 if they lie wholly in the disc. */
function roundBrush(diameter: number): BrushPixel[] {
  const radius = diameter / 2;
  const reach = Math.ceil(radius);
  const brush: BrushPixel[] = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const coverage = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - Math.sqrt(dx * dx + dy * dy))));
      if (coverage > 0) brush.push({ dx, dy, coverage });
    }
  }
  return brush;
}
