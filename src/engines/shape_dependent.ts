import type { NDArray, Size } from '../arrays.ts';
import type { Axis, WindowAttention } from '../nn/ops.ts';

/**
 * Arrays that follow from the size of a map: the matrices of adaptive pooling, and the positions of pixels in the windows
 * of attention. Graphs and compiled programs have no sizes in them, so an engine makes these arrays for each size.
 */
export type ShapeDependentArray =
  | { readonly kind: 'pooling'; readonly axis: Axis; readonly bins: number }
  | { readonly kind: keyof typeof windowArrays; readonly windows: Windows };

/** Computes the array for a size of the map. */
export function shapeDependentArray(array: ShapeDependentArray, size: Size): NDArray<Float32Array | Int32Array> {
  if (array.kind === 'pooling') return poolingMatrix(array.bins, size[array.axis]);
  return windowArrays[array.kind](array.windows, size);
}

/** The type of an array, and its extents that are the same for every size. */
export interface ArrayForm {
  readonly type: 'float32' | 'int32';
  readonly shape: readonly (number | undefined)[];
}

export function formOf(array: ShapeDependentArray): ArrayForm {
  if (array.kind === 'pooling') return { type: 'float32', shape: [array.bins, undefined] };
  if (array.kind === 'windowAreas') return { type: 'float32', shape: [undefined, array.windows.window ** 2] };
  return { type: 'int32', shape: [undefined] };
}

/** PyTorch's adaptive average pooling along one axis, as a matrix bins × extent: bin i is the mean of floor(i·n/bins) up to ceil((i+1)·n/bins). */
export function poolingMatrix(bins: number, extent: number): NDArray {
  const data = new Float32Array(bins * extent);
  for (let bin = 0; bin < bins; bin++) {
    const start = Math.floor((bin * extent) / bins);
    const end = Math.ceil(((bin + 1) * extent) / bins);
    data.fill(1 / (end - start), bin * extent + start, bin * extent + end);
  }
  return { shape: [bins, extent], data };
}

/**
 * How a map is cut into windows. Padding, rolling and cutting are one permutation of the pixels, so that an engine can
 * gather twice whatever the size, the shift and the order of the steps. This is done in three forms, each the fastest in
 * its case: lists for onnxruntime to gather by (computed inside the model they cost Swin-T at 224 pixels 2 % on one
 * thread), operators that compute the lists in files that stand alone (`onnx/shape_dependent.ts`), and slices in
 * TensorFlow.js (`tfjs/attention.ts`), whose wasm backend takes 1.3 to 2.4 times as long to gather.
 */
export type Windows = Pick<WindowAttention, 'window' | 'shift' | 'padding'>;

/** For every position of a padded and rolled axis, the pixel that is there; -1 for padding. */
function sourcesAlong({ window, shift, padding }: Windows, pixels: number): Int32Array {
  const extent = Math.ceil(pixels / window) * window;
  const sources = new Int32Array(extent).fill(-1);
  const period = padding === 'first' ? extent : pixels;
  for (let position = 0; position < period; position++) {
    const source = (position + shift) % period;
    if (source < pixels) sources[position] = source;
  }
  return sources;
}

/** Calls back for every position of every window, in order, with its row and column in the rolled map. */
function forEachPosition(window: number, { height, width }: Size, visit: (row: number, column: number) => void): void {
  for (let top = 0; top < height; top += window) {
    for (let left = 0; left < width; left += window) {
      for (let i = 0; i < window; i++) for (let j = 0; j < window; j++) visit(top + i, left + j);
    }
  }
}

/** [windows · window²]: for every position, its pixel (row · width + column); height · width, one past the last, for padding. */
export function windowTokens(windows: Windows, size: Size): NDArray<Int32Array> {
  const rows = sourcesAlong(windows, size.height);
  const columns = sourcesAlong(windows, size.width);
  const data = new Int32Array(rows.length * columns.length);
  let position = 0;
  forEachPosition(windows.window, { height: rows.length, width: columns.length }, (i, j) => {
    const [row, column] = [rows[i]!, columns[j]!];
    data[position++] = row < 0 || column < 0 ? size.height * size.width : row * size.width + column;
  });
  return { shape: [data.length], data };
}

/** [height · width]: for every pixel, its position in the windows. The inverse of `windowTokens`. */
export function windowPositions(windows: Windows, size: Size): NDArray<Int32Array> {
  const data = new Int32Array(size.height * size.width);
  windowTokens(windows, size).data.forEach((pixel, position) => {
    if (pixel < data.length) data[pixel] = position;
  });
  return { shape: [data.length], data };
}

/**
 * [windows, window²]: for every position, a number for its area of the rolled map. Along each axis there are three: all
 * windows but the last, the last one up to the pixels that were rolled in, and those. Positions of different areas do not
 * see each other.
 */
export function windowAreas(windows: Windows, size: Size): NDArray {
  const { window, shift } = windows;
  const padded = { height: sourcesAlong(windows, size.height).length, width: sourcesAlong(windows, size.width).length };
  const area = (position: number, extent: number) =>
    position < extent - window ? 0 : position < extent - shift ? 1 : 2;
  const data = new Float32Array(padded.height * padded.width);
  let position = 0;
  forEachPosition(window, padded, (i, j) => {
    data[position++] = 3 * area(i, padded.height) + area(j, padded.width);
  });
  return { shape: [data.length / window ** 2, window ** 2], data };
}

const windowArrays = { windowTokens, windowPositions, windowAreas } as const;

/** The number that is added to the score of a position in another area. */
export const maskedScore = -100;

/** [window⁴]: for every pair of positions of a window, the row of the bias table that belongs to their distance. */
export function biasRows(window: number): Int32Array {
  const rows = new Int32Array(window ** 4);
  let pair = 0;
  forEachPosition(window, { height: window, width: window }, (i, j) => {
    forEachPosition(window, { height: window, width: window }, (k, l) => {
      rows[pair++] = (i - k + window - 1) * (2 * window - 1) + (j - l + window - 1);
    });
  });
  return rows;
}
