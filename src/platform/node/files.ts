import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { refuserOf } from '../../checkpoint/refusal.ts';
import { blobSource, bytesSource, type Source } from '../../checkpoint/source.ts';
import { imageRefuserOf } from '../../codecs/refusal.ts';
import { isRefusal, type Refusal } from '../../errors.ts';
import { fetchBytes, type OnBytes } from '../fetch_bytes.ts';
import { openFileSource } from './file_source.ts';

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
