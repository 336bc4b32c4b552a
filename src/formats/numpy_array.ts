import { exact, isTuple, PickleObject, type PickleValue } from './pickle_values.ts';

/** Numbers and arrays of NumPy beside weights, such as the sigmas of keypoints in mmpose's `dataset_meta`. */

/** How the bytes of a NumPy scalar are read, by its type. */
export const scalarReaders = new Map<PickleValue | undefined, (view: DataView) => number | bigint | boolean>([
  ['f8', (view) => view.getFloat64(0, true)],
  ['f4', (view) => view.getFloat32(0, true)],
  ['i8', (view) => exact(view.getBigInt64(0, true))],
  ['i4', (view) => view.getInt32(0, true)],
  ['i2', (view) => view.getInt16(0, true)],
  ['i1', (view) => view.getInt8(0)],
  ['u8', (view) => exact(view.getBigUint64(0, true))],
  ['u4', (view) => view.getUint32(0, true)],
  ['u2', (view) => view.getUint16(0, true)],
  ['u1', (view) => view.getUint8(0)],
  ['b1', (view) => view.getUint8(0) !== 0],
]);

/** Larger ones are not notes. */
const most = { numbers: 4096, axes: 4 };

/**
 * Returns the numbers of an array of NumPy as nested lists. Undefined for another record, and for an array that is large, big-endian or of a
 * type that is not common.
 */
export function numbersOf({ className, state = null }: PickleObject): PickleValue[] | undefined {
  if (!/^numpy\.(_?core\.)multiarray\._reconstruct$/.test(className) || !isTuple(state)) return undefined;
  const [, shape, dtype, isFortran, bytes] = state;
  if (!isTuple(shape) || !(dtype instanceof PickleObject) || !(bytes instanceof Uint8Array)) return undefined;
  const [type] = dtype.args;
  const read = scalarReaders.get(type);
  const isBig = isTuple(dtype.state) && dtype.state[1] === '>';
  if (typeof type !== 'string' || !read || isBig) return undefined;
  const extents = shape.filter((extent): extent is number => Number.isInteger(extent) && Number(extent) >= 0);
  const width = Number(type.slice(1));
  const count = productOf(extents);
  const axes = extents.length;
  if (axes < shape.length || axes === 0 || axes > most.axes) return undefined;
  if (count > most.numbers || bytes.length !== count * width) return undefined;
  if (count === 0) return [];
  const steps = extents.map((_, axis) =>
    productOf(isFortran === true ? extents.slice(0, axis) : extents.slice(axis + 1)),
  );
  const listed = (axis: number, start: number): PickleValue[] =>
    Array.from({ length: extents[axis] ?? 0 }, (_, i) => {
      const at = start + i * (steps[axis] ?? 0);
      if (axis < axes - 1) return listed(axis + 1, at);
      return read(new DataView(bytes.buffer, bytes.byteOffset + at * width, width));
    });
  return listed(0, 0);
}

const productOf = (extents: readonly number[]): number => extents.reduce((product, extent) => product * extent, 1);
