import { ConfigError, DataError } from '../errors.ts';
import { foundIn, isObject } from '../values.ts';
import { joined, normalPath } from './paths.ts';

/** Where the files of a data set are: on a disk (Node), in memory, or chosen by the user of a page. */

/** A folder of files, which are named by their paths with `/`. It is read as it is needed. */
export interface DataFolder {
  /** Its name in messages. */
  readonly name: string;
  /** Returns what is directly in a folder below; `''` is this folder itself. Nothing if there is no such folder. */
  list(path: string): Promise<readonly FolderEntry[]>;
  /**
   * Returns a file, or its beginning if it has more than `most` bytes.
   *
   * @throws DataError if there is no such file, or it cannot be read
   */
  read(path: string, most?: number): Promise<Uint8Array>;
}

/** A file or folder that lies directly in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder';
}

/** A file that the user chose: the part of the browser's `File` that is used. */
export interface ChosenFile extends Pick<Blob, 'slice' | 'size'> {
  readonly name: string;
  /** The path below what was chosen, which it begins with. Empty if single files were chosen. */
  readonly webkitRelativePath?: string;
  /** Reads the file. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Files in memory by path, or the files of an `<input type="file" webkitdirectory>`. */
export type FilesInMemory = ReadonlyMap<string, Uint8Array | Blob> | ArrayLike<ChosenFile>;

/**
 * Makes a folder of files in memory, or of those that the user of a page chose (`input.files`). Bytes are read when they
 * are needed.
 *
 * @param name its name in messages; by default that of the chosen folder
 * @throws ConfigError for anything else
 */
export function memoryFolder(files: FilesInMemory, name?: string): DataFolder {
  const byPath = new Map<string, Uint8Array | Blob | ChosenFile>();
  let chosen: string | undefined;
  if (isMap(files)) for (const [path, file] of files) byPath.set(normalPath(path), checkedFile(path, file));
  else {
    for (const file of listed(files)) {
      const [top = '', ...below] = normalPath(file.webkitRelativePath || file.name).split('/');
      chosen ??= below.length > 0 ? top : undefined;
      byPath.set(below.length > 0 ? below.join('/') : top, checkedFile(file.name, file));
    }
  }
  const folders = foldersOf(byPath.keys());
  const title = name ?? chosen ?? 'files';
  return {
    name: title,
    list: async (path) =>
      [...(folders.get(normalPath(path)) ?? new Map())].map(([entry, kind]) => ({ name: entry, kind })),
    async read(path, most = Number.POSITIVE_INFINITY) {
      const file = byPath.get(normalPath(path));
      if (!file) throw new DataError(`${joined(title, path)}: there is no such file.`);
      if (isBytes(file)) return file.subarray(0, Math.min(most, file.length));
      try {
        return new Uint8Array(await (most < file.size ? file.slice(0, most) : file).arrayBuffer());
      } catch (cause) {
        // the file was changed or removed after it was chosen
        throw new DataError(`${joined(title, path)}: cannot be read: ${cause}. Choose the folder again.`, { cause });
      }
    },
  };
}

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
// not `instanceof`, since values may come from another frame or realm
const isMap = (value: unknown): value is ReadonlyMap<string, Uint8Array | Blob> => classOf(value) === 'Map';
const isBytes = (value: unknown): value is Uint8Array => classOf(value) === 'Uint8Array';

/** Tells whether a value is a folder already. */
export const isFolder = (value: unknown): value is DataFolder =>
  isObject(value) && typeof value.list === 'function' && typeof value.read === 'function';

/** Tells whether files in memory can be read from a value. */
export const isFiles = (value: unknown): value is FilesInMemory =>
  isMap(value) || (isObject(value) && typeof value.length === 'number' && !isBytes(value));

const listed = (files: ArrayLike<ChosenFile>): ChosenFile[] => {
  if (!isFiles(files)) {
    throw new ConfigError(`memoryFolder takes a Map of files by path, or a list of files, got ${foundIn(files)}.`);
  }
  return Array.from(files);
};

function checkedFile<F extends Uint8Array | Blob | ChosenFile>(path: string, file: F): F {
  if (isBytes(file) || (isObject(file) && typeof file.arrayBuffer === 'function')) return file;
  throw new ConfigError(`memoryFolder: ${path}: must be a Uint8Array, Blob or File, got ${foundIn(file)}.`);
}

/** Returns the entries of every folder that the paths pass through. */
function foldersOf(paths: Iterable<string>): Map<string, Map<string, FolderEntry['kind']>> {
  const folders = new Map<string, Map<string, FolderEntry['kind']>>([['', new Map()]]);
  for (const path of paths) {
    const parts = path.split('/');
    for (const [i, part] of parts.entries()) {
      const parent = parts.slice(0, i).join('/');
      const entries = folders.get(parent) ?? new Map<string, FolderEntry['kind']>();
      folders.set(parent, entries.set(part, i === parts.length - 1 ? 'file' : 'folder'));
    }
  }
  return folders;
}
