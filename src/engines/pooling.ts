import type { NDArray } from '../ndarray.ts';

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
