import type { Size } from '../ndarray.ts';
import type { CompactMask } from '../postprocess/detections.ts';

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
