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
  throw new RangeError(
    `${call}: value ${index} of ${what} is ${values[index]}, not a finite number. Look at what computed it.`,
  );
}

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

/** Turns the bits of a float32 into a whole number of 32 bits that falls as the value grows, and such a number into the bits. */
const falling = (bits: number): number => bits ^ (~(bits >> 31) >>> 1);

/**
 * Returns the indices of `scores` from high to low; equal scores keep the lower index. A radix sort in three passes of 11
 * bits over the bit pattern.
 */
export function descendingOrder(scores: Float32Array): Uint32Array {
  // + 0 turns -0 into 0: the two are equal
  const values = new Float32Array(scores.length);
  const keys = new Uint32Array(values.buffer);
  let order = new Uint32Array(keys.length);
  let other = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    values[i] = scores[i]! + 0;
    keys[i] = falling(keys[i]!);
    order[i] = i;
  }
  const starts = new Uint32Array(2048);
  for (let shift = 0; shift < 33; shift += 11) {
    starts.fill(0);
    for (let i = 0; i < keys.length; i++) starts[(keys[i]! >>> shift) & 2047]!++;
    let sum = 0;
    for (let digit = 0; digit < 2048; digit++) {
      const count = starts[digit]!;
      starts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < keys.length; i++) {
      const index = order[i]!;
      other[starts[(keys[index]! >>> shift) & 2047]!++] = index;
    }
    [order, other] = [other, order];
  }
  return order;
}

/**
 * Returns a number that at least `limit` of the values reach, and few more. Returns -Infinity if there are no more values than that. Values
 * below it need not be offered to `bestOf`, which has far less to do then. It counts values by the upper 14 bits of their patterns.
 *
 * @param limit a whole number above 0, or Infinity
 */
export function reachedBy(limit: number, values: Float32Array): number {
  if (values.length <= limit) return -Infinity;
  const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const counts = new Uint32Array(1 << 14);
  for (let i = 0; i < patterns.length; i++) counts[patterns[i]! >>> 18]!++;
  let step = 0;
  for (let reached = 0; reached < limit; step++) reached += counts[falling(step << 18) >>> 18]!;
  const least = Uint32Array.of(falling((step << 18) - 1));
  return new Float32Array(least.buffer)[0]!;
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

/**
 * Keeps the `limit` best of the values offered that are greater than `threshold`, in any order of offers; of equal values
 * those of lower index. A heap with the worst of the kept on top: nearly every offer ends at one comparison. Values are float32.
 *
 * @param least the first bar: a number that at least `limit` of the values reach
 */
export function bestOf(limit: number, threshold: number, least = threshold): Selector {
  let values = new Float32Array(Math.min(limit, 1024));
  let indices = new Uint32Array(values.length);
  let count = 0;
  let bar = least;
  let barIndex = 0;

  const grow = () => {
    const [oldValues, oldIndices] = [values, indices];
    values = new Float32Array(Math.min(2 * count, limit));
    indices = new Uint32Array(values.length);
    values.set(oldValues);
    indices.set(oldIndices);
  };

  const isWorse = (a: number, b: number): boolean =>
    values[a]! < values[b]! || (values[a]! === values[b]! && indices[a]! > indices[b]!);

  const sink = (from: number) => {
    for (let parent = from; ; ) {
      let worst = parent;
      const left = 2 * parent + 1;
      if (left < count && isWorse(left, worst)) worst = left;
      if (left + 1 < count && isWorse(left + 1, worst)) worst = left + 1;
      if (worst === parent) return;
      const [value, index] = [values[parent]!, indices[parent]!];
      values[parent] = values[worst]!;
      indices[parent] = indices[worst]!;
      values[worst] = value;
      indices[worst] = index;
      parent = worst;
    }
  };

  return {
    get bar() {
      return bar;
    },
    offer(value, index) {
      if (count < limit) {
        if (!(value > threshold)) return;
        if (count === values.length) grow();
        values[count] = value;
        indices[count++] = index;
        if (count < limit) return;
        for (let i = (count >> 1) - 1; i >= 0; i--) sink(i);
      } else {
        if (!(value > bar || (value === bar && index < barIndex))) return;
        values[0] = value;
        indices[0] = index;
        sink(0);
      }
      bar = values[0]!;
      barIndex = indices[0]!;
    },
    take() {
      // by index first, each with its slot in one number, which sorts without a comparison: the order by value is stable
      const slots = 2 ** Math.ceil(Math.log2(count + 1));
      const keys = new Float64Array(count);
      for (let i = 0; i < count; i++) keys[i] = indices[i]! * slots + i;
      keys.sort();
      const byIndex = new Float32Array(count);
      for (let i = 0; i < count; i++) byIndex[i] = values[keys[i]! % slots]!;
      const best = { values: new Float32Array(count), indices: new Uint32Array(count) };
      const order = descendingOrder(byIndex);
      for (let i = 0; i < count; i++) {
        best.values[i] = byIndex[order[i]!]!;
        best.indices[i] = Math.floor(keys[order[i]!]! / slots);
      }
      return best;
    },
  };
}
