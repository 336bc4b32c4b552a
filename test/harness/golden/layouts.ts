import type { NDArray } from '../../../src/arrays.ts';

/** Converts maps between N×C×H×W and N×H×W×C, so that one expectation serves both. */

export function toNhwc({ shape, data }: NDArray): NDArray {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const image = Math.floor(i / (c * h * w));
    const channel = Math.floor(i / (h * w)) % c;
    out[(image * h * w + (i % (h * w))) * c + channel] = data[i]!;
  }
  return { shape: [n, h, w, c], data: out };
}

export function toNchw({ shape, data }: NDArray): NDArray {
  const [n = 0, h = 0, w = 0, c = 0] = shape;
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const image = Math.floor(i / (c * h * w));
    const position = Math.floor(i / c) % (h * w);
    out[(image * c + (i % c)) * h * w + position] = data[i]!;
  }
  return { shape: [n, c, h, w], data: out };
}
