import { type NDArray, ndarray, type TypedArray } from '../ndarray.ts';
import type { Source } from './source.ts';

/** Provisional: replaced by the strict reader. */
export interface TensorEntry {
  readonly shape: readonly number[];
  readonly dtype: string;
  read(): Promise<NDArray<TypedArray>>;
}
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}
const arrays = { F32: Float32Array, F64: Float64Array, I32: Int32Array, I64: BigInt64Array, U8: Uint8Array, BOOL: Uint8Array } as const;

export async function openSafetensors(source: Source): Promise<SafetensorsFile> {
  const head = await source.read(0, 8);
  const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(new TextDecoder().decode(await source.read(8, length)));
  const tensors = new Map<string, TensorEntry>();
  for (const [name, e] of Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(entries)) {
    tensors.set(name, {
      shape: e.shape,
      dtype: e.dtype,
      read: async () => {
        const bytes = (await source.read(8 + length + e.data_offsets[0], e.data_offsets[1] - e.data_offsets[0])).slice();
        return ndarray(e.shape, new arrays[e.dtype as keyof typeof arrays](bytes.buffer) as TypedArray);
      },
    });
  }
  return { metadata, tensors };
}
