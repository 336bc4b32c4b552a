import { sizeOf } from '../../arrays.ts';
import type { Heads } from '../../nn/ops.ts';
import { type MapShape, paddedTo } from '../../nn/shapes.ts';
import { queriesAtOnce } from './attention.ts';
import type { Implementation } from './kernel.ts';
import { tapsOf } from './weight_layouts.ts';

/**
 * How much the kernels hold while they run. The wasm backend has to know before it runs out of memory, so this stands beside
 * the kernels, and a test compares the two.
 */

type Maps = readonly [first: MapShape, ...others: MapShape[]];

const valuesOf = ({ batch, channels, height, width }: MapShape): number => sizeOf([batch, channels, height, width]);

const pixelsOf = ({ batch, height, width }: MapShape): number => batch * height * width;

/** Returns the rule of a kernel that holds so many maps of the result's size. */
export const results =
  (count: number) =>
  (_: unknown, __: Maps, output: MapShape): number =>
    count * valuesOf(output);

export const held: Implementation['held'] = {
  conv2d: ({ groups, stride, dilation }, [x], output) => {
    const both = stride.height * stride.width > 1 && dilation.height * dilation.width > 1;
    const y = valuesOf(output) * (both ? stride.height * stride.width : 1);
    const grouped = groups > 1 && groups !== x.channels;
    return (grouped ? 2 * y + valuesOf(x) / groups : y) + (both ? valuesOf(output) : 0);
  },
  convTranspose2d: (attributes, [x], output) => {
    const taps = tapsOf(attributes);
    if (taps === undefined) return results(2)(attributes, [x], output);
    const { height, width } = attributes.stride;
    const more = taps - 1; // tiles at both ends
    return 2 * output.batch * output.channels * (x.height + more) * height * (x.width + more) * width;
  },
  linear: results(1),
  batchNorm: results(2),
  groupNorm: results(3),
  layerNorm: (_, [x], output) => 2 * valuesOf(output) + 3 * pixelsOf(x),
  relu: results(1),
  silu: results(2),
  sigmoid: results(1),
  gelu: results(2),
  hardsigmoid: results(3),
  hardswish: results(3),
  scale: results(1),
  add: results(1),
  sub: results(1),
  mul: results(1),
  concat: results(1),
  slice: results(1),
  globalAvgPool: results(2),
  adaptiveAvgPool: ({ bins }, [x], output) =>
    valuesOf(x) / x.batch +
    2 * bins.height * x.width * x.channels +
    (bins.height * x.height + bins.width * x.width) +
    2 * valuesOf(output),
  maxPool: results(1),
  avgPool: results(2),
  resize: ({ mode }, [x], output) =>
    valuesOf(output) + (mode === 'nearest' ? output.batch * output.height * x.width * output.channels : 0),
  roiAlign: results(1),
  padToMultiple: results(1),
  mergePatches: results(2),
  windowAttention: ({ heads, window, shift }, [x]) => {
    const whole = paddedTo(x, { height: window, width: window });
    const tokens = pixelsOf(whole);
    const channels = x.channels / 3;
    const qkv = x.channels * tokens;
    const scores = tokens * window ** 2 * heads;
    const mask = shift > 0 ? tokens * window ** 2 : 0;
    // padding and rolling make the next map from pieces of the last: three at once, and the edges
    const moving = valuesOf(x) < qkv || shift > 0 ? 3.2 * qkv : qkv;
    return Math.max(moving, qkv + mask + 2 * scores, qkv + 4 * channels * tokens, qkv + 2 * channels * tokens + scores);
  },
  attention: ({ heads }, [x]) => {
    const pixels = x.height * x.width;
    const rows = queriesAtOnce(pixels, x.batch * heads) * x.batch * heads;
    return valuesOf(x) + 2 * rows * pixels;
  },
  linearAttention: (_: Heads, [x], output) => valuesOf(x) + 2 * valuesOf(output),
  mixPositions: (_, [x], output) => Math.max(2 * valuesOf(x), valuesOf(x) + valuesOf(output), 2 * valuesOf(output)),
  shift: ({ rows, columns }, [x], output) =>
    x.batch * x.channels * (x.height + Math.abs(rows)) * (x.width + Math.abs(columns)) + valuesOf(output),
  circularConv2d: (_, [x], output) => 3 * valuesOf(x) + valuesOf(output),
  addAlongAxis: ({ axis }, [x], output) => valuesOf(output) + x[axis] * x.channels,
};
