import type { Size } from '../arrays.ts';

/** `cv2.GaussianBlur` of float32 maps, with the standard deviation that follows from the window's side (sigma 0). */

/** OpenCV's fixed windows. Larger ones are computed. */
const fixed: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  3: [1 / 4, 2 / 4, 1 / 4],
  5: [1, 4, 6, 4, 1].map((weight) => weight / 16),
  7: [2, 7, 14, 18, 14, 7, 2].map((weight) => weight / 64),
  9: [4, 13, 30, 51, 60, 51, 30, 13, 4].map((weight) => weight / 256),
};

/**
 * Returns the weights of a window, in float32: `cv2.getGaussianKernel(side, 0)`.
 *
 * @throws RangeError if the side is not an odd number above 0
 */
export function gaussianWindow(side: number): Float32Array {
  if (!(Number.isInteger(side) && side > 0 && side % 2 === 1)) {
    throw new RangeError(`gaussianWindow: the side is ${side}. It must be an odd number above 0.`);
  }
  const known = fixed[side];
  if (known) return Float32Array.from(known);
  const sigma = 0.3 * ((side - 1) / 2 - 1) + 0.8;
  const weights = Float64Array.from({ length: side }, (_, i) =>
    Math.exp(-((i - (side - 1) / 2) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float32Array.from(weights, (weight) => weight / sum);
}

/** What lies around a map: zeros, or the map mirrored at its border, whose cells are not repeated (OpenCV's `BORDER_REFLECT_101`). */
export type Surroundings = 'zeros' | 'reflection';

/**
 * Returns a blurred copy of a map, rows first.
 *
 * @param map height × width
 * @param window of `gaussianWindow`
 */
export function gaussianBlur(
  map: Float32Array,
  { height, width }: Size,
  window: Float32Array,
  around: Surroundings,
): Float32Array {
  const rows = new Float32Array(map.length);
  const blurred = new Float32Array(map.length);
  const columnTaps = tapsOf(width, window.length, around);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * width + x] = mixed(map, y * width, 1, columnTaps, x, window);
  }
  const rowTaps = tapsOf(height, window.length, around);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) blurred[y * width + x] = mixed(rows, x, width, rowTaps, y, window);
  }
  return blurred;
}

/** Returns the sum of the cells under the window at `place` of one line of a map. */
function mixed(
  map: Float32Array,
  start: number,
  step: number,
  taps: Int32Array,
  place: number,
  window: Float32Array,
): number {
  let sum = 0;
  for (let k = 0; k < window.length; k++) {
    const tap = taps[place + k]!;
    if (tap >= 0) sum += map[start + tap * step]! * window[k]!;
  }
  return sum;
}

/** Returns the cells along an axis, with half a window before and after it; -1 stands for a zero. */
function tapsOf(extent: number, side: number, around: Surroundings): Int32Array {
  const half = (side - 1) / 2;
  return Int32Array.from({ length: extent + 2 * half }, (_, i) => {
    let cell = i - half;
    if (around === 'zeros') return cell >= 0 && cell < extent ? cell : -1;
    if (extent === 1) return 0;
    while (cell < 0 || cell >= extent) cell = cell < 0 ? -cell : 2 * (extent - 1) - cell;
    return cell;
  });
}
