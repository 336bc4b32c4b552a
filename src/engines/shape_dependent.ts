import type { NDArray, Size } from '../arrays.ts';
import type { Axis, WindowAttention } from '../nn/ops.ts';

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
 * Where the pixels of a map go when it is cut into windows: filling, rolling and cutting as one permutation, so that an
 * engine can gather twice whatever the size, the shift and the order of the steps.
 */

export type Windows = Pick<WindowAttention, 'window' | 'shift' | 'padding'>;

interface WindowAxis {
  /** Pixels with the filling: whole windows. */
  readonly extent: number;
  /** By place along the rolled axis, the pixel that is there; -1 for filling. */
  readonly sources: Int32Array;
}

function axisOf({ window, shift, padding }: Windows, pixels: number): WindowAxis {
  const extent = Math.ceil(pixels / window) * window;
  const sources = new Int32Array(extent).fill(-1);
  const period = padding === 'first' ? extent : pixels;
  for (let place = 0; place < period; place++) {
    const source = (place + shift) % period;
    if (source < pixels) sources[place] = source;
  }
  return { extent, sources };
}

/** Calls back for every place of every window, in order, with its row and column in the rolled map. */
function forEachPlace(window: number, { height, width }: Size, visit: (row: number, column: number) => void): void {
  for (let top = 0; top < height; top += window) {
    for (let left = 0; left < width; left += window) {
      for (let i = 0; i < window; i++) for (let j = 0; j < window; j++) visit(top + i, left + j);
    }
  }
}

const axesOf = (windows: Windows, { height, width }: Size) => {
  const [rows, columns] = [axisOf(windows, height), axisOf(windows, width)];
  return { rows, columns, filled: { height: rows.extent, width: columns.extent } };
};

/** [windows · window²]: by place, the pixel (row · width + column) that is there; height · width, one past the last, for filling. */
export function windowTokens(windows: Windows, size: Size): NDArray<Int32Array> {
  const { rows, columns, filled } = axesOf(windows, size);
  const data = new Int32Array(filled.height * filled.width);
  let place = 0;
  forEachPlace(windows.window, filled, (i, j) => {
    const [row, column] = [rows.sources[i]!, columns.sources[j]!];
    data[place++] = row < 0 || column < 0 ? size.height * size.width : row * size.width + column;
  });
  return { shape: [data.length], data };
}

/** [height · width]: by pixel, its place in the windows. The inverse of `windowTokens`. */
export function windowPlaces(windows: Windows, size: Size): NDArray<Int32Array> {
  const data = new Int32Array(size.height * size.width);
  windowTokens(windows, size).data.forEach((pixel, place) => {
    if (pixel < data.length) data[pixel] = place;
  });
  return { shape: [data.length], data };
}

/**
 * [windows, window²]: a number for the region of the rolled map in which a place lies. Along each axis there are three: all windows
 * but the last, the last one up to what was rolled in, and that. Places of different regions do not see each other.
 */
export function windowRegions(windows: Windows, size: Size): NDArray {
  const { window, shift } = windows;
  const { filled } = axesOf(windows, size);
  const region = (place: number, extent: number) => (place < extent - window ? 0 : place < extent - shift ? 1 : 2);
  const data = new Float32Array(filled.height * filled.width);
  let at = 0;
  forEachPlace(window, filled, (i, j) => {
    data[at++] = 3 * region(i, filled.height) + region(j, filled.width);
  });
  return { shape: [data.length / window ** 2, window ** 2], data };
}

/** What a place adds to the score of one in another region. */
export const maskedScore = -100;

/** [window⁴]: for every pair of places of a window, the row of the bias table that belongs to their distance. */
export function biasRows(window: number): Int32Array {
  const rows = new Int32Array(window ** 4);
  let at = 0;
  forEachPlace(window, { height: window, width: window }, (i, j) => {
    forEachPlace(window, { height: window, width: window }, (k, l) => {
      rows[at++] = (i - k + window - 1) * (2 * window - 1) + (j - l + window - 1);
    });
  });
  return rows;
}

/**
 * What follows from the size of a map. A compiled program has no sizes in it: it takes these arrays as inputs beside its
 * own, made once for each size.
 */
export type SizedArray =
  | { readonly kind: 'pooling'; readonly axis: Axis; readonly bins: number }
  | { readonly kind: keyof typeof windowArrays; readonly windows: Windows };

const windowArrays = { windowTokens, windowPlaces, windowRegions } as const;

export function sizedArray(array: SizedArray, size: Size): NDArray<Float32Array | Int32Array> {
  if (array.kind === 'pooling') return poolingMatrix(array.bins, size[array.axis]);
  return windowArrays[array.kind](array.windows, size);
}

/** Of the array, before its size is known: the type of its values and the extents that it has for every size. */
export function sizedForm(array: SizedArray): { type: 'float32' | 'int32'; shape: readonly (number | undefined)[] } {
  if (array.kind === 'pooling') return { type: 'float32', shape: [array.bins, undefined] };
  if (array.kind === 'windowRegions') return { type: 'float32', shape: [undefined, array.windows.window ** 2] };
  return { type: 'int32', shape: [undefined] };
}
