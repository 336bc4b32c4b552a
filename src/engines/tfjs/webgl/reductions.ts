import type * as tf from '@tensorflow/tfjs-core';
import { then } from '../kernel.ts';
import { runShader } from './program.ts';

/** Means: over all pixels of a map, and over the channels of every pixel. */

/** The most texels that one position sums alone. A larger map is summed row by row first, which more positions share. */
const mostAlone = 256;

/** The mean of all pixels of every channel. */
export function globalAverage(x: tf.Tensor4D): tf.Tensor4D {
  const [, height, width] = x.shape;
  const factor = 1 / (height * width);
  if (height * width <= 2 * mostAlone) return rowSums(x, height, factor);
  return then(rowSums(x, 1, 1), (sums) => rowSums(sums, height, factor));
}

/** Sums of `rows` rows at a time, times a factor. */
function rowSums(x: tf.Tensor4D, rows: number, factor: number): tf.Tensor4D {
  const [batch, height, , channels] = x.shape;
  const shader = {
    inputs: ['X'],
    texels: { X: x },
    uniforms: { rows, factor: { float: factor } },
    body: `
  int pair = at.w / 2;
  int pairs = (XShape[3] + 1) / 2;
  int texels = (XShape[2] + 1) / 2;
  bool isOdd = texels * 2 > XShape[2];
  vec2 sum = vec2(0.0);
  for (int row = at.y * rows; row < min((at.y + 1) * rows, XShape[1]); row++) {
    int line = (at.x * XShape[1] + row) * texels;
    for (int i = 0; i < texels; i++) {
      vec4 x = XTexel(line + i, pair, pairs);
      sum += x.xy;
      if (i + 1 < texels || !isOdd) sum += x.zw;
    }
  }
  vec4 result = vec4(sum * factor, 0.0, 0.0);`,
  };
  return runShader(shader, [x], [batch, Math.ceil(height / rows), 1, channels]);
}

/** Normalises the channels of every pixel: a program for mean and deviation, and one that applies them. */
export function layerNorm(x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor, eps: number): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  const statistics = {
    inputs: ['X'],
    texels: { X: x },
    uniforms: { eps: { float: eps } },
    body: `
  int pairs = (XShape[3] + 1) / 2;
  int line = (at.x * XShape[1] + at.y) * ((XShape[2] + 1) / 2) + at.z / 2;
  float count = float(XShape[3]);
  // beyond an odd number of channels a texel holds what is not the map's
  float last = pairs * 2 > XShape[3] ? 0.0 : 1.0;
  vec2 sum = vec2(0.0);
  for (int i = 0; i < pairs; i++) {
    vec4 x = XTexel(line, i, pairs);
    sum += x.xz;
    if (i + 1 < pairs || last > 0.0) sum += x.yw;
  }
  vec2 mean = sum / count;
  vec2 squares = vec2(0.0);
  for (int i = 0; i < pairs; i++) {
    vec4 x = XTexel(line, i, pairs) - mean.xxyy;
    squares += x.xz * x.xz;
    if (i + 1 < pairs || last > 0.0) squares += x.yw * x.yw;
  }
  vec2 factor = inversesqrt(squares / count + eps);
  vec4 result = vec4(mean.x, factor.x, mean.y, factor.y);`,
  };
  const normalised = {
    inputs: ['X', 'S', 'G', 'B'],
    body: `
  vec4 s = getS(at.x, at.y, at.z, 0);
  vec4 result = (getXAtOutCoords() - s.xxzz) * s.yyww * getGAtOutCoords() + getBAtOutCoords();`,
  };
  return then(runShader(statistics, [x], [batch, height, width, 2]), (s) =>
    runShader(normalised, [x, s, gamma, beta], x.shape),
  );
}
