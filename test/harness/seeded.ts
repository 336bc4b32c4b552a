import type { NDArray, Shape } from '../../src/arrays.ts';
import { sizeOf } from '../../src/arrays.ts';

/**
 * Makes weights and inputs by a formula of the tensor's name (the golden README, section 1), so that no file is needed.
 */

export function fnv1a32(text: string): number {
  let h = 2166136261;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 16777619);
  return h >>> 0;
}

function unit(h: number, i: number): number {
  let x = (h + Math.imul(i, 0x9e3779b9)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 4294967296;
}

function fill(name: string, shape: Shape, value: (u: number) => number): NDArray {
  const h = fnv1a32(name);
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(unit(h, i));
  return { shape, data };
}

/** Makes the input `name`: `scale * v`. */
export function seededInput(name: string, shape: Shape, { salt = '', scale = 1.5 } = {}): NDArray {
  return fill(salt + name, shape, (u) => scale * (2 * u - 1));
}

/** Makes the parameter `key` by the first rule that fits. */
export function seededWeight(key: string, shape: Shape, { salt = '', gain = 1 } = {}): NDArray {
  const name = salt + key;
  if (key.endsWith('num_batches_tracked')) return fill(name, shape, () => 0);
  if (key.endsWith('running_var')) return fill(name, shape, (u) => 0.5 + u);
  if (key.endsWith('running_mean')) return fill(name, shape, (u) => 0.1 * (2 * u - 1));
  if (key.includes('relative_position_bias_table')) return fill(name, shape, (u) => 0.02 * (2 * u - 1));
  if (key.includes('layer_scale')) return fill(name, shape, (u) => 0.3 * (2 * u - 1));
  if (key.endsWith('sigma.scale') || key.endsWith('.gamma')) return fill(name, shape, (u) => 0.3 + 0.2 * (2 * u - 1));
  if (shape.length >= 2) {
    const spread = Math.sqrt(3 / sizeOf(shape.slice(1)));
    return fill(name, shape, (u) => (2 * u - 1) * spread * gain);
  }
  if (key.endsWith('.weight')) return fill(name, shape, (u) => 1 + 0.1 * (2 * u - 1));
  return fill(name, shape, (u) => 0.05 * (2 * u - 1));
}
