import type * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../../../nn/ops.ts';
import { type Expression, glslOf } from './pointwise.ts';
import { type MapSize, runShader, type Shader, texelOf } from './program.ts';

/**
 * Convolutions that end with an expression: a bias, an activation, a gate, a shortcut. TensorFlow.js has such ends for a few
 * activations only, and reads every tap of a depthwise convolution from the texture, also those that share a texel.
 */

type Convolution = Attributes['conv2d'];

const isUnit = ({ height, width }: { readonly height: number; readonly width: number }): boolean =>
  height === 1 && width === 1;

/** How a convolution is computed here, undefined if TensorFlow.js does it. */
export function kindOf(
  attributes: Convolution,
  inChannels: number,
  outChannels: number,
): 'dense' | 'depthwise' | undefined {
  const { kernel, stride, padding, dilation, groups } = attributes;
  if (groups === 1) {
    const isPixelwise = isUnit(kernel) && isUnit(stride) && padding.height === 0 && padding.width === 0;
    return isPixelwise && isUnit(dilation) ? 'dense' : undefined;
  }
  return groups === inChannels && outChannels === inChannels ? 'depthwise' : undefined;
}

interface End {
  readonly expression: Expression;
  readonly textures: readonly tf.Tensor[];
}

/** Adds the bias and the expression to a shader that leaves `vec4 sum`. */
function ended(shader: Shader, hasBias: boolean, { expression }: End): Shader {
  const { names, functions, body } = glslOf(expression);
  return {
    ...shader,
    inputs: [...shader.inputs, ...(hasBias ? ['B'] : []), ...names],
    functions: `${shader.functions}\n${functions}`,
    body: `${shader.body}\n  vec4 source = sum${hasBias ? ' + getBAtOutCoords()' : ''};\n  ${body}`,
  };
}

/** A convolution by one pixel: weight [1, 1, in, out]. */
export function denseConvolution(
  x: tf.Tensor4D,
  [weight, bias]: readonly [tf.Tensor, tf.Tensor?],
  end: End,
  outputShape: MapSize,
): tf.Tensor4D {
  const shader = {
    inputs: ['X', 'W'],
    functions: `${texelOf('X')}${texelOf('W')}`,
    body: `
  int pairs = (XShape[3] + 1) / 2;
  int outPairs = (outShape[3] + 1) / 2;
  int line = (at.x * XShape[1] + at.y) * ((XShape[2] + 1) / 2) + at.z / 2;
  vec4 sum = vec4(0.0);
  for (int i = 0; i < pairs; i++) {
    vec4 x = XTexel(line, i, pairs);
    vec4 w = WTexel(i, at.w / 2, outPairs);
    sum += x.xxzz * w.xyxy + x.yyww * w.zwzw;
  }`,
  };
  const inputs = bias ? [x, weight, bias] : [x, weight];
  return runShader(ended(shader, bias !== undefined, end), [...inputs, ...end.textures], outputShape);
}

/** A convolution of every channel by itself: weight [height, width, channels, 1]. Each texel of a row is read once. */
export function depthwiseConvolution(
  attributes: Convolution,
  x: tf.Tensor4D,
  [weight, bias]: readonly [tf.Tensor, tf.Tensor?],
  end: End,
  outputShape: MapSize,
): tf.Tensor4D {
  const { kernel, stride, padding, dilation } = attributes;
  // where the two pixels of the output texel read, from the column of the first; that is even, so texels are known here
  const columns = Array.from({ length: kernel.width }, (_, tap) => {
    const first = tap * dilation.width - padding.width;
    return [first, first + stride.width] as const;
  });
  const texels = [...new Set(columns.flat().map((column) => Math.floor(column / 2)))];
  const pixel = (column: number): string => {
    const index = texels.indexOf(Math.floor(column / 2));
    return `x${index}.${column % 2 === 0 ? 'xy' : 'zw'}`;
  };
  const shader = {
    inputs: ['X', 'W'],
    functions: `${texelOf('X')}${texelOf('W')}
vec4 pixels(int line, int texel, int pair, int pairs) {
  if (texel < 0 || 2 * texel >= XShape[2]) return vec4(0.0);
  vec4 x = XTexel(line + texel, pair, pairs);
  return 2 * texel + 1 < XShape[2] ? x : vec4(x.xy, 0.0, 0.0);
}`,
    body: `
  int pair = at.w / 2;
  int pairs = (XShape[3] + 1) / 2;
  int texel = at.z / 2 * ${stride.width};
  vec4 sum = vec4(0.0);
  for (int tap = 0; tap < ${kernel.height}; tap++) {
    int row = at.y * ${stride.height} - ${padding.height} + tap * ${dilation.height};
    if (row < 0 || row >= XShape[1]) continue;
    int line = (at.x * XShape[1] + row) * ((XShape[2] + 1) / 2);
    int weights = tap * ${kernel.width} * pairs + pair;
${texels.map((offset, i) => `    vec4 x${i} = pixels(line, texel + ${offset}, pair, pairs);`).join('\n')}
${columns
  .map(
    ([first, second], i) =>
      `    sum += vec4(${pixel(first)}, ${pixel(second)}) * WTexel(weights + ${i} * pairs, 0, 1).xzxz;`,
  )
  .join('\n')}
  }`,
  };
  const inputs = bias ? [x, weight, bias] : [x, weight];
  return runShader(ended(shader, bias !== undefined, end), [...inputs, ...end.textures], outputShape);
}
