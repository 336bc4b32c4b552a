import { joinBytes } from '../arrays.ts';
import { shortened } from '../errors.ts';
import { blobSource, bytesSource, type Source } from '../formats/source.ts';
import { dataUrlBytes } from './data_url.ts';

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

/** Returns bytes, a Blob or the contents of a `data:` URL as a source; undefined for a name. @throws FileFault */
export function memorySource(ref: FileRef): Source | undefined {
  const kind = classOf(ref);
  if (kind === 'Blob' || kind === 'File') return blobSource(ref as Blob);
  if (isDataUrl(ref)) return bytesSource(bytesInUrl(`${ref}`), 'data: URL');
  if (kind === 'Uint8Array') return bytesSource(ref as Uint8Array);
  return kind === 'ArrayBuffer' ? bytesSource(new Uint8Array(ref as ArrayBuffer)) : undefined;
}

/** Returns the bytes of bytes, a Blob or a `data:` URL; undefined for a name. @throws FileFault */
export async function memoryBytes(ref: FileRef): Promise<Uint8Array | undefined> {
  const kind = classOf(ref);
  if (kind === 'Blob' || kind === 'File') return new Uint8Array(await (ref as Blob).arrayBuffer());
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

/**
 * Fetches a whole file.
 *
 * @throws FileFault with a sentence to put after the URL; otherwise as `send`
 */
export async function fetchBytes(url: string | URL, options: FetchBytesOptions): Promise<Uint8Array> {
  const { most, signal, onBytes, stallMs = 30_000, send = (at, init) => fetch(at, init) } = options;
  const stall = new AbortController();
  const restart = () => setTimeout(() => stall.abort(), stallMs);
  let timer = restart();
  try {
    const response = await send(url, { signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal });
    if (!response.ok) {
      const answer = `the server answered ${response.status} ${response.statusText}`.trim();
      throw new FileFault('unreadable', answer, 'Check the URL.');
    }
    // the length of a compressed answer is not that of the file
    const compressed = response.headers.has('content-encoding');
    const total = compressed ? 0 : Number(response.headers.get('content-length') ?? 0);
    if (total > most) throw tooLarge(`the file has ${total} bytes`, most);
    const chunks: Uint8Array[] = [];
    let done = 0;
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
      clearTimeout(timer);
      timer = restart();
      chunks.push(part.value);
      done += part.value.length;
      if (done > most) throw tooLarge('the server sends more and more', most);
      onBytes?.(done, total);
    }
    return joinBytes(chunks);
  } catch (cause) {
    if (!stall.signal.aborted || signal?.aborted) throw cause;
    const reason = `the server sends no data for ${stallMs / 1000} s`;
    throw new FileFault('unreadable', reason, 'Try again, or check the server.', { cause });
  } finally {
    clearTimeout(timer);
    stall.abort(); // ends the request if it is still open
  }
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

/**
 * Says why a page could not fetch a URL. Browsers tell a page nothing but "Failed to fetch", whether the server is down
 * or does not allow the page, so the usual causes are named.
 *
 * @param page the address of the page
 */
export function fetchFault(cause: unknown, url: string, page: string | undefined): FileFault {
  if (cause instanceof FileFault) return cause;
  const message = cause instanceof Error ? cause.message : `${cause}`;
  if (!(cause instanceof TypeError) || !page || !URL.canParse(url, page)) {
    return new FileFault('unreadable', message, 'Check the URL.', { cause });
  }
  const { origin } = new URL(page);
  const remedy =
    new URL(url, page).origin === origin
      ? 'Check the URL, and that the policy of the page allows it (connect-src of Content-Security-Policy).'
      : `Check the URL. If it is right, its server must allow pages of ${origin} (header Access-Control-Allow-Origin), ` +
        'or serve the file from the origin of the page.';
  return new FileFault('unreadable', message, remedy, { cause });
}
