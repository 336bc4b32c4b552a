import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { UsageError } from './failure.ts';
import { outputStems } from './output_stems.ts';

/** One image to work on. */
export interface Input {
  /** As it is named in messages: relative to the working folder where it lies below it; or an address. */
  readonly file: string;
  /** What its outputs are called after, where that is not the name of the file. */
  readonly name?: string;
  /** Its folder below the one that all arguments share: what is kept of it below `--out`. */
  readonly folder: string;
  /** The image itself, where it is no file. */
  readonly ref?: File;
}

const extensions = ['.jpg', '.jpeg', '.png'];
const isImage = (file: string): boolean => extensions.some((extension) => file.toLowerCase().endsWith(extension));

interface Found {
  /** The folder that the argument names: what lies below it is kept. None for an address. */
  readonly root?: string;
  /** Paths that begin at the root of the file system, and addresses. */
  readonly files: readonly string[];
}

/**
 * The images that the arguments name: files as they are, folders with the JPEG and PNG files in them (and below them with
 * `recursive`), and glob patterns for shells that do not expand them. Sorted within an argument; none twice.
 *
 * An `http` or `https` address is an input as well. A file that is not there is an input like any other, and fails when
 * its turn comes.
 *
 * @throws UsageError where a folder or pattern has no image, an argument is empty or an address of another kind
 */
export async function findInputs(words: readonly string[], { recursive = false } = {}): Promise<Input[]> {
  const found: Found[] = [];
  for (const word of words) found.push(await filesOf(word, recursive));
  const shared = sharedFolder(found.flatMap(({ root }) => root ?? []));
  const files = [...new Set(found.flatMap((one) => one.files))];
  return files.map((file) =>
    isAddress(file)
      ? { file, name: nameIn(file), folder: '' }
      : { file: displayed(file), folder: relative(shared, dirname(file)) },
  );
}

const isAddress = (word: string): boolean => /^https?:\/\//i.test(word);

/** The last part of an address's path; the server's name where there is none. */
function nameIn(address: string): string {
  const { pathname, hostname } = new URL(address);
  const last = pathname.split('/').filter(Boolean).at(-1);
  if (last === undefined) return hostname;
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // a % of its own
  }
}

async function filesOf(word: string, recursive: boolean): Promise<Found> {
  if (word === '') {
    throw new UsageError('an empty word is no image. If it stands for a variable of the shell, that is not set.');
  }
  if (isAddress(word)) {
    if (!URL.canParse(word)) throw new UsageError(`${word}: this is no address that can be read.`);
    return { files: [word] };
  }
  const scheme = /^[a-z][a-z0-9+.-]+(?=:\/\/)/i.exec(word)?.[0];
  if (scheme !== undefined && !existsSync(word)) {
    throw new UsageError(`${word}: addresses begin with http:// or https://, and ${scheme}:// is not read.`);
  }
  const path = resolve(word);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind?.isDirectory()) {
    const all = await glob(recursive ? '**/*' : '*', { cwd: path, absolute: true, expandDirectories: false });
    const files = onceEach(all.map((file) => resolve(file)).filter(isImage));
    if (files.length === 0) {
      const deeper = recursive ? '' : ' Images in its folders are found with --recursive.';
      throw new UsageError(`${word}: there is no JPEG or PNG file in this folder.${deeper}`);
    }
    return { root: path, files: files.sort(inOrder) };
  }
  // a file may have a name that looks like a pattern
  if (kind || !isDynamicPattern(word)) return { root: dirname(path), files: [path] };
  const all = await glob(word.split(sep).join('/'), { absolute: true, expandDirectories: false });
  const files = all.map((file) => resolve(file)).filter(isImage);
  if (files.length === 0) throw new UsageError(`${word}: no JPEG or PNG file has such a name.`);
  return { root: resolve(staticPart(word)), files: files.sort(inOrder) };
}

/** A link to a folder above it shows every file again, below a longer path. */
function onceEach(files: readonly string[]): string[] {
  const folders = new Map<string, string>();
  const real = (folder: string): string => {
    if (!folders.has(folder)) folders.set(folder, realpathSync(folder));
    return folders.get(folder)!;
  };
  const shortest = files.toSorted((a, b) => a.length - b.length);
  return [...new Map(shortest.reverse().map((file) => [join(real(dirname(file)), basename(file)), file])).values()];
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The folders of a pattern before its first wildcard. */
function staticPart(pattern: string): string {
  const folders = pattern.split('/').slice(0, -1);
  const wild = folders.findIndex((folder) => isDynamicPattern(folder));
  return (wild < 0 ? folders : folders.slice(0, wild)).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

/** The deepest folder that holds all of them. */
function sharedFolder(folders: readonly string[]): string {
  let shared = folders[0] ?? '.';
  for (const folder of folders) {
    while (relative(shared, folder).split(sep)[0] === '..' && dirname(shared) !== shared) shared = dirname(shared);
  }
  return shared;
}

function displayed(file: string): string {
  const short = relative('.', file);
  return short.split(sep)[0] === '..' ? file : short;
}

/** Paths of the outputs of each input, in order: `<out>/<folder>/<stem>.<suffix>`, no two of them the same. */
export function outputNames(inputs: readonly Input[], out: string, suffixes: readonly string[]): string[][] {
  const stems = outputStems(inputs.map(({ file, folder, name }) => join(folder, name ?? basename(file))));
  return stems.map((stem) => suffixes.map((suffix) => join(out, `${stem}.${suffix}`)));
}
