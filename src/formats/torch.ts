import { type CheckpointLimits, quoted, type RefuseCheckpoint } from './context.ts';
import { PickleEnd, type PickleHost, unpickle } from './pickle.ts';
import { type BuildContext, isList, isTuple, kindOf, type PickleValue } from './pickle_values.ts';
import { type Region, type Source, sourceRegion } from './source.ts';
import { natural, storageId, type TorchStorage, torchGlobals } from './torch_tensor.ts';
import { openZip, type ZipArchive } from './zip.ts';

const magic = 0x1950a86a20f9469cfc6cn;
const protocol = 1001;

interface Root {
  readonly dtype: TorchStorage['dtype'];
  readonly elementBytes: number;
  readonly count: number;
  region?: Region;
}

interface Head {
  readonly object: PickleValue;
  readonly keys: PickleValue;
  readonly storages: ReadonlyMap<string, Root>;
  readonly end: number;
}

/**
 * Reads the object that torch.save wrote before 1.6: five pickles (magic number, protocol, machine, object, storage
 * keys), then each storage as an 8-byte element count and its elements.
 *
 * @throws CheckpointRefusal
 */
export async function readTorchLegacy(
  source: Source,
  limits: CheckpointLimits,
  inertClasses: readonly string[],
  refuse: RefuseCheckpoint,
): Promise<PickleValue> {
  const globals = torchGlobals(limits, inertClasses);
  const { object, keys, storages, end } = await growing(source, limits, refuse, (bytes) =>
    readHead(bytes, (place) => ({ refuse, place, limits, globals }), refuse),
  );

  if (!isList(keys) || !keys.every((key) => typeof key === 'string')) {
    throw refuse(
      'malformed',
      'storage keys',
      `the list of storages is ${kindOf(keys)}, or holds something else than names`,
    );
  }
  let position = end;
  const seen = new Set<string>();
  for (const key of keys as readonly string[]) {
    const place = `storage ${quoted(key)}`;
    const storage = storages.get(key);
    if (!storage || seen.has(key))
      throw refuse('malformed', place, seen.has(key) ? 'it is listed twice' : 'no tensor uses it');
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
  if (position < source.size)
    throw refuse('malformed', `byte ${position}`, `${source.size - position} bytes follow the last storage`);
  return object;
}

/** How long the pickles are shows only when they are read: a longer piece is tried until they end inside it. */
async function growing<T>(
  source: Source,
  limits: CheckpointLimits,
  refuse: RefuseCheckpoint,
  read: (bytes: Uint8Array) => T,
): Promise<T> {
  const most = Math.min(source.size, limits.pickleBytes);
  for (let length = Math.min(most, 2 ** 18); ; length = Math.min(most, 4 * length)) {
    try {
      return read(await source.read(0, length));
    } catch (cause) {
      if (!(cause instanceof PickleEnd)) throw cause;
      if (length < most) continue;
      if (most < source.size) throw refuse('limit', '', `its pickles take more than ${most} bytes`, undefined, cause);
      throw refuse(
        'truncated',
        `byte ${source.size}`,
        `the file ends inside a pickle: ${cause.message}`,
        undefined,
        cause,
      );
    }
  }
}

function readHead(bytes: Uint8Array, hostOf: (place: string) => PickleHost, refuse: RefuseCheckpoint): Head {
  const first = unpickle(bytes, 0, hostOf('magic number'));
  if (first.value !== magic) {
    throw refuse('not-a-checkpoint', 'byte 0', `a Python pickle of ${kindOf(first.value)}, not a file of torch.save`);
  }
  const second = unpickle(bytes, first.end, hostOf('protocol version'));
  if (second.value !== protocol) {
    throw refuse(
      'unsupported',
      'protocol version',
      `legacy protocol ${String(second.value)}, only ${protocol} is known`,
    );
  }
  const machine = unpickle(bytes, second.end, hostOf('machine description'));
  if (!(machine.value instanceof Map))
    throw refuse('malformed', 'machine description', `it is ${kindOf(machine.value)}`);
  if (machine.value.get('little_endian') !== true) {
    throw refuse('unsupported', 'machine description', 'the file was written on a big-endian machine');
  }
  const storages = new Map<string, Root>();
  const persistent = (id: PickleValue, context: BuildContext) => legacyStorage(id, storages, context, refuse);
  const object = unpickle(bytes, machine.end, { ...hostOf('object'), persistent });
  const keys = unpickle(bytes, object.end, hostOf('storage keys'));
  return { object: object.value, keys: keys.value, storages, end: keys.end };
}

function legacyStorage(
  id: PickleValue,
  storages: Map<string, Root>,
  context: BuildContext,
  refuse: RefuseCheckpoint,
): TorchStorage {
  const { dtype, elementBytes, key, count, view } = storageId(id, 6, context);
  const known = storages.get(key);
  if (known && (known.dtype !== dtype || known.count !== count)) {
    throw context.wrong(`the storage ${quoted(key)} is used with two types or sizes`);
  }
  const root: Root = known ?? { dtype, elementBytes, count };
  storages.set(key, root);

  let [start, size] = [0, count];
  if (isTuple(view)) {
    // (key of the view, offset, size): a storage that is part of another one
    start = natural(view[1], 'the offset of a storage view', context);
    size = natural(view[2], 'the size of a storage view', context);
    if (start + size > count) throw context.wrong(`a view of ${size} elements at ${start} in a storage of ${count}`);
  } else if (view !== null) throw context.wrong(`the view of a storage is ${kindOf(view)}`);
  return {
    made: 'storage',
    dtype,
    bytes: size * elementBytes,
    start: start * elementBytes,
    bigEndian: false,
    region: () => {
      if (!root.region) throw refuse('malformed', `storage ${quoted(key)}`, 'it is not in the file');
      return root.region;
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
export async function readTorchZip(
  source: Source,
  limits: CheckpointLimits,
  inertClasses: readonly string[],
  refuse: RefuseCheckpoint,
): Promise<PickleValue> {
  const archive = await openZip(source, limits, refuse);
  const prefix = archivePrefix(archive, refuse);
  const bigEndian = await isBigEndian(archive, prefix, refuse);
  await checkVersion(archive, prefix, refuse);

  const name = `${prefix}data.pkl`;
  if (archive.sizes.get(name)! > limits.pickleBytes) {
    throw refuse(
      'limit',
      `entry ${quoted(name)}`,
      `it takes ${archive.sizes.get(name)} bytes, the limit is ${limits.pickleBytes}`,
    );
  }
  const bytes = await archive.readAll(name);
  const storages = new Map<string, TorchStorage>();
  const host = {
    refuse,
    place: name,
    limits,
    globals: torchGlobals(limits, inertClasses),
    persistent: (id: PickleValue, context: Parameters<typeof storageId>[2]) => {
      const { dtype, elementBytes, key, count } = storageId(id, 5, context);
      const entry = `${prefix}data/${key}`;
      const size = archive.sizes.get(entry);
      if (size === undefined)
        throw context.wrong(`it refers to the storage ${quoted(key)}, which the archive does not hold`);
      if (size !== count * elementBytes) {
        throw context.wrong(
          `the storage ${quoted(key)} should take ${count * elementBytes} bytes, its entry has ${size}`,
        );
      }
      const known = storages.get(key);
      if (known && known.dtype !== dtype) throw context.wrong(`the storage ${quoted(key)} is used with two types`);
      const storage: TorchStorage = known ?? {
        made: 'storage',
        dtype,
        bytes: size,
        start: 0,
        bigEndian,
        region: () => archive.region(entry),
      };
      storages.set(key, storage);
      return storage;
    },
  };
  try {
    const { value, end } = unpickle(bytes, 0, host);
    if (end !== bytes.length) throw refuse('malformed', name, `${bytes.length - end} bytes follow the pickle`);
    return value;
  } catch (cause) {
    if (!(cause instanceof PickleEnd)) throw cause;
    throw refuse('truncated', name, `the pickle has no end: ${cause.message}`, undefined, cause);
  }
}

/** All entries lie in one folder, named after the file that was saved first. */
function archivePrefix(archive: ZipArchive, refuse: RefuseCheckpoint): string {
  const names = [...archive.sizes.keys()];
  const pickles = names.filter((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  const [first, second] = pickles;
  if (second)
    throw refuse('malformed', 'directory', `it holds two checkpoints: ${quoted(first!)} and ${quoted(second)}`);
  if (first === undefined) {
    const what = names.some((name) => name.endsWith('.npy'))
      ? 'a NumPy archive (.npz)'
      : 'a zip archive without data.pkl';
    throw refuse('not-a-checkpoint', '', `this is ${names.length ? what : 'an empty zip archive'}`);
  }
  const prefix = first.slice(0, -'data.pkl'.length);
  const isProgram = (name: string) => name.startsWith(`${prefix}code/`) && name.endsWith('.py');
  if (archive.sizes.has(`${prefix}constants.pkl`) || names.some(isProgram)) {
    const remedy = 'Load it with torch.jit.load and save its state_dict() with torch.save.';
    throw refuse('unsupported', '', 'this is a TorchScript archive, which holds a program', remedy);
  }
  return prefix;
}

async function smallText(archive: ZipArchive, name: string, refuse: RefuseCheckpoint): Promise<string | undefined> {
  const size = archive.sizes.get(name);
  if (size === undefined) return undefined;
  if (size > 64) throw refuse('malformed', `entry ${quoted(name)}`, `it takes ${size} bytes`);
  return String.fromCharCode(...(await archive.readAll(name))).trim();
}

async function isBigEndian(archive: ZipArchive, prefix: string, refuse: RefuseCheckpoint): Promise<boolean> {
  const order = (await smallText(archive, `${prefix}byteorder`, refuse)) ?? 'little';
  if (order !== 'little' && order !== 'big') {
    throw refuse('malformed', `entry ${quoted(`${prefix}byteorder`)}`, `the byte order is ${quoted(order)}`);
  }
  return order === 'big';
}

async function checkVersion(archive: ZipArchive, prefix: string, refuse: RefuseCheckpoint): Promise<void> {
  for (const name of [`${prefix}version`, `${prefix}.data/version`]) {
    const version = await smallText(archive, name, refuse);
    if (version === undefined) continue;
    if (!/^\d{1,4}$/.test(version))
      throw refuse('malformed', `entry ${quoted(name)}`, `the version is ${quoted(version)}`);
    if (Number(version) > newestVersion) {
      throw refuse(
        'unsupported',
        `entry ${quoted(name)}`,
        `format version ${version}, the newest known is ${newestVersion}`,
      );
    }
  }
}
