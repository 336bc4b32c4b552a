/** Scores: from logits to probabilities, and orders of them: a whole stable sort, and the best few of very many. */

/**
 * Refuses numbers that mean nothing, which every comparison would pass over without a word.
 *
 * @param call the function that was called
 * @param what the values: `scores`, `boxes`, …
 * @throws RangeError naming the first value that is not finite
 */
export function checkFinite(call: string, what: string, values: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0; // NaN if any value is not finite
  if (sum === 0) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  throw notFinite(call, what, values[index]!, index);
}

/** Returns the error for a value that is not finite. */
export const notFinite = (call: string, what: string, value: number, index: number): RangeError =>
  new RangeError(`${call}: value ${index} of ${what} is ${value}, not a finite number. Look at what computed it.`);

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** The logit whose sigmoid is `probability`; infinite at and beyond 0 and 1. */
export function logitOf(probability: number): number {
  if (probability <= 0) return -Infinity;
  return probability >= 1 ? Infinity : Math.log(probability / (1 - probability));
}

/** The softmax of each row of `columns` logits, in double. */
export function softmaxRows(logits: Float32Array, columns: number): Float64Array {
  const probabilities = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += columns) {
    const end = start + columns;
    let highest = -Infinity;
    for (let i = start; i < end; i++) highest = Math.max(highest, logits[i]!);
    let sum = 0;
    for (let i = start; i < end; i++) {
      const value = Math.exp(logits[i]! - highest); // less than the highest: no exponential overflows
      probabilities[i] = value;
      sum += value;
    }
    for (let i = start; i < end; i++) probabilities[i]! /= sum;
  }
  return probabilities;
}

/** Returns `max` as a count. mmdet writes "no limit" as a number that is not positive. */
export function limitOf(max: number): number {
  return max > 0 ? max : Infinity;
}

/**
 * Returns the indices of `scores` from high to low; equal scores keep the lower index. A radix sort in three passes of 11
 * bits over the bit pattern, which for floats grows with the value once negative ones are flipped.
 */
export function descendingOrder(scores: Float32Array): Uint32Array {
  // + 0 turns -0 into 0: the two are equal
  const patterns = new Uint32Array(scores.map((score) => score + 0).buffer);
  const keys = patterns.map((bits) => (bits >>> 31 ? bits : ~bits & 0x7fffffff));
  let order = Uint32Array.from(keys.keys());
  let other = new Uint32Array(keys.length);
  const starts = new Uint32Array(2048);
  for (const shift of [0, 11, 22]) {
    starts.fill(0);
    for (const key of keys) starts[(key >>> shift) & 2047]!++;
    let sum = 0;
    for (const [digit, count] of starts.entries()) {
      starts[digit] = sum;
      sum += count;
    }
    for (const index of order) other[starts[(keys[index]! >>> shift) & 2047]!++] = index;
    [order, other] = [other, order];
  }
  return order;
}

/** The selected values, best first. */
export interface Best {
  readonly values: Float32Array;
  readonly indices: Uint32Array;
}

export interface Selector {
  /** Values below the bar cannot be selected any more. A value equal to it can, if its index is lower. */
  readonly bar: number;
  offer(value: number, index: number): void;
  take(): Best;
}

interface Entry {
  readonly value: number;
  readonly index: number;
}

const isWorse = (a: Entry, b: Entry): boolean => a.value < b.value || (a.value === b.value && a.index > b.index);

/**
 * Keeps the `limit` best of the values offered that are greater than `threshold`, in any order of offers; of equal values
 * those of lower index. A heap with the worst of the kept on top: nearly every offer ends at one comparison.
 */
export function bestOf(limit: number, threshold: number): Selector {
  const heap: Entry[] = [];
  let bar = threshold;
  let barIndex = 0;

  const sink = (from: number) => {
    for (let parent = from; ; ) {
      let worst = parent;
      for (let child = 2 * parent + 1; child <= 2 * parent + 2 && child < heap.length; child++) {
        if (isWorse(heap[child]!, heap[worst]!)) worst = child;
      }
      if (worst === parent) return;
      [heap[parent], heap[worst]] = [heap[worst]!, heap[parent]!];
      parent = worst;
    }
  };

  return {
    get bar() {
      return bar;
    },
    offer(value, index) {
      if (heap.length < limit) {
        if (!(value > threshold)) return;
        heap.push({ value, index });
        if (heap.length < limit) return;
        for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(i);
      } else {
        if (!(value > bar || (value === bar && index < barIndex))) return;
        heap[0] = { value, index };
        sink(0);
      }
      ({ value: bar, index: barIndex } = heap[0]!);
    },
    take() {
      const best = heap.toSorted((a, b) => b.value - a.value || a.index - b.index);
      return {
        values: Float32Array.from(best, ({ value }) => value),
        indices: Uint32Array.from(best, ({ index }) => index),
      };
    },
  };
}
