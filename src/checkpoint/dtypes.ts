import type { TypedArray } from '../ndarray.ts';
import { halfToFloatBits } from './half.ts';

/** The element types that are read, under PyTorch's names. */
export type DType = keyof typeof dtypes;

interface DTypeFacts {
  /** Bytes of an element in the file. */
  readonly bytes: number;
  readonly float: boolean;
  readonly safetensors: string;
  /** The class by which torch.save names a storage of it. */
  readonly storage?: string;
  readonly array: new (buffer: ArrayBuffer) => TypedArray;
}

export const dtypes = {
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

export const dtypeNames = Object.keys(dtypes) as DType[];

export function dtypeFacts(dtype: DType): DTypeFacts {
  return dtypes[dtype];
}

/** Types that exist in the formats and are not read; named in the refusal. */
export const unreadSafetensorsDTypes = [
  'F8_E4M3',
  'F8_E5M2',
  'F8_E8M0',
  'F4',
  'F6_E2M3',
  'F6_E3M2',
  'U32',
  'U64',
  'C64',
];

/**
 * Bytes per element of the array that `read` returns. 16-bit floats are widened to 32 bits: their raw bytes are put
 * into the second half of the new buffer and widened in place by `widenInPlace`, so that no second buffer exists.
 */
export function arrayBytes(dtype: DType): number {
  return dtype === 'float16' || dtype === 'bfloat16' ? 4 : dtypes[dtype].bytes;
}

/** `buffer` holds count × 2 bytes of 16-bit floats in its second half; afterwards it holds count 32-bit floats. */
export function widenInPlace(dtype: 'float16' | 'bfloat16', buffer: ArrayBuffer): void {
  const wide = new Uint32Array(buffer);
  const count = wide.length;
  const narrow = new Uint16Array(buffer, count * 2, count);
  // element i is read before 4i..4i+3 is written, and 4i + 4 <= 2 count + 2(i + 1): no unread element is overwritten
  if (dtype === 'bfloat16') for (let i = 0; i < count; i++) wide[i] = narrow[i]! << 16;
  else for (let i = 0; i < count; i++) wide[i] = halfToFloatBits(narrow[i]!);
}
