import { existsSync, readFileSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRefusal, type Refusal } from '../../errors.ts';
import { checkpointContext, imageContext, quoted, type Refuse } from '../../formats/context.ts';
import { imageDecoder } from '../../formats/image.ts';
import { bytesSource, type Source } from '../../formats/source.ts';
import { type FileRef, fetchBytes, memoryBytes, memorySource, type OnBytes } from '../refs.ts';

/** Files in Node: paths and `file:` URLs are read by position, other URLs fetched. Also the files of the package itself. */

/** A file that is read by position. The one who opens it closes it. */
export interface FileSource extends Source {
  close(): Promise<void>;
}

/** Reading more in one call is not portable. */
const mostBytes = 2 ** 30;

/**
 * Opens a file for reading by position.
 *
 * @throws CheckpointRefusal `unreadable` if it cannot be opened or is not a file, `truncated` on reading if it has become shorter
 */
export async function openFileSource(path: string): Promise<FileSource> {
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
    if (stats.isDirectory()) return openFileSource(await indexIn(path));
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
      const file = openFileSource(join(dirname(path), name));
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
  if (first === undefined) throw refuse('unreadable', '', 'this is a folder', 'Give a file.');
  if (others.length === 0) return join(folder, first);
  const names = [first, ...others].slice(0, 4).map(quoted).join(', ');
  throw refuse('unreadable', '', `this is a folder with several indexes of shards: ${names}`, 'Give one of them.');
}

/** @throws CheckpointRefusal naming the file and why it cannot be read; the signal's reason if it was aborted */
export async function openWeights(
  weights: FileRef,
  signal?: AbortSignal,
  onBytes?: OnBytes,
): Promise<Source & { close?(): Promise<void> }> {
  const source = memorySource(weights);
  if (source) return source;
  const location = locationOf(weights as string | URL);
  if (!(location instanceof URL)) return openFileSource(location);
  try {
    const source = bytesSource(await fetchBytes(location, signal, onBytes), location.href);
    return { ...source, beside: (name) => openWeights(new URL(name, location), signal, onBytes) };
  } catch (cause) {
    throw refusalOf(cause, location, signal, checkpointContext);
  }
}

/** Larger than any file of an image within the pixel limit. */
const imageBytes = 512 * 2 ** 20;

/** @throws ImageRefusal naming the file and why it cannot be read; the signal's reason if it was aborted */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = await memoryBytes(image);
  if (bytes) return bytes;
  const location = locationOf(image as string | URL);
  try {
    if (location instanceof URL) return await fetchBytes(location, signal);
    await checkImageFile(location);
    return await readFile(location, signal ? { signal } : {});
  } catch (cause) {
    throw refusalOf(cause, location, signal, imageContext);
  }
}

/** Returns a path, or the URL to fetch. */
function locationOf(ref: string | URL): string | URL {
  if (typeof ref === 'string' && !/^(https?|file):\/\//i.test(ref)) return ref;
  const url = new URL(ref);
  return url.protocol === 'file:' ? fileURLToPath(url) : url;
}

type Code = 'unreadable' | 'limit';

/** A fault of a file, before the kind of its refusal is known. */
class Fault extends Error {
  constructor(
    readonly code: Code,
    readonly reason: string,
    readonly remedy?: string,
  ) {
    super(reason);
  }
}

async function checkImageFile(path: string): Promise<void> {
  const stats = await stat(path);
  if (stats.isDirectory()) throw new Fault('unreadable', 'this is a folder', 'Give an image file.');
  if (!stats.isFile()) throw new Fault('unreadable', 'this is a device or a pipe', 'Give an image file.');
  if (stats.size > imageBytes) {
    throw new Fault('limit', `it has ${stats.size} bytes; an image has at most ${imageBytes}`);
  }
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
};

type ContextOf = (name: string) => { readonly refuse: (...facts: Parameters<Refuse<Code>>) => Refusal };

/** Returns the refusal for the user, or the reason of an aborted call, which Node's file functions replace by their own. */
function refusalOf(
  cause: unknown,
  location: string | URL,
  signal: AbortSignal | undefined,
  contextOf: ContextOf,
): unknown {
  if (isRefusal(cause)) return cause;
  if (signal?.aborted) return signal.reason;
  const { refuse } = contextOf(`${location}`);
  if (cause instanceof Fault) return refuse(cause.code, '', cause.reason, cause.remedy);
  const text = (error: unknown): string => {
    const { code, message, cause: inner } = error as NodeJS.ErrnoException;
    // fetch says "fetch failed", and why in its cause
    return causes[code ?? ''] ?? (inner ? text(inner) : message || `${error}`);
  };
  const remedy = location instanceof URL ? 'Check the URL.' : 'Check the path.';
  return refuse('unreadable', '', text(cause), remedy, cause);
}

/** The folder of the package, whether this file runs from `src/` or from `dist/`. */
export const packageRoot: URL = findRoot();

function findRoot(): URL {
  let folder = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', folder)) && folder.pathname !== '/') folder = new URL('../', folder);
  return folder;
}

const pathInPackage = (path: string): string => fileURLToPath(new URL(path, packageRoot));

export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')).version;
}

/** The path of weights that the package ships. */
export const shippedWeights = (file: string): string => pathInPackage(`samples/weights/${file}`);

/** The folder of the images that the package ships. */
export const sampleImages: string = pathInPackage('samples/images');

/** What `verify` compares the engines with. */
export const verifySamples = {
  numbers: pathInPackage('samples/verify/moganet_pico.safetensors'),
  image: {
    file: pathInPackage('samples/images/street-house.jpg'),
    boxes: pathInPackage('samples/verify/street-house.json'),
    labels: pathInPackage('samples/verify/street-house.png'),
  },
} as const;

/** Compiles the JPEG decoder from the installed package. Its own loader fetches a file URL, which Node refuses. */
export async function loadJpegWasm(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm');
  return WebAssembly.compile(await readFile(file));
}

/** Decodes PNG and JPEG to RGBA as OpenCV reads them: EXIF rotation applied, alpha dropped, 16 bits by their high byte. */
export const decodeImage = imageDecoder(loadJpegWasm);
