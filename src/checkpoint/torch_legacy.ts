import type { CheckpointLimits } from './limits.ts';
import { type PickleHost, unpickle } from './pickle.ts';
import { PickleEnd } from './pickle_reader.ts';
import { type BuildContext, isList, isTuple, kindOf, type PickleValue } from './pickle_values.ts';
import { quoted, type Refuse } from './refusal.ts';
import { type Region, sourceRegion } from './region.ts';
import type { Source } from './source.ts';
import { natural, storageId, type TorchStorage, torchGlobals } from './torch_tensor.ts';

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
  refuse: Refuse,
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
  refuse: Refuse,
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

function readHead(bytes: Uint8Array, hostOf: (place: string) => PickleHost, refuse: Refuse): Head {
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
  refuse: Refuse,
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
