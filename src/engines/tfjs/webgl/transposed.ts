import type * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../../../nn/ops.ts';
import { then } from '../kernel.ts';
import { tapsOf } from '../weight_layouts.ts';
import { convolution } from './convolution.ts';
import { type MapSize, runShader } from './program.ts';

/**
 * Transposed convolutions: a convolution whose channels are the pixels of tiles, and a program that puts the pixels in their places.
 * TensorFlow.js does the second with three programs, which it compiles anew for every size of a map and of a batch.
 */

type Transposed = Attributes['convTranspose2d'];

/** True if the convolution has programs here: its tiles are squares. */
export const hasTiles = (attributes: Transposed): boolean => tapsOf(attributes) !== undefined;

/** The weight is [taps, taps, in, pixels of a tile × out]. */
export function transposedConvolution(
  attributes: Transposed,
  x: tf.Tensor4D,
  [weight, bias]: readonly [tf.Tensor, tf.Tensor?],
  outputShape: MapSize,
): tf.Tensor4D {
  const [taps = 1, , , channels = 0] = weight.shape;
  const [batch, height, width] = x.shape;
  const unit = { height: 1, width: 1 };
  const edge = { height: taps - 1, width: taps - 1 };
  const ofTiles = { kernel: { height: taps, width: taps }, stride: unit, padding: edge, dilation: unit, groups: 1 };
  const tiles = convolution(
    ofTiles,
    [{ map: x, start: 0, count: x.shape[3] }],
    [weight],
    { expression: { terms: [], textures: 0 }, textures: [] },
    [batch, height + taps - 1, width + taps - 1, channels],
  );
  return then(tiles, () => placed(attributes, tiles, bias, outputShape));
}

/** Puts the pixels of tiles in their places, from where the padding ends, and adds the bias. */
function placed({ stride, padding }: Transposed, tiles: tf.Tensor4D, bias: tf.Tensor | undefined, shape: MapSize) {
  const step = stride.height;
  const shader = {
    inputs: ['X', ...(bias ? ['B'] : [])],
    texels: { X: tiles },
    // two channels of a pixel: they share a texel only if a pixel has an even number of channels
    functions: `
float XValue(int line, int column, int channel, int pairs) {
  vec4 x = XTexel(line + column / 2, channel / 2, pairs);
  vec2 pixel = column % 2 == 0 ? x.xy : x.zw;
  return channel % 2 == 0 ? pixel.x : pixel.y;
}
vec2 XPixel(int batch, int y, int x, int channel) {
  int line = (batch * XShape[1] + y / ${step}) * ((XShape[2] + 1) / 2);
  int pairs = (XShape[3] + 1) / 2;
  int from = (y % ${step} * ${step} + x % ${step}) * outShape[3] + channel;
  return vec2(XValue(line, x / ${step}, from, pairs), XValue(line, x / ${step}, from + 1, pairs));
}`,
    body: `
  int y = at.y + ${padding.height};
  int x = at.z + ${padding.width};
  vec4 result = vec4(XPixel(at.x, y, x, at.w), XPixel(at.x, y, x + 1, at.w))${bias ? ' + getBAtOutCoords()' : ''};`,
  };
  return runShader(shader, bias ? [tiles, bias] : [tiles], shape);
}
