import { CheckpointError } from '../errors.ts';
import type { NDArray, TypedArray } from '../ndarray.ts';
import { type DType, dtypeFacts, dtypeNames, dtypes } from './dtypes.ts';
import { toHalf } from './half.ts';
import type { TensorEntry } from './tensor_entry.ts';

/** What can be written: an array, or a tensor of another file, which is then read only when its turn comes. */
export type WritableTensor = NDArray<TypedArray> | TensorEntry;

/** How numbers are kept. */
export interface SafetensorsOptions {
  /** The type of all floating-point tensors; without it each keeps its own. Integers always keep theirs. */
  readonly dtype?: 'F32' | 'F16';
}

/** A file that is not yet written: its size is known, its bytes are made tensor by tensor. */
export interface SafetensorsOutput {
  readonly size: number;
  /** The bytes in order: the header, then one tensor at a time. May be iterated more than once. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** The whole file in memory. */
  bytes(): Promise<Uint8Array>;
}

/**
 * A safetensors file of `tensors`. Equal tensors and metadata give equal bytes, whatever the order of the map: wide
 * elements come first (so that all are aligned), then names in code-unit order, as in the official writer.
 *
 * @throws CheckpointError from `chunks()` and `bytes()` where a finite value does not fit F16.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsOptions = {},
): SafetensorsOutput {
  if (tensors.has('__metadata__'))
    throw new CheckpointError('a tensor cannot be named "__metadata__": the format uses that name');
  const planned = [...tensors]
    .map(([name, tensor]) => ({ name, tensor, dtype: writtenDType(tensor, options) }))
    .sort((a, b) => dtypeFacts(b.dtype).bytes - dtypeFacts(a.dtype).bytes || (a.name < b.name ? -1 : 1));

  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const { name, tensor, dtype } of planned) {
    const end = offset + tensor.shape.reduce((n, extent) => n * extent, dtypeFacts(dtype).bytes);
    const entry = { dtype: dtypes[dtype].safetensors, shape: tensor.shape, data_offsets: [offset, end] };
    // text by text: an object would reorder or lose names such as "1" and "__proto__"
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  const header = headerBytes(`{${fields.join(',')}}`);
  const size = header.length + offset;

  async function* chunks() {
    yield header;
    for (const { name, tensor, dtype } of planned) yield await tensorBytes(name, tensor, dtype);
  }
  return {
    size,
    chunks,
    bytes: async () => {
      const file = new Uint8Array(size);
      let at = 0;
      for await (const chunk of chunks()) {
        file.set(chunk, at);
        at += chunk.length;
      }
      return file;
    },
  };
}

function isEntry(tensor: WritableTensor): tensor is TensorEntry {
  return 'read' in tensor;
}

function storedDType(tensor: WritableTensor): DType {
  if (isEntry(tensor)) return tensor.dtype;
  // the first type with this array class: a Uint8Array is uint8, a Float32Array float32
  const name = dtypeNames.find((dtype) => tensor.data instanceof dtypes[dtype].array);
  if (!name) throw new CheckpointError('an array of a class that safetensors has no type for');
  return name;
}

function writtenDType(tensor: WritableTensor, options: SafetensorsOptions): DType {
  const dtype = storedDType(tensor);
  if (!options.dtype || !dtypes[dtype].float) return dtype;
  return options.dtype === 'F16' ? 'float16' : 'float32';
}

function headerBytes(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  return bytes;
}

async function tensorBytes(name: string, tensor: WritableTensor, dtype: DType): Promise<Uint8Array> {
  const stored = storedDType(tensor);
  if (stored === dtype) return isEntry(tensor) ? tensor.bytes() : rawBytes(tensor.data);
  const data = isEntry(tensor) ? (await tensor.readFloat32()).data : (tensor.data as Float32Array | Float64Array);
  if (dtype === 'float32') return rawBytes(Float32Array.from(data));
  const halves = toHalf(data);
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i]! & 0x7fff) === 0x7c00 && Number.isFinite(data[i])) {
      throw new CheckpointError(
        `${name}: value ${i} is ${data[i]}, which does not fit F16 (largest 65504). Write it as F32.`,
      );
    }
  }
  return rawBytes(halves);
}

/** Typed arrays have the byte order of the machine, and every machine that runs JavaScript today is little-endian. */
function rawBytes(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
