import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { type Box, boxAt } from './boxes.ts';
import { type CompactMask, emptyMask } from './masks.ts';
import { runCollector } from './rle.ts';
import { checkFinite, sigmoid } from './scores.ts';

/** Pastes the small maps of a mask head into the image, without a dense map of it. */

/** A map of probabilities, row by row. */
export interface ProbabilityMap extends Size {
  readonly data: ArrayLike<number>;
}

/**
 * Returns the masks of n detections.
 *
 * @param logits n × classes × height × width, or n × 1 × … of a class-agnostic head; several such arrays (the stages of a
 *   cascade) are averaged after the sigmoid
 * @param boxes n × xyxy in the image's pixels, fractional
 * @param maskThreshold pixels are set if their pasted probability is at least this
 * @throws ShapeError if the arrays do not fit together, RangeError for a logit that is not finite
 */
export function pasteMasks(
  logits: NDArray | readonly NDArray[],
  boxes: Float32Array,
  labels: Int32Array,
  imageSize: Size,
  maskThreshold: number,
): CompactMask[] {
  return atOnce(maskSlices(logits, boxes, labels, imageSize, maskThreshold));
}

/** Does what `pasteMasks` does in slices. */
export function* maskSlices(
  logits: NDArray | readonly NDArray[],
  boxes: Float32Array,
  labels: Int32Array,
  imageSize: Size,
  maskThreshold: number,
): Sliced<CompactMask[]> {
  const stages = 'shape' in logits ? [logits] : logits;
  const masks: CompactMask[] = [];
  for (const [i, label] of labels.entries()) {
    masks.push(pasteMask(meanProbabilities(stages, i, label), boxAt(boxes, i), imageSize, maskThreshold));
    yield;
  }
  return masks;
}

/** Returns the map of detection `i` for its class: the mean of the stages' sigmoids. @throws as `pasteMasks` */
export function meanProbabilities(stages: readonly NDArray[], i: number, label: number): ProbabilityMap {
  const [, , height = 0, width = 0] = stages[0]?.shape ?? [];
  const cells = height * width;
  const data = new Float64Array(cells);
  for (const { data: logits, shape } of stages) {
    const [count = 0, classes = 0, ...size] = shape;
    const channel = classes === 1 ? 0 : label;
    if (i >= count || channel >= classes || size[0] !== height || size[1] !== width) {
      throw new ShapeError(
        `mask head: detection ${i} of class ${label} has no map in logits ` +
          `${stages.map((stage) => stage.shape.join('×')).join(', ')}.`,
      );
    }
    const plane = (i * classes + channel) * cells;
    checkFinite('pasteMasks', `logits of detection ${i}`, logits.subarray(plane, plane + cells));
    for (let cell = 0; cell < cells; cell++) data[cell]! += sigmoid(logits[plane + cell]!) / stages.length;
  }
  return { height, width, data };
}

/**
 * Pastes one map into its box, as mmdet does on the CPU, and cuts the mask to what is set. The mask of a box without a pixel
 * of the image is empty: one without width or height, outside the image, inverted, or not finite.
 *
 * @param box x1, y1, x2, y2 in the image's pixels
 * @param maskThreshold pixels are set if their pasted probability is at least this
 */
export function pasteMask(
  map: ProbabilityMap,
  box: ArrayLike<number>,
  imageSize: Size,
  maskThreshold: number,
): CompactMask {
  return reaches(boxAt(box, 0), imageSize) ? pasteAnywhere(map, box, imageSize, maskThreshold) : emptyMask(imageSize);
}

/** Tells if a box has an area in the image. NaN fails every comparison. */
const reaches = ([x1, y1, x2, y2]: Box, { height, width }: Size): boolean =>
  x1 < x2 && y1 < y2 && x2 > 0 && y2 > 0 && x1 < width && y1 < height && Number.isFinite(x2 - x1 + (y2 - y1));

/** Does what mmdet does for any box: one without width or height repeats the middle of the map up to a pixel around it. */
export function pasteAnywhere(
  map: ProbabilityMap,
  box: ArrayLike<number>,
  imageSize: Size,
  maskThreshold: number,
): CompactMask {
  const [x1, y1, x2, y2] = boxAt(box, 0);
  const columns = samplesOf(x1, x2, map.width, imageSize.width);
  const rows = samplesOf(y1, y2, map.height, imageSize.height);
  const cells = cellsOf(rows);
  const column = new Float64Array(map.height + 2);
  // x, from and to of each stretch, one after another
  const stretches: number[] = [];
  let top = imageSize.height;
  let bottom = 0;
  for (let i = 0; i < columns.low.length; i++) {
    mixColumn(map, columns.low[i]!, columns.high[i]!, column);
    const before = stretches.length;
    forEachStretchAbove(column, rows, cells, maskThreshold, (from, to) => {
      stretches.push(columns.first + i, rows.first + from, rows.first + to);
    });
    if (stretches.length === before) continue;
    top = Math.min(top, stretches[before + 1]!);
    bottom = Math.max(bottom, stretches.at(-1)!);
  }
  if (stretches.length === 0) return emptyMask(imageSize);
  const left = stretches[0]!;
  const height = bottom - top;
  const runs = runCollector({ height, width: stretches.at(-3)! - left + 1 });
  for (let i = 0; i < stretches.length; i += 3) {
    const start = (stretches[i]! - left) * height - top;
    runs.add(start + stretches[i + 1]!, start + stretches[i + 2]!);
  }
  return { imageSize, left, top, rle: runs.finish() };
}

/** Returns where the rows begin to lie between other cells of the map, and the end. */
function cellsOf({ low }: AxisSamples): Int32Array {
  const starts: number[] = [];
  for (let y = 0; y < low.length; y++) if (y === 0 || low[y] !== low[y - 1]) starts.push(y);
  return Int32Array.of(...starts, low.length);
}

/**
 * Visits the stretches of a column whose values are at least the threshold. Between two cells that are both above, or both below, all
 * values are: most rows need no arithmetic.
 */
function forEachStretchAbove(
  column: Float64Array,
  { low, high }: AxisSamples,
  cells: Int32Array,
  threshold: number,
  visit: (from: number, to: number) => void,
): void {
  // a mix of two equal values may differ from them in the last bit
  const margin = 1e-9;
  let start = -1;
  for (let cell = 0; cell < cells.length - 1; cell++) {
    const first = cells[cell]!;
    const end = cells[cell + 1]!;
    const a = column[low[first]! + 1]!;
    const b = column[low[first]! + 2]!;
    // the share is NaN for a box without extent
    const certain = high[first]! >= 0 && high[end - 1]! >= 0;
    if (certain && a >= threshold + margin && b >= threshold + margin) {
      if (start < 0) start = first;
    } else if (certain && a < threshold - margin && b < threshold - margin) {
      if (start >= 0) visit(start, first);
      start = -1;
    } else {
      for (let y = first; y < end; y++) {
        const share = high[y]!;
        const isAbove = a * (1 - share) + b * share >= threshold;
        if (isAbove && start < 0) start = y;
        if (!isAbove && start >= 0) {
          visit(start, y);
          start = -1;
        }
      }
    }
  }
  if (start >= 0) visit(start, low.length);
}

/**
 * Visits the pasted probabilities column by column from left to right: `visit(x, top, values)` gets those of rows `top`
 * and below, in a buffer that is used again. Columns and rows further than a pixel from the box are left out: the
 * reference does not look there either.
 */
export function forEachPastedColumn(
  map: ProbabilityMap,
  box: ArrayLike<number>,
  imageSize: Size,
  visit: (x: number, top: number, values: Float64Array) => void,
): void {
  const [x1, y1, x2, y2] = boxAt(box, 0);
  const columns = samplesOf(x1, x2, map.width, imageSize.width);
  const rows = samplesOf(y1, y2, map.height, imageSize.height);
  const values = new Float64Array(rows.low.length);
  // one zero before the first row and one after the last: cells outside the map count 0
  const column = new Float64Array(map.height + 2);
  for (const [i, low] of columns.low.entries()) {
    mixColumn(map, low, columns.high[i]!, column);
    for (let y = 0; y < values.length; y++) {
      const at = rows.low[y]! + 1;
      const share = rows.high[y]!;
      values[y] = column[at]! * (1 - share) + column[at + 1]! * share;
    }
    visit(columns.first + i, rows.first, values);
  }
}

/** Writes the values of a column between column `low` of the map and the next, each one row further: row -1 and the last are outside. */
function mixColumn(map: ProbabilityMap, low: number, share: number, column: Float64Array): void {
  const { width, height, data } = map;
  for (let y = 0, row = 0; y < height; y++, row += width) {
    // cells -1 and `width` of a row are outside as well
    const a = low >= 0 ? data[row + low]! : 0;
    const b = low + 1 < width ? data[row + low + 1]! : 0;
    column[y + 1] = a * (1 - share) + b * share;
  }
}

/** The pixels of an axis on the map. */
interface AxisSamples {
  /** The first pixel. */
  readonly first: number;
  readonly low: Int32Array;
  readonly high: Float64Array;
}

/**
 * Locates the pixel centres of one axis on the map's `cells`: between cell `low` and the next, `high` is the next one's
 * share. Rounded to float32 after each step as the reference is: positions carry its rounding errors, which steep edges
 * of a map make visible in the sixth decimal.
 */
function samplesOf(from: number, to: number, cells: number, extent: number): AxisSamples {
  const first = Math.max(Math.floor(from) - 1, 0);
  const count = Math.max(Math.min(Math.ceil(to) + 1, extent) - first, 0);
  const low = new Int32Array(count);
  const high = new Float64Array(count);
  const { fround } = Math;
  const boxExtent = fround(to - from);
  for (let i = 0; i < count; i++) {
    let grid = fround(fround(fround(fround(first + i + 0.5 - from) / boxExtent) * 2) - 1);
    // a box without extent divides by zero; the reference then takes the middle of the map
    if (Math.abs(grid) === Infinity) grid = 0;
    const position = fround(fround(fround(grid + 1) * (cells / 2)) - 0.5);
    // a whole cell outside and beyond, all is 0: the distance does not matter
    const clamped = Math.min(Math.max(position, -1), cells);
    const cell = Math.min(Math.floor(clamped), cells - 1);
    low[i] = cell;
    high[i] = clamped - cell;
  }
  return { first, low, high };
}
