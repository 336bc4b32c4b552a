import { existsSync, readFileSync, type Stats } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isRefusal, type Refusal } from '../../errors.ts';
import { imageRefuserOf, refuserOf } from '../../formats/context.ts';
import { imageDecoder } from '../../formats/image.ts';
import { blobSource, bytesSource, type Source } from '../../formats/source.ts';
import { fetchBytes, type OnBytes } from '../fetch_bytes.ts';

/** The folder of the package, whether this file runs from `src/` or from `dist/`. */
export const packageRoot: URL = findRoot();

function findRoot(): URL {
  let folder = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', folder)) && folder.pathname !== '/') folder = new URL('../', folder);
  return folder;
}

/** The package's version. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')).version;
}

/** The path of weights that the package ships. */
export function shippedWeights(file: string): string {
  return fileURLToPath(new URL(`samples/weights/${file}`, packageRoot));
}

/** The folder of the photos that the package ships. */
export const sampleImages: string = fileURLToPath(new URL('samples/images', packageRoot));

const shipped = (path: string): string => fileURLToPath(new URL(`samples/${path}`, packageRoot));

/** What `verify` holds the engines to. */
export const verifySamples = {
  numbers: shipped('verify/moganet_pico.safetensors'),
  image: {
    file: shipped('images/street-house.jpg'),
    boxes: shipped('verify/street-house.json'),
    labels: shipped('verify/street-house.png'),
  },
} as const;

/** Compiles the JPEG decoder from the installed package; its own loader fetches a file URL, which Node refuses. */
export async function loadJpegWasm(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm');
  return WebAssembly.compile(await readFile(file));
}

/**
 * PNG and JPEG bytes to RGBA pixels as OpenCV reads them: turned as EXIF says, alpha dropped, 16 bits by the high byte.
 */
export const decodeImage = imageDecoder(loadJpegWasm);

/** A file that is read by position. Whoever opens it closes it. */
export interface FileSource extends Source {
  close(): Promise<void>;
}

/** More than this in one call is not portable. */
const mostBytes = 2 ** 30;

/**
 * Opens a file for reading by position.
 *
 * @throws CheckpointRefusal `unreadable` where it cannot be opened or is no file, and on reading where it has become shorter.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const refuse = refuserOf(path);
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
    throw refuse('unreadable', '', `this is ${stats.isDirectory() ? 'a folder' : 'no regular file'}`, 'Give a file.');
  }
  const readInto = async (target: Uint8Array, offset: number) => {
    for (let at = 0; at < target.length; ) {
      const { bytesRead } = await handle.read(target, at, Math.min(target.length - at, mostBytes), offset + at);
      if (bytesRead === 0) {
        const reason = `the file ends here, it had ${stats.size} bytes`;
        throw refuse('truncated', `byte ${offset + at}`, reason, 'Is it being written?');
      }
      at += bytesRead;
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
    close: () => handle.close(),
  };
}

/** Files of Node: paths and `file:` addresses are read by position, other addresses fetched, bytes taken as they are. */

type FileRef = string | URL | Blob | Uint8Array | ArrayBuffer;

/** More than an image within the pixel limit takes in any format that is read. */
const imageBytes = 512 * 2 ** 20;

/** @throws CheckpointRefusal naming the file and why it cannot be read */
export async function openWeights(
  weights: FileRef,
  signal?: AbortSignal,
  onBytes?: OnBytes,
): Promise<Source & { close?(): Promise<void> }> {
  if (weights instanceof Blob) return blobSource(weights);
  if (weights instanceof Uint8Array) return bytesSource(weights);
  if (weights instanceof ArrayBuffer) return bytesSource(new Uint8Array(weights));
  const place = placeOf(weights);
  if (!(place instanceof URL)) return openFileSource(place);
  try {
    return bytesSource(await fetchBytes(place, signal, onBytes), place.href);
  } catch (cause) {
    throw readable(cause, place, signal, refuserOf);
  }
}

/** @throws ImageRefusal naming the file and why it cannot be read */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer());
  if (image instanceof Uint8Array) return image;
  if (image instanceof ArrayBuffer) return new Uint8Array(image);
  const place = placeOf(image);
  try {
    if (place instanceof URL) return await fetchBytes(place, signal);
    const { size } = await imageFile(place);
    if (size > imageBytes) throw new Problem('limit', `it has ${size} bytes; an image has at most ${imageBytes}`);
    return await readFile(place, signal ? { signal } : {});
  } catch (cause) {
    throw readable(cause, place, signal, imageRefuserOf);
  }
}

/** A path, or the address to fetch. */
function placeOf(ref: string | URL): string | URL {
  if (typeof ref === 'string' && !/^(https?|file):\/\//i.test(ref)) return ref;
  const url = new URL(ref);
  return url.protocol === 'file:' ? fileURLToPath(url) : url;
}

type Code = 'unreadable' | 'limit';

/** What is wrong with a file, before its kind of refusal is known. */
class Problem extends Error {
  constructor(
    readonly code: Code,
    readonly reason: string,
    readonly remedy?: string,
  ) {
    super(reason);
  }
}

async function imageFile(path: string): Promise<Stats> {
  const facts = await stat(path);
  if (facts.isDirectory()) throw new Problem('unreadable', 'this is a folder', 'Give an image file.');
  if (!facts.isFile()) throw new Problem('unreadable', 'this is a device or a pipe', 'Give an image file.');
  return facts;
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
};

type RefuserOf = (
  file: string,
) => (code: Code, place: string, reason: string, remedy?: string, cause?: unknown) => Refusal;

/** The refusal in the words of a user; one that is made already and an aborted call stay as they are. */
function readable(cause: unknown, place: string | URL, signal: AbortSignal | undefined, refuserOf: RefuserOf): unknown {
  if (isRefusal(cause) || signal?.aborted) return cause;
  const refuse = refuserOf(`${place}`);
  if (cause instanceof Problem) return refuse(cause.code, '', cause.reason, cause.remedy);
  const text = (error: unknown): string => {
    const { code, message, cause: inner } = error as NodeJS.ErrnoException;
    // fetch says "fetch failed", and why in its cause
    return causes[code ?? ''] ?? (inner ? text(inner) : message || `${error}`);
  };
  const remedy = place instanceof URL ? 'Check the address.' : 'Check the path.';
  return refuse('unreadable', '', text(cause), remedy, cause);
}
