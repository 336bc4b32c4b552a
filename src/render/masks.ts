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
  /** The first row with a set pixel, and the first below the last; equal if there is none. */
  readonly top: number;
  readonly bottom: number;
  readonly area: number;
}

/** Reads the spans of a mask on an image of the given size. Linear in the number of runs and columns. */
export function spansOf({ left, top, rle }: CompactMask, image: Size): MaskSpans {
  const first = Math.max(0, -left);
  const end = Math.max(first, Math.min(rle.width, image.width - left));
  const columns = Array.from({ length: end - first }, (): Span[] => []);
  let [highest, lowest, area] = [image.height, 0, 0];
  forEachColumnStretch(rle, (x, from, to) => {
    const span = { start: Math.max(0, top + from), end: Math.min(image.height, top + to) };
    if (span.start >= span.end || x < first) return;
    const column = columns[x - first];
    if (!column) return;
    column.push(span);
    highest = Math.min(highest, span.start);
    lowest = Math.max(lowest, span.end);
    area += span.end - span.start;
  });
  return { left: left + first, columns, top: Math.min(highest, lowest), bottom: lowest, area };
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
export function fillMask(canvas: Canvas, { left, columns, top, bottom }: MaskSpans, mixture: Mixture): void {
  const { width } = canvas;
  const pixels = pixelsOf(canvas);
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

/** A round brush, and room to set it down around a mask: always all zero between two masks. */
export interface Stroke extends Brush {
  readonly covered: Uint8Array<ArrayBuffer>;
}

/** Returns the brush of a contour, with room for the largest of the masks. */
export function strokeFor(masks: readonly MaskSpans[], lineWidth: number): Stroke {
  const brush = roundBrush(lineWidth);
  const bytes = masks.reduce((most, mask) => Math.max(most, roomFor(mask, brush).bytes), 0);
  return { ...brush, covered: new Uint8Array(bytes) };
}

/** Returns the bytes of a row around a mask, whole words, and of all rows. */
function roomFor({ columns, top, bottom }: MaskSpans, { reach }: Brush) {
  const stride = (columns.length + 2 * reach + 3) & ~3;
  return { stride, bytes: stride * (bottom - top + 2 * reach) };
}

/**
 * Draws the mask's contour: the brush is set down on the middle of every edge pixel, and each pixel takes the greatest coverage
 * of any of them. Width 1 paints exactly the edge pixels.
 */
export function strokeMask(canvas: Canvas, spans: MaskSpans, stroke: Stroke, color: Color, alpha: number): void {
  const { reach, dx, dy, coverage, covered } = stroke;
  const { stride, bytes } = roomFor(spans, stroke);
  const { width, height, data } = canvas;
  const left = spans.left - reach;
  const top = spans.top - reach;
  const offsets = dx.map((x, i) => dy[i]! * stride + x);
  forEachEdgePixel(spans, (x, y) => {
    const middle = (y - top) * stride + x - left;
    for (let i = 0; i < offsets.length; i++) {
      const at = middle + offsets[i]!;
      if (coverage[i]! > covered[at]!) covered[at] = coverage[i]!;
    }
  });
  const fours = new Uint32Array(covered.buffer, 0, bytes / 4);
  const end = Math.min(spans.bottom + reach, height);
  for (let y = Math.max(0, top); y < end; y++) {
    const row = (y - top) * stride;
    for (let four = row / 4; four < (row + stride) / 4; four++) {
      if (fours[four] === 0) continue; // most of the room is far from the edge
      for (let at = 4 * four; at < 4 * four + 4; at++) {
        const share = covered[at]!;
        const x = left + at - row;
        if (share === 0 || x < 0 || x >= width) continue;
        blend(data, 4 * (y * width + x), color, Math.round((share * alpha) / 255));
      }
    }
  }
  covered.fill(0, 0, bytes);
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
