import type { Size } from '../arrays.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import { blend, type Canvas, mix } from './canvas.ts';
import type { Color } from './colors.ts';

/**
 * A mask as vertical spans, read straight from its column-major runs, so that painting needs no bitmap. Column `c` of
 * the crop has the spans `offsets[c]` to `offsets[c + 1]`, each from `starts[i]` up to (not including) `ends[i]`, top
 * down and apart from each other. Rows and columns count in the image; what lies off the image is cut away.
 */
export interface MaskSpans {
  readonly left: number;
  readonly offsets: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly area: number;
}

/** The spans of a mask on an image of the given size. Linear in the number of runs and columns. */
export function spansOf({ left, top, rle }: CompactMask, image: Size): MaskSpans {
  const { height, width, counts } = rle;
  const firstColumn = Math.max(0, -left);
  const endColumn = Math.max(firstColumn, Math.min(width, image.width - left));
  const offsets = new Int32Array(endColumn - firstColumn + 1);
  const starts: number[] = [];
  const ends: number[] = [];
  let area = 0;
  let column = firstColumn;
  let position = 0;
  for (let run = 0; run < counts.length; run++) {
    const end = position + counts[run]!;
    // odd runs are set; one that passes the foot of a column goes on at the top of the next
    for (let from = position; run % 2 === 1 && from < end; ) {
      const c = Math.floor(from / height);
      const to = Math.min(end, (c + 1) * height);
      const start = Math.max(0, top + from - c * height);
      const stop = Math.min(image.height, top + to - c * height);
      if (c >= firstColumn && c < endColumn && start < stop) {
        while (column <= c) offsets[column++ - firstColumn] = starts.length;
        starts.push(start);
        ends.push(stop);
        area += stop - start;
      }
      from = to;
    }
    position = end;
  }
  while (column <= endColumn) offsets[column++ - firstColumn] = starts.length;
  return { left: left + firstColumn, offsets, starts: Int32Array.from(starts), ends: Int32Array.from(ends), area };
}

/**
 * Calls `visit` for every edge pixel: one that is set and has a neighbour above, below, left or right that is not.
 * Beyond the image nothing is set. Columns from left to right, rows top down; linear in runs and edge pixels.
 */
export function forEachEdgePixel(spans: MaskSpans, visit: (x: number, y: number) => void): void {
  const columns = spans.offsets.length - 1;
  for (let column = 0; column < columns; column++) {
    const x = spans.left + column;
    for (let i = spans.offsets[column]!; i < spans.offsets[column + 1]!; i++) {
      const start = spans.starts[i]!;
      const last = spans.ends[i]! - 1;
      visit(x, start);
      // the gaps of both neighbour columns between the two ends, merged top down
      let y = start + 1;
      while (y < last) {
        const leftGap = nextGap(spans, column - 1, columns, y, last);
        const rightGap = nextGap(spans, column + 1, columns, y, last);
        const from = Math.min(leftGap.from, rightGap.from);
        if (from >= last) break;
        let to = 0;
        if (leftGap.from === from) to = leftGap.to;
        if (rightGap.from === from) to = Math.max(to, rightGap.to);
        for (y = from; y < to; y++) visit(x, y);
      }
      if (last > start) visit(x, last);
    }
  }
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** The first stretch at or below row `y`, and above `limit`, that is not set in the column. */
function nextGap(spans: MaskSpans, column: number, columns: number, y: number, limit: number): Gap {
  if (column < 0 || column >= columns) return { from: y, to: limit };
  let from = y;
  for (let i = spans.offsets[column]!; i < spans.offsets[column + 1]!; i++) {
    if (spans.ends[i]! <= from) continue;
    if (spans.starts[i]! > from) return { from, to: Math.min(limit, spans.starts[i]!) };
    from = spans.ends[i]!;
  }
  return { from: Math.min(from, limit), to: limit };
}

/** Rows painted at a time: the columns of a mask lie far apart in memory, those of a few rows stay in the cache. */
const bandHeight = 16;

/** Fills the mask's pixels with a colour; `alpha` is 0 to 255. */
export function fillMask(canvas: Canvas, spans: MaskSpans, color: Color, alpha: number): void {
  const { offsets, starts, ends } = spans;
  const { data, width } = canvas;
  // what becomes of each of the 256 values of a channel: a mask has many more pixels
  const [red, green, blue] = color.map((value) => mixed(value, alpha)) as [Uint8Array, Uint8Array, Uint8Array];
  const stride = width * 4;
  const bottom = ends.reduce((lowest, end) => Math.max(lowest, end), 0);
  const next = offsets.slice();
  for (
    let band = starts.reduce((highest, start) => Math.min(highest, start), bottom);
    band < bottom;
    band += bandHeight
  ) {
    const bandEnd = band + bandHeight;
    for (let column = 0; column + 1 < offsets.length; column++) {
      const x = (spans.left + column) * 4;
      let i = next[column]!;
      for (; i < offsets[column + 1]! && starts[i]! < bandEnd; i++) {
        const end = Math.min(ends[i]!, bandEnd) * stride + x;
        for (let at = Math.max(starts[i]!, band) * stride + x; at < end; at += stride) {
          if (data[at + 3] !== 255) {
            blend(data, at, color, alpha);
            continue;
          }
          data[at] = red[data[at]!]!;
          data[at + 1] = green[data[at + 1]!]!;
          data[at + 2] = blue[data[at + 2]!]!;
        }
        if (ends[i]! > bandEnd) break;
      }
      next[column] = i;
    }
  }
}

function mixed(value: number, alpha: number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, below) => mix(value, below, alpha));
}

/** Room to mark pixels in, reused from mask to mask: always all zero between two uses. */
export interface ContourBuffer {
  readonly covered: Uint8Array;
}

export function createContourBuffer({
  width,
  height,
}: {
  readonly width: number;
  readonly height: number;
}): ContourBuffer {
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

/** Pixels around the middle with their coverage, 255 where they lie wholly in the disc. */
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
