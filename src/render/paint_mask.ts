import { blend, type Canvas, mix } from './canvas.ts';
import type { Color } from './colors.ts';
import { forEachEdgePixel, type MaskSpans } from './mask_spans.ts';

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
