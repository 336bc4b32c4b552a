import { blend, type Canvas } from './canvas.ts';
import type { Color } from './colors.ts';
import { forEachEdgePixel, type MaskSpans } from './mask_spans.ts';

/** Fills the mask's pixels with a colour; `alpha` is 0 to 255. */
export function fillMask(canvas: Canvas, spans: MaskSpans, color: Color, alpha: number): void {
  for (let column = 0; column + 1 < spans.offsets.length; column++) {
    const x = spans.left + column;
    for (let i = spans.offsets[column]!; i < spans.offsets[column + 1]!; i++) {
      const end = spans.ends[i]!;
      for (let y = spans.starts[i]!; y < end; y++) blend(canvas.data, (y * canvas.width + x) * 4, color, alpha);
    }
  }
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
      const coverage = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy))));
      if (coverage > 0) brush.push({ dx, dy, coverage });
    }
  }
  return brush;
}
