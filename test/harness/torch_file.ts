import { crc32 } from 'node:zlib';

/** Writes PyTorch files for tests: pickles opcode by opcode, and zip archives with every field open to the test. */

/** A tensor as a view of a storage. */
export class TensorValue {
  constructor(
    readonly storage: string,
    /** The storage's class, such as "FloatStorage". */
    readonly type: string,
    readonly count: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[] = contiguous(shape),
    readonly offset = 0,
    /** Legacy files have a sixth item in the storage's id. */
    readonly legacy = false,
  ) {}
}

/** A call of a name with arguments, as REDUCE does. */
export class CallValue {
  constructor(
    readonly module: string,
    readonly name: string,
    readonly args: readonly unknown[],
    readonly state?: unknown,
  ) {}
}

/** A tuple. (An array is a list.) */
export class TupleValue {
  readonly items: readonly unknown[];
  constructor(...items: readonly unknown[]) {
    this.items = items;
  }
}

/** Operations of a pickle, written as they are. */
export class RawValue {
  constructor(readonly operations: Uint8Array) {}
}

export function contiguous(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((n, extent) => n * extent, 1));
}

const latin = (text: string) => [...text].map((character) => character.charCodeAt(0));
const u32 = (value: number) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];

/** Writes a protocol-2 pickle without memo. Maps become dicts, arrays lists, integers ints and other numbers floats. */
export function pickleOf(value: unknown): Uint8Array {
  // may be millions of operations
  if (value instanceof RawValue) return Buffer.concat([Uint8Array.of(0x80, 2), value.operations, Uint8Array.of(0x2e)]);
  const bytes: number[] = [0x80, 2];
  emit(value, bytes);
  bytes.push(0x2e);
  return Uint8Array.from(bytes);
}

function emit(value: unknown, out: number[]): void {
  if (value === null || value === undefined) out.push(0x4e);
  else if (typeof value === 'boolean') out.push(value ? 0x88 : 0x89);
  else if (typeof value === 'number') emitNumber(value, out);
  else if (typeof value === 'bigint') {
    const raw: number[] = [];
    for (let rest = value; raw.length < 16; rest >>= 8n) raw.push(Number(BigInt.asUintN(8, rest)));
    out.push(0x8a, raw.length, ...raw);
  } else if (typeof value === 'string') {
    const text = new TextEncoder().encode(value);
    out.push(0x58, ...u32(text.length));
    for (const byte of text) out.push(byte);
  } else if (value instanceof Map) {
    out.push(0x7d, 0x28);
    for (const [key, item] of value) {
      emit(key, out);
      emit(item, out);
    }
    out.push(0x75);
  } else if (Array.isArray(value)) {
    out.push(0x5d, 0x28);
    for (const item of value) emit(item, out);
    out.push(0x65);
  } else if (value instanceof TupleValue) {
    out.push(0x28);
    for (const item of value.items) emit(item, out);
    out.push(0x74);
  } else if (value instanceof CallValue) {
    emitGlobal(value.module, value.name, out);
    emit(new TupleValue(...value.args), out);
    out.push(0x52);
    if (value.state === undefined) return;
    emit(value.state, out);
    out.push(0x62);
  } else if (value instanceof TensorValue) emitTensor(value, out);
  else if (value instanceof RawValue) for (const byte of value.operations) out.push(byte);
  else throw new TypeError(`cannot pickle ${String(value)}`);
}

function emitNumber(value: number, out: number[]): void {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) out.push(0x4a, ...u32(value));
  else if (Number.isInteger(value)) emit(BigInt(value), out);
  else {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, false);
    out.push(0x47, ...new Uint8Array(view.buffer));
  }
}

function emitGlobal(module: string, name: string, out: number[]): void {
  out.push(0x63, ...latin(`${module}\n${name}\n`));
}

function emitTensor({ storage, type, count, shape, strides, offset, legacy }: TensorValue, out: number[]): void {
  emitGlobal('torch._utils', '_rebuild_tensor_v2', out);
  out.push(0x28, 0x28);
  emit('storage', out);
  emitGlobal('torch', type, out);
  for (const item of [storage, 'cpu', count]) emit(item, out);
  if (legacy) emit(null, out);
  out.push(0x74, 0x51);
  emit(offset, out);
  emit(new TupleValue(...shape), out);
  emit(new TupleValue(...strides), out);
  emit(false, out);
  emit(new CallValue('collections', 'OrderedDict', []), out);
  out.push(0x74, 0x52);
}

export interface ZipPart {
  readonly name: string;
  readonly data: Uint8Array;
  /** Bytes after the data that are left out: a hole in the file. */
  readonly hole?: number;
  readonly method?: number | undefined;
  /** The stated size and checksum; by default those of the data. */
  readonly size?: number | undefined;
  readonly crc?: number | undefined;
}

export interface ZipPieces {
  readonly pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly size: number;
}

/** Returns the archive as pieces with their offsets, without the holes between them. */
export function zipPieces(parts: readonly ZipPart[]): ZipPieces {
  const pieces: { at: number; bytes: Uint8Array }[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, data, hole = 0, method = 0, size = data.length + hole, crc = crc32(data) } of parts) {
    const text = new TextEncoder().encode(name);
    const stored = data.length + hole;
    const facts = [0x0800, method, 0, 0x21].flatMap((v) => [v & 255, v >> 8]);
    const sizes = [...u32(crc), ...u32(stored), ...u32(size)];
    const local = [
      ...latin('PK\x03\x04'),
      20,
      0,
      ...facts,
      ...sizes,
      text.length & 255,
      text.length >> 8,
      0,
      0,
      ...text,
    ];
    pieces.push({ at, bytes: Uint8Array.from(local) }, { at: at + local.length, bytes: data });
    const central = [...latin('PK\x01\x02'), 20, 0, 20, 0, ...facts, ...sizes, text.length & 255, text.length >> 8];
    directory.push(Uint8Array.from([...central, ...new Array(12).fill(0), ...u32(at), ...text]));
    at += local.length + stored;
  }
  const start = at;
  for (const bytes of directory) {
    pieces.push({ at, bytes });
    at += bytes.length;
  }
  const count = [parts.length & 255, parts.length >> 8];
  const end = [...latin('PK\x05\x06'), 0, 0, 0, 0, ...count, ...count, ...u32(at - start), ...u32(start), 0, 0];
  pieces.push({ at, bytes: Uint8Array.from(end) });
  return { pieces, size: at + end.length };
}

export function zipOf(parts: readonly ZipPart[]): Uint8Array {
  const { pieces, size } = zipPieces(parts);
  const file = new Uint8Array(size);
  for (const { at, bytes } of pieces) file.set(bytes, at);
  return file;
}

/** Writes a file as torch.save does: an object, and storages by key. */
export function torchZip(
  object: unknown,
  storages: Readonly<Record<string, Uint8Array>>,
  more: readonly ZipPart[] = [],
): Uint8Array {
  const text = (name: string, content: string): ZipPart => ({ name, data: new TextEncoder().encode(content) });
  return zipOf([
    { name: 'archive/data.pkl', data: pickleOf(object) },
    text('archive/byteorder', 'little'),
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
    text('archive/version', '3\n'),
    ...more,
  ]);
}

/** Returns the bytes of a typed array. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Writes a file as torch.save did before 1.6. */
export function torchLegacy(
  object: unknown,
  storages: readonly { readonly key: string; readonly count: number; readonly data: Uint8Array }[],
): Uint8Array {
  const machine = new Map<string, unknown>([
    ['protocol_version', 1001],
    ['little_endian', true],
  ]);
  const pieces = [0x1950a86a20f9469cfc6cn, 1001, machine, object, storages.map(({ key }) => key)].map(pickleOf);
  for (const { count, data } of storages) pieces.push(bytesOf(BigInt64Array.of(BigInt(count))), data);
  const file = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}
