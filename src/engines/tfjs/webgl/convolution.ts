import type * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../../../nn/ops.ts';
import { type Expression, glslOf } from './pointwise.ts';
import { type MapSize, runShader } from './program.ts';

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
interface End {
  readonly expression: Expression;
  readonly textures: readonly tf.Tensor[];
}

/** Channels of a map, from an even one on. */
interface Channels {
  readonly map: tf.Tensor4D;
  readonly start: number;
  readonly count: number;
}

/**
 * Convolves the channels of one map or of several, one after the other. Weights are [height, width, in, out], or [height, width,
 * channels, 1] if the channels stay apart.
 */
export function convolution(
  attributes: Convolution,
  parts: readonly Channels[],
  [weight, bias]: readonly [tf.Tensor, tf.Tensor?],
  { expression, textures }: End,
  outputShape: MapSize,
): tf.Tensor4D {
  const { names, functions, body } = glslOf(expression);
  const maps = parts.map((_, i) => `X${i}`);
  const ranges = parts.flatMap(({ start, count }, i) => [
    [`first${i}`, start / 2],
    [`count${i}`, Math.ceil(count / 2)],
  ]);
  const shader = {
    inputs: [...maps, 'W', ...(bias ? ['B'] : []), ...names],
    texels: { ...Object.fromEntries(parts.map(({ map }, i) => [`X${i}`, map])), W: weight },
    functions: [...maps.map((name) => pixelsOf(name, attributes)), functions].join('\n'),
    uniforms: Object.fromEntries(ranges) as Record<string, number>,
    body: `${sumOf(attributes, parts.length)}
  vec4 source = sum${bias ? ' + getBAtOutCoords()' : ''};
  ${body}`,
  };
  const inputs = [...parts.map(({ map }) => map), weight, ...(bias ? [bias] : []), ...textures];
  return runShader(shader, inputs, outputShape);
}

/** Reads two pixels of a row, zero where the map has none. A texture may hold anything beyond an odd width. */
function pixelsOf(name: string, { kernel, stride, padding }: Convolution): string {
  const isWithin = kernel.width === 1 && stride.width === 1 && padding.width === 0; // then what is beyond stays beyond
  const read = `${name}Texel(line + texel, pair, pairs)`;
  const body = isWithin
    ? `return ${read};`
    : `if (texel < 0 || 2 * texel >= ${name}Shape[2]) return vec4(0.0);
  vec4 x = ${read};
  return 2 * texel + 1 < ${name}Shape[2] ? x : vec4(x.xy, 0.0, 0.0);`;
  return `\nvec4 ${name}Pixels(int line, int texel, int pair, int pairs) {\n  ${body}\n}`;
}

/**
 * Adds the products of a window, row by row: each texel of a row is read once for all taps. What a loop does not change stands
 * before it, since software renderers compute it again in every step.
 */
function sumOf({ kernel, stride, padding, dilation, groups }: Convolution, parts: number): string {
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
  const reads = (part: number, pair: string): string =>
    texels
      .map((offset, i) => `vec4 x${i} = X${part}Pixels(line, texel + ${offset}, ${pair}, pairs${part});`)
      .join('\n    ');
  const both = ([first, second]: readonly [number, number]): string => `vec4(${pixelAt(first)}, ${pixelAt(second)})`;
  const ofChannel = (columnsOfTap: readonly [number, number], tap: number): string =>
    `sum += ${both(columnsOfTap)} * WTexel(weights + ${tap} * pairs + pair, 0, 1).xzxz;`;
  const ofAll = (columnsOfTap: readonly [number, number], tap: number): string =>
    `x = ${both(columnsOfTap)};
    w = WTexel(weights + ${tap} * pairs + i, pair, outPairs);
    sum += x.xxzz * w.xyxy + x.yyww * w.zwzw;`;
  const ofPart = (part: number): string => `for (int i = 0; i < count${part}; i++) {
    vec4 x, w;
    ${reads(part, `first${part} + i`)}
    ${columns.map(ofAll).join('\n    ')}
    }
    weights += count${part};`;
  const numbers = Array.from({ length: parts }, (_, part) => part);
  const products =
    groups === 1
      ? numbers.map(ofPart).join('\n    ')
      : `${reads(0, 'first0 + pair')}
    ${columns.map(ofChannel).join('\n    ')}`;
  // a row that every position has needs no branch, which software renderers pay for in every step of the loops within
  const isWithin = kernel.height === 1 && padding.height === 0;
  const rows = isWithin
    ? `int tap = 0;
  int row = at.y * ${stride.height};
  {`
    : `for (int tap = 0; tap < ${kernel.height}; tap++) {
    int row = at.y * ${stride.height} - ${padding.height} + tap * ${dilation.height};
    if (row < 0 || row >= X0Shape[1]) continue;`;
  return `
  int pairs = ${numbers.map((part) => `count${part}`).join(' + ')};
  ${numbers.map((part) => `int pairs${part} = (X${part}Shape[3] + 1) / 2;`).join('\n  ')}
  int outPairs = (outShape[3] + 1) / 2;
  int pair = at.w / 2;
  int texel = at.z / 2 * ${stride.width};
  vec4 sum = vec4(0.0);
  ${rows}
    int line = (at.x * X0Shape[1] + row) * ((X0Shape[2] + 1) / 2);
    int weights = tap * ${kernel.width} * pairs;
    ${products}
  }`;
}
