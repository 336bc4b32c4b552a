import type * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../../../nn/ops.ts';
import { type Expression, glslOf } from './pointwise.ts';
import { type MapSize, runShader, texelOf } from './program.ts';

/**
 * Convolutions that end with an expression: a bias, an activation, a gate, a shortcut. TensorFlow.js has such ends for a few
 * activations only; it makes a matrix of all windows before a dense convolution, nine times the map for 3×3; and it reads
 * every tap of a depthwise one from the texture, also those that share a texel.
 */

type Convolution = Attributes['conv2d'];

/** True if the convolution has a program here: dense ones, and those of every channel by itself. */
export const hasProgram = ({ groups }: Convolution, inChannels: number, outChannels: number): boolean =>
  groups === 1 || (groups === inChannels && outChannels === inChannels);

/** What a program does with a sum before it writes it. */
export interface End {
  readonly expression: Expression;
  readonly textures: readonly tf.Tensor[];
}

/** Convolves. Weights are [height, width, in, out], or [height, width, channels, 1] if the channels stay apart. */
export function convolution(
  attributes: Convolution,
  x: tf.Tensor4D,
  [weight, bias]: readonly [tf.Tensor, tf.Tensor?],
  { expression, textures }: End,
  outputShape: MapSize,
): tf.Tensor4D {
  const { names, functions, body } = glslOf(expression);
  const shader = {
    inputs: ['X', 'W', ...(bias ? ['B'] : []), ...names],
    functions: `${texelOf('X')}${texelOf('W')}${pixels}\n${functions}`,
    body: `${sumOf(attributes)}
  vec4 source = sum${bias ? ' + getBAtOutCoords()' : ''};
  ${body}`,
  };
  return runShader(shader, [x, weight, ...(bias ? [bias] : []), ...textures], outputShape);
}

/** Two pixels of a row, zero where the map has none. A texture may hold anything beyond an odd width. */
const pixels = `
vec4 pixels(int line, int texel, int pair, int pairs) {
  if (texel < 0 || 2 * texel >= XShape[2]) return vec4(0.0);
  vec4 x = XTexel(line + texel, pair, pairs);
  return 2 * texel + 1 < XShape[2] ? x : vec4(x.xy, 0.0, 0.0);
}`;

/** Adds the products of a window, row by row: each texel of a row is read once for all taps. */
function sumOf({ kernel, stride, padding, dilation, groups }: Convolution): string {
  // where the two pixels of an output texel read, from the column of the first: that is even, so the texels are known here
  const columns = Array.from({ length: kernel.width }, (_, tap) => {
    const first = tap * dilation.width - padding.width;
    return [first, first + stride.width] as const;
  });
  const texels = [...new Set(columns.flat().map((column) => Math.floor(column / 2)))];
  const pixelAt = (column: number): string => {
    const half = column % 2 === 0 ? 'xy' : 'zw';
    return `x${texels.indexOf(Math.floor(column / 2))}.${half}`;
  };
  const reads = (pair: string): string =>
    texels.map((offset, i) => `vec4 x${i} = pixels(line, texel + ${offset}, ${pair}, pairs);`).join('\n    ');
  const both = ([first, second]: readonly [number, number]): string => `vec4(${pixelAt(first)}, ${pixelAt(second)})`;
  const ofChannel = (columnsOfTap: readonly [number, number], tap: number): string =>
    `sum += ${both(columnsOfTap)} * WTexel(weights + ${tap} * pairs + at.w / 2, 0, 1).xzxz;`;
  const ofAll = (columnsOfTap: readonly [number, number], tap: number): string =>
    `x = ${both(columnsOfTap)};
    w = WTexel(weights + ${tap} * pairs + i, at.w / 2, outPairs);
    sum += x.xxzz * w.xyxy + x.yyww * w.zwzw;`;
  const products =
    groups === 1
      ? `for (int i = 0; i < pairs; i++) {
    vec4 x, w;
    ${reads('i')}
    ${columns.map(ofAll).join('\n    ')}
    }`
      : `${reads('at.w / 2')}
    ${columns.map(ofChannel).join('\n    ')}`;
  return `
  int pairs = (XShape[3] + 1) / 2;
  int outPairs = (outShape[3] + 1) / 2;
  int texel = at.z / 2 * ${stride.width};
  vec4 sum = vec4(0.0);
  for (int tap = 0; tap < ${kernel.height}; tap++) {
    int row = at.y * ${stride.height} - ${padding.height} + tap * ${dilation.height};
    if (row < 0 || row >= XShape[1]) continue;
    int line = (at.x * XShape[1] + row) * ((XShape[2] + 1) / 2);
    int weights = tap * ${kernel.width} * pairs;
    ${products}
  }`;
}
