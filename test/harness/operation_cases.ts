import { ndarray } from '../../src/arrays.ts';
import type { WindowAttention } from '../../src/nn/index.ts';
import {
  batchNorm,
  conv2d,
  convTranspose2d,
  F,
  groupNorm,
  layerNorm,
  linear,
  pointwise,
  type Scope,
  type Value,
} from '../../src/nn/index.ts';
import { array, between, filled, type OperationCase, of, ramp, row, seeded, withInputs } from './operation_case.ts';
import { mixerCases } from './operation_cases_mixers.ts';

/** Small cases of every operation. */

const noBias = { bias: false } as const;
const box = { outputSize: { height: 2, width: 2 }, spatialScale: 1, samplingRatio: 2, aligned: true };
/** Four rows of 0, 1, 2, 3. */
const columns = array([1, 1, 4, 4], ...[0, 1, 2, 3], ...[0, 1, 2, 3], ...[0, 1, 2, 3], ...[0, 1, 2, 3]);
const noRegions = ndarray([0, 5], new Float32Array(0));

/** Queries, keys and values of one channel each: if queries are 0 a position sees all others alike. */
const attends = (
  values: number[],
  options: WindowAttention,
  rest: { table?: number[]; bias?: number[]; keys?: number[] } = {},
) => {
  const { keys = values.map(() => 0), table = [], bias } = rest;
  const rows = (2 * options.window - 1) ** 2;
  return {
    x: array([1, 3, 1, values.length], ...values.map(() => 1), ...keys, ...values),
    forward: (s: Scope, x: Value) =>
      F.windowAttention(x, { table: s.parameter('table', [rows, 1]), bias: bias && s.parameter('bias', [3]) }, options),
    weights: {
      table: array([rows, 1], ...Array.from({ length: rows }, (_, i) => table[i] ?? 0)),
      bias: array([3], ...(bias ?? [0, 0, 0])),
    },
  };
};

const windowCase = (name: string, { x, forward, weights }: ReturnType<typeof attends>, expected: number[]) =>
  of(`windowAttention ${name}`, x, forward, { weights, expected: array([1, 1, 1, expected.length], ...expected) });

const seededAttention = (
  name: string,
  shape: [number, number, number, number],
  options: WindowAttention,
  bias = true,
) =>
  of(`windowAttention of ${name}`, seeded('x', ...shape), (s, x) =>
    F.windowAttention(
      x,
      {
        table: s.parameter('relative_position_bias_table', [(2 * options.window - 1) ** 2, options.heads]),
        bias: bias ? s.parameter('bias', [x.channels]) : undefined,
      },
      options,
    ),
  );

const whole = { heads: 1, window: 2, shift: 0, padding: 'first' } as const;
const rolled = { ...whole, shift: 1 } as const;

// maps of one row in windows of 2×2, whose second row is padding
const windowAttentionCases: readonly OperationCase[] = [
  windowCase(
    'takes the mean of a window, padding included',
    attends([4, 8, 12, 16], whole, { bias: [0, 0, 2] }),
    [4, 4, 8, 8],
  ),
  windowCase('without a bias pads with zeros', attends([4, 8, 12], whole), [3, 3, 3]),
  // ln 3 for itself and 0 for the rest: weights of 3 and 1, and twice the padding
  windowCase('weighs by distance', attends([6, 12], whole, { table: [0, 0, 0, 0, Math.log(3)] }), [5, 7]),
  windowCase('weighs by queries and keys', attends([6, 12], whole, { keys: [Math.log(2), 0] }), [4.8, 4.8]),
  // rolled: 8 12 | 16 4, of which 16 and 4 are not neighbours; the row of padding is another area
  windowCase('with a shift separates pixels that are not neighbours', attends([4, 8, 12, 16], rolled), [4, 10, 10, 16]),
  // in windows of 3×3 the row and two of padding; rolled after padding: 8 12 16 | 0 0 4 with the row as the last, by
  // itself
  windowCase('pads before it rolls', attends([4, 8, 12, 16], { ...rolled, window: 3 }), [4, 12, 12, 12]),
  // rolled before: 8 12 16 | 4 0 0 with the row as the first, beside one of padding
  windowCase(
    'pads after it has rolled',
    attends([4, 8, 12, 16], { ...rolled, window: 3, padding: 'last' }),
    [1, 6, 6, 6],
  ),
  seededAttention('two heads', [2, 12, 4, 6], { ...whole, heads: 2 }),
  seededAttention('an odd size', [2, 12, 5, 7], { ...rolled, heads: 2, window: 3 }),
  seededAttention(
    'an odd size, padded last',
    [2, 12, 5, 7],
    { ...rolled, heads: 2, window: 3, padding: 'last' },
    false,
  ),
  seededAttention('less than a window', [1, 6, 3, 4], { ...rolled, window: 7, shift: 3 }),
];

export const operationCases: readonly OperationCase[] = [
  of('conv2d sums 3×3 windows', ramp([1, 1, 4, 4]), (s, x) => conv2d(s, x, 1, { kernel: 3, padding: 0, ...noBias }), {
    weights: { weight: filled([1, 1, 3, 3], 1) },
    expected: array([1, 1, 2, 2], 45, 54, 81, 90),
  }),
  of(
    'conv2d pads both sides alike at stride 2',
    filled([1, 1, 4, 4], 1),
    (s, x) => conv2d(s, x, 1, { kernel: 3, stride: 2, ...noBias }),
    // 'same' padding would be at the end and give 9 6 6 4
    { weights: { weight: filled([1, 1, 3, 3], 1) }, expected: array([1, 1, 2, 2], 4, 6, 6, 9) },
  ),
  of('conv2d adds its bias', row(1, 2), (s, x) => conv2d(s, x, 2, { kernel: 1 }), {
    weights: { weight: array([2, 1, 1, 1], 10, 100), bias: array([2], 5, 7) },
    expected: array([1, 2, 1, 2], 15, 25, 107, 207),
  }),
  of('conv2d of an odd size', seeded('x', 2, 3, 7, 9), (s, x) => conv2d(s, x, 5, { kernel: 3, stride: 2 })),
  of('conv2d with unequal sides', seeded('x', 1, 3, 8, 9), (s, x) =>
    conv2d(s, x, 4, {
      kernel: { height: 1, width: 5 },
      stride: { height: 1, width: 2 },
      padding: { height: 0, width: 2 },
    }),
  ),
  of(
    'conv2d dilated',
    row(1, 2, 3, 4, 5),
    (s, x) => conv2d(s, x, 1, { kernel: { height: 1, width: 3 }, dilation: 2, ...noBias }),
    {
      weights: { weight: filled([1, 1, 1, 3], 1) },
      expected: row(4, 6, 9, 6, 8),
    },
  ),
  of('conv2d dilated and strided', seeded('x', 1, 2, 9, 8), (s, x) =>
    conv2d(s, x, 3, { kernel: 3, dilation: 2, stride: 2 }),
  ),
  of('conv2d depthwise', array([1, 2, 1, 2], 1, 2, 3, 4), (s, x) => conv2d(s, x, 2, { kernel: 1, groups: 2 }), {
    weights: { weight: array([2, 1, 1, 1], 10, 100), bias: array([2], 1, 2) },
    expected: array([1, 2, 1, 2], 11, 21, 302, 402),
  }),
  of('conv2d depthwise, 7×7 dilated', seeded('x', 2, 4, 9, 11), (s, x) =>
    conv2d(s, x, 4, { kernel: 7, dilation: 3, groups: 4 }),
  ),
  of(
    'conv2d depthwise, two filters a channel',
    array([1, 2, 1, 1], 1, 2),
    (s, x) => conv2d(s, x, 4, { kernel: 1, groups: 2, ...noBias }),
    {
      weights: { weight: array([4, 1, 1, 1], 1, 10, 100, 1000) },
      expected: array([1, 4, 1, 1], 1, 10, 200, 2000),
    },
  ),
  of('conv2d in groups', array([1, 4, 1, 1], 1, 2, 3, 4), (s, x) => conv2d(s, x, 2, { kernel: 1, groups: 2 }), {
    weights: { weight: array([2, 2, 1, 1], 1, 10, 100, 1000), bias: array([2], 0.5, 0.25) },
    expected: array([1, 2, 1, 1], 21.5, 4300.25),
  }),
  of('conv2d in groups, 3×3', seeded('x', 1, 6, 5, 4), (s, x) => conv2d(s, x, 9, { kernel: 3, groups: 3, ...noBias })),
  of('convTranspose2d lays tiles', row(1, 2), (s, x) => convTranspose2d(s, x, 1, { kernel: 2, stride: 2 }), {
    weights: { weight: array([1, 1, 2, 2], 1, 2, 3, 4), bias: array([1], 10) },
    expected: array([1, 1, 2, 4], 11, 12, 12, 14, 13, 14, 16, 18),
  }),
  of('convTranspose2d lays tiles of many channels', seeded('x', 2, 3, 4, 5), (s, x) =>
    convTranspose2d(s, x, 4, { kernel: 2, stride: 2 }),
  ),
  of(
    'convTranspose2d adds where windows overlap',
    row(1, 2),
    (s, x) => convTranspose2d(s, x, 1, { kernel: { height: 1, width: 3 }, stride: { height: 1, width: 2 } }),
    { weights: { weight: filled([1, 1, 1, 3], 1), bias: array([1], 0) }, expected: row(1, 1, 3, 2, 2) },
  ),
  of('convTranspose2d with padding', seeded('x', 1, 3, 4, 5), (s, x) =>
    convTranspose2d(s, x, 2, { kernel: 4, stride: 2, padding: 1 }),
  ),
  of(
    'convTranspose2d with output padding, without a bias',
    row(1, 2),
    (s, x) =>
      convTranspose2d(s, x, 1, {
        kernel: { height: 1, width: 3 },
        stride: { height: 1, width: 2 },
        padding: { height: 0, width: 1 },
        outputPadding: { height: 0, width: 1 },
        bias: false,
      }),
    // 1 → 1 10 100, 2 → 2 20 200 two columns further; the first column is cut off
    { weights: { weight: array([1, 1, 1, 3], 1, 10, 100) }, expected: row(10, 102, 20, 200) },
  ),
  of('convTranspose2d doubles maps of odd sides by any kernel', seeded('x', 2, 3, 5, 3), (s, x) => {
    const doubled = (name: string, y: Value, kernel: number, padding: number, outputPadding: number) =>
      convTranspose2d(s.at(name), y, 4, { kernel, stride: 2, padding, outputPadding, bias: false });
    return doubled('two', doubled('three', doubled('four', x, 4, 1, 0), 3, 1, 1), 2, 0, 0);
  }),
  of('convTranspose2d with an output padding beyond every window', seeded('x', 1, 3, 4, 5), (s, x) =>
    convTranspose2d(s, x, 2, { kernel: 2, stride: 2, outputPadding: 1 }),
  ),
  of('convTranspose2d in larger steps than its kernel', seeded('x', 1, 3, 4, 5), (s, x) =>
    convTranspose2d(s, x, 2, { kernel: 2, stride: 3, padding: 1 }),
  ),
  of('convTranspose2d over three pixels', seeded('x', 1, 3, 4, 5), (s, x) =>
    convTranspose2d(s, x, 2, { kernel: 5, stride: 2, padding: 2, outputPadding: 1 }),
  ),
  of('linear', array([2, 2, 1, 1], 1, 2, 3, 4), (s, x) => linear(s, x, 1), {
    weights: { weight: array([1, 2], 10, 100), bias: array([1], 1) },
    expected: array([2, 1, 1, 1], 211, 431),
  }),
  of('linear flattens in the order channel, row, column', ramp([1, 2, 2, 2]), (s, x) => linear(s, x, 2, 2), {
    weights: {
      weight: array([2, 8], ...[0, 0, 0, 1, 0, 0, 0, 0], ...[0, 0, 0, 0, 1, 0, 0, 0]),
      bias: array([2], 0, 0),
    },
    expected: array([1, 2, 1, 1], 3, 4),
  }),
  of('batchNorm', array([1, 2, 1, 2], 1, 3, 1, 3), (s, x) => batchNorm(s, x, 0), {
    weights: {
      weight: array([2], 1, 2),
      bias: array([2], 0, 10),
      running_mean: array([2], 1, 1),
      running_var: array([2], 4, 1),
    },
    expected: array([1, 2, 1, 2], 0, 1, 10, 14),
  }),
  // mean 2, variance 1 in each group
  of('groupNorm of single channels', array([1, 2, 1, 2], 1, 3, 3, 1), (s, x) => groupNorm(s, x, 2, 0), {
    weights: { weight: array([2], 1, 10), bias: array([2], 0, 5) },
    expected: array([1, 2, 1, 2], -1, 1, 15, -5),
  }),
  of('groupNorm of one group', array([1, 2, 1, 1], 1, 3), (s, x) => groupNorm(s, x, 1, 0), {
    weights: { weight: array([2], 1, 1), bias: array([2], 0, 0) },
    expected: array([1, 2, 1, 1], -1, 1),
  }),
  of('groupNorm of two groups of three', seeded('x', 2, 6, 3, 5), (s, x) => groupNorm(s, x, 2)),
  // mean 2 and variance 1 at the first position, mean 3 and variance 4 at the second
  of('layerNorm of every position', array([1, 2, 1, 2], 1, 5, 3, 1), (s, x) => layerNorm(s, x, 0), {
    weights: { weight: array([2], 1, 10), bias: array([2], 0, 5) },
    expected: array([1, 2, 1, 2], -1, 1, 15, -5),
  }),
  of('layerNorm of a batch', seeded('x', 2, 6, 3, 5), (s, x) => layerNorm(s, x, 1e-6)),
  of('pointwise', array([1, 2, 1, 2], 1, 2, 3, 4), (s, x) => pointwise(s, x, 1), {
    weights: { weight: array([1, 2], 10, 100), bias: array([1], 1) },
    expected: array([1, 1, 1, 2], 311, 421),
  }),
  of('relu', row(-2, 0, 3), (_, x) => F.relu(x), { expected: row(0, 0, 3) }),
  of('sigmoid', row(-1, 0, 1), (_, x) => F.sigmoid(x), { expected: row(0.26894142, 0.5, 0.73105858) }),
  of('silu', row(-1, 0, 1), (_, x) => F.silu(x), { expected: row(-0.26894142, 0, 0.73105858) }),
  // the tanh approximation gives 0.84119 at 1
  of('gelu by the error function', row(-1, 0, 1, 3), (_, x) => F.gelu(x), {
    expected: row(-0.15865525, 0, 0.84134475, 2.99595031),
  }),
  of('scale', array([1, 2, 1, 2], 1, 2, 3, 4), (s, x) => F.scale(x, s.parameter('scale', [1, 2, 1, 1])), {
    weights: { scale: array([1, 2, 1, 1], 10, 100) },
    expected: array([1, 2, 1, 2], 10, 20, 300, 400),
  }),
  between('add', row(1, 2), row(10, 20), F.add, row(11, 22)),
  between(
    'add stretches one pixel',
    array([1, 2, 1, 2], 1, 2, 3, 4),
    array([1, 2, 1, 1], 10, 20),
    F.add,
    array([1, 2, 1, 2], 11, 12, 23, 24),
  ),
  between(
    'sub stretches one channel',
    array([1, 2, 1, 2], 1, 2, 3, 4),
    row(1, 2),
    F.sub,
    array([1, 2, 1, 2], 0, 0, 2, 2),
  ),
  between(
    'mul stretches one image',
    array([2, 1, 1, 2], 1, 2, 3, 4),
    row(10, 100),
    F.mul,
    array([2, 1, 1, 2], 10, 200, 30, 400),
  ),
  between(
    'concat of channels',
    row(1, 2),
    array([1, 2, 1, 2], 3, 4, 5, 6),
    (a, b) => F.concat([a, b]),
    array([1, 3, 1, 2], 1, 2, 3, 4, 5, 6),
  ),
  between(
    'concat of the batch',
    row(1, 2),
    row(3, 4),
    (a, b) => F.concat([a, b], 'batch'),
    array([2, 1, 1, 2], 1, 2, 3, 4),
  ),
  of('slice', array([2, 3, 1, 1], 1, 2, 3, 4, 5, 6), (_, x) => F.slice(x, 1, 3), {
    expected: array([2, 2, 1, 1], 2, 3, 5, 6),
  }),
  of('globalAvgPool', array([1, 2, 2, 2], 1, 2, 3, 4, 10, 20, 30, 40), (_, x) => F.globalAvgPool(x), {
    expected: array([1, 2, 1, 1], 2.5, 25),
  }),
  of('adaptiveAvgPool, bins sharing a pixel', row(1, 2, 6), (_, x) => F.adaptiveAvgPool(x, { height: 1, width: 2 }), {
    expected: row(1.5, 4),
  }),
  of('adaptiveAvgPool, more bins than pixels', row(1, 3), (_, x) => F.adaptiveAvgPool(x, { height: 2, width: 3 }), {
    expected: array([1, 1, 2, 3], 1, 2, 3, 1, 2, 3),
  }),
  of('adaptiveAvgPool of a batch', seeded('x', 2, 3, 7, 9), (_, x) => F.adaptiveAvgPool(x, 6)),
  of(
    'maxPool, whose padding never wins',
    filled([1, 1, 3, 3], -1),
    (_, x) => F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }),
    {
      expected: filled([1, 1, 2, 2], -1),
    },
  ),
  of('maxPool of one pixel takes every second', ramp([1, 1, 3, 3]), (_, x) => F.maxPool(x, { kernel: 1, stride: 2 }), {
    expected: array([1, 1, 2, 2], 0, 2, 6, 8),
  }),
  of('maxPool', ramp([1, 1, 4, 4]), (_, x) => F.maxPool(x, { kernel: 2 }), {
    expected: array([1, 1, 2, 2], 5, 7, 13, 15),
  }),
  between(
    'resize bilinear, half-pixel centres',
    row(0, 1),
    filled([1, 1, 1, 4], 0),
    (x, like) => F.resize(x, { like }),
    row(0, 0.25, 0.75, 1),
  ),
  between(
    'resize bilinear, corners aligned',
    row(0, 3),
    filled([1, 1, 1, 4], 0),
    (x, like) => F.resize(x, { like }, { alignCorners: true }),
    row(0, 1, 2, 3),
  ),
  between(
    'resize bilinear to less',
    row(0, 1, 2, 3),
    filled([1, 1, 1, 2], 0),
    (x, like) => F.resize(x, { like }),
    row(0.5, 2.5),
  ),
  of('resize bilinear by a factor', seeded('x', 2, 3, 3, 5), (_, x) => F.resize(x, { factor: 2 })),
  of('resize nearest by a factor', row(1, 2), (_, x) => F.resize(x, { factor: 2 }, { mode: 'nearest' }), {
    expected: array([1, 1, 2, 4], 1, 1, 2, 2, 1, 1, 2, 2),
  }),
  between(
    'resize nearest to an odd size',
    row(1, 2),
    filled([1, 1, 1, 3], 0),
    (x, like) => F.resize(x, { like }, { mode: 'nearest' }),
    row(1, 1, 2),
  ),
  between(
    'resize nearest where 23 · (14 / 46) rounds to less than 7',
    { shape: [1, 1, 1, 14], data: ramp([14]).data },
    filled([1, 1, 1, 46], 0),
    (x, like) => F.resize(x, { like }, { mode: 'nearest' }),
    row(...Array.from({ length: 46 }, (_, i) => Math.floor((i * 14) / 46))),
  ),
  // bins at −0.5 … 1.5 and 1.5 … 3.5, with samples at 0, 1 and at 2, 3
  between(
    'roiAlign',
    columns,
    array([1, 5], 0, 0, 0, 4, 4),
    (x, r) => F.roiAlign(x, r, box),
    array([1, 1, 2, 2], 0.5, 2.5, 0.5, 2.5),
  ),
  between(
    'roiAlign of several images and scales',
    seeded('a', 2, 3, 9, 11),
    array([3, 5], ...[1, 3, 2, 30, 25], ...[0, -20, 5, 90, 12], ...[0, 8, 8, 8, 8]),
    (x, r) => F.roiAlign(x, r, { ...box, spatialScale: 0.25, samplingRatio: 0 }),
  ),
  of('hardsigmoid', row(-4, -3, 0, 1, 3, 4), (_, x) => F.hardsigmoid(x), { expected: row(0, 0, 0.5, 4 / 6, 1, 1) }),
  of('hardswish', row(-4, -1, 0, 1, 4), (_, x) => F.hardswish(x), { expected: row(0, -2 / 6, 0, 4 / 6, 4) }),
  of('padToMultiple', array([1, 1, 1, 2], 1, 2), (_, x) => F.padToMultiple(x, { height: 2, width: 3 }), {
    expected: array([1, 1, 2, 3], ...[1, 2, 0], ...[0, 0, 0]),
  }),
  of('padToMultiple of a multiple', ramp([1, 2, 2, 4]), (_, x) => F.padToMultiple(x, 2), {
    expected: ramp([1, 2, 2, 4]),
  }),
  of('mergePatches column by column', ramp([1, 1, 2, 4]), (_, x) => F.mergePatches(x), {
    expected: array([1, 4, 1, 2], ...[0, 2], ...[4, 6], ...[1, 3], ...[5, 7]),
  }),
  of('mergePatches of an odd size', ramp([1, 2, 1, 3]), (_, x) => F.mergePatches(x), {
    expected: array([1, 8, 1, 2], ...[0, 2], ...[3, 5], 0, 0, 0, 0, ...[1, 0], ...[4, 0], 0, 0, 0, 0),
  }),
  // y[i] = x[i] + 10 · x[i + 1] + 100 · x[i + 2]
  of('circularConv2d', row(1, 2, 3), (s, x) => F.circularConv2d(x, s.parameter('w', [1, 1, 1, 3]), 'width'), {
    weights: { w: array([1, 1, 1, 3], 1, 10, 100) },
    expected: row(321, 132, 213),
  }),
  of(
    'circularConv2d with its weight resized, 0 2 4 to 0 1 2 3 4',
    { shape: [1, 1, 5, 1], data: Float32Array.of(1, 10, 100, 0, 0) },
    (s, x) => F.circularConv2d(x, s.parameter('w', [1, 1, 3, 1]), 'height'),
    { weights: { w: array([1, 1, 3, 1], 0, 2, 4) }, expected: array([1, 1, 5, 1], 210, 104, 43, 432, 321) },
  ),
  of('circularConv2d of a batch to less', seeded('x', 2, 3, 7, 4), (s, x) =>
    F.circularConv2d(x, s.parameter('w', [3, 1, 9, 1]), 'height'),
  ),
  of('circularConv2d of one row', seeded('x', 1, 2, 1, 3), (s, x) =>
    F.circularConv2d(x, s.parameter('w', [2, 1, 4, 1]), 'height'),
  ),
  of(
    'addAlongAxis',
    array([1, 1, 3, 2], 0, 0, 0, 0, 0, 10),
    (s, x) => F.addAlongAxis(x, s.parameter('p', [1, 1, 2, 1]), 'height'),
    {
      weights: { p: array([1, 1, 2, 1], 1, 3) },
      expected: array([1, 1, 3, 2], 1, 1, 2, 2, 3, 13),
    },
  ),
  of('addAlongAxis of a batch', seeded('x', 2, 3, 5, 8), (s, x) =>
    F.addAlongAxis(x, s.parameter('p', [1, 3, 1, 6]), 'width'),
  ),
  ...windowAttentionCases,
  ...mixerCases,
  withInputs({
    name: 'layers on no regions',
    inputs: { x: seeded('x', 1, 3, 6, 6), none: noRegions },
    forward: (s, { x, none }) => {
      const pooled = F.roiAlign(x, none, box);
      const up = convTranspose2d(s.at('up'), F.relu(conv2d(s.at('conv'), pooled, 4, { kernel: 3 })), 2, {
        kernel: 2,
        stride: 2,
      });
      return linear(s.at('fc'), up, 5, 4);
    },
    expected: array([0, 5, 1, 1]),
  }),
  withInputs({
    name: 'concat of the batch if some levels have no regions',
    inputs: { x: columns, none: noRegions, one: array([1, 5], 0, 0, 0, 4, 4) },
    forward: (_, { x, none, one }) =>
      F.concat([F.roiAlign(x, none, box), F.roiAlign(x, one, box), F.roiAlign(x, none, box)], 'batch'),
    expected: array([1, 1, 2, 2], 0.5, 2.5, 0.5, 2.5),
  }),
];
