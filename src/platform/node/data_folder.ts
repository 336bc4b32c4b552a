import { type Dirent, existsSync, statSync } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError } from '../../errors.ts';
import { spelledPath } from './names.ts';

/** Folders of data sets on disk. */

interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder';
}

/** The folder of a data set as `moganet/data` reads it. */
interface Folder {
  readonly name: string;
  list(path: string): Promise<readonly Entry[]>;
  read(path: string, most?: number): Promise<Uint8Array>;
}

/** A folder, and the file in it that was named. */
export interface FolderAndFile {
  readonly folder: Folder;
  /** The path of the file below the folder, if a file was named. */
  readonly file: string | undefined;
}

/**
 * Returns a folder by its path or `file:` URL. A file stands for the folder around it; for one in a folder named
 * `annotations` that is the folder around that.
 *
 * @throws DataError if there is none, or the file is an archive or otherwise no annotation file
 */
export function dataFolderAt(ref: string | URL): FolderAndFile {
  const path = spelledPath(ref instanceof URL || /^file:\/\//i.test(ref) ? fileURLToPath(ref) : ref);
  if (path === '') throw new DataError('empty path of a data set. Is a shell variable unset?');
  if (!existsSync(path)) throw new DataError(`${path}: there is no such folder. Check the path.`);
  if (statSync(path).isDirectory()) return { folder: folderAt(path), file: undefined };
  const refusal = refusalOf(path);
  if (refusal !== undefined) throw new DataError(`${path}: ${refusal}`);
  const parent = dirname(resolve(path));
  if (!/^annotations?$/i.test(basename(parent))) return { folder: folderAt(dirname(path)), file: basename(path) };
  return { folder: folderAt(dirname(dirname(path))), file: `${basename(parent)}/${basename(path)}` };
}

/** Returns why a file cannot stand for a data set; undefined if its ending is that of annotations. */
function refusalOf(path: string): string | undefined {
  if (/\.(?:zip|tar|tgz|gz|bz2|xz|zst|7z|rar)$/i.test(path))
    return 'this is an archive. Unpack it, and give its folder.';
  if (/\.(?:json|ya?ml|xml|txt|data)$/i.test(path)) return undefined;
  return 'this file is no list of annotations (.json, .yaml, .xml, .txt, .data). Give the folder of the data set.';
}

function folderAt(root: string): Folder {
  return {
    name: root,
    async list(path) {
      const folder = join(root, path);
      const entries = await entriesOf(folder);
      const kinds = await Promise.all(entries.map((entry) => kindOf(entry, folder)));
      return entries.flatMap(({ name }, i) => (kinds[i] ? { name, kind: kinds[i] } : []));
    },
    async read(path, most) {
      const file = join(root, path);
      try {
        return most === undefined ? await readFile(file) : await beginningOf(file, most);
      } catch (cause) {
        throw new DataError(`${file}: ${reasonOf(cause)}.`, { cause });
      }
    },
  };
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(cause))) return [];
    throw new DataError(`${folder}: ${reasonOf(cause)}.`, { cause });
  }
}

/** Links are followed: large data sets often lie on another disk. */
async function kindOf(entry: Dirent, folder: string): Promise<Entry['kind'] | undefined> {
  if (!entry.isSymbolicLink()) return entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : undefined;
  const stats = await stat(join(folder, entry.name)).catch(() => undefined);
  return stats?.isDirectory() ? 'folder' : stats?.isFile() ? 'file' : undefined;
}

async function beginningOf(file: string, most: number): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const bytes = new Uint8Array(most);
    const { bytesRead } = await handle.read(bytes, 0, most, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? '';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'this is a folder, where a file is expected',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
  ERR_FS_FILE_TOO_LARGE: 'the file is larger than 2 GiB',
};

const reasonOf = (cause: unknown): string => reasons[codeOf(cause)] ?? `cannot be read: ${(cause as Error).message}`;
