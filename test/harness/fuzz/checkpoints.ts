import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import type { NDArray, TypedArray } from '../../../src/arrays.ts';
import { isRefusal } from '../../../src/errors.ts';
import { bytesSource, type DType, metaOf, openCheckpoint, tensorsOf } from '../../../src/formats/index.ts';
import { stateDictOf } from '../../../src/loading/state_dict.ts';
import { mutated, type Random } from '../mutations.ts';
import { legacyPickleArbitrary, pickleArbitrary } from '../pickle_arbitrary.ts';
import { bytesOf, CallValue, pickleOf, RawValue, TensorValue, torchLegacy, torchZip, zipOf } from '../torch_file.ts';
import type { FuzzReader } from './index.ts';
import { restructured } from './pickle_structure.ts';

/** Inputs for the checkpoint readers, and checks of the tensors that they return. */

interface Tensor {
  readonly path: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: NDArray<TypedArray>;
  readonly raw: Uint8Array;
}

async function tensorsIn(bytes: Uint8Array): Promise<readonly Tensor[]> {
  const checkpoint = await openCheckpoint(bytesSource(bytes, 'fuzz'));
  refusable(() => metaOf(checkpoint));
  refusable(() => stateDictOf(checkpoint));
  const tensors: Tensor[] = [];
  for (const { path, entry } of tensorsOf(checkpoint)) {
    const { dtype, shape } = entry;
    tensors.push({ path: path.join('.'), dtype, shape, values: await entry.read(), raw: await entry.bytes() });
  }
  return tensors;
}

/** What a loader asks for beside the tensors: it may be refused though they are read, but only so. */
function refusable(ask: () => unknown): void {
  try {
    ask();
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

const widths: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  uint16: 2,
};

/** Checks that every tensor has as many values and bytes as its shape tells. */
function faultOfSizes(tensors: readonly Tensor[]): string | undefined {
  for (const { path, dtype, shape, values, raw } of tensors) {
    const count = shape.reduce((product, extent) => product * extent, 1);
    if (values.shape.join() !== shape.join())
      return `${path}: its values are of shape [${values.shape}], not [${shape}]`;
    if (values.data.length !== count) return `${path}: ${values.data.length} values of shape [${shape}]`;
    if (raw.length !== count * widths[dtype]) return `${path}: ${raw.length} bytes of ${count} × ${dtype}`;
  }
  return undefined;
}

const described = (tensors: readonly Tensor[]) =>
  tensors
    .map(({ path, dtype, shape, raw }) => `${path} ${dtype} [${shape}] ${Buffer.from(raw).toString('hex')}`)
    .join();

const storage = bytesOf(Float32Array.from({ length: 12 }, (_, i) => i));
const half = bytesOf(Uint16Array.from({ length: 6 }, (_, i) => 0x3c00 + i));

function weights(legacy: boolean): ReadonlyMap<string, unknown> {
  const meta = new Map<string, unknown>([
    ['epoch', 3],
    ['note', 'text'],
    ['sizes', [1, 0.5, null, true, 2n ** 40n]],
  ]);
  return new Map<string, unknown>([
    ['meta', meta],
    ['args', new CallValue('argparse', 'Namespace', [], new Map([['lr', 0.1]]))],
    ['a', new TensorValue('0', 'FloatStorage', 12, [3, 4], [4, 1], 0, legacy)],
    ['b', new TensorValue('0', 'FloatStorage', 12, [4, 3], [1, 4], 0, legacy)],
    ['c', new TensorValue('1', 'HalfStorage', 6, [2, 0, 3], [3, 3, 1], 0, legacy)],
    ['d', new TensorValue('1', 'HalfStorage', 6, [], [], 5, legacy)],
  ]);
}

const pickle = pickleOf(weights(false));

/** Wraps a pickle as torch.save does, stored or deflated. */
function archiveOf(data: Uint8Array, deflated = false): Uint8Array {
  const parts = Object.entries({ 'data.pkl': data, 'data/0': storage, 'data/1': half });
  return zipOf(
    parts.map(([name, content]) => ({
      name: `a/${name}`,
      data: deflated ? new Uint8Array(deflateRawSync(content)) : content,
      method: deflated ? 8 : undefined,
      size: deflated ? content.length : undefined,
      crc: deflated ? crc32(content) : undefined,
    })),
  );
}

const zips = [torchZip(weights(false), { 0: storage, 1: half }), archiveOf(pickle), archiveOf(pickle, true)];

const structured = (bytes: Uint8Array, random: Random): Uint8Array =>
  Buffer.from(restructured(Buffer.from(bytes).toString('latin1'), random), 'latin1');

const once = <T>(arbitrary: fc.Arbitrary<T>, random: Random): T =>
  fc.sample(arbitrary, { seed: random(2 ** 31), numRuns: 1 })[0]!;

/** The tensors of the files that are changed. Their names and elements are all under checksums. */
let expected: string | undefined;

export const torch: FuzzReader<readonly Tensor[]> = {
  read: async (bytes) => {
    expected ??= described(await tensorsIn(zips[0]!));
    return tensorsIn(bytes);
  },
  kinds: [
    {
      make: (random) => mutated(zips[random(zips.length)]!, random, zips),
      fault: (tensors) => (described(tensors) === expected ? undefined : `tensors of no file: ${described(tensors)}`),
    },
    // changed before the checksum is taken, so that the change reaches the unpickler
    { make: (random) => archiveOf(mutated(pickle, random), random(2) === 1), fault: faultOfSizes },
    { make: (random) => archiveOf(pickleOf(new RawValue(once(pickleArbitrary, random)))), fault: faultOfSizes },
    { make: (random) => archiveOf(structured(pickle, random), random(2) === 1), fault: faultOfSizes },
  ],
};

const storages = [
  { key: '0', count: 12, data: storage },
  { key: '1', count: 6, data: half },
];
const legacyFile = torchLegacy(weights(true), storages);
const legacyPickle = pickleOf(weights(true));

export const legacy: FuzzReader<readonly Tensor[]> = {
  read: tensorsIn,
  kinds: [
    { make: (random) => mutated(legacyFile, random), fault: faultOfSizes },
    {
      make: (random) => torchLegacy(new RawValue(once(legacyPickleArbitrary, random)), storages.slice(0, random(3))),
      fault: faultOfSizes,
    },
    {
      // without the protocol in front and the end behind
      make: (random) => torchLegacy(new RawValue(structured(legacyPickle, random).slice(2, -1)), storages),
      fault: faultOfSizes,
    },
  ],
};

const safetensorsFile = (header: Uint8Array, data: Uint8Array): Uint8Array =>
  Buffer.concat([bytesOf(BigUint64Array.of(BigInt(header.length))), header, data]);

const names = fc.oneof(fc.constantFrom('a', 'b', '__metadata__', '__proto__', ''), fc.string({ unit: 'binary' }));
const natural = fc.oneof(
  { weight: 9, arbitrary: fc.nat(6) },
  fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, 1e300, null, '2'),
);
const headerArbitrary = fc
  .array(
    fc.tuple(
      names,
      fc.oneof(
        {
          weight: 9,
          arbitrary: fc.record({
            dtype: fc.constantFrom('F64', 'F32', 'F16', 'BF16', 'I64', 'U8', 'BOOL', 'F8_E4M3', 'X', 1),
            shape: fc.array(natural, { maxLength: 4 }),
            data_offsets: fc.array(natural, { minLength: 2, maxLength: 3 }),
          }),
        },
        fc.json().map((text) => JSON.parse(text)),
      ),
    ),
    { maxLength: 4 },
  )
  .map((entries) => entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join());

const wholeHeader = new TextEncoder().encode(
  JSON.stringify({
    __metadata__: { note: 'text' },
    b: { dtype: 'I64', shape: [1], data_offsets: [0, 8] },
    a: { dtype: 'F32', shape: [2, 3], data_offsets: [8, 32] },
    c: { dtype: 'I32', shape: [0, 4], data_offsets: [32, 32] },
  }),
);
const wholeData = Buffer.concat([bytesOf(BigInt64Array.of(5n)), bytesOf(new Float32Array(6).fill(1))]);
const whole = safetensorsFile(wholeHeader, wholeData);

/** Checks that the bytes of each tensor are those at its offsets, by a plain reading of the header. */
function faultOfOffsets(found: readonly Tensor[], bytes: Uint8Array): string | undefined {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = new Map<string, { shape: number[]; data_offsets: [number, number] }>(
    Object.entries(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))),
  );
  const aliases = (header.get('__metadata__') ?? {}) as unknown as Readonly<Record<string, string>>;
  header.delete('__metadata__');
  const stored = found.filter(({ path }) => header.has(path)).length;
  if (header.size !== stored) return `${stored} stored tensors, the header has ${header.size}`;
  for (const { path, shape, raw } of found) {
    const entry = header.get(path) ?? header.get(aliases[path] ?? '');
    if (!entry) return `${path} is neither in the header nor another name of a tensor in it`;
    const {
      shape: stated,
      data_offsets: [begin, end],
    } = entry;
    if (shape.join() !== stated.join()) return `${path} has the shape [${shape}], the header says [${stated}]`;
    const there = bytes.subarray(8 + length + begin, 8 + length + end);
    if (Buffer.compare(raw, there) !== 0) return `${path} has other bytes than the file`;
  }
  return faultOfSizes(found);
}

/** A header of many tensors, names that are others' and values inside values. */
function largeHeader(random: Random): Uint8Array {
  const count = random(20) === 0 ? 20_000 + random(100_000) : 1 + random(500);
  const name = () => (random(3) === 0 ? 'x' : `t${random(count)}`);
  const entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
  const deep = () => `${'['.repeat(1 + random(5000))}${']'.repeat(1 + random(5000))}`;
  const text = ['name', '"', '\\u0000', '\u{10ffff}'.repeat(50)][random(4)]!;
  const aliases = Array.from({ length: random(200) }, (_, i) => `${JSON.stringify(`${text}${i}`)}:"${name()}"`);
  const fields = Array.from({ length: count }, (_, i) => `"t${random(50) === 0 ? random(i + 1) : i}":${entry}`);
  fields.splice(random(count), 0, `"__metadata__":{${aliases.join()}}`);
  if (random(4) === 0) fields.splice(random(count), 0, `"deep":${deep()}`);
  return new TextEncoder().encode(`{${fields.join()}}`);
}

export const safetensors: FuzzReader<readonly Tensor[]> = {
  read: tensorsIn,
  kinds: [
    { make: (random) => mutated(whole, random), fault: faultOfOffsets },
    // with the right length in front, so that the change reaches the parser
    {
      make: (random) => safetensorsFile(mutated(wholeHeader, random), wholeData),
      fault: faultOfOffsets,
    },
    {
      make: (random) => {
        const header = new TextEncoder().encode(`{${once(headerArbitrary, random)}}`);
        return safetensorsFile(header, wholeData.subarray(0, random(40)));
      },
      fault: faultOfOffsets,
    },
    { make: (random) => safetensorsFile(largeHeader(random), wholeData.subarray(0, 0)), fault: faultOfOffsets },
  ],
};
