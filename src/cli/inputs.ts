import { closeSync, existsSync, opendirSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { glob } from 'tinyglobby';
import { shellWord } from '../formats/context.ts';
import { formatOf, sniffedBytes } from '../formats/sniff.ts';
import type { Raster } from '../node.ts';
import { UsageError } from './failure.ts';
import { isOwnOutput, outputStems } from './outputs.ts';
import { existingPath, filesMatching, isPattern } from './patterns.ts';
import { plural } from './terminal.ts';

/** The images that a command line names, and where their outputs go. */

export interface Input {
  /** Name in messages and results: a URL, or a path relative to the working folder if it lies below it. */
  readonly file: string;
  /** Name for its outputs, by default the name of the file. */
  readonly name?: string;
  /** Its folder below the one that all arguments share; outputs keep it below `--out`. */
  readonly folder: string;
  /** The image itself if it is not a file: also the bytes of one, which may go to another thread. */
  readonly ref?: File | Uint8Array<ArrayBuffer> | Raster;
  /** The reason why it gives no image: a pattern that matches nothing, or a folder that cannot be read. */
  readonly missing?: string;
}

/** Files that a folder or a pattern gives and that are not taken as images. */
export interface LeftOut {
  /** The argument that gave them. */
  readonly argument: string;
  /** How many there are of each ending (`.webp`, in small letters; empty if a name has none), the most first. */
  readonly endings: Readonly<Record<string, number>>;
  /** How many are outputs of an earlier run. */
  readonly outputs: number;
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
    if (chunks.length === 0) refuseVideoBytes(chunk, 'stdin', 'in.mp4'); // before a whole film is read
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
  readonly leftOut?: LeftOut | undefined;
  /** Names that give no image, with the reason. */
  readonly missing?: ReadonlyMap<string, string>;
}

export interface FindOptions {
  /** Folders include their subfolders. */
  readonly recursive?: boolean | undefined;
  /** The folder of the outputs: below a folder that is searched it is left out. */
  readonly out?: string | undefined;
  /** Is told what is left out. */
  readonly onLeftOut?: ((leftOut: LeftOut) => void) | undefined;
}

/**
 * Finds the images that the arguments name: files, folders with their JPEG and PNG files (subfolders too if `recursive`),
 * glob patterns for shells that do not expand them, and http(s) URLs. Sorted within an argument; each image once.
 *
 * A missing file, a pattern that matches none and a folder that cannot be read are inputs like any other, and fail when their turn comes.
 *
 * @throws UsageError if a folder has no image, an argument is empty, or a URL has another scheme
 */
export async function findInputs(words: readonly string[], options: FindOptions = {}): Promise<Input[]> {
  const found: Found[] = [];
  for (const word of words) found.push(await filesOf(word, options));
  const shared = sharedFolder(found.flatMap(({ root }) => root ?? []));
  const missing = new Map(found.flatMap((one) => [...(one.missing ?? [])]));
  for (const { leftOut } of found) if (leftOut) options.onLeftOut?.(leftOut);
  const files = [...new Set(found.flatMap((one) => [...one.files, ...(one.missing?.keys() ?? [])]))];
  for (const file of files) if (!missing.has(file)) refuseVideo(file);
  return files.map((file): Input => {
    const why = missing.get(file);
    if (why !== undefined) return { file, folder: '', missing: why };
    if (isUrl(file)) return { file, name: nameIn(file), folder: '' };
    return { file: displayed(file), folder: relative(shared, dirname(file)) };
  });
}

/** @throws UsageError with the command that cuts a video into frames */
function refuseVideo(file: string): void {
  // what is named like an image says itself what it is when it is read
  if (isUrl(file) || extensions.includes(extname(file).toLowerCase())) return;
  const head = headOf(file);
  if (head) refuseVideoBytes(head, displayed(file), displayed(file));
}

/** Returns the first bytes of a file, or undefined if it cannot be read: why is told when its turn comes. */
function headOf(file: string): Uint8Array | undefined {
  try {
    if (!statSync(file).isFile()) return undefined; // a pipe would wait
    const open = openSync(file, 'r');
    try {
      const head = new Uint8Array(sniffedBytes);
      return head.subarray(0, readSync(open, head));
    } finally {
      closeSync(open);
    }
  } catch {
    return undefined;
  }
}

/** @param file what ffmpeg is given in the command */
function refuseVideoBytes(head: Uint8Array, what: string, file: string): void {
  const { kind, name } = formatOf(head, ['png', 'jpeg']);
  if (kind !== 'video') return;
  throw new UsageError(
    `${what} is ${name}. ffmpeg cuts it into frames:\n  ffmpeg -i ${shellWord(file)} -f image2pipe -c:v png - | moganet predict - --frames auto --out frames`,
  );
}

/** One line about what an argument gave and what is not taken. */
export function leftOutText({ argument, endings, outputs }: LeftOut): string {
  const parts = Object.entries(endings).map(([ending, count]) => `${count} ${ending || 'without an ending'}`);
  if (outputs > 0) parts.push(`${plural(outputs, 'output')} of an earlier run`);
  return `${argument}: left out ${parts.join(', ')}. Of a folder or pattern, ${extensions.join(' ')} are read.`;
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

/** The endings of JPEG and PNG files. A file that is named singly may have any: its content decides. */
export const extensions: readonly string[] = ['.jpg', '.jpeg', '.jpe', '.jif', '.jfif', '.png'];

/** Splits what a folder or pattern gave into images, in the order of their paths, and the rest. */
function imagesAmong(
  argument: string,
  files: readonly string[],
  isOutput: (file: string) => boolean,
): { files: string[]; leftOut: LeftOut | undefined } {
  const images: string[] = [];
  const others = new Map<string, number>();
  let outputs = 0;
  for (const file of files) {
    const ending = extname(file).toLowerCase();
    if (isOutput(file)) outputs++;
    else if (extensions.includes(ending)) images.push(resolve(file));
    else others.set(ending, (others.get(ending) ?? 0) + 1);
  }
  const endings = Object.fromEntries([...others].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)));
  return {
    files: images.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
    leftOut: others.size > 0 || outputs > 0 ? { argument, endings, outputs } : undefined,
  };
}

async function filesOf(word: string, { recursive = false, out }: FindOptions): Promise<Found> {
  if (word === '') throw new UsageError('empty image argument. Is a shell variable unset?');
  if (isUrl(word)) {
    if (!URL.canParse(word)) throw new UsageError(`${word}: invalid URL.`);
    return { files: [word] };
  }
  const scheme = /^[a-z][a-z0-9+.-]+(?=:\/\/)/i.exec(word)?.[0];
  if (scheme !== undefined && !existsSync(word)) {
    throw new UsageError(`${word}: URLs begin with http:// or https://; ${scheme}:// is not supported.`);
  }
  const path = existingPath(word);
  if (path !== undefined && statSync(path).isDirectory()) return imagesIn(path, word, recursive, out);
  // a file may have a name that looks like a pattern
  if (path !== undefined || !isPattern(word)) {
    const file = path ?? resolve(word);
    return { root: dirname(file), files: [file] };
  }
  const { root, files } = await filesMatching(word);
  // a pattern that names outputs means them
  const isOutput = (file: string) => isOwnOutput(file) && !isOwnOutput(word);
  const among = imagesAmong(word, onceEach(files), isOutput);
  if (among.files.length > 0) return { root, ...among };
  const others = among.leftOut ? ` ${leftOutText(among.leftOut)}` : '';
  const [why = `no JPEG or PNG file matches this pattern.${others}`] = unreadable([root]).values();
  return { files: [], missing: new Map([[word, why]]) };
}

async function imagesIn(path: string, word: string, recursive: boolean, out: string | undefined): Promise<Found> {
  const options = { cwd: path, absolute: true, expandDirectories: false, onlyFiles: false };
  const all = await glob(recursive ? '**/*' : '*', options);
  const isFolder = (one: string) => one.endsWith('/'); // as the glob writes folders
  const missing = unreadable([path, ...(recursive ? all.filter(isFolder) : [])]);
  const written = out === undefined || out === '-' ? undefined : resolve(out);
  // the folder itself, or one above, may be named as the place of the outputs: then only names tell them
  const inOutputs = (file: string) =>
    written !== undefined && !isAbove(relative(path, written)) && written !== path && !isAbove(relative(written, file));
  const files = onceEach(all.filter((one) => !isFolder(one)));
  const among = imagesAmong(word, files, (file) => isOwnOutput(file) || inOutputs(resolve(file)));
  if (among.files.length > 0 || missing.size > 0) return { root: path, ...among, missing };
  const others = among.leftOut ? ` ${leftOutText(among.leftOut)}` : '';
  const deeper = recursive ? '' : ' Search its subfolders with --recursive.';
  throw new UsageError(`${word}: no JPEG or PNG file in this folder.${others}${deeper}`);
}

/** Returns the folders that cannot be read, which a search takes for empty ones, with the reason. */
function unreadable(folders: readonly string[]): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const folder of folders) {
    try {
      opendirSync(folder).closeSync();
    } catch (cause) {
      const { code = '', message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') continue; // there is nothing to read
      const isForbidden = code === 'EACCES' || code === 'EPERM';
      const reason = isForbidden ? 'this user may not read this folder.' : `this folder cannot be read: ${message}.`;
      reasons.set(displayed(resolve(folder)) || '.', reason);
    }
  }
  return reasons;
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
