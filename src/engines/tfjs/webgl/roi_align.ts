import * as tf from '@tensorflow/tfjs-core';
import type { RoiAlignOptions } from '../../../nn/ops.ts';
import { type RegionShares, sharesOf } from '../../../postprocess/roi_align.ts';
import { type MapSize, runShader, type Shader } from './program.ts';

/**
 * RoIAlign without reading the map back. Which pixels have a share in which bin is counted on the host, as the reference counts
 * it, for any sampling ratio; the program adds the products.
 */
export function roiAlign(options: RoiAlignOptions, x: tf.Tensor4D, regions: tf.Tensor4D): tf.Tensor4D {
  const [, height, width, channels] = x.shape;
  const { outputSize } = options;
  // they came from the host and no program reads them, so TensorFlow.js still has them there
  const rows = { shape: [regions.shape[0], 5], data: regions.dataSync() as Float32Array };
  const shares = sharesOf(rows, { height, width }, options);
  const outputShape: MapSize = [shares.length, outputSize.height, outputSize.width, channels];
  const { starts, entries } = tablesOf(shares);
  const first = tf.tensor2d(starts, [shares.length, starts.length / shares.length]);
  const pairs = tf.tensor2d(entries, [entries.length / 2, 2]);
  try {
    return runShader(
      { ...shader(outputSize.height), texels: { X: x, T: first, E: pairs } },
      [x, first, pairs],
      outputShape,
    );
  } finally {
    tf.dispose([first, pairs]);
  }
}

/**
 * Entries are pairs of a row (or column) of the map and its weight. A region's line of `starts` has where the entries of each
 * row of bins begin, and end; the same for columns; and its image.
 */
function tablesOf(shares: readonly RegionShares[]): { readonly starts: Float32Array; readonly entries: Float32Array } {
  const starts: number[] = [];
  const entries: number[] = [];
  for (const { image, rows, columns } of shares) {
    for (const axis of [rows, columns]) {
      const first = entries.length / 2;
      for (const start of axis.starts) starts.push(first + start);
      for (const [i, index] of axis.indices.entries()) entries.push(index, axis.weights[i] ?? 0);
    }
    starts.push(image);
  }
  // a texture has at least one texel, also if no region has a share
  return { starts: Float32Array.from(starts), entries: Float32Array.from(entries.length > 0 ? entries : [0, 0]) };
}

const shader = (binRows: number): Shader => ({
  inputs: ['X', 'T', 'E'],
  functions: `
int numberAt(int region, int column) {
  vec4 t = TTexel(region / 2, column / 2, (TShape[1] + 1) / 2);
  vec2 row = region % 2 == 0 ? t.xy : t.zw;
  return int(column % 2 == 0 ? row.x : row.y);
}
vec2 entryAt(int index) {
  vec4 t = ETexel(index / 2, 0, 1);
  return index % 2 == 0 ? t.xy : t.zw;
}
vec2 binOf(int region, int row, int column, int pair) {
  int first = ${binRows + 1} + column;
  int firstColumn = numberAt(region, first);
  int endColumn = numberAt(region, first + 1);
  int endRow = numberAt(region, row + 1);
  int image = numberAt(region, TShape[1] - 1);
  vec2 sum = vec2(0.0);
  for (int i = numberAt(region, row); i < endRow; i++) {
    vec2 y = entryAt(i);
    int line = (image * XShape[1] + int(y.x)) * ((XShape[2] + 1) / 2);
    vec2 ofRow = vec2(0.0);
    for (int j = firstColumn; j < endColumn; j++) {
      vec2 x = entryAt(j);
      int at = int(x.x);
      vec4 pixels = XTexel(line + at / 2, pair, (XShape[3] + 1) / 2);
      ofRow += x.y * (at % 2 == 0 ? pixels.xy : pixels.zw);
    }
    sum += y.y * ofRow;
  }
  return sum;
}`,
  body: `
  vec4 result = vec4(binOf(at.x, at.y, at.z, at.w / 2), vec2(0.0));
  if (at.z + 1 < outShape[2]) result.zw = binOf(at.x, at.y, at.z + 1, at.w / 2);`,
});
