import { type NDArray, type Shape, sizeOf, type TypedArray } from '../ndarray.ts';
import { arrayBytes, type DType, dtypeFacts, dtypes, widenInPlace } from './dtypes.ts';

/** A tensor of a checkpoint: known by shape and type, read when asked, and never kept. */
export interface TensorEntry {
  readonly shape: Shape;
  /** The type in the file, under PyTorch's name. */
  readonly dtype: DType;
  /** A fresh array in C order. float16 and bfloat16 are widened to Float32Array, int64 is a BigInt64Array, bool 0 and 1. */
  read(): Promise<NDArray<TypedArray>>;
  /** A floating-point tensor as 32-bit floats (float64 is rounded, and may become infinite). */
  readFloat32(): Promise<NDArray>;
  /** The elements as they are in the file: C order, little-endian. */
  bytes(): Promise<Uint8Array>;
}

/** Where the elements come from. */
export interface ElementSource {
  /** `fill` is asked for multiples of this many elements: 1, or what one step of the first axis holds. */
  readonly unit: number;
  /** Fills `target` with raw little-endian elements in C order, starting at element `from`. */
  fill(target: Uint8Array, from: number): Promise<void>;
}

/** Elements that are converted at once where the result is narrower than the file. */
const piece = 2 ** 22;

export function tensorEntry(shape: Shape, dtype: DType, elements: ElementSource): TensorEntry {
  const count = sizeOf(shape);
  const { bytes: narrow, array: ArrayType } = dtypeFacts(dtype);

  const read = async (): Promise<NDArray<TypedArray>> => {
    const wide = arrayBytes(dtype);
    const buffer = new ArrayBuffer(count * wide);
    await elements.fill(new Uint8Array(buffer, count * (wide - narrow)), 0);
    if (dtype === 'float16' || dtype === 'bfloat16') widenInPlace(dtype, buffer);
    return { shape, data: new ArrayType(buffer) };
  };

  return {
    shape,
    dtype,
    read,
    readFloat32: async () => {
      if (!dtypes[dtype].float) throw new TypeError(`a ${dtype} tensor has no 32-bit float form`);
      if (dtype !== 'float64') return (await read()) as NDArray;
      const data = new Float32Array(count);
      const step = elements.unit * Math.max(1, Math.floor(piece / elements.unit));
      for (let from = 0; from < count; from += step) {
        const part = new Float64Array(Math.min(step, count - from));
        await elements.fill(new Uint8Array(part.buffer), from);
        data.set(part, from);
      }
      return { shape, data };
    },
    bytes: async () => {
      const raw = new Uint8Array(count * narrow);
      await elements.fill(raw, 0);
      return raw;
    },
  };
}
