import type { NDArray } from '../../../src/arrays.ts';
import { type GoldenCase, GoldenMismatch, toleranceOf } from '../golden.ts';

/**
 * Matches results with expected rows. The order counts, except among neighbours whose expected scores are closer than
 * twice the tolerance.
 *
 * @returns for every expected row, the row that was found for it
 */
export async function matchOrder(
  golden: GoldenCase,
  names: { readonly boxes: string; readonly scores: string },
  found: { readonly boxes: Float32Array; readonly scores: Float32Array },
): Promise<Uint32Array> {
  const spec = golden.tensors.get(names.scores);
  if (!spec) throw new GoldenMismatch(`${names.scores}: the case ${golden.name} lists no such tensor`);
  const scores = (await golden.stored(names.scores)).data as Float32Array;
  const boxes = (await golden.stored(names.boxes)).data as Float32Array;
  if (found.scores.length !== scores.length) {
    throw new GoldenMismatch(`${names.scores}: ${found.scores.length} results, expected ${scores.length}`);
  }
  const tie = 2 * toleranceOf(spec);
  const order = Uint32Array.from(scores.keys());
  for (let first = 0; first < scores.length; ) {
    let end = first + 1;
    while (end < scores.length && scores[end - 1]! - scores[end]! < tie) end++;
    const free = new Set(order.subarray(first, end));
    for (let i = first; i < end; i++) {
      const distances = [...free].map((row) => [distance(found.boxes, row, boxes, i), row] as const);
      const [, nearest] = distances.reduce((best, one) => (one[0] < best[0] ? one : best));
      order[i] = nearest;
      free.delete(nearest);
    }
    first = end;
  }
  return order;
}

function distance(a: Float32Array, i: number, b: Float32Array, j: number): number {
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += Math.abs(a[4 * i + k]! - b[4 * j + k]!);
  return sum;
}

/** Returns the rows of a result in another order. */
export function rowsInOrder<T extends Float32Array | Int32Array>(rows: T, order: Uint32Array): T {
  const size = rows.length / order.length;
  const sorted = rows.slice() as T;
  order.forEach((from, to) => {
    sorted.set(rows.subarray(from * size, (from + 1) * size), to * size);
  });
  return sorted;
}

/** Joins results with rows of one shape, one after the other. */
export function joinRows(parts: readonly NDArray[]): NDArray {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const rows = parts.reduce((sum, { shape: [count = 0] }) => sum + count, 0);
  const [, ...row] = parts[0]?.shape ?? [];
  return { shape: [rows, ...row], data };
}
