import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { UsageError } from './failure.ts';
import { outputStems } from './outputs.ts';

/** The images that a command line names, and where their outputs go. */

export interface Input {
  /** Name in messages and results: a URL, or a path relative to the working folder if it lies below it. */
  readonly file: string;
  /** Name for its outputs, by default the name of the file. */
  readonly name?: string;
  /** Its folder below the one that all arguments share; outputs keep it below `--out`. */
  readonly folder: string;
  /** The image itself if it is not a file. */
  readonly ref?: File;
}

const mostBytes = 512 * 2 ** 20; // no image within the pixel limit takes more

/** @throws UsageError if nothing, or far too much, is piped in */
export async function readStdin(): Promise<Input> {
  const { stdin } = process;
  if (stdin.isTTY) {
    throw new UsageError('- reads an image from stdin, but nothing is piped in: moganet predict - < photo.jpg');
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer<ArrayBuffer>>) {
    size += chunk.length;
    if (size > mostBytes) throw new UsageError(`stdin has more than ${mostBytes} bytes: too large for an image.`);
    chunks.push(chunk);
  }
  const file = 'stdin';
  return { file, folder: '', ref: new File(chunks, file) };
}

/** What one argument names. */
interface Found {
  /** The folder below which outputs keep their folders; none for a URL. */
  readonly root?: string;
  /** Absolute paths, or a URL. */
  readonly files: readonly string[];
}

/**
 * Finds the images that the arguments name: files, folders with their JPEG and PNG files (subfolders too if `recursive`),
 * glob patterns for shells that do not expand them, and http(s) URLs. Sorted within an argument; each image once.
 *
 * A missing file is an input like any other, and fails when its turn comes.
 *
 * @throws UsageError if a folder or pattern has no image, an argument is empty, or a URL has another scheme
 */
export async function findInputs(words: readonly string[], { recursive = false } = {}): Promise<Input[]> {
  const found: Found[] = [];
  for (const word of words) found.push(await filesOf(word, recursive));
  const shared = sharedFolder(found.flatMap(({ root }) => root ?? []));
  const files = [...new Set(found.flatMap((one) => one.files))];
  return files.map((file) =>
    isUrl(file)
      ? { file, name: nameIn(file), folder: '' }
      : { file: displayed(file), folder: relative(shared, dirname(file)) },
  );
}

/** Paths of the outputs of each input, in order: `<out>/<folder>/<stem>.<suffix>`, all different. */
export function outputNames(inputs: readonly Input[], out: string, suffixes: readonly string[]): string[][] {
  const stems = outputStems(inputs.map(({ file, folder, name }) => join(folder, name ?? basename(file))));
  return stems.map((stem) => suffixes.map((suffix) => join(out, `${stem}.${suffix}`)));
}

const isUrl = (word: string): boolean => /^https?:\/\//i.test(word);

/** The last part of a URL's path; without a path the server's name. */
function nameIn(url: string): string {
  const { pathname, hostname } = new URL(url);
  const last = pathname.split('/').filter(Boolean).at(-1);
  if (last === undefined) return hostname;
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // a % that escapes nothing
  }
}

const extensions = ['.jpg', '.jpeg', '.png'];

/** The images among files that a folder or pattern gave, in the order of their paths. */
const imagesAmong = (files: readonly string[]): string[] =>
  files
    .filter((file) => extensions.some((extension) => file.toLowerCase().endsWith(extension)))
    .map((file) => resolve(file))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

async function filesOf(word: string, recursive: boolean): Promise<Found> {
  if (word === '') throw new UsageError('empty image argument. Is a shell variable unset?');
  if (isUrl(word)) {
    if (!URL.canParse(word)) throw new UsageError(`${word}: invalid URL.`);
    return { files: [word] };
  }
  const scheme = /^[a-z][a-z0-9+.-]+(?=:\/\/)/i.exec(word)?.[0];
  if (scheme !== undefined && !existsSync(word)) {
    throw new UsageError(`${word}: URLs begin with http:// or https://; ${scheme}:// is not supported.`);
  }
  const path = resolve(word);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind?.isDirectory()) {
    const all = await glob(recursive ? '**/*' : '*', { cwd: path, absolute: true, expandDirectories: false });
    const files = imagesAmong(onceEach(all));
    if (files.length > 0) return { root: path, files };
    const deeper = recursive ? '' : ' Search its subfolders with --recursive.';
    throw new UsageError(`${word}: no JPEG or PNG file in this folder.${deeper}`);
  }
  // a file may have a name that looks like a pattern
  if (kind || !isDynamicPattern(word)) return { root: dirname(path), files: [path] };
  const files = imagesAmong(await glob(word.split(sep).join('/'), { absolute: true, expandDirectories: false }));
  if (files.length === 0) throw new UsageError(`${word}: no JPEG or PNG file matches this pattern.`);
  return { root: resolve(staticPart(word)), files };
}

/** Keeps the shortest path of each file: a link to a folder above shows every file again, below a longer path. */
function onceEach(files: readonly string[]): string[] {
  const realFolders = new Map<string, string>();
  const realPath = (file: string): string => {
    const folder = dirname(file);
    const real = realFolders.get(folder) ?? realpathSync(folder);
    realFolders.set(folder, real);
    return join(real, basename(file));
  };
  const longestFirst = files.toSorted((a, b) => a.length - b.length).reverse();
  return [...new Map(longestFirst.map((file) => [realPath(file), file])).values()];
}

/** The folders of a pattern before its first wildcard. */
function staticPart(pattern: string): string {
  const folders = pattern.split('/').slice(0, -1);
  const wild = folders.findIndex((folder) => isDynamicPattern(folder));
  return (wild < 0 ? folders : folders.slice(0, wild)).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

/** The deepest folder that contains all of them. */
function sharedFolder([first = '.', ...more]: readonly string[]): string {
  let shared = first;
  for (const folder of more) {
    while (isAbove(relative(shared, folder)) && dirname(shared) !== shared) shared = dirname(shared);
  }
  return shared;
}

const isAbove = (path: string): boolean => path.split(sep)[0] === '..';

function displayed(file: string): string {
  const short = relative('.', file);
  return isAbove(short) ? file : short;
}
