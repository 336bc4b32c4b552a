import type { Size } from '../arrays.ts';
import type { Sliced } from '../slices.ts';
import { firstThrough, lastThrough, type MapPart, mixRows, type Samples, stretchRows } from './bilinear.ts';
import {
  type LogitSource,
  meanOnPart,
  type PlacedSource,
  placed,
  type Resizes,
  resizesOf,
  type Step,
} from './logit_sources.ts';
import { sigmoid } from './scores.ts';
import { type Tiles, tilesOf } from './tiles.ts';

/**
 * The highest class of each pixel of resized logits, without resizing most of them. A bilinear value lies between the least and the
 * largest of the values that it is made of. So in a tile of the image, whose pixels are made of a few values per class, a class whose
 * largest value stays below the least of another class is the highest nowhere. What remains, often one class, is computed by the same
 * steps as a whole map. Logits of one channel are those of class 1: class 0 has the bar that they must be above.
 */

/** How much arithmetic is done in a slice, in values: a few milliseconds. */
const perSlice = 500_000;

/** Labels at the size of the last step, bytes up to 256 classes. */
export const labelsFor = ({ height, width }: Size, classes: number): Uint8Array | Uint16Array =>
  classes > 256 ? new Uint16Array(height * width) : new Uint8Array(height * width);

/** The decision that logits make. */
export interface Decision {
  /** How many classes there are. */
  readonly classes: number;
  /** The logit of class 0, if the only channel is that of class 1. */
  readonly bar?: number | undefined;
}

/** @param threshold of one channel: class 1 has a greater sigmoid */
export const decisionOf = (channels: number, threshold: number | undefined): Decision =>
  threshold === undefined ? { classes: channels } : { classes: 2, bar: barOf(threshold) };

/** Returns the largest float32 whose sigmoid is not above a threshold from 0 to 1. */
function barOf(threshold: number): number {
  if (threshold >= 1) return Infinity;
  let [low, high] = [-750, 750]; // with the sigmoids 0 and 1
  for (;;) {
    const middle = Math.fround((low + high) / 2);
    if (middle <= low || middle >= high) return low;
    if (sigmoid(middle) > threshold) high = middle;
    else low = middle;
  }
}

/**
 * Returns the class of each pixel: the highest logit, of equal ones the lowest class.
 *
 * @param source covers the base map; its logits are finite
 * @param steps resizes of the base map, none if the labels are of its size
 * @param largest the largest magnitude of a logit
 */
export function* highestClasses(
  source: LogitSource,
  decision: Decision,
  steps: readonly Step[],
  alignCorners: boolean,
  largest: number,
): Sliced<Uint8Array | Uint16Array> {
  const { height, width } = steps.at(-1)?.crop ?? source;
  const labels = labelsFor({ height, width }, decision.classes);
  const map = { ...decision, base: source, resizes: resizesOf(source, steps, alignCorners), width, labels };
  const whole = { top: 0, bottom: height, left: 0, right: width };
  yield* highestOnPart([placed(source, alignCorners)], map, largest, whole);
  return labels;
}

/** What becomes of the base map. */
export interface LabelledMap extends Decision {
  /** The size of the map whose values are the means of the sources. */
  readonly base: Size;
  /** Resizes of the base map, none if the labels are of its size. */
  readonly resizes: Resizes;
  /** The width of the labels. */
  readonly width: number;
  readonly labels: Uint8Array | Uint16Array;
}

/**
 * Writes the labels of a part of the map.
 *
 * @param sources cover what the part reads of the base map; their logits are finite
 * @param largest the largest magnitude of a logit
 */
export function* highestOnPart(
  sources: readonly PlacedSource[],
  { classes, bar, base, resizes: { downs, acrosses }, width, labels }: LabelledMap,
  largest: number,
  part: MapPart,
): Sliced<void> {
  const rows = tilesOf(cellsOf(sources, 'height', base.height), downs, part.top, part.bottom);
  const columns = tilesOf(cellsOf(sources, 'width', base.width), acrosses, part.left, part.right);
  // rounding may lead out of the bounds: by a few units in the last place of a double, and of a float32 in means
  const isMean = sources.length > 1 || sources.some(({ weights }) => weights);
  const slack = largest * (isMean ? 2e-7 * sources.length : 1e-9);
  const candidates = candidateFinder(sources, { classes, bar }, rows, columns, slack);
  const offer = offerTo(sources, bar, base, downs, acrosses, rows, columns);
  /** Labels the tiles of a row from `column` on, until enough is done for a slice. Returns the next column. */
  const labelTiles = (row: number, column: number): number => {
    let done = 0;
    const top = rows.starts[row]!;
    const bottom = rows.starts[row + 1]!;
    for (; column < columns.count && done < perSlice; column++) {
      const left = columns.starts[column]!;
      const right = columns.starts[column + 1]!;
      const count = candidates.find(column);
      fillTile(labels, width, left, right, top, bottom, candidates.found[0]!);
      if (count === 1) continue;
      offer.begin(row, column);
      for (let k = 0; k < count; k++) offer.take(candidates.found[k]!, labels, width);
      done += 4 * count * (right - left) * (bottom - top);
    }
    return column;
  };
  let read = 0;
  for (let row = 0; row < rows.count; row++) {
    read += candidates.enter(row);
    for (let column = 0; column < columns.count; ) {
      column = labelTiles(row, column);
      read += perSlice / 8;
      if (column < columns.count || read >= perSlice) {
        read = 0;
        yield;
      }
    }
  }
}

function fillTile(
  labels: Uint8Array | Uint16Array,
  width: number,
  left: number,
  right: number,
  top: number,
  bottom: number,
  label: number,
): void {
  for (let y = top; y < bottom; y++) {
    const end = y * width + right;
    for (let at = y * width + left; at < end; at++) labels[at] = label;
  }
}

/** Numbers the stretches of an axis of the base map whose pixels lie between the same two values of the first source there. */
function cellsOf(sources: readonly PlacedSource[], axis: 'height' | 'width', length: number): Int32Array {
  const cells = new Int32Array(length);
  const [start, steps] = axis === 'height' ? (['top', 'downs'] as const) : (['left', 'acrosses'] as const);
  let [cell, lastSource, lastLow] = [-1, -1, -1];
  for (let i = 0; i < length; i++) {
    const source = sources.findIndex((one) => i >= one[start] && i < one[start] + one[axis]);
    const one = sources[source];
    const low = one ? firstThrough(one[steps], i - one[start]) : 0;
    if (source !== lastSource || low !== lastLow) cell++;
    [lastSource, lastLow] = [source, low];
    cells[i] = cell;
  }
  return cells;
}

/** The classes that may be the highest of a pixel. */
interface Candidates {
  /** Goes to a row of tiles. Returns how many values were read. */
  enter(row: number): number;
  /** Writes the candidates of a tile of the row to `found`, in ascending order, and returns how many there are. */
  find(column: number): number;
  readonly found: Uint16Array;
}

/** The class of the first channel. */
const classOfFirst = (bar: number | undefined): number => (bar === undefined ? 0 : 1);

/** How many tiles a block has along each axis. */
const blockTiles = 8;

/** Finds candidates in blocks of tiles first: what is a candidate nowhere in a block needs no look at its tiles. */
function candidateFinder(
  sources: readonly PlacedSource[],
  { classes, bar }: Decision,
  rows: Tiles,
  columns: Tiles,
  slack: number,
): Candidates {
  const first = classOfFirst(bar);
  const blocks = Math.ceil(columns.count / blockTiles);
  const low = new Float32Array(classes * blocks);
  const high = new Float32Array(classes * blocks);
  const counts = new Int32Array(blocks);
  const lists = new Uint16Array(classes * blocks);
  const views = sources.map((source) => {
    const down = readsOf(rows, source.top, source.height, source.downs);
    const across = readsOf(columns, source.left, source.width, source.acrosses);
    const wide = { down: ofBlocks(down, rows.count), across: ofBlocks(across, columns.count) };
    return {
      data: source.data,
      width: source.map.width,
      plane: source.map.height * source.map.width,
      down,
      across,
      wide,
    };
  });
  const found = new Uint16Array(classes);
  const tileLow = new Float32Array(classes);
  const tileHigh = new Float32Array(classes);
  let current = 0;

  const enterBlocks = (blockRow: number): number => {
    let read = 0;
    low.fill(Infinity);
    high.fill(-Infinity);
    if (bar !== undefined) for (const bounds of [low, high]) bounds.fill(bar, 0, blocks);
    for (const { data, width, plane, wide } of views) {
      const top = wide.down.starts[blockRow]!;
      const count = wide.down.ends[blockRow]! - top + 1;
      if (count <= 0) continue;
      const { starts, ends } = wide.across;
      for (let c = first; c < classes; c++) {
        const origin = (c - first) * plane + top * width;
        for (let block = 0; block < blocks; block++) {
          const start = starts[block]!;
          widen(data, origin + start, width, count, ends[block]! - start + 1, low, high, c * blocks + block);
        }
      }
      read += classes * width * count;
    }
    for (let block = 0; block < blocks; block++) {
      let least = -Infinity;
      for (let c = 0; c < classes; c++) least = Math.max(least, low[c * blocks + block]!);
      let count = 0;
      for (let c = 0; c < classes; c++) {
        if (high[c * blocks + block]! >= least - slack) lists[block * classes + count++] = c;
      }
      counts[block] = count;
    }
    return read;
  };

  return {
    found,
    enter(row) {
      current = row;
      return row % blockTiles === 0 ? enterBlocks(row / blockTiles) : 0;
    },
    find(column) {
      const block = Math.floor(column / blockTiles);
      const list = block * classes;
      const count = counts[block]!;
      found[0] = lists[list]!;
      if (count === 1) return 1;
      tileLow.fill(Infinity, 0, count);
      tileHigh.fill(-Infinity, 0, count);
      if (bar !== undefined) tileLow[0] = tileHigh[0] = bar; // of two classes, both are left
      for (let i = 0; i < views.length; i++) {
        const { data, width, plane, down, across } = views[i]!;
        const start = across.starts[column]!;
        const tileColumns = across.ends[column]! - start + 1;
        const top = down.starts[current]!;
        const tileRows = down.ends[current]! - top + 1;
        if (tileColumns <= 0 || tileRows <= 0) continue;
        const origin = top * width + start - first * plane;
        for (let k = first; k < count; k++) {
          widen(data, lists[list + k]! * plane + origin, width, tileRows, tileColumns, tileLow, tileHigh, k);
        }
      }
      let least = -Infinity;
      for (let k = 0; k < count; k++) if (tileLow[k]! > least) least = tileLow[k]!;
      let kept = 0;
      for (let k = 0; k < count; k++) if (tileHigh[k]! >= least - slack) found[kept++] = lists[list + k]!;
      return kept;
    },
  };
}

/** Widens the bounds `low[k]` and `high[k]` to the values of a part of a plane. */
function widen(
  data: Float32Array,
  origin: number,
  width: number,
  rows: number,
  columns: number,
  low: Float32Array,
  high: Float32Array,
  k: number,
): void {
  let lowest = low[k]!;
  let highest = high[k]!;
  for (let y = 0, row = origin; y < rows; y++, row += width) {
    for (let at = row, end = row + columns; at < end; at++) {
      const value = data[at]!;
      if (value < lowest) lowest = value;
      if (value > highest) highest = value;
    }
  }
  low[k] = lowest;
  high[k] = highest;
}

/** What tiles read of a source along an axis: from `starts` to `ends`, both included. Nothing, if a start is after its end. */
interface Reads {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

function readsOf({ count, base }: Tiles, from: number, length: number, steps: readonly Samples[]): Reads {
  const starts = new Int32Array(count);
  const ends = new Int32Array(count).fill(-1);
  for (let t = 0; t < count; t++) {
    const first = Math.max(base.starts[t]!, from) - from;
    const end = Math.min(base.ends[t]!, from + length) - from;
    if (first >= end) continue;
    starts[t] = firstThrough(steps, first);
    ends[t] = lastThrough(steps, end - 1);
  }
  return { starts, ends };
}

/** What blocks of tiles read. Tiles that read nothing of a source are at the ends of a block, or are all of it. */
function ofBlocks({ starts, ends }: Reads, tiles: number): Reads {
  const blocks = Math.ceil(tiles / blockTiles);
  const all: Reads = { starts: new Int32Array(blocks), ends: new Int32Array(blocks).fill(-1) };
  for (let block = 0; block < blocks; block++) {
    let from = block * blockTiles;
    let to = Math.min(from + blockTiles, tiles) - 1;
    while (from <= to && starts[from]! > ends[from]!) from++;
    while (from <= to && starts[to]! > ends[to]!) to--;
    if (from > to) continue;
    all.starts[block] = starts[from]!;
    all.ends[block] = ends[to]!;
  }
  return all;
}

/** Offers classes to the pixels of a tile, one after another in ascending order. */
interface Offer {
  begin(row: number, column: number): void;
  /** Gives the class to the pixels whose value is higher than all before. */
  take(label: number, labels: Uint8Array | Uint16Array, width: number): void;
}

function offerTo(
  sources: readonly PlacedSource[],
  bar: number | undefined,
  base: Size,
  downs: readonly Samples[],
  acrosses: readonly Samples[],
  rows: Tiles,
  columns: Tiles,
): Offer {
  const first = classOfFirst(bar);
  const size = rows.widest * columns.widest;
  const buffers = [new Float32Array(size), new Float32Array(size)] as const;
  const stretched = new Float32Array((rows.widest + 1) * columns.widest);
  const best = new Float32Array(rows.longest * columns.longest);
  const meanOf = meanOnPart();
  const [only] = sources;
  const whole = only && sources.length === 1 && isWhole(only, base);
  const data = whole ? only.data : undefined;
  const plane = base.height * base.width;
  const part: MapPart = { top: 0, bottom: 0, left: 0, right: 0 };
  const last = downs.length - 1;
  let row = -1;
  let column = 0;
  /** The sources that reach into the row of tiles, and those that reach into the tile. */
  let ofRow: readonly PlacedSource[] = [];
  let ofTile = ofRow;

  /** Goes to the part that the tile needs of a step, or of the base map. */
  const goTo = (step: number): void => {
    const down = step < 0 ? rows.base : rows.levels[step]!;
    const across = step < 0 ? columns.base : columns.levels[step]!;
    part.top = down.starts[row]!;
    part.bottom = down.ends[row]!;
    part.left = across.starts[column]!;
    part.right = across.ends[column]!;
  };

  return {
    begin(newRow, newColumn) {
      if (newRow !== row) {
        const [top, bottom] = [rows.base.starts[newRow]!, rows.base.ends[newRow]!];
        ofRow = sources.filter((one) => one.top < bottom && one.top + one.height > top);
      }
      row = newRow;
      column = newColumn;
      best.fill(bar ?? -Infinity);
      if (data) return;
      const [left, right] = [columns.base.starts[column]!, columns.base.ends[column]!];
      ofTile = ofRow.filter((one) => one.left < right && one.left + one.width > left);
    },
    take(label, labels, labelWidth) {
      const channel = label - first;
      if (channel < 0) return; // the bar is what others must be above
      let values = data;
      let origin = channel * plane;
      let width = base.width;
      if (!values) {
        goTo(-1);
        values = meanOf(ofTile, channel, part);
        width = part.right - part.left;
        origin = -part.top * width - part.left;
      }
      for (let step = 0; step < last; step++) {
        goTo(step);
        stretchRows(values, origin, width, acrosses[step]!, downs[step]!, part, stretched);
        values = values === buffers[0] ? buffers[1] : buffers[0];
        mixRows(stretched, downs[step]!, part, values);
        width = part.right - part.left;
        origin = -part.top * width - part.left;
      }
      goTo(last);
      if (last < 0) keepHigher(values, origin, width, part, best, labels, labelWidth, label);
      else {
        stretchRows(values, origin, width, acrosses[last]!, downs[last]!, part, stretched);
        mixHigher(stretched, downs[last]!, part, best, labels, labelWidth, label);
      }
    },
  };
}

/** Tells if the values of a source are those of the base map. */
const isWhole = ({ map, downs, weights }: PlacedSource, base: Size): boolean =>
  map.height === base.height && map.width === base.width && downs.length === 0 && !weights;

/** Does what `mixRows` does, and gives the class to the pixels whose value is higher than the best before. */
function mixHigher(
  stretched: Float32Array,
  { low, share }: Samples,
  { top, bottom, left, right }: MapPart,
  best: Float32Array,
  labels: Uint8Array | Uint16Array,
  labelWidth: number,
  label: number,
): void {
  const columns = right - left;
  const first = low[top]!;
  for (let y = top, i = 0; y < bottom; y++) {
    const part = share[y]!;
    const rest = 1 - part;
    let upper = (low[y]! - first) * columns;
    let lower = part > 0 ? upper + columns : upper;
    const end = y * labelWidth + right;
    for (let at = y * labelWidth + left; at < end; at++, i++, upper++, lower++) {
      const value = Math.fround(stretched[upper]! * rest + stretched[lower]! * part);
      if (value > best[i]!) {
        best[i] = value;
        labels[at] = label;
      }
    }
  }
}

/** Gives the class to the pixels whose value is higher than the best before. */
function keepHigher(
  values: Float32Array,
  origin: number,
  width: number,
  { top, bottom, left, right }: MapPart,
  best: Float32Array,
  labels: Uint8Array | Uint16Array,
  labelWidth: number,
  label: number,
): void {
  for (let y = top, i = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, i++) {
      const value = values[origin + y * width + x]!;
      if (value > best[i]!) {
        best[i] = value;
        labels[y * labelWidth + x] = label;
      }
    }
  }
}
