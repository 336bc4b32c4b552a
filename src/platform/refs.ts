import { blobSource, bytesSource, type Source } from '../formats/source.ts';

/** Files as callers name them. Bytes and Blobs are the same everywhere; each platform adds what a string or URL means. */

/** A path (Node only), URL, or bytes. */
export type FileRef = string | URL | Blob | Uint8Array | ArrayBuffer;

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** Tells whether a value is a path, URL or bytes. Compares class names, since values may come from another frame or realm. */
export const isFile = (value: unknown): boolean =>
  typeof value === 'string' || ['URL', 'Blob', 'File', 'Uint8Array', 'ArrayBuffer'].includes(classOf(value));

/** Returns the name of a file in messages. */
export const nameOf = (ref: unknown): string => fileOf(ref) ?? 'bytes';

/** Returns the path, URL or file name. Undefined for bytes and pixels, and for a `data:` URL, which contains the bytes. */
export function fileOf(ref: unknown): string | undefined {
  if (isDataUrl(ref)) return undefined;
  if (typeof ref === 'string' || ref instanceof URL) return `${ref}`;
  if (typeof Blob !== 'undefined' && ref instanceof Blob && 'name' in ref) return `${ref.name}`;
  return undefined;
}

/** Tells whether an image is given as a `data:` URL. */
export const isDataUrl = (ref: unknown): boolean =>
  (typeof ref === 'string' || ref instanceof URL) && /^data:[^,]*,/i.test(`${ref}`.slice(0, 200));

/** Bytes so far and in total (0 if unknown). */
export type OnBytes = (done: number, total: number) => void;

/** Returns bytes or a Blob as a source; undefined for a name. */
export function memorySource(ref: FileRef): Source | undefined {
  if (ref instanceof Blob) return blobSource(ref);
  if (ref instanceof Uint8Array) return bytesSource(ref);
  return ref instanceof ArrayBuffer ? bytesSource(new Uint8Array(ref)) : undefined;
}

/** Returns the bytes of bytes or a Blob; undefined for a name. */
export async function memoryBytes(ref: FileRef): Promise<Uint8Array | undefined> {
  if (ref instanceof Blob) return new Uint8Array(await ref.arrayBuffer());
  if (ref instanceof Uint8Array) return ref;
  return ref instanceof ArrayBuffer ? new Uint8Array(ref) : undefined;
}

/**
 * Fetches a whole file.
 *
 * @throws Error with a sentence to put after the URL
 */
export async function fetchBytes(url: string | URL, signal?: AbortSignal, onBytes?: OnBytes): Promise<Uint8Array> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
  // the length of a compressed answer is not that of the file
  const compressed = response.headers.has('content-encoding');
  const total = compressed ? 0 : Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    chunks.push(part.value);
    done += part.value.length;
    onBytes?.(done, total);
  }
  const bytes = new Uint8Array(done);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
