/** Plain arrays with a shape: input and output of every engine, checkpoint and postprocessing step. */

/** Extents of an array, outermost first. */
export type Shape = readonly number[];

/** The types of numbers in arrays and checkpoints. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array;

/** Values in C order of `shape`. Maps are N×C×H×W. */
export interface NDArray<T extends TypedArray = Float32Array> {
  readonly shape: Shape;
  readonly data: T;
}

/** A model's parameters by state-dict key. */
export type Weights = ReadonlyMap<string, NDArray>;

/** A record by name; the order of its keys is the order of the things. */
export type Named<T> = Readonly<Record<string, T>>;

/** An extent in pixels. Never a bare pair, whose order nobody knows. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** Returns an edge in pixels times a scale, rounded down as mmseg's `img_ratios` are, but at least 1. */
export const scaledEdge = (edge: number, scale: number): number => Math.max(1, Math.floor(edge * scale));

/** Returns the number of values in an array of this shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Returns an array of this shape. @throws RangeError if `data` has another length */
export function ndarray<T extends TypedArray>(shape: Shape, data: T): NDArray<T> {
  if (sizeOf(shape) !== data.length) {
    throw new RangeError(`an array of shape [${shape.join(', ')}] needs ${sizeOf(shape)} values, got ${data.length}`);
  }
  return { shape, data };
}

/** Returns `count` rows (axis 0) or columns (axis 1) of an array from `start` on. Rows are a view, columns a copy. */
export function sliced({ shape, data }: NDArray, axis: 0 | 1, start: number, count: number): NDArray {
  const part = shape.map((extent, i) => (i === axis ? count : extent));
  const size = sizeOf(shape.slice(axis + 1));
  if (axis === 0) return { shape: part, data: data.subarray(start * size, (start + count) * size) };
  const [rows = 0, columns = 0] = shape;
  const taken = new Float32Array(rows * count * size);
  for (let row = 0; row < rows; row++) {
    const from = (row * columns + start) * size;
    taken.set(data.subarray(from, from + count * size), row * count * size);
  }
  return { shape: part, data: taken };
}

/** Returns an item of a list. A negative index counts from the end. @throws RangeError if there is none */
export function itemAt<T>(list: readonly (T | undefined)[], index: number): T {
  const item = list.at(index);
  if (item === undefined) throw new RangeError(`no item ${index} in a list of ${list.length}`);
  return item;
}

/** Returns the items of a list by a key of theirs; keys and items in the order in which they come. */
export function groupedBy<K, T>(list: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Returns pieces of bytes as one array. */
export function joinBytes(pieces: readonly (Uint8Array | readonly number[])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
