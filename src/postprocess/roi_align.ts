import type { NDArray, Size } from '../arrays.ts';

/**
 * RoIAlign as mmcv computes it. A bin is the mean of a grid of bilinear samples. Which samples count and what they
 * weigh is a product of a row's and a column's share, so a region is pooled along its rows first and then along its
 * columns, and each pixel is read once per bin column instead of four times per sample.
 */

export interface RoiAlignOptions {
  readonly outputSize: Size;
  /** Map pixels per network pixel: 1 / stride. */
  readonly spatialScale: number;
  /** Samples per bin and axis; 0 takes as many as the bin has map pixels, rounded up. */
  readonly samplingRatio: number;
  /** Half-pixel centres; without, regions are at least one map pixel wide and high. */
  readonly aligned: boolean;
}

/**
 * @param map N × C × height × width
 * @param regions n × 5: batch index and xyxy in network pixels
 * @returns n × C × outputSize; with `samplingRatio` 0, regions without area give zeros
 */
export function roiAlign(map: NDArray, regions: NDArray, options: RoiAlignOptions): NDArray {
  const [, channels = 0, height = 0, width = 0] = map.shape;
  const { outputSize } = options;
  const binCount = outputSize.height * outputSize.width;
  const count = regions.data.length / 5;
  const out = new Float32Array(count * channels * binCount);
  const pooledRows = new Float64Array(height * outputSize.width);
  const shares = Array.from({ length: count }, (_, region) => {
    const found = sharesOf(regions.data, region, { height, width }, options);
    return { ...found, used: Int32Array.from(new Set(found.rows.indices)) };
  });
  // plane by plane: all regions read one while it is in the cache, which is twice as fast as the other way round
  for (let channel = 0; channel < channels; channel++) {
    for (let region = 0; region < count; region++) {
      const { image, rows, columns, used } = shares[region]!;
      poolRows(map.data, (image * channels + channel) * height * width, width, used, columns, pooledRows);
      poolColumns(pooledRows, rows, outputSize, out, (region * channels + channel) * binCount);
    }
  }
  return { shape: [count, channels, outputSize.height, outputSize.width], data: out };
}

/** The rows `used` of one plane, each pooled to the bins of a row: row y goes to `pooled[y * bins …]`. */
function poolRows(
  data: Float32Array,
  plane: number,
  width: number,
  used: Int32Array,
  { starts, indices, weights }: Shares,
  pooled: Float64Array,
): void {
  const bins = starts.length - 1;
  for (let u = 0; u < used.length; u++) {
    const row = plane + used[u]! * width;
    const at = used[u]! * bins;
    for (let bin = 0; bin < bins; bin++) {
      const end = starts[bin + 1]!;
      let sum = 0;
      for (let i = starts[bin]!; i < end; i++) sum += weights[i]! * data[row + indices[i]!]!;
      pooled[at + bin] = sum;
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
    const end = starts[y + 1]!;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = starts[y]!; i < end; i++) sum += weights[i]! * pooled[indices[i]! * width + x]!;
      out[outAt + y * width + x] = sum;
    }
  }
}

/**
 * The same for channels that run fastest, as TensorFlow.js keeps them.
 *
 * @param map N × height × width × C
 * @returns n × outputSize × C
 */
export function roiAlignNhwc(map: NDArray, regions: NDArray, options: RoiAlignOptions): NDArray {
  const [, height = 0, width = 0, channels = 0] = map.shape;
  const { outputSize } = options;
  const count = regions.data.length / 5;
  const rowLength = outputSize.width * channels;
  const out = new Float32Array(count * outputSize.height * rowLength);
  const pooledRow = new Float32Array(rowLength);
  for (let region = 0; region < count; region++) {
    const { image, rows, columns } = sharesOf(regions.data, region, { height, width }, options);
    const first = region * outputSize.height * rowLength;
    for (const [row, uses] of binsByRow(rows)) {
      pooledRow.fill(0);
      const start = (image * height + row) * width;
      for (let bin = 0; bin < outputSize.width; bin++) {
        for (let i = columns.starts[bin]!; i < columns.starts[bin + 1]!; i++) {
          addScaled(
            pooledRow,
            bin * channels,
            map.data,
            (start + columns.indices[i]!) * channels,
            channels,
            columns.weights[i]!,
          );
        }
      }
      for (const { bin, weight } of uses) addScaled(out, first + bin * rowLength, pooledRow, 0, rowLength, weight);
    }
  }
  return { shape: [count, outputSize.height, outputSize.width, channels], data: out };
}

function addScaled(to: Float32Array, toAt: number, from: Float32Array, fromAt: number, length: number, weight: number) {
  for (let i = 0; i < length; i++) to[toAt + i]! += weight * from[fromAt + i]!;
}

/** What the map's rows (or columns) give to each bin: entries `starts[bin]` up to `starts[bin + 1]` are its. */
interface Shares {
  readonly starts: Uint32Array;
  readonly indices: Int32Array;
  readonly weights: Float64Array;
}

function sharesOf(regions: Float32Array, region: number, map: Size, options: RoiAlignOptions) {
  const { outputSize } = options;
  const [image, x1, y1, x2, y2] = regions.subarray(5 * region, 5 * region + 5) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    image,
    rows: axisShares(y1, y2, outputSize.height, map.height, options),
    columns: axisShares(x1, x2, outputSize.width, map.width, options),
  };
}

function axisShares(from: number, to: number, bins: number, extent: number, options: RoiAlignOptions): Shares {
  const { spatialScale, samplingRatio, aligned } = options;
  const start = from * spatialScale - (aligned ? 0.5 : 0);
  const length = aligned ? (to - from) * spatialScale : Math.max((to - from) * spatialScale, 1);
  const bin = length / bins;
  // a region that is no box (an engine's infinity) has no samples, instead of infinitely many
  const samples = !Number.isFinite(bin) ? 0 : samplingRatio > 0 ? samplingRatio : Math.ceil(bin);
  const starts = new Uint32Array(bins + 1);
  const indices: number[] = [];
  const weights: number[] = [];
  const add = (index: number, weight: number, first: number) => {
    // neighbouring samples share pixels: at most the last two entries
    for (let i = indices.length - 1; i >= Math.max(first, indices.length - 2); i--) {
      if (indices[i] === index) {
        weights[i]! += weight;
        return;
      }
    }
    indices.push(index);
    weights.push(weight);
  };
  for (let b = 0; b < bins; b++) {
    for (let sample = 0; sample < samples; sample++) {
      const position = start + b * bin + ((sample + 0.5) * bin) / samples;
      // further than a pixel outside a sample counts 0, within it clamps to the edge
      if (position < -1 || position > extent) continue;
      const clamped = Math.min(Math.max(position, 0), extent - 1);
      const low = Math.floor(clamped);
      add(low, (1 - (clamped - low)) / samples, starts[b]!);
      if (clamped > low) add(low + 1, (clamped - low) / samples, starts[b]!);
    }
    starts[b + 1] = indices.length;
  }
  return { starts, indices: Int32Array.from(indices), weights: Float64Array.from(weights) };
}

function binsByRow(rows: Shares): Map<number, { bin: number; weight: number }[]> {
  const uses = new Map<number, { bin: number; weight: number }[]>();
  for (let bin = 0; bin + 1 < rows.starts.length; bin++) {
    for (let i = rows.starts[bin]!; i < rows.starts[bin + 1]!; i++) {
      const use = { bin, weight: rows.weights[i]! };
      const known = uses.get(rows.indices[i]!);
      if (known) known.push(use);
      else uses.set(rows.indices[i]!, [use]);
    }
  }
  return uses;
}

/**
 * Which pyramid level serves which region, and the plain RoIAlign. Regions are rows of (batch index, x1, y1, x2, y2) in
 * network pixels.
 */

export interface LevelOptions {
  /** Regions of this side, up to twice it, belong to level 0 (mmdet's `finest_scale`). */
  readonly finestScale: number;
  /** How many levels are pooled. */
  readonly levels: number;
}

/** The level of each of n × xyxy boxes: floor(log2(sqrt(area) / finestScale + 1e-6)), from 0 to levels - 1. */
export function regionLevels(boxes: Float32Array, { finestScale, levels }: LevelOptions): Uint8Array {
  const chosen = new Uint8Array(boxes.length / 4);
  for (let i = 0; i < chosen.length; i++) {
    const area = (boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!);
    const level = Math.floor(Math.log2(Math.sqrt(area) / finestScale + 1e-6));
    chosen[i] = Math.min(Math.max(level, 0), levels - 1);
  }
  return chosen;
}

/** Boxes sorted to the levels of the pyramid that they are pooled from. */
export interface SortedRegions {
  /** Per level n × 5, n may be 0: the inputs of the parts `box` and `mask`. */
  readonly regions: readonly NDArray[];
  /** Row i of the levels laid end to end is box `order[i]`. */
  readonly order: Uint32Array;
}

/** Sorts boxes by level, keeping their order within a level. */
export function sortByLevel(boxes: Float32Array, options: LevelOptions, image = 0): SortedRegions {
  const levels = regionLevels(boxes, options);
  const order = Uint32Array.from({ length: levels.length }, (_, i) => i).sort(
    (a, b) => levels[a]! - levels[b]! || a - b,
  );
  let next = 0;
  const regions = Array.from({ length: options.levels }, (_, level) => {
    const rows: number[] = [];
    for (; next < order.length && levels[order[next]!] === level; next++) {
      const box = 4 * order[next]!;
      rows.push(image, ...boxes.subarray(box, box + 4));
    }
    return { shape: [rows.length / 5, 5], data: Float32Array.from(rows) };
  });
  return { regions, order };
}

/** Rows computed in level order, n × …, back in the order that the boxes had. */
export function toBoxOrder(rows: NDArray, order: Uint32Array): NDArray {
  const data = new Float32Array(rows.data.length);
  const length = data.length / order.length;
  order.forEach((box, row) => {
    data.set(rows.data.subarray(row * length, (row + 1) * length), box * length);
  });
  return { shape: rows.shape, data };
}
