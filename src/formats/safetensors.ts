import { type Named, type NDArray, sizeOf, type TypedArray } from '../arrays.ts';
import { CheckpointError } from '../errors.ts';
import { type CheckpointContext, type CheckpointLimits, checkpointContext, quoted } from './context.ts';
import { JsonLimit, JsonProblem, type JsonValue, parseMembers } from './json.ts';
import { type FileKind, formatOf, sniffedBytes } from './sniff.ts';
import { checkSource, readInto, type Source } from './source.ts';
import {
  type DType,
  dtypeFacts,
  dtypeNames,
  type ElementSource,
  type TensorEntry,
  tensorEntry,
  toHalf,
  unreadSafetensorsDTypes,
} from './tensors.ts';

/**
 * Reads and writes safetensors: an 8-byte header length, a JSON header, then the elements without gaps or overlaps.
 * The header is checked by its own code and not by a schema: it is hostile input, and a refusal names exact offsets.
 */

/** A safetensors file whose header was read and checked; numbers are read when asked for. */
export interface SafetensorsFile {
  readonly metadata: Named<string>;
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Further names of stored tensors, with the name under which each is stored (`save_model` notes them in the metadata). */
  readonly aliases: ReadonlyMap<string, string>;
}

interface HeaderEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens a safetensors file. Every rule of the format is checked before an element is read.
 *
 * @throws CheckpointRefusal `truncated`, `malformed`, `limit`, `unsupported` (element types) or `not-a-checkpoint`
 */
export async function openSafetensors(
  source: Source,
  options: Partial<CheckpointLimits> = {},
): Promise<SafetensorsFile> {
  checkSource(source, 'openSafetensors');
  return readSafetensors(source, checkpointContext(source.name, options));
}

/** As `openSafetensors`, with a context that is already made. */
export async function readSafetensors(source: Source, context: CheckpointContext): Promise<SafetensorsFile> {
  const { text, dataStart } = await readHeaderText(source, context);
  const { entries, metadata } = parseHeader(text, context);
  checkLayout([...entries.values()], source.size - dataStart, context);

  const tensors = new Map<string, TensorEntry>();
  for (const { name, dtype, shape, begin } of entries.values()) {
    const elements = new StoredElements(source, dataStart + begin, dtypeFacts(dtype).bytes);
    tensors.set(name, tensorEntry(shape, dtype, elements, context.refuse, name));
  }
  return { metadata, tensors, aliases: aliasesIn(metadata, tensors) };
}

/** The elements of a tensor in a file, in C order. */
class StoredElements implements ElementSource {
  readonly unit = 1;
  constructor(
    private readonly source: Source,
    private readonly start: number,
    private readonly elementBytes: number,
  ) {}
  fill(target: Uint8Array, from: number): Promise<void> {
    return readInto(this.source, target, this.start + from * this.elementBytes);
  }
}

/**
 * Finds the names that `save_model` of safetensors took out: it stores tensors that share memory once, and notes the
 * other names in the metadata as `{ "removed.name": "kept.name" }`.
 */
function aliasesIn(metadata: Named<string>, tensors: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const [removed, kept] of Object.entries(metadata)) {
    if (!tensors.has(removed) && tensors.has(kept)) aliases.set(removed, kept);
  }
  return aliases;
}

const brace = 0x7b;

/**
 * Tells whether a file is to be refused as a damaged safetensors file, not as one of another kind: the header begins as
 * it should, whatever its length looks like, or nothing else is known of the file. Text has no length in front.
 */
export const mayBeSafetensors = (kind: FileKind, head: Uint8Array): boolean =>
  kind === 'safetensors' || kind === 'other' || (head[8] === brace && kind !== 'text');

async function readHeaderText(source: Source, { limits, refuse }: CheckpointContext) {
  if (source.size < 8) {
    throw refuse('truncated', '', `a file of ${source.size} bytes, but the header length alone takes 8`);
  }
  const head = await source.read(0, Math.min(source.size, sniffedBytes));
  // a length may look like the first bytes of another format, so the brace behind it decides
  const { kind, name } = formatOf(head, ['safetensors']);
  if (!mayBeSafetensors(kind, head)) {
    throw refuse('not-a-checkpoint', '', `this is ${name}, not a safetensors file`);
  }
  const length = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(limits.headerBytes)) {
    throw refuse('limit', 'offset 0', `the header length is ${length} bytes, the limit ${limits.headerBytes}`);
  }
  const size = Number(length);
  if (8 + size > source.size) {
    const reason = `the header takes ${size} bytes, the file has ${source.size - 8} after its length`;
    throw refuse('truncated', 'offset 0', reason);
  }
  const bytes = await source.read(8, size);
  if (bytes[0] !== brace) throw refuse('malformed', 'offset 8', 'the header does not begin with "{"');
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), dataStart: 8 + size };
  } catch (cause) {
    throw refuse('malformed', 'header', 'the header is not UTF-8', undefined, cause);
  }
}

interface Header {
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  readonly metadata: Named<string>;
}

function parseHeader(text: string, context: CheckpointContext): Header {
  const { limits, refuse } = context;
  const entries = new Map<string, HeaderEntry>();
  let metadata: Named<string> | undefined;
  const isKnown = (name: string) => (name === '__metadata__' ? metadata !== undefined : entries.has(name));
  try {
    parseMembers(text, limits, isKnown, (name, value) => {
      if (name === '__metadata__') metadata = metadataOf(value, context);
      else entries.set(name, headerEntry(name, value, context));
    });
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    const isLimit = cause instanceof JsonLimit;
    const reason = isLimit ? `it holds more than ${limits.values} values` : cause.message;
    throw refuse(isLimit ? 'limit' : 'malformed', `header character ${cause.offset}`, reason, undefined, cause);
  }
  return { entries, metadata: metadata ?? Object.create(null) };
}

/** Notes, and a name for each tensor that is stored under another one. */
const mostMetadata = 50_000;

function metadataOf(value: JsonValue, { refuse }: CheckpointContext): Named<string> {
  // without a prototype: the names come from the file
  const metadata: Record<string, string> = Object.create(null);
  if (!(value instanceof Map)) throw refuse('malformed', '__metadata__', 'the metadata is not an object');
  if (value.size > mostMetadata) {
    throw refuse('limit', '__metadata__', `it has ${value.size} entries, the limit is ${mostMetadata}`);
  }
  for (const [name, text] of value) {
    if (typeof text !== 'string') {
      throw refuse('malformed', '__metadata__', `the value of ${quoted(name)} is not a string`);
    }
    metadata[name] = text;
  }
  return metadata;
}

const dtypesByName = new Map(dtypeNames.map((dtype) => [dtypeFacts(dtype).safetensors, dtype]));

const entryFields = ['dtype', 'shape', 'data_offsets'];

function headerEntry(name: string, value: JsonValue, { limits, refuse }: CheckpointContext): HeaderEntry {
  const place = `tensor ${quoted(name)}`;
  if (!(value instanceof Map)) throw refuse('malformed', place, 'its entry is not an object');
  for (const field of value.keys()) {
    if (!entryFields.includes(field)) {
      throw refuse('malformed', place, `its entry has an unknown field ${quoted(field)}`);
    }
  }
  const dtypeName = value.get('dtype');
  const dtype = typeof dtypeName === 'string' ? dtypesByName.get(dtypeName) : undefined;
  if (!dtype) {
    if (typeof dtypeName !== 'string') throw refuse('malformed', place, 'its dtype is missing or not a string');
    const known = unreadSafetensorsDTypes.includes(dtypeName);
    if (known) throw refuse('unsupported', place, `elements of type ${dtypeName} are not read`);
    throw refuse('malformed', place, `its dtype is ${quoted(dtypeName)}`);
  }
  const shape = naturals(value.get('shape'));
  if (!shape) throw refuse('malformed', place, 'its shape is not a list of natural numbers below 2^53');
  if (shape.length > limits.rank) {
    throw refuse('limit', place, `it has ${shape.length} dimensions, the limit is ${limits.rank}`);
  }
  const [begin, end, ...rest] = naturals(value.get('data_offsets')) ?? [];
  if (begin === undefined || end === undefined || rest.length > 0 || end < begin) {
    throw refuse('malformed', place, 'its data_offsets are not two ascending natural numbers below 2^53');
  }
  // with an extent of 0 the product is 0; any other product past 2^53 fits no file
  const facts = dtypeFacts(dtype);
  const bytes = sizeOf(shape) * facts.bytes;
  if (bytes !== end - begin) {
    const found = `${end - begin} bytes for shape [${shape.join(', ')}] of ${facts.safetensors}`;
    throw refuse('malformed', place, `${found}, which takes ${bytes}`);
  }
  return { name, dtype, shape, begin, end };
}

/** A list of natural numbers; `undefined` for every other value. */
function naturals(value: JsonValue | undefined): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((item) => Number.isSafeInteger(item) && item >= 0) ? value.slice() : undefined; // without spare room
}

/** Checks that the elements of all tensors follow each other and fill the file. */
function checkLayout(entries: readonly HeaderEntry[], dataBytes: number, { refuse }: CheckpointContext): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of ordered) {
    const place = `tensor ${quoted(name)}`;
    if (end > dataBytes) {
      throw refuse('truncated', place, `its elements end at byte ${end} of the data, which has ${dataBytes}`);
    }
    if (begin < position) {
      throw refuse('malformed', place, `it overlaps the tensor before it by ${position - begin} bytes`);
    }
    if (begin > position) throw refuse('malformed', place, `there is a gap of ${begin - position} bytes before it`);
    position = end;
  }
  if (position < dataBytes) {
    throw refuse('malformed', `data byte ${position}`, `${dataBytes - position} bytes follow the last tensor`);
  }
}

/** A tensor to write: an array, or a tensor of another file, which is read only when its turn comes. */
export type WritableTensor = NDArray<TypedArray> | TensorEntry;

/** How weights are written. */
export interface SafetensorsOptions {
  /** The type of all floating-point tensors. By default each keeps its type. Integers always keep theirs. */
  readonly dtype?: 'F32' | 'F16' | undefined;
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
 * Writes tensors as a safetensors file. Equal tensors and metadata give equal bytes, whatever the order of the map: wide
 * elements come first (so that all are aligned), then names in code-unit order, as in the official writer.
 *
 * @throws CheckpointError for a tensor named `__metadata__`; from `chunks()` and `bytes()` if a finite value does not
 *   fit F16
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsOptions = {},
): SafetensorsOutput {
  if (tensors.has('__metadata__')) {
    throw new CheckpointError('a tensor cannot be named "__metadata__": the format uses that name');
  }
  const planned = [...tensors]
    .map(([name, tensor]) => ({ name, tensor, dtype: writtenDType(tensor, options) }))
    .sort((a, b) => dtypeFacts(b.dtype).bytes - dtypeFacts(a.dtype).bytes || (a.name < b.name ? -1 : 1));

  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const { name, tensor, dtype } of planned) {
    const facts = dtypeFacts(dtype);
    const end = offset + sizeOf(tensor.shape) * facts.bytes;
    const entry = { dtype: facts.safetensors, shape: tensor.shape, data_offsets: [offset, end] };
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
  const name = dtypeNames.find((dtype) => tensor.data instanceof dtypeFacts(dtype).array);
  if (!name) throw new CheckpointError('an array of a class that safetensors has no type for');
  return name;
}

function writtenDType(tensor: WritableTensor, options: SafetensorsOptions): DType {
  const dtype = storedDType(tensor);
  if (!options.dtype || !dtypeFacts(dtype).float) return dtype;
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

/** Returns the memory of a typed array: every machine that runs JavaScript today is little-endian, as the file. */
function rawBytes(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
