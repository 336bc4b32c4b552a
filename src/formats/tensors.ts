import { type NDArray, type Shape, sizeOf, type TypedArray } from '../arrays.ts';
import { type CheckpointCode, quoted, type Refuse } from './context.ts';

/**
 * Element types and tensors of checkpoint files. The two 16-bit float formats are converted by their bits, so that NaN
 * payloads and signed zeros survive.
 */

/** Widens IEEE 754 binary16 to the bits of the same value in binary32. */
export function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // a subnormal becomes normal: its leading bit moves to position 10, which the format leaves out
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** Narrows the bits of a binary32 to the nearest binary16, ties to even. From 65520 on the result is infinite. */
export function floatBitsToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x1ff); // NaN stays NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | roundedShift(magnitude - 0x38000000, 13);
  if (magnitude <= 0x33000000) return sign; // at most half of the smallest subnormal
  const exponent = magnitude >>> 23;
  return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

function roundedShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** Narrows values to binary16, ties to even. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    halves[i] = floatBitsToHalf(bits[0]!);
  }
  return halves;
}

interface DTypeFacts {
  /** Bytes of an element in the file. */
  readonly bytes: number;
  readonly float: boolean;
  readonly safetensors: string;
  /** The class that torch.save names for a storage of it. */
  readonly storage?: string | undefined;
  readonly array: new (buffer: ArrayBuffer) => TypedArray;
}

const dtypes = {
  float64: { bytes: 8, float: true, safetensors: 'F64', storage: 'DoubleStorage', array: Float64Array },
  float32: { bytes: 4, float: true, safetensors: 'F32', storage: 'FloatStorage', array: Float32Array },
  float16: { bytes: 2, float: true, safetensors: 'F16', storage: 'HalfStorage', array: Float32Array },
  bfloat16: { bytes: 2, float: true, safetensors: 'BF16', storage: 'BFloat16Storage', array: Float32Array },
  int64: { bytes: 8, float: false, safetensors: 'I64', storage: 'LongStorage', array: BigInt64Array },
  int32: { bytes: 4, float: false, safetensors: 'I32', storage: 'IntStorage', array: Int32Array },
  int16: { bytes: 2, float: false, safetensors: 'I16', storage: 'ShortStorage', array: Int16Array },
  int8: { bytes: 1, float: false, safetensors: 'I8', storage: 'CharStorage', array: Int8Array },
  uint8: { bytes: 1, float: false, safetensors: 'U8', storage: 'ByteStorage', array: Uint8Array },
  bool: { bytes: 1, float: false, safetensors: 'BOOL', storage: 'BoolStorage', array: Uint8Array },
  uint16: { bytes: 2, float: false, safetensors: 'U16', array: Uint16Array },
} as const satisfies Record<string, DTypeFacts>;

/** The element types that are read, under PyTorch's names. */
export type DType = keyof typeof dtypes;

export const dtypeNames = Object.keys(dtypes) as DType[];

export function dtypeFacts(dtype: DType): DTypeFacts {
  return dtypes[dtype];
}

/** The types of safetensors that are not read. A refusal names them. */
export const unreadSafetensorsDTypes = [
  ...['F4', 'F6_E2M3', 'F6_E3M2', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'],
  ...['U32', 'U64', 'C32', 'C64', 'C128', 'I4', 'U4'],
];

/** The types of PyTorch that are not read. A pickle may mention them; a tensor of them is refused by name. */
export const unreadTorchDTypes = [
  ...['uint32', 'uint64', 'complex32', 'complex64', 'complex128', 'float4_e2m1fn_x2', 'float8_e8m0fnu'],
  ...['float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz'],
  ...['uint1', 'uint2', 'uint3', 'uint4', 'uint5', 'uint6', 'uint7'],
  ...['int1', 'int2', 'int3', 'int4', 'int5', 'int6', 'int7'],
  ...['qint8', 'quint8', 'qint32', 'quint4x2', 'quint2x4', 'bits8', 'bits16', 'bits1x8', 'bits2x4', 'bits4x2'],
];

/**
 * Widens count × 2 bytes of 16-bit floats in the second half of `buffer` to count 32-bit floats in all of it, so that no
 * second buffer is needed.
 */
export function widenInPlace(dtype: 'float16' | 'bfloat16', buffer: ArrayBuffer): void {
  const wide = new Uint32Array(buffer);
  const count = wide.length;
  const narrow = new Uint16Array(buffer, count * 2, count);
  // element i is read before 4i..4i+3 is written, and 4i + 4 <= 2 count + 2(i + 1): no unread element is overwritten
  if (dtype === 'bfloat16') for (let i = 0; i < count; i++) wide[i] = narrow[i]! << 16;
  else for (let i = 0; i < count; i++) wide[i] = halfToFloatBits(narrow[i]!);
}

/** A tensor of a checkpoint: known by shape and type, read when asked, and never kept. */
export interface TensorEntry {
  readonly shape: Shape;
  /** The type in the file, under PyTorch's name. */
  readonly dtype: DType;
  /** Reads a new array in C order. float16 and bfloat16 are widened to Float32Array, int64 is a BigInt64Array, bool 0 and 1. */
  read(): Promise<NDArray<TypedArray>>;
  /**
   * Reads a floating-point tensor as 32-bit floats. float64 is rounded, and may become infinite.
   *
   * @throws CheckpointRefusal `dtype` for other types
   */
  readFloat32(): Promise<NDArray>;
  /** Reads the elements in the type of the file: C order, little-endian. */
  bytes(): Promise<Uint8Array>;
}

/** Reads the elements of a tensor from its file. */
export interface ElementSource {
  /** `fill` is asked for multiples of this many elements: 1, or those of one step of the first axis. */
  readonly unit: number;
  /** Fills `target` with raw little-endian elements in C order, starting at element `from`. */
  fill(target: Uint8Array, from: number): Promise<void>;
}

/** The elements of a float64 tensor that are converted at once. */
const piece = 2 ** 22;

const arrayRemedy =
  'Newer versions of Node (22 and later) take larger arrays. If there is enough memory, split the tensor in Python.';

/** A class, not closures: a file may have a hundred thousand of them. */
class StoredTensor implements TensorEntry {
  constructor(
    readonly shape: Shape,
    readonly dtype: DType,
    private readonly elements: ElementSource,
    private readonly refuse: Refuse<CheckpointCode>,
    private readonly name: string | undefined,
  ) {}

  private get place(): string {
    return this.name === undefined ? `tensor of shape [${this.shape.join(', ')}]` : `tensor ${quoted(this.name)}`;
  }

  /** @throws CheckpointRefusal `limit` if arrays of this size do not exist here, or memory is short */
  private allocate<T>(bytes: number, make: () => T): T {
    try {
      return make();
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const reason = `its ${bytes} bytes do not fit into one array here`;
      throw this.refuse('limit', this.place, reason, arrayRemedy, cause);
    }
  }

  async read(): Promise<NDArray<TypedArray>> {
    const { shape, dtype } = this;
    const count = sizeOf(shape);
    const { bytes: narrow, array: ArrayType } = dtypeFacts(dtype);
    const halves = dtype === 'float16' || dtype === 'bfloat16' ? dtype : undefined;
    const wide = halves ? 4 : narrow;
    const { raw, data } = this.allocate(count * wide, () => {
      const buffer = new ArrayBuffer(count * wide);
      return { raw: new Uint8Array(buffer, count * (wide - narrow)), data: new ArrayType(buffer) };
    });
    await this.elements.fill(raw, 0);
    if (halves) widenInPlace(halves, raw.buffer);
    return { shape, data };
  }

  async readFloat32(): Promise<NDArray> {
    const { shape, dtype, elements } = this;
    if (!dtypeFacts(dtype).float) {
      throw this.refuse('dtype', this.place, `its elements are ${dtype}, not floating-point numbers`);
    }
    if (dtype !== 'float64') return (await this.read()) as NDArray;
    const count = sizeOf(shape);
    const data = this.allocate(4 * count, () => new Float32Array(count));
    const step = elements.unit * Math.max(1, Math.floor(piece / elements.unit));
    for (let from = 0; from < count; from += step) {
      const length = Math.min(step, count - from);
      const part = this.allocate(8 * length, () => new Float64Array(length));
      await elements.fill(new Uint8Array(part.buffer), from);
      data.set(part, from);
    }
    return { shape, data };
  }

  async bytes(): Promise<Uint8Array> {
    const size = sizeOf(this.shape) * dtypeFacts(this.dtype).bytes;
    const raw = this.allocate(size, () => new Uint8Array(size));
    await this.elements.fill(raw, 0);
    return raw;
  }
}

/** Makes a tensor. `name` is its name in messages, if the format gives it one. */
export const tensorEntry = (
  shape: Shape,
  dtype: DType,
  elements: ElementSource,
  refuse: Refuse<CheckpointCode>,
  name?: string,
): TensorEntry => new StoredTensor(shape, dtype, elements, refuse, name);
