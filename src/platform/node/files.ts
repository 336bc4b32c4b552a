import { existsSync, readdirSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, EngineError, isRefusal, type Refusal, UnsupportedError, unknownName } from '../../errors.ts';
import { checkpointContext, imageContext, quoted, type Refuse } from '../../formats/context.ts';
import { imageDecoder } from '../../formats/image.ts';
import { bytesSource, type Source } from '../../formats/source.ts';
import { foundIn } from '../../validate.ts';
import type { OpenOptions, OpenSource } from '../contract.ts';
import { loadJpegWasm } from '../jpeg_wasm.ts';
import {
  checkName,
  FileFault,
  type FileRef,
  fetchBytes,
  memoryBytes,
  memorySource,
  mostImageBytes,
  mostWeightsBytes,
  nameOf,
} from '../refs.ts';
import { request } from './fetch.ts';
import { spelledPath } from './names.ts';

/** Files in Node: paths and `file:` URLs are read by position, other URLs fetched. Also the files of the package itself. */

/** A file that is read by position. The one who opens it closes it. */
export interface FileSource extends Source {
  close(): Promise<void>;
}

/** Reading more in one call is not portable. */
const mostBytes = 2 ** 30;

/**
 * Opens a file for reading by position. A file at a URL is fetched. A folder stands for the only index of shards in it.
 *
 * @throws CheckpointRefusal `unreadable` if it cannot be opened or is not a file, `truncated` on reading if it has become shorter
 */
export async function openFileSource(path: string | URL): Promise<FileSource> {
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw new ConfigError(`openFileSource takes a path or URL, got ${foundIn(path)}.`);
  }
  const source = await openWeights(path);
  return { ...source, close: async () => source.close?.() };
}

/** Opens a file by its path. @throws as `openFileSource` */
async function openPath(path: string): Promise<FileSource> {
  const { refuse } = checkpointContext(path);
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'there is no such file' : `it cannot be opened: ${(cause as Error).message}`;
    throw refuse('unreadable', '', reason, 'Check the path.', cause);
  }
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    if (stats.isDirectory()) return openPath(await indexIn(path));
    throw refuse('unreadable', '', 'this is not a regular file', 'Give a file.');
  }
  const opened: Promise<FileSource>[] = [];
  const readInto = async (target: Uint8Array, offset: number) => {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, mostBytes);
      const { bytesRead } = await handle.read(target, done, length, offset + done);
      if (bytesRead === 0) {
        const reason = `the file ends here, it had ${stats.size} bytes`;
        throw refuse('truncated', `byte ${offset + done}`, reason, 'Is another program writing it?');
      }
      done += bytesRead;
    }
  };
  return {
    name: path,
    size: stats.size,
    read: async (offset, length) => {
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset);
      return bytes;
    },
    readInto,
    beside: (name) => {
      const file = openPath(join(dirname(path), name));
      opened.push(file);
      return file;
    },
    close: async () => {
      await handle.close();
      for (const file of await Promise.allSettled(opened)) if (file.status === 'fulfilled') await file.value.close();
    },
  };
}

/** Returns the path of the index of the checkpoint in several files that a folder holds. @throws CheckpointRefusal if there is not one */
async function indexIn(folder: string): Promise<string> {
  const { refuse } = checkpointContext(folder);
  const [first, ...others] = (await readdir(folder)).filter((name) => /\.index\.json$/i.test(name)).sort();
  if (first === undefined)
    throw refuse('unreadable', '', 'this is a folder without an index of shards (*.index.json)', 'Give a file.');
  if (others.length === 0) return join(folder, first);
  const names = [first, ...others].slice(0, 4).map(quoted).join(', ');
  throw refuse('unreadable', '', `this is a folder with several indexes of shards: ${names}`, 'Give one of them.');
}

/** @throws CheckpointRefusal naming the file and why it cannot be read; the signal's reason if it was aborted */
export async function openWeights(weights: FileRef, options: OpenOptions = {}): Promise<OpenSource> {
  const { signal, onBytes, cache } = options;
  if (cache !== undefined) {
    throw new ConfigError(
      '`cache` is an option in a browser. In Node published weights are kept by pull; keep other files as files.',
    );
  }
  try {
    const source = await memorySource(weights, { most: mostWeightsBytes, signal, onBytes });
    if (source) return source;
    const location = locationOf(weights as string | URL);
    if (!(location instanceof URL)) {
      checkPath(location);
      return await openPath(location);
    }
    const bytes = await fetchBytes(location, { most: mostWeightsBytes, signal, onBytes, send: request });
    return {
      ...bytesSource(bytes, location.href),
      beside: (name) => openWeights(new URL(name, location), options),
    };
  } catch (cause) {
    throw refusalOf(cause, weights, signal, checkpointContext);
  }
}

/** @throws ImageRefusal naming the file and why it cannot be read; the signal's reason if it was aborted */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    const bytes = await memoryBytes(image, { most: mostImageBytes, signal });
    if (bytes) return bytes;
    const location = locationOf(image as string | URL);
    if (location instanceof URL) return await fetchBytes(location, { most: mostImageBytes, signal, send: request });
    checkPath(location);
    await checkImageFile(location);
    return await readFile(location, signal ? { signal } : {});
  } catch (cause) {
    throw refusalOf(cause, image, signal, imageContext);
  }
}

/** Returns a path, or the URL to fetch. */
function locationOf(ref: string | URL): string | URL {
  if (typeof ref === 'string' && !/^(https?|file):\/\//i.test(ref)) return spelledPath(ref);
  const url = new URL(ref);
  return url.protocol === 'file:' ? spelledPath(fileURLToPath(url)) : url;
}

/** Refuses text that is neither a path nor a URL, if no file has that name. @throws FileFault */
function checkPath(path: string): void {
  if (!existsSync(path)) checkName(path);
}

async function checkImageFile(path: string): Promise<void> {
  const stats = await stat(path);
  if (stats.isDirectory()) throw new FileFault('unreadable', 'this is a folder', 'Give an image file.');
  if (!stats.isFile()) throw new FileFault('unreadable', 'this is a device or a pipe', 'Give an image file.');
  if (stats.size > mostImageBytes) {
    throw new FileFault('limit', `it has ${stats.size} bytes; an image has at most ${mostImageBytes}`);
  }
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
  ERR_INVALID_URL: 'invalid URL',
  ERR_INVALID_FILE_URL_HOST: 'a file: URL has no host on this system',
  ERR_INVALID_FILE_URL_PATH: 'invalid file: URL',
};

type ContextOf = (name: string) => { readonly refuse: (...facts: Parameters<Refuse<FileFault['code']>>) => Refusal };

/** Returns the refusal for the user, or the reason of an aborted call, which Node's file functions replace by their own. */
function refusalOf(cause: unknown, ref: FileRef, signal: AbortSignal | undefined, contextOf: ContextOf): unknown {
  if (isRefusal(cause)) return cause;
  if (signal?.aborted) return signal.reason;
  if (cause instanceof ConfigError) return cause; // a proxy that cannot be used
  const { name, isUrl } = shownName(ref);
  if (cause instanceof FileFault) {
    return contextOf(cause.file ?? name).refuse(cause.code, '', cause.reason, cause.remedy, cause.cause);
  }
  const { refuse } = contextOf(name);
  const text = (error: unknown): string => {
    const { code, message, cause: inner } = error as NodeJS.ErrnoException;
    // fetch says "fetch failed", and why in its cause
    return causes[code ?? ''] ?? (inner ? text(inner) : message || `${error}`);
  };
  return refuse('unreadable', '', text(cause), isUrl ? 'Check the URL.' : 'Check the path.', cause);
}

/** The name of a file in messages: a path, also for a `file:` URL. */
function shownName(ref: FileRef): { readonly name: string; readonly isUrl: boolean } {
  if (typeof ref !== 'string' && !(ref instanceof URL)) return { name: nameOf(ref), isUrl: false };
  try {
    const location = locationOf(ref);
    return { name: `${location}`, isUrl: location instanceof URL };
  } catch {
    return { name: `${ref}`, isUrl: true }; // an invalid URL
  }
}

/**
 * The folder of the package, known by the place of this module: importing it looks for nothing. Undefined in a program that was
 * bundled into one file.
 */
const packageFolder = /^(file:.*?\/)(?:dist\/)?src\/platform\/node\/files\.[jt]s$/.exec(import.meta.url ?? '')?.[1];

const pathInFolder = (path: string): string | undefined => packageFolder && fileURLToPath(new URL(path, packageFolder));

/**
 * Returns the path of a file that the package ships. A bundled program takes it from a package that is installed at or above
 * its folder or the current one.
 *
 * @throws UnsupportedError naming the file if there is none
 */
function packageFile(path: string): string {
  const file = ownFile(path) ?? installedFile(path);
  if (file) return file;
  throw new UnsupportedError(
    `${path} of the package moganet is not installed beside this program, which was bundled. ` +
      'Ship the file with it, and give its path instead of the name.',
  );
}

function ownFile(path: string): string | undefined {
  const file = pathInFolder(path);
  return file && existsSync(file) ? file : undefined;
}

const foldersOfProgram = (): string[] => [process.cwd(), dirname(process.argv[1] ?? '.')];

const installedFile = (path: string): string | undefined =>
  foldersOfProgram()
    .flatMap(foldersUpwards)
    .map((folder) => join(folder, 'node_modules/moganet', path))
    .find((file) => existsSync(file));

/**
 * Returns the folder of the files of the engine `wasm` for a bundled program: that of an installed package, or that of the
 * program. Undefined in a program that is not bundled, in which TensorFlow.js finds them.
 *
 * @throws EngineError naming the files if there are none
 */
export function wasmFolder(): string | undefined {
  if (ownFile('package.json')) return undefined;
  const file = 'tfjs-backend-wasm-simd.wasm';
  const found = [
    installedFile(`dist/src/platform/${file}`),
    ...foldersOfProgram().map((folder) => join(folder, file)),
  ].find((path) => path && existsSync(path));
  if (found) return join(dirname(found), '/');
  throw new EngineError(
    `the engine wasm needs ${file}, which is not beside this program, which was bundled. Copy dist/src/platform/*.wasm of the ` +
      'package moganet beside it, or install the package there.',
  );
}

/** Returns a folder and those above it. The topmost is above itself, on every system. */
function foldersUpwards(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersUpwards(above)];
}

/**
 * The path of weights that the package ships.
 *
 * @throws UnsupportedError if it does not ship them, or is not installed beside the program
 */
export function shippedWeights(file: string, from?: string): string {
  if (from !== undefined)
    throw new ConfigError(`${file} is part of the package, which has it on this machine: leave out \`from\`.`);
  const folder = ownFile('samples/weights') ?? installedFile('samples/weights');
  const known = folder ? readdirSync(folder).filter((name) => name.endsWith('.safetensors')) : [file];
  if (!known.includes(file)) throw new UnsupportedError(unknownName('file of shipped weights', `${file}`, known));
  return packageFile(`samples/weights/${file}`);
}

/** The folder of the images that the package ships. */
export const sampleImages: string = pathInFolder('samples/images') ?? 'node_modules/moganet/samples/images';

/** What `verify` compares the engines with. */
export const verifySamples = {
  get numbers() {
    return packageFile('samples/verify/moganet_pico.safetensors');
  },
  get image() {
    return {
      model: 'facade',
      file: packageFile('samples/images/street-house.jpg'),
      boxes: packageFile('samples/verify/street-house.json'),
      labels: packageFile('samples/verify/street-house.png'),
    };
  },
  get poses() {
    return {
      model: { weights: packageFile('samples/poses/stick-figures.safetensors') },
      file: packageFile('samples/poses/stick-figures.png'),
      keypoints: packageFile('samples/verify/stick-figures.json'),
    };
  },
};

/** Decodes PNG and JPEG to RGBA as OpenCV reads them: EXIF rotation applied, alpha dropped, 16 bits by their high byte. */
export const decodeImage = imageDecoder(loadJpegWasm);
