import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { blobSource, bytesSource, type Source } from '../../checkpoint/source.ts';
import { CheckpointError, ImageError } from '../../errors.ts';
import { fetchBytes, type OnBytes } from '../fetch_bytes.ts';
import { openFileSource } from './file_source.ts';

/** Files of Node: paths and `file:` addresses are read by position, other addresses fetched, bytes taken as they are. */

type FileRef = string | URL | Blob | Uint8Array | ArrayBuffer;

/** More than an image within the pixel limit takes in any format that is read. */
const imageBytes = 512 * 2 ** 20;

/** @throws CheckpointError naming the file and why it cannot be read */
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
    throw readable(cause, place, signal, CheckpointError);
  }
}

/** @throws ImageError naming the file and why it cannot be read */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer());
  if (image instanceof Uint8Array) return image;
  if (image instanceof ArrayBuffer) return new Uint8Array(image);
  const place = placeOf(image);
  try {
    if (place instanceof URL) return await fetchBytes(place, signal);
    const { size } = await imageFile(place);
    if (size > imageBytes) throw new Problem(`it has ${size} bytes; an image has at most ${imageBytes}.`);
    return await readFile(place, signal ? { signal } : {});
  } catch (cause) {
    throw readable(cause, place, signal, ImageError);
  }
}

/** A path, or the address to fetch. */
function placeOf(ref: string | URL): string | URL {
  if (typeof ref === 'string' && !/^(https?|file):\/\//i.test(ref)) return ref;
  const url = new URL(ref);
  return url.protocol === 'file:' ? fileURLToPath(url) : url;
}

/** What a message says after the name of the file. */
class Problem extends Error {}

async function imageFile(path: string): Promise<Stats> {
  const facts = await stat(path);
  if (facts.isDirectory()) throw new Problem('this is a folder. Give an image file.');
  if (!facts.isFile()) throw new Problem('this is a device or a pipe. Give an image file.');
  return facts;
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file.',
  ENOTDIR: 'there is no such file.',
  EACCES: 'this user may not read it.',
  EPERM: 'this user may not read it.',
  ENAMETOOLONG: 'the name is too long.',
  EMFILE: 'too many files are open.',
};

/** A message about the place, in the words of a user; errors of our own and an aborted call stay as they are. */
function readable(
  cause: unknown,
  place: string | URL,
  signal: AbortSignal | undefined,
  Kind: typeof CheckpointError | typeof ImageError,
): unknown {
  if (cause instanceof Kind || signal?.aborted) return cause;
  const text = (error: unknown): string => {
    if (error instanceof Problem) return error.message;
    const { code, message, cause: inner } = error as NodeJS.ErrnoException;
    // fetch says "fetch failed", and why in its cause
    return causes[code ?? ''] ?? (inner ? text(inner) : message || `${error}`);
  };
  return new Kind(`${place}: ${text(cause)}`, { cause });
}
