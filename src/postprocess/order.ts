/** Orders of scores: a whole stable sort without comparisons, and the best few of very many. */

/**
 * Indices of `scores` from high to low; equal scores keep the lower index. A radix sort in three passes of 11 bits over
 * the bit pattern, which for floats grows with the value once negative ones are flipped.
 */
export function descendingOrder(scores: Float32Array): Uint32Array {
  const n = scores.length;
  // + 0 makes one zero of the two
  const keys = new Uint32Array(scores.map((score) => score + 0).buffer);
  for (let i = 0; i < n; i++) {
    const bits = keys[i]!;
    keys[i] = bits >>> 31 ? bits : ~bits & 0x7fffffff;
  }
  let order = Uint32Array.from({ length: n }, (_, i) => i);
  let other = new Uint32Array(n);
  const starts = new Uint32Array(2048);
  for (const shift of [0, 11, 22]) {
    starts.fill(0);
    for (let i = 0; i < n; i++) starts[(keys[i]! >>> shift) & 2047]!++;
    let sum = 0;
    for (let digit = 0; digit < 2048; digit++) {
      const count = starts[digit]!;
      starts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < n; i++) {
      const index = order[i]!;
      other[starts[(keys[index]! >>> shift) & 2047]!++] = index;
    }
    [order, other] = [other, order];
  }
  return order;
}

export interface Best {
  /** Best first. */
  readonly values: Float32Array;
  readonly indices: Uint32Array;
}

export interface Selector {
  /** Nothing below or equal to this can still be selected, but equal values of a lower index. */
  readonly bar: number;
  offer(value: number, index: number): void;
  /** What was selected, best first. */
  take(): Best;
}

/**
 * Keeps the `limit` best of the values offered that are greater than `threshold`, in whatever order they come; of equal
 * values those of lower index. A heap with the worst of the kept on top: nearly every offer ends at one comparison.
 */
export function bestOf(limit: number, threshold: number): Selector {
  let values = new Float32Array(Math.min(limit, 1024));
  let indices = new Uint32Array(values.length);
  let count = 0;
  let bar = threshold;

  const worse = (a: number, b: number) =>
    values[a]! < values[b]! || (values[a]! === values[b]! && indices[a]! > indices[b]!);
  const swap = (a: number, b: number) => {
    [values[a], values[b]] = [values[b]!, values[a]!];
    [indices[a], indices[b]] = [indices[b]!, indices[a]!];
  };
  const sink = (from: number) => {
    let parent = from;
    for (;;) {
      let worst = parent;
      for (let child = 2 * parent + 1; child <= 2 * parent + 2 && child < count; child++) {
        if (worse(child, worst)) worst = child;
      }
      if (worst === parent) return;
      swap(parent, worst);
      parent = worst;
    }
  };
  const grow = () => {
    const length = Math.min(limit, 2 * values.length);
    const [oldValues, oldIndices] = [values, indices];
    values = new Float32Array(length);
    values.set(oldValues);
    indices = new Uint32Array(length);
    indices.set(oldIndices);
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
        if (!(value > values[0]! || (value === values[0]! && index < indices[0]!))) return;
        values[0] = value;
        indices[0] = index;
        sink(0);
      }
      bar = values[0]!;
    },
    take() {
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      order.sort((a, b) => values[b]! - values[a]! || indices[a]! - indices[b]!);
      return {
        values: Float32Array.from(order, (i) => values[i]!),
        indices: Uint32Array.from(order, (i) => indices[i]!),
      };
    },
  };
}
