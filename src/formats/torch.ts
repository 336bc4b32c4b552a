import { type CheckpointContext, quoted } from './context.ts';
import { unpickle } from './pickle.ts';
import { type PickleHost, PickleLedger } from './pickle_machine.ts';
import { PickleEnd } from './pickle_reader.ts';
import { isList, isTuple, kindOf, type Machine, type PickleValue, shortText } from './pickle_values.ts';
import { type Region, type Source, sourceRegion } from './source.ts';
import { natural, storageId, type TorchStorage, torchGlobals } from './torch_tensor.ts';
import { openZip, type ZipArchive } from './zip.ts';

/** Reads the two containers of torch.save: the legacy stream of pickles, and the zip archive that replaced it in 1.6. */

const magic = 0x1950a86a20f9469cfc6cn;
const protocol = 1001;

/** The object that a file holds. */
export interface TorchFile {
  readonly object: PickleValue;
  /** Names of classes whose instances are records. */
  readonly skipped: ReadonlySet<string>;
}

/** A storage of a legacy file. Its region is known when the file has been walked to its end. */
interface LegacyStorage {
  readonly dtype: TorchStorage['dtype'];
  readonly elementBytes: number;
  readonly count: number;
  region?: Region;
}

interface LegacyHead extends TorchFile {
  readonly keys: readonly string[];
  readonly storages: ReadonlyMap<string, LegacyStorage>;
  readonly end: number;
}

/**
 * Reads the object that torch.save wrote before 1.6: five pickles (magic number, protocol, machine, object, storage
 * keys), then each storage as an 8-byte element count and its elements.
 *
 * @throws CheckpointRefusal
 */
export async function readTorchLegacy(source: Source, context: CheckpointContext): Promise<TorchFile> {
  const { refuse } = context;
  const { object, skipped, keys, storages, end } = await readLegacyHead(source, context);
  let position = end;
  const seen = new Set<string>();
  for (const key of keys) {
    const place = `storage ${quoted(key)}`;
    const storage = storages.get(key);
    if (seen.has(key)) throw refuse('malformed', place, 'it is listed twice');
    if (!storage) throw refuse('malformed', place, 'no tensor uses it');
    seen.add(key);
    if (position + 8 > source.size) throw refuse('truncated', place, 'the file ends before it');
    const head = await source.read(position, 8);
    const count = new DataView(head.buffer, head.byteOffset, 8).getBigInt64(0, true);
    if (count !== BigInt(storage.count)) {
      throw refuse('malformed', place, `it should hold ${storage.count} elements, the file says ${count}`);
    }
    const bytes = storage.count * storage.elementBytes;
    if (position + 8 + bytes > source.size) {
      throw refuse('truncated', place, `it ends at byte ${position + 8 + bytes}, the file has ${source.size}`);
    }
    storage.region = sourceRegion(source, position + 8, bytes);
    position += 8 + bytes;
  }
  for (const key of storages.keys()) {
    if (!seen.has(key)) throw refuse('malformed', `storage ${quoted(key)}`, 'a tensor uses it, but it is not listed');
  }
  if (position < source.size) {
    throw refuse('malformed', `byte ${position}`, `${source.size - position} bytes follow the last storage`);
  }
  return { object, skipped };
}

/** Reads the pickles. Their length is not stated, so a longer piece of the file is tried until they end inside it. */
async function readLegacyHead(source: Source, context: CheckpointContext): Promise<LegacyHead> {
  const { limits, refuse } = context;
  const most = Math.min(source.size, limits.pickleBytes);
  for (let length = Math.min(most, 2 ** 18); ; length = Math.min(most, 4 * length)) {
    try {
      return legacyHead(await source.read(0, length), context);
    } catch (cause) {
      if (!(cause instanceof PickleEnd)) throw cause;
      if (length < most) continue;
      if (most < source.size) throw refuse('limit', '', `its pickles take more than ${most} bytes`, undefined, cause);
      const reason = `the file ends inside a pickle: ${cause.message}`;
      throw refuse('truncated', `byte ${source.size}`, reason, undefined, cause);
    }
  }
}

/** @throws PickleEnd if the pickles do not end inside `bytes` */
function legacyHead(bytes: Uint8Array, context: CheckpointContext): LegacyHead {
  const { refuse } = context;
  const ledger = new PickleLedger();
  let end = 0;
  const next = (place: string, persistent?: PickleHost['persistent']): PickleValue => {
    const pickle = unpickle(bytes, end, { context, place, globals: torchGlobals, ledger, persistent });
    end = pickle.end;
    return pickle.value;
  };

  const first = next('magic number');
  if (first !== magic) {
    throw refuse('not-a-checkpoint', 'byte 0', `a Python pickle of ${kindOf(first)}, not a file of torch.save`);
  }
  const version = next('protocol version');
  if (version !== protocol) {
    const reason = `legacy protocol ${shortText(version)}, only ${protocol} is known`;
    throw refuse('unsupported', 'protocol version', reason);
  }
  const machine = next('machine description');
  if (!(machine instanceof Map)) throw refuse('malformed', 'machine description', `it is ${kindOf(machine)}`);
  if (machine.get('little_endian') !== true) {
    throw refuse('unsupported', 'machine description', 'the file was written on a big-endian machine');
  }
  const storages = new Map<string, LegacyStorage>();
  const object = next('object', (id, running) => legacyStorage(id, storages, running, context));
  const keys = next('storage keys');
  if (!isList(keys) || !keys.every((key) => typeof key === 'string')) {
    const reason = `the list of storages is ${kindOf(keys)}, or holds values that are not names`;
    throw refuse('malformed', 'storage keys', reason);
  }
  return { object, skipped: ledger.skipped, keys, storages, end };
}

function legacyStorage(
  id: PickleValue,
  storages: Map<string, LegacyStorage>,
  machine: Machine,
  { refuse }: CheckpointContext,
): TorchStorage {
  const { dtype, elementBytes, key, count, view } = storageId(id, 6, machine);
  const known = storages.get(key);
  if (known && (known.dtype !== dtype || known.count !== count)) {
    throw machine.malformed(`the storage ${quoted(key)} is used with two types or sizes`);
  }
  const storage: LegacyStorage = known ?? { dtype, elementBytes, count };
  storages.set(key, storage);

  let [start, size] = [0, count];
  if (isTuple(view)) {
    // (key of the view, offset, size): a storage that is part of another one
    start = natural(view[1], 'the offset of a storage view', machine);
    size = natural(view[2], 'the size of a storage view', machine);
    if (start + size > count) {
      throw machine.malformed(`a view of ${size} elements at ${start} in a storage of ${count}`);
    }
  } else if (view !== null) throw machine.malformed(`the view of a storage is ${kindOf(view)}`);
  return {
    made: 'storage',
    dtype,
    bytes: size * elementBytes,
    start: start * elementBytes,
    bigEndian: false,
    region: () => {
      if (!storage.region) throw refuse('malformed', `storage ${quoted(key)}`, 'it is not in the file');
      return storage.region;
    },
  };
}

/** The newest format of torch.save that is known (caffe2/serialize/versions.h). */
const newestVersion = 10;

/**
 * Reads the object that torch.save (1.6 and later) put into a zip archive. Only `data.pkl` is read; each tensor is an
 * entry that reads its storage when asked.
 *
 * @throws CheckpointRefusal
 */
export async function readTorchZip(source: Source, context: CheckpointContext): Promise<TorchFile> {
  const { limits, refuse } = context;
  const archive = await openZip(source, context);
  const prefix = archivePrefix(archive, context);
  const bigEndian = await isBigEndian(archive, prefix, context);
  await checkVersion(archive, prefix, context);

  const place = `${prefix}data.pkl`;
  const pickle = archive.region(place);
  if (pickle.size > limits.pickleBytes) {
    const reason = `it takes ${pickle.size} bytes, the limit is ${limits.pickleBytes}`;
    throw refuse('limit', `entry ${quoted(place)}`, reason);
  }
  const bytes = await readAll(pickle);
  const storages = new Map<string, TorchStorage>();
  const persistent = (id: PickleValue, machine: Machine): TorchStorage => {
    const { dtype, elementBytes, key, count } = storageId(id, 5, machine);
    const entry = `${prefix}data/${key}`;
    const size = archive.sizes.get(entry);
    if (size === undefined) {
      throw machine.malformed(`it refers to the storage ${quoted(key)}, which the archive does not hold`);
    }
    if (size !== count * elementBytes) {
      const expected = count * elementBytes;
      throw machine.malformed(`the storage ${quoted(key)} should take ${expected} bytes, its entry has ${size}`);
    }
    const known = storages.get(key);
    if (known && known.dtype !== dtype) throw machine.malformed(`the storage ${quoted(key)} is used with two types`);
    const region = () => archive.region(entry);
    const storage: TorchStorage = known ?? { made: 'storage', dtype, bytes: size, start: 0, bigEndian, region };
    storages.set(key, storage);
    return storage;
  };
  try {
    const ledger = new PickleLedger();
    const { value, end } = unpickle(bytes, 0, { context, place, globals: torchGlobals, ledger, persistent });
    if (end !== bytes.length) throw refuse('malformed', place, `${bytes.length - end} bytes follow the pickle`);
    return { object: value, skipped: ledger.skipped };
  } catch (cause) {
    if (!(cause instanceof PickleEnd)) throw cause;
    throw refuse('truncated', place, `the pickle has no end: ${cause.message}`, undefined, cause);
  }
}

async function readAll(region: Region): Promise<Uint8Array> {
  const bytes = new Uint8Array(region.size);
  await region.readInto(bytes, 0);
  return bytes;
}

/** Returns the folder of all entries, which is named after the file that was saved first. */
function archivePrefix({ sizes }: ZipArchive, { refuse }: CheckpointContext): string {
  const names = [...sizes.keys()];
  const [first, second] = names.filter((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  if (first === undefined) {
    const what = names.some((name) => name.endsWith('.npy'))
      ? 'a NumPy archive (.npz)'
      : 'a zip archive without data.pkl';
    throw refuse('not-a-checkpoint', '', `this is ${names.length ? what : 'an empty zip archive'}`);
  }
  if (second !== undefined) {
    throw refuse('malformed', 'directory', `it holds two checkpoints: ${quoted(first)} and ${quoted(second)}`);
  }
  const prefix = first.slice(0, -'data.pkl'.length);
  const isProgram = (name: string) => name.startsWith(`${prefix}code/`) && name.endsWith('.py');
  if (sizes.has(`${prefix}constants.pkl`) || names.some(isProgram)) {
    const remedy = 'Load it with torch.jit.load and save its state_dict() with torch.save.';
    throw refuse('unsupported', '', 'this is a TorchScript archive, which holds a program', remedy);
  }
  return prefix;
}

/** Reads an entry of a few characters; `undefined` if the archive has none of this name. */
async function smallText(archive: ZipArchive, name: string, { refuse }: CheckpointContext) {
  const size = archive.sizes.get(name);
  if (size === undefined) return undefined;
  if (size > 64) throw refuse('malformed', `entry ${quoted(name)}`, `it takes ${size} bytes`);
  return String.fromCharCode(...(await readAll(archive.region(name)))).trim();
}

async function isBigEndian(archive: ZipArchive, prefix: string, context: CheckpointContext): Promise<boolean> {
  const name = `${prefix}byteorder`;
  const order = (await smallText(archive, name, context)) ?? 'little';
  if (order !== 'little' && order !== 'big') {
    throw context.refuse('malformed', `entry ${quoted(name)}`, `the byte order is ${quoted(order)}`);
  }
  return order === 'big';
}

async function checkVersion(archive: ZipArchive, prefix: string, context: CheckpointContext): Promise<void> {
  for (const name of [`${prefix}version`, `${prefix}.data/version`]) {
    const version = await smallText(archive, name, context);
    if (version === undefined) continue;
    const place = `entry ${quoted(name)}`;
    if (!/^\d{1,4}$/.test(version)) throw context.refuse('malformed', place, `the version is ${quoted(version)}`);
    if (Number(version) > newestVersion) {
      const reason = `format version ${version}, the newest known is ${newestVersion}`;
      throw context.refuse('unsupported', place, reason);
    }
  }
}
