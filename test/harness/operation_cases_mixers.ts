import type { NDArray } from '../../src/arrays.ts';
import { F, mixPositions, type Scope, type Value } from '../../src/nn/index.ts';
import { array, filled, type OperationCase, of as ofOne, row, seeded as seededInput } from './operation_case.ts';

/** Small cases of the operations that mix the pixels of a map. */

const seeded = (...shape: number[]): NDArray => seededInput('x', ...shape);

const of = (
  name: string,
  x: NDArray,
  forward: (scope: Scope, x: Value) => Value,
  expected?: NDArray,
  weights?: OperationCase['weights'],
): OperationCase => ofOne(name, x, forward, { expected, weights });

const three = { kernel: 3, stride: 1, padding: 1 };
/** 0 1 2, and 3 4 5 below. */
const twoRows = array([1, 1, 2, 3], 0, 1, 2, 3, 4, 5);
const nothing = array([1, 1, 2, 3], 0, 0, 0, 0, 0, 0);

const poolingCases: readonly OperationCase[] = [
  of(
    'avgPool, whose padding does not count',
    filled([1, 1, 3, 4], 7),
    (_, x) => F.avgPool(x, three),
    filled([1, 1, 3, 4], 7),
  ),
  of(
    'avgPool of the part of a window that lies within',
    row(0, 3, 9),
    (_, x) => F.avgPool(x, { ...three, kernel: { height: 1, width: 3 }, padding: { height: 0, width: 1 } }),
    row(1.5, 4, 6),
  ),
  of('avgPool with a stride', row(0, 4, 8, 2), (_, x) => F.avgPool(x, { kernel: { height: 1, width: 2 } }), row(2, 5)),
  of(
    'avgPool of one pixel takes every second',
    row(1, 2, 3),
    (_, x) => F.avgPool(x, { kernel: 1, stride: 2 }),
    row(1, 3),
  ),
  of('avgPool of a batch', seeded(2, 3, 7, 9), (_, x) => F.avgPool(x, { kernel: 3, stride: 2, padding: 1 })),
];

const shiftCases: readonly OperationCase[] = [
  of('shift down', twoRows, (_, x) => F.shift(x, { rows: 1 }), array([1, 1, 2, 3], 0, 0, 0, 0, 1, 2)),
  of('shift left', twoRows, (_, x) => F.shift(x, { columns: -1 }), array([1, 1, 2, 3], 1, 2, 0, 4, 5, 0)),
  of(
    'shift up and right',
    twoRows,
    (_, x) => F.shift(x, { rows: -1, columns: 1 }),
    array([1, 1, 2, 3], 0, 3, 4, 0, 0, 0),
  ),
  of('shift by the whole map', twoRows, (_, x) => F.shift(x, { rows: -2 }), nothing),
  of('shift by more than the map', twoRows, (_, x) => F.shift(x, { columns: 5 }), nothing),
  of('shift of a batch', seeded(2, 3, 5, 7), (_, x) => F.shift(x, { rows: 2, columns: -3 })),
];

// channels in order: queries, keys, values; each line a channel with its two pixels
const attentionCases: readonly OperationCase[] = [
  // weights of 2 and 1
  of(
    'attention weighs by queries and keys',
    array([1, 3, 1, 2], ...[1, 0], ...[Math.log(2), 0], ...[6, 12]),
    (_, x) => F.attention(x, 1),
    row(8, 9),
  ),
  // q·k = √2 ln 2 at the first pixel, over √2
  of(
    'attention of two channels to a head',
    array([1, 6, 1, 2], ...[Math.SQRT2, Math.SQRT2], ...[0, 0], ...[Math.log(2), 0], ...[5, 9], ...[6, 12], ...[0, 3]),
    (_, x) => F.attention(x, 1),
    array([1, 2, 1, 2], 8, 8, 1, 1),
  ),
  of('attention of a batch in two heads', seeded(2, 12, 3, 5), (_, x) => F.attention(x, 2)),
  of('attention of odd pixels and channels', seeded(2, 9, 3, 5), (_, x) => F.attention(x, 1)),
  of('attention of one pixel', seeded(1, 6, 1, 1), (_, x) => F.attention(x, 2)),
  // φ(1) = 2, φ(0) = 1
  of(
    'linearAttention weighs by keys',
    array([1, 3, 1, 2], ...[3, -2], ...[1, 0], ...[6, 12]),
    (_, x) => F.linearAttention(x, 1),
    row(8, 8),
  ),
  // φ(−ln 2) = ½
  of(
    'linearAttention of a negative key',
    array([1, 3, 1, 2], ...[0, 0], ...[-Math.LN2, 0], ...[6, 12]),
    (_, x) => F.linearAttention(x, 1),
    row(10, 10),
  ),
  // φ(q) = 1, 2; φ(k) = 2, 1 at the first pixel and 1, 1 at the second: weights of 4 and 3
  of(
    'linearAttention of two channels to a head',
    array([1, 6, 1, 2], ...[0, 0], ...[1, 1], ...[1, 0], ...[0, 0], ...[7, 14], ...[0, 7]),
    (_, x) => F.linearAttention(x, 1),
    array([1, 2, 1, 2], 10, 10, 3, 3),
  ),
  of('linearAttention of odd pixels and channels', seeded(2, 9, 3, 5), (_, x) => F.linearAttention(x, 1)),
  of('linearAttention of a batch in two heads', seeded(2, 12, 3, 5), (_, x) => F.linearAttention(x, 2)),
];

const positionCases: readonly OperationCase[] = [
  of(
    'mixPositions, the same for every channel',
    array([1, 2, 1, 2], ...[1, 2], ...[3, 4]),
    (s, x) => mixPositions(s, x, { height: 1, width: 2 }, { height: 2, width: 1 }),
    array([1, 2, 2, 1], ...[121, 8], ...[143, 18]),
    { weight: array([2, 2], ...[1, 10], ...[2, 3]), bias: array([2], 100, 0) },
  ),
  of('mixPositions of a batch', seeded(2, 3, 3, 5), (s, x) =>
    mixPositions(s, x, { height: 3, width: 5 }, { height: 4, width: 2 }),
  ),
];

export const mixerCases: readonly OperationCase[] = [
  ...poolingCases,
  ...shiftCases,
  ...attentionCases,
  ...positionCases,
];
