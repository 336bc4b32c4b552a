import { joinBytes } from '../arrays.ts';
import { shortened } from '../errors.ts';
import { blobSource, bytesSource, type Source } from '../formats/source.ts';
import { CapturedImage } from './captured.ts';
import { dataUrlBytes } from './data_url.ts';

/** Files as callers name them. Bytes and Blobs are the same everywhere; each platform adds what a string or URL means. */

/** A path (Node only), URL, bytes, or an answer of `fetch`, whose body is read once. */
export type FileRef = string | URL | Blob | Uint8Array | ArrayBuffer | Response;

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** Tells whether a value is a path, URL or bytes. Compares class names, since values may come from another frame or realm. */
export const isFile = (value: unknown): boolean =>
  typeof value === 'string' ||
  ['URL', 'Blob', 'File', 'Uint8Array', 'ArrayBuffer', 'Response'].includes(classOf(value));

/** Returns the name of a file in messages. */
export const nameOf = (ref: unknown): string => fileOf(ref) ?? 'bytes';

/** Returns the path, URL or file name. Undefined for bytes and pixels, and for a `data:` URL, which contains the bytes. */
export function fileOf(ref: unknown): string | undefined {
  if (isDataUrl(ref)) return undefined;
  if (typeof ref === 'string' || ref instanceof URL) return `${ref}`;
  if (typeof Blob !== 'undefined' && ref instanceof Blob && 'name' in ref) return `${ref.name}`;
  if (ref instanceof CapturedImage) return ref.file;
  return isResponse(ref) && ref.url !== '' ? ref.url : undefined;
}

/** Tells whether a value is an answer of `fetch`. */
export const isResponse = (ref: unknown): ref is Response => classOf(ref) === 'Response';

/** Tells whether an image is given as a `data:` URL. */
export const isDataUrl = (ref: unknown): boolean =>
  (typeof ref === 'string' || ref instanceof URL) && /^data:[^,]*,/i.test(`${ref}`.slice(0, 200));

/** Bytes so far and in total (0 if unknown); whether they come from a cache. */
export type OnBytes = (done: number, total: number, cached?: boolean) => void;

/** How much is read of an answer at most, and who hears of it. */
export type ReadBodyOptions = Pick<FetchBytesOptions, 'most' | 'onBytes' | 'signal' | 'stallMs'>;

/** Returns what contains its bytes (bytes, a Blob, an answer, a `data:` URL) as a source; undefined for a name. @throws FileFault */
export async function memorySource(ref: FileRef, options: ReadBodyOptions): Promise<Source | undefined> {
  const kind = classOf(ref);
  if (kind === 'Blob' || kind === 'File') return blobSource(ref as Blob);
  if (isResponse(ref)) return bytesSource(await responseBytes(ref, options), nameOf(ref));
  if (isDataUrl(ref)) return bytesSource(bytesInUrl(`${ref}`), 'data: URL');
  if (kind === 'Uint8Array') return bytesSource(ref as Uint8Array);
  return kind === 'ArrayBuffer' ? bytesSource(new Uint8Array(ref as ArrayBuffer)) : undefined;
}

/** Returns the bytes of what contains them; undefined for a name. @throws FileFault */
export async function memoryBytes(ref: FileRef, options: ReadBodyOptions): Promise<Uint8Array | undefined> {
  const kind = classOf(ref);
  if (kind === 'Blob' || kind === 'File') {
    const blob = ref as Blob;
    if (blob.size > options.most)
      throw new FileFault('limit', `it has ${blob.size} bytes; an image has at most ${options.most}`);
    return new Uint8Array(await blob.arrayBuffer());
  }
  if (isResponse(ref)) return responseBytes(ref, options);
  if (isDataUrl(ref)) return bytesInUrl(`${ref}`);
  if (kind === 'Uint8Array') return ref as Uint8Array;
  return kind === 'ArrayBuffer' ? new Uint8Array(ref as ArrayBuffer) : undefined;
}

function bytesInUrl(url: string): Uint8Array {
  try {
    return dataUrlBytes(url);
  } catch (cause) {
    throw new FileFault('unreadable', 'invalid base64', 'Encode the file again.', { cause, file: 'data: URL' });
  }
}

/** A fault of a file, before the kind of its refusal is known. */
export class FileFault extends Error {
  constructor(
    readonly code: 'unreadable' | 'limit',
    readonly reason: string,
    readonly remedy?: string,
    options: ErrorOptions & { readonly file?: string } = {},
  ) {
    super(reason, options);
    this.file = options.file;
  }
  /** The name for messages, if that of the file is unfit. */
  readonly file: string | undefined;
}

/** Bytes of an image file at most: more than any image within the pixel limit has. */
export const mostImageBytes = 512 * 2 ** 20;
/** Bytes of weights at a URL at most, since they are kept in memory. */
export const mostWeightsBytes = 2 ** 31;

export interface FetchBytesOptions {
  /** The most bytes that are taken. An endless answer would fill the memory. */
  readonly most: number;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: OnBytes | undefined;
  /** Time without a byte after which the server counts as gone. Default 30 s. */
  readonly stallMs?: number | undefined;
  /** Sends the request. Default: `fetch`. */
  readonly send?: ((url: string | URL, init: { readonly signal: AbortSignal }) => Promise<Response>) | undefined;
}

const usualStallMs = 30_000;

const stalled = (stallMs: number, cause?: unknown): FileFault =>
  new FileFault('unreadable', `the server sends no data for ${stallMs / 1000} s`, 'Try again, or check the server.', {
    cause,
  });

/** Fetches a whole file. @throws as `fetchInto` */
export async function fetchBytes(url: string | URL, options: FetchBytesOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await fetchInto(url, options, (chunk) => void chunks.push(chunk));
  return joinBytes(chunks);
}

/**
 * Fetches a whole file, chunk by chunk. Returns the answer, whose body is read.
 *
 * @throws FileFault with a sentence to put after the URL; otherwise as `send`
 */
export async function fetchInto(
  url: string | URL,
  options: FetchBytesOptions,
  onChunk: (chunk: Uint8Array<ArrayBuffer>) => void,
): Promise<Response> {
  const { signal, stallMs = usualStallMs, send = (at, init) => fetch(at, init) } = options;
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(), stallMs);
  try {
    const response = await send(url, { signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal });
    clearTimeout(timer);
    await readBody(response, options, onChunk);
    return response;
  } catch (cause) {
    if (!stall.signal.aborted || signal?.aborted) throw cause;
    throw stalled(stallMs, cause);
  } finally {
    clearTimeout(timer);
    stall.abort(); // ends the request if it is still open
  }
}

/**
 * Reads the body of an answer, chunk by chunk. Reports the size before the first of them.
 *
 * @throws FileFault if the answer is not a file that can be read, has more than `most` bytes, or does not go on
 */
export async function readBody(
  response: Response,
  { most, onBytes, signal, stallMs = usualStallMs }: ReadBodyOptions,
  onChunk: (chunk: Uint8Array<ArrayBuffer>) => void,
): Promise<void> {
  if (response.type === 'opaque' || response.type === 'opaqueredirect') {
    const reason = `the answer is ${response.type}, so that its content is hidden from the page`;
    throw new FileFault('unreadable', reason, "Fetch it without mode: 'no-cors' and redirect: 'manual'.");
  }
  if (!response.ok) {
    const answer = `the server answered ${response.status} ${response.statusText}`.trim();
    throw new FileFault('unreadable', answer, 'Check the URL.');
  }
  if (response.bodyUsed) {
    const remedy = 'Give response.clone(), or what was read from it.';
    throw new FileFault('unreadable', 'the body of this Response was read before', remedy);
  }
  // the length of a compressed answer is not that of the file
  const compressed = response.headers.has('content-encoding');
  const total = compressed ? 0 : Number(response.headers.get('content-length') ?? 0);
  if (total > most) throw tooLarge(`the file has ${total} bytes`, most);
  onBytes?.(0, total);
  let done = 0;
  const reader = response.body?.getReader();
  const stop = () => void reader?.cancel().catch(() => {}); // ends a read that waits
  signal?.addEventListener('abort', stop, { once: true });
  let hasStalled = false;
  const giveUp = () => {
    hasStalled = true;
    stop();
  };
  let timer = setTimeout(giveUp, stallMs);
  try {
    for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
      clearTimeout(timer);
      onChunk(part.value);
      done += part.value.length;
      if (done > most) throw tooLarge('the server sends more and more', most);
      onBytes?.(done, done > total ? 0 : total); // a server of another origin may hide that it compresses
      timer = setTimeout(giveUp, stallMs);
    }
    signal?.throwIfAborted();
    if (hasStalled) throw stalled(stallMs);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** Reads the whole body of an answer. @throws as `readBody` */
export async function responseBytes(response: Response, options: ReadBodyOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await readBody(response, options, (chunk) => void chunks.push(chunk));
  return joinBytes(chunks);
}

const tooLarge = (what: string, most: number): FileFault =>
  new FileFault('limit', `${what}; at most ${most} are fetched into memory`, 'Download it to a file and check it.');

/** Base64 of the first bytes of PNG, JPEG, GIF and WebP files. */
const base64Starts = /^(iVBORw0KGgo|\/9j\/|R0lGOD|UklGR)/;

/**
 * Says why a name can be neither a path nor a URL, if it is text that callers confuse with one.
 *
 * @throws FileFault
 */
export function checkName(name: string): void {
  if (/^[A-Za-z0-9+/\s]+={0,2}$/.test(name) && (base64Starts.test(name) || name.length > 300)) {
    const remedy = 'Give `data:image/png;base64,` and the text, or the decoded bytes.';
    throw new FileFault('unreadable', 'this is bare base64 text, not a path or a URL', remedy, {
      file: shortened(name),
    });
  }
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(name)?.[1]?.toLowerCase();
  if (scheme !== undefined && !['http', 'https', 'file', 'blob', 'data'].includes(scheme)) {
    const remedy = 'Download it, and give the file or its bytes.';
    throw new FileFault('unreadable', `URLs of ${scheme}: are not fetched, only https: and http:`, remedy);
  }
}
