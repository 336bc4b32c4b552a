import type { NDArray, Size } from '../arrays.ts';
import { areaOf, boxAt } from './boxes.ts';

/**
 * Pooling of regions: which level of the pyramid serves which region, and RoIAlign as mmcv computes it. Regions are rows
 * of (batch index, x1, y1, x2, y2) in network pixels.
 */

export interface LevelOptions {
  /** Regions of this side, up to twice it, belong to level 0 (mmdet's `finest_scale`). */
  readonly finestScale: number;
  /** How many levels are pooled. */
  readonly levels: number;
}

/** Returns the level of each of n × xyxy boxes: floor(log2(sqrt(area) / finestScale + 1e-6)), from 0 to levels - 1. */
export function regionLevels(boxes: Float32Array, { finestScale, levels }: LevelOptions): Uint8Array {
  return Uint8Array.from({ length: boxes.length / 4 }, (_, i) => {
    const level = Math.floor(Math.log2(Math.sqrt(areaOf(boxAt(boxes, i))) / finestScale + 1e-6));
    return Math.min(Math.max(level, 0), levels - 1);
  });
}

/** Boxes sorted by the level of the pyramid that they are pooled from. */
export interface SortedRegions {
  /** Per level n × 5, n may be 0: the inputs of the parts `box` and `mask`. */
  readonly regions: readonly NDArray[];
  /** Row i of all levels, one after another, is box `order[i]`. */
  readonly order: Uint32Array;
}

/** Sorts boxes by level, keeping their order within a level. */
export function sortByLevel(boxes: Float32Array, options: LevelOptions, image = 0): SortedRegions {
  const byLevel = Array.from({ length: options.levels }, (): number[] => []);
  for (const [box, level] of regionLevels(boxes, options).entries()) byLevel[level]?.push(box);
  const regions = byLevel.map((chosen) => {
    const data = new Float32Array(5 * chosen.length);
    for (const [row, box] of chosen.entries()) data.set([image, ...boxAt(boxes, box)], 5 * row);
    return { shape: [chosen.length, 5], data };
  });
  return { regions, order: Uint32Array.from(byLevel.flat()) };
}

/** Brings rows computed in level order, n × …, back to the order that the boxes had. */
export function toBoxOrder(rows: NDArray, order: Uint32Array): NDArray {
  const data = new Float32Array(rows.data.length);
  const length = data.length / order.length;
  for (const [row, box] of order.entries()) {
    data.set(rows.data.subarray(row * length, (row + 1) * length), box * length);
  }
  return { shape: rows.shape, data };
}

/** The options of mmcv's RoIAlign. */
export interface RoiAlignOptions {
  readonly outputSize: Size;
  /** Map pixels per network pixel: 1 / stride. */
  readonly spatialScale: number;
  /** Samples per bin and axis; 0 takes as many as the bin has map pixels, rounded up. */
  readonly samplingRatio: number;
  /** Half-pixel centres. Without them regions are at least one map pixel wide and high. */
  readonly aligned: boolean;
}

/**
 * RoIAlign of maps with planes of channels. A bin is the mean of a grid of bilinear samples. Which samples count and what
 * they weigh is a product of a row's and a column's share, so a region is pooled along its rows first and then along its
 * columns, and each pixel is read once per bin column instead of four times per sample.
 *
 * @param map N × C × height × width
 * @param regions n × 5: batch index and xyxy in network pixels
 * @returns n × C × outputSize; with `samplingRatio` 0, regions without area give zeros
 */
export function roiAlign(map: NDArray, regions: NDArray, options: RoiAlignOptions): NDArray {
  const [, channels = 0, height = 0, width = 0] = map.shape;
  const { outputSize } = options;
  const binCount = outputSize.height * outputSize.width;
  const shares = sharesOf(regions, { height, width }, options);
  const out = new Float32Array(shares.length * channels * binCount);
  const pooledRows = new Float64Array(height * outputSize.width);
  // plane by plane: all regions read one while it is in the cache, which is twice as fast as region by region
  for (let channel = 0; channel < channels; channel++) {
    for (const [region, { image, rows, columns, usedRows }] of shares.entries()) {
      poolRows(map.data, (image * channels + channel) * height * width, width, usedRows, columns, pooledRows);
      poolColumns(pooledRows, rows, outputSize, out, (region * channels + channel) * binCount);
    }
  }
  return { shape: [shares.length, channels, outputSize.height, outputSize.width], data: out };
}

/** Pools the rows `used` of one plane to the bins of a row: row y goes to `pooled[y * bins …]`. */
function poolRows(
  data: Float32Array,
  plane: number,
  width: number,
  used: Int32Array,
  { starts, indices, weights }: Shares,
  pooled: Float64Array,
): void {
  const bins = starts.length - 1;
  for (const y of used) {
    const row = plane + y * width;
    for (let bin = 0; bin < bins; bin++) {
      const end = starts[bin + 1]!;
      let sum = 0;
      for (let i = starts[bin]!; i < end; i++) sum += weights[i]! * data[row + indices[i]!]!;
      pooled[y * bins + bin] = sum;
    }
  }
}

function poolColumns(
  pooled: Float64Array,
  { starts, indices, weights }: Shares,
  { height, width }: Size,
  out: Float32Array,
  outAt: number,
): void {
  for (let y = 0; y < height; y++) {
    const [start, end] = [starts[y]!, starts[y + 1]!];
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = start; i < end; i++) sum += weights[i]! * pooled[indices[i]! * width + x]!;
      out[outAt + y * width + x] = sum;
    }
  }
}

/**
 * RoIAlign of maps whose channels run fastest, as TensorFlow.js keeps them.
 *
 * @param map N × height × width × C
 * @param regions n × 5: batch index and xyxy in network pixels
 * @returns n × outputSize × C
 */
export function roiAlignNhwc(map: NDArray, regions: NDArray, options: RoiAlignOptions): NDArray {
  const [, height = 0, width = 0, channels = 0] = map.shape;
  const { outputSize } = options;
  const shares = sharesOf(regions, { height, width }, options);
  const rowLength = outputSize.width * channels;
  const out = new Float32Array(shares.length * outputSize.height * rowLength);
  const pooledRow = new Float32Array(rowLength);
  for (const [region, { image, rows, columns, usedRows }] of shares.entries()) {
    const first = region * outputSize.height * rowLength;
    for (const row of usedRows) {
      pooledRow.fill(0);
      const start = (image * height + row) * width;
      poolRow(map.data, start, columns, channels, pooledRow);
      for (let i = 0; i < rows.bins.length; i++) {
        if (rows.indices[i] !== row) continue;
        addScaled(out, first + rows.bins[i]! * rowLength, pooledRow, 0, rowLength, rows.weights[i]!);
      }
    }
  }
  return { shape: [shares.length, outputSize.height, outputSize.width, channels], data: out };
}

/** Pools a row of the map to the bins of a row. Four pixels are added at a time, each rounded to float32 as if they came one by one. */
function poolRow(
  data: Float32Array,
  start: number,
  { starts, indices, weights }: Shares,
  channels: number,
  pooled: Float32Array,
): void {
  const { fround } = Math;
  for (let bin = 0; bin < starts.length - 1; bin++) {
    const end = starts[bin + 1]!;
    const to = bin * channels;
    let i = starts[bin]!;
    for (; i + 3 < end; i += 4) {
      const a = (start + indices[i]!) * channels;
      const b = (start + indices[i + 1]!) * channels;
      const c = (start + indices[i + 2]!) * channels;
      const d = (start + indices[i + 3]!) * channels;
      const wa = weights[i]!;
      const wb = weights[i + 1]!;
      const wc = weights[i + 2]!;
      const wd = weights[i + 3]!;
      for (let k = 0; k < channels; k++) {
        const ab = fround(fround(pooled[to + k]! + wa * data[a + k]!) + wb * data[b + k]!);
        pooled[to + k] = fround(ab + wc * data[c + k]!) + wd * data[d + k]!;
      }
    }
    for (; i + 1 < end; i += 2) {
      const a = (start + indices[i]!) * channels;
      const b = (start + indices[i + 1]!) * channels;
      const wa = weights[i]!;
      const wb = weights[i + 1]!;
      for (let k = 0; k < channels; k++) {
        pooled[to + k] = fround(pooled[to + k]! + wa * data[a + k]!) + wb * data[b + k]!;
      }
    }
    if (i < end) addScaled(pooled, to, data, (start + indices[i]!) * channels, channels, weights[i]!);
  }
}

function addScaled(to: Float32Array, toAt: number, from: Float32Array, fromAt: number, length: number, weight: number) {
  for (let i = 0; i < length; i++) to[toAt + i]! += weight * from[fromAt + i]!;
}

/** The shares of the map's rows (or columns) in each bin. Entries `starts[bin]` up to `starts[bin + 1]` belong to `bin`. */
export interface Shares {
  readonly starts: Uint32Array;
  readonly bins: Uint16Array;
  readonly indices: Int32Array;
  readonly weights: Float64Array;
}

/** What a region pools: its image, and the shares of that image's rows and columns. */
export interface RegionShares {
  readonly image: number;
  readonly rows: Shares;
  readonly columns: Shares;
  /** Every row with a share, once. */
  readonly usedRows: Int32Array;
}

/** Returns the shares of every region, n × 5. */
export function sharesOf({ data }: NDArray, map: Size, options: RoiAlignOptions): RegionShares[] {
  const { height, width } = options.outputSize;
  return Array.from({ length: data.length / 5 }, (_, region) => {
    const [image = 0, ...box] = data.subarray(5 * region, 5 * region + 5);
    const [x1, y1, x2, y2] = boxAt(box, 0);
    const rows = axisShares(y1, y2, height, map.height, options);
    const columns = axisShares(x1, x2, width, map.width, options);
    return { image, rows, columns, usedRows: Int32Array.from(new Set(rows.indices)) };
  });
}

/** Counts in float32, step by step as mmcv and onnxruntime do: a bin of 2 pixels in doubles may be one of 2.0000002 there. */
function samplesOf(from: number, to: number, bins: number, { spatialScale, aligned }: RoiAlignOptions): number {
  const { fround } = Math;
  const scale = fround(spatialScale);
  const offset = aligned ? 0.5 : 0;
  const start = fround(fround(from * scale) - offset);
  const end = fround(fround(to * scale) - offset);
  const length = fround(end - start);
  return Math.ceil(fround((aligned ? length : Math.max(length, 1)) / bins));
}

function axisShares(from: number, to: number, bins: number, extent: number, options: RoiAlignOptions): Shares {
  const { spatialScale, samplingRatio, aligned } = options;
  const start = from * spatialScale - (aligned ? 0.5 : 0);
  const length = aligned ? (to - from) * spatialScale : Math.max((to - from) * spatialScale, 1);
  const bin = length / bins;
  // an invalid region (an engine's infinity) has no samples, instead of infinitely many
  const samples = !Number.isFinite(bin) ? 0 : samplingRatio > 0 ? samplingRatio : samplesOf(from, to, bins, options);
  const starts = new Uint32Array(bins + 1);
  const binOf: number[] = [];
  const indices: number[] = [];
  const weights: number[] = [];
  for (let b = 0; b < bins; b++) {
    // neighbouring samples share pixels
    const weightOf = new Map<number, number>();
    const add = (index: number, weight: number) => weightOf.set(index, (weightOf.get(index) ?? 0) + weight);
    for (let sample = 0; sample < samples; sample++) {
      const position = start + b * bin + ((sample + 0.5) * bin) / samples;
      // further than a pixel outside a sample counts 0, within a pixel it clamps to the edge
      if (position < -1 || position > extent) continue;
      const clamped = Math.min(Math.max(position, 0), extent - 1);
      const low = Math.floor(clamped);
      add(low, (1 - (clamped - low)) / samples);
      if (clamped > low) add(low + 1, (clamped - low) / samples);
    }
    for (const [index, weight] of weightOf) {
      binOf.push(b);
      indices.push(index);
      weights.push(weight);
    }
    starts[b + 1] = indices.length;
  }
  return {
    starts,
    bins: Uint16Array.from(binOf),
    indices: Int32Array.from(indices),
    weights: Float64Array.from(weights),
  };
}
