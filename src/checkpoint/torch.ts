import type { CheckpointLimits } from './limits.ts';
import { unpickle } from './pickle.ts';
import { PickleEnd } from './pickle_reader.ts';
import type { PickleValue } from './pickle_values.ts';
import { quoted, type Refuse } from './refusal.ts';
import type { Source } from './source.ts';
import { storageId, type TorchStorage, torchGlobals } from './torch_tensor.ts';
import { openZip, type ZipArchive } from './zip.ts';

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
  refuse: Refuse,
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
function archivePrefix(archive: ZipArchive, refuse: Refuse): string {
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

async function smallText(archive: ZipArchive, name: string, refuse: Refuse): Promise<string | undefined> {
  const size = archive.sizes.get(name);
  if (size === undefined) return undefined;
  if (size > 64) throw refuse('malformed', `entry ${quoted(name)}`, `it takes ${size} bytes`);
  return String.fromCharCode(...(await archive.readAll(name))).trim();
}

async function isBigEndian(archive: ZipArchive, prefix: string, refuse: Refuse): Promise<boolean> {
  const order = (await smallText(archive, `${prefix}byteorder`, refuse)) ?? 'little';
  if (order !== 'little' && order !== 'big') {
    throw refuse('malformed', `entry ${quoted(`${prefix}byteorder`)}`, `the byte order is ${quoted(order)}`);
  }
  return order === 'big';
}

async function checkVersion(archive: ZipArchive, prefix: string, refuse: Refuse): Promise<void> {
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
