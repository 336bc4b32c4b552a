import { DataError } from '../errors.ts';
import type { DataFolder } from './folder.ts';
import {
  byCodePoint,
  fileNameOf,
  isHidden,
  isImageName,
  joined,
  leaves,
  normalPath,
  parentOf,
  spellingOf,
} from './paths.ts';

/** The files of a data set, as the readers of layouts see them. */

interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly kinds: ReadonlyMap<string, 'files' | 'folders'>;
  /** The names as they are spelled, by `spellingOf`. */
  readonly spelled: ReadonlyMap<string, string>;
}

/** No data set is nested deeper; a link to a folder above itself is. */
const deepest = 24;

/** Bytes that are enough to tell what a text file is. */
const headBytes = 4096;

/** How a path is looked up. */
export interface FindOptions {
  /** Allow a path to the folder's siblings, `../x/y`. By default nothing outside is found. */
  readonly beside?: boolean | undefined;
}

/** A folder without hidden files, each listing asked for once, names found in any spelling. */
export class Tree {
  readonly #listings = new Map<string, Promise<Listing>>();
  readonly #folder: DataFolder;

  constructor(folder: DataFolder) {
    this.#folder = folder;
  }

  get name(): string {
    return this.#folder.name;
  }

  /** Returns the names of the files directly in a folder, sorted by code point. */
  async files(path: string): Promise<readonly string[]> {
    return (await this.#listing(path)).files;
  }

  /** Returns the names of the folders directly in a folder, sorted by code point. */
  async folders(path: string): Promise<readonly string[]> {
    return (await this.#listing(path)).folders;
  }

  async hasFiles(path: string): Promise<boolean> {
    const { files, folders } = await this.#listing(path);
    return files.length + folders.length > 0;
  }

  /** Returns the paths of all files below a folder that `accept` takes, sorted by path. */
  async below(path: string, accept: (name: string) => boolean = isImageName): Promise<string[]> {
    const found: string[] = [];
    const walk = async (folder: string, depth: number): Promise<void> => {
      if (depth > deepest) throw new DataError(`${this.shown(folder)}: nested deeper than ${deepest} folders.`);
      const { files, folders } = await this.#listing(folder);
      for (const name of files) if (accept(name)) found.push(joined(folder, name));
      for (const name of folders) await walk(joined(folder, name), depth + 1);
    };
    await walk(normalPath(path), 0);
    return found.sort(byCodePoint);
  }

  /** Returns the paths of the images directly in folders, in their order. Each folder is listed once. */
  async imagesIn(folders: Iterable<string>): Promise<string[]> {
    const images: string[] = [];
    for (const folder of new Set(folders)) {
      for (const name of await this.files(folder)) if (isImageName(name)) images.push(joined(folder, name));
    }
    return images;
  }

  /** Returns the path of a file as the folder spells it: accents as one or two characters, an ending in capitals. */
  find(path: string, options: FindOptions = {}): Promise<string | undefined> {
    return this.#spelled(path, 'files', options);
  }

  findFolder(path: string, options: FindOptions = {}): Promise<string | undefined> {
    return this.#spelled(path, 'folders', options);
  }

  /** @throws DataError if there is no such file */
  read(path: string): Promise<Uint8Array> {
    return this.#folder.read(path);
  }

  /** Returns the first bytes of a file. */
  head(path: string, most: number = headBytes): Promise<Uint8Array> {
    return this.#folder.read(path, most);
  }

  /** Returns a path for messages, with the name of the folder. */
  shown(path: string): string {
    return leaves(path) ? `${path} (from ${this.name})` : `${this.name.replace(/[/\\]+$/, '')}${path && '/'}${path}`;
  }

  async #spelled(
    path: string,
    what: 'files' | 'folders',
    { beside = false }: FindOptions,
  ): Promise<string | undefined> {
    const normal = normalPath(path);
    if (leaves(normal) && (!beside || normal === '..' || leaves(normal.slice(3)))) return undefined;
    if (normal === '') return what === 'folders' ? '' : undefined;
    const folder = await this.#spelledFolder(parentOf(normal));
    if (folder === undefined) return undefined;
    const listing = await this.#listing(folder);
    const name = fileNameOf(normal);
    const spelled = listing.kinds.has(name) ? name : listing.spelled.get(spellingOf(name));
    return spelled !== undefined && listing.kinds.get(spelled) === what ? joined(folder, spelled) : undefined;
  }

  /** Returns a folder as it is spelled; most are spelled as they are named. */
  async #spelledFolder(path: string): Promise<string | undefined> {
    if (path === '' || path === '..' || (await this.hasFiles(path))) return path;
    return this.#spelled(path, 'folders', { beside: true });
  }

  #listing(path: string): Promise<Listing> {
    let listing = this.#listings.get(path);
    if (!listing) {
      listing = this.#list(path);
      this.#listings.set(path, listing);
    }
    return listing;
  }

  async #list(path: string): Promise<Listing> {
    const entries = (await this.#folder.list(path)).filter(({ name }) => !isHidden(name));
    const namesOf = (kind: 'file' | 'folder') =>
      entries.flatMap((entry) => (entry.kind === kind ? entry.name : [])).sort(byCodePoint);
    const [files, folders] = [namesOf('file'), namesOf('folder')];
    const spelled = new Map([...files, ...folders].map((name) => [spellingOf(name), name]));
    const kinds = new Map(
      entries.map(({ name, kind }) => [name, kind === 'file' ? ('files' as const) : ('folders' as const)]),
    );
    return { files, folders, kinds, spelled };
  }
}
