import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CheckpointError, ConfigError, DownloadError } from '../../errors.ts';
import { openCheckpoint } from '../../formats/index.ts';
import {
  cacheFolder,
  checkCached,
  type FileRecord,
  isCached,
  type Lock,
  recordOf,
  sha256Of,
  withLock,
  writeRecord,
} from './cache.ts';
import { openFileSource } from './files.ts';

/** What answers and faults of the network mean: try again, or give up, and what to do then. */

/** What to do where this server will not do. */
export const elsewhere = 'Pull it from a mirror (--from, MOGANET_MIRROR).';

/** The transfer ended early, and another may do better. */
export class Interruption extends Error {
  /** How long the server wants to be left alone, in milliseconds. */
  readonly waitMs: number | undefined;
  constructor(message: string, { waitMs, cause }: { waitMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause });
    this.waitMs = waitMs;
  }
}

/** What a status says about another try. */
export function refusalOf({ status, statusText, headers }: Response, url: string): Error {
  const said = `the server answered ${status}${statusText ? ` ${statusText}` : ''}`;
  if (status === 408 || status === 429 || status >= 500) {
    return new Interruption(said, { waitMs: retryAfter(headers.get('retry-after')) });
  }
  const why =
    status === 401 || status === 403
      ? 'it does not give the file to everyone'
      : status === 404 || status === 410
        ? 'it has no such file (any more)'
        : 'that is no file';
  return new DownloadError(`${url}: ${said}: ${why}. ${elsewhere}`);
}

/** Seconds, or a date. */
function retryAfter(text: string | null): number | undefined {
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

const remedies: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['ENOSPC', 'EDQUOT', 'EFBIG'].map((code) => [code, 'Make room'])),
  ...Object.fromEntries(['EACCES', 'EPERM', 'EROFS'].map((code) => [code, 'Make it writable'])),
  ...Object.fromEntries(['EIO', 'EISDIR', 'ENOENT', 'EMFILE'].map((code) => [code, 'Mend that'])),
};

/** Another try gives the same. */
const final = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL|ENOTFOUND|redirect|bad port|unknown scheme/i;

/** What ended a transfer: fetch says "fetch failed" or "terminated", and why in its cause; the disk has a code of its own. */
export function faultOf(error: unknown, url: string): Error {
  const { code = '', message, cause } = error as NodeJS.ErrnoException;
  const remedy = remedies[code];
  if (remedy) {
    const text = `the cache cannot be written: ${message}. ${remedy}, or set MOGANET_CACHE to another folder.`;
    return new DownloadError(text, { cause: error });
  }
  const inner = (cause ?? error) as NodeJS.ErrnoException;
  const why = inner.message || inner.code || String(error);
  if (!final.test(`${inner.code} ${why}`)) return new Interruption(`the connection broke (${why})`, { cause: error });
  const hint = inner.code === 'ENOTFOUND' ? ' Is there a connection?' : '';
  return new DownloadError(`${url}: ${why}.${hint} ${elsewhere}`, { cause: error });
}

/** One request for a file, or for what is missing of it. */

export interface Transfer {
  readonly url: string;
  /** The unfinished file; `<part>.json` says which file it is the beginning of. */
  readonly part: string;
  /** Of the whole, where it is known beforehand. */
  readonly size?: number | undefined;
  /** Without a byte for so long, the server counts as gone. */
  readonly stallMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Bytes so far, and of the whole: 0 where the server does not say. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined;
}

/** No published checkpoint comes near it; a server that never ends would fill the disk. */
const mostBytes = 16 * 2 ** 30;

/**
 * Fetches `url` into the unfinished file, from where that ends if the server still has the same file. Returns when the
 * answer is there to its end.
 *
 * @throws Interruption where another try may help, DownloadError where it will not
 */
export async function transfer(job: Transfer): Promise<void> {
  const { url, part, stallMs, signal } = job;
  const begun = beginningOf(part, url);
  if (begun && begun.done === begun.total) return; // ended before it got its name
  const watch = watchdog(stallMs);
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (begun) Object.assign(headers, { range: `bytes=${begun.done}-`, 'if-range': begun.validator });
    const both = signal ? AbortSignal.any([signal, watch.signal]) : watch.signal;
    const response = await fetch(url, { headers, signal: both });
    const answer = answerOf(response, job, begun);
    if (answer === 'complete') return;
    await receive(response, answer, job, watch);
  } catch (error) {
    signal?.throwIfAborted();
    if (watch.signal.aborted) throw new Interruption(`no byte came for ${stallMs / 1000} s`, { cause: error });
    throw error instanceof Interruption || error instanceof DownloadError ? error : faultOf(error, url);
  } finally {
    watch.stop();
  }
}

interface Beginning {
  readonly url: string;
  /** What tells the server which version is meant: a strong ETag, or the date of the last change. */
  readonly validator: string;
  readonly done: number;
  readonly total: number;
}

/** What is there of this very file; undefined where it is begun anew. */
function beginningOf(part: string, url: string): Beginning | undefined {
  const done = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  if (done === 0) return undefined;
  try {
    const state = JSON.parse(readFileSync(`${part}.json`, 'utf8')) as Beginning;
    return state.url === url && state.validator ? { ...state, done } : undefined;
  } catch {
    return undefined;
  }
}

/** Removes an unfinished file. */
export function discard(part: string): void {
  for (const file of [part, `${part}.json`]) rmSync(file, { force: true });
}

interface Answer {
  /** Where its first byte belongs. */
  readonly offset: number;
  /** Of the whole; 0 where the server does not say. */
  readonly total: number;
}

/** What the server's answer is, before its body. */
function answerOf(
  response: Response,
  { url, part, size }: Transfer,
  begun: Beginning | undefined,
): Answer | 'complete' {
  const { status, headers } = response;
  if (url.startsWith('https:') && response.url.startsWith('http:')) {
    throw new DownloadError(`${url}: the server redirects to ${response.url}, which is not encrypted. ${elsewhere}`);
  }
  // the length and the ranges of compressed content are not those of the file
  const coded = !['', 'identity'].includes(headers.get('content-encoding') ?? '');
  if (status === 206 || status === 416) {
    const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
    const same = begun && !coded && (begun.total === 0 || total === '*' || Number(total) === begun.total);
    const version = strong(headers.get('etag'));
    if (same && !(strong(begun.validator) && version && version !== begun.validator)) {
      if (status === 416 && Number(total) === begun.done) return 'complete';
      if (status === 206 && Number(first) === begun.done)
        return { offset: begun.done, total: begun.total || Number(total) || 0 };
    }
    discard(part);
    if (!begun)
      throw new DownloadError(`${url}: the server answered ${status} to a request for the whole file. ${elsewhere}`);
    throw new Interruption('the server answered with another part of the file', { waitMs: 0 });
  }
  if (status !== 200) throw refusalOf(response, url);
  const total = coded ? 0 : Number(headers.get('content-length') ?? 0);
  if (size !== undefined && total > 0 && total !== size) {
    throw new DownloadError(
      `${url}: the server has a file of ${total} bytes, the published one has ${size}. ${elsewhere}`,
    );
  }
  const validator = coded ? '' : strong(headers.get('etag')) || (headers.get('last-modified') ?? '');
  discard(part);
  writeFileSync(`${part}.json`, JSON.stringify({ url, validator, total }));
  return { offset: 0, total };
}

/** An ETag that stands for the very bytes; a weak one begins with W. */
const strong = (etag: string | null): string => (etag?.startsWith('"') ? etag : '');

async function receive(
  response: Response,
  { offset, total }: Answer,
  { url, part, size, onBytes }: Transfer,
  watch: Watchdog,
): Promise<void> {
  const most = size ?? (total || mostBytes);
  let file: FileHandle | undefined;
  let done = offset;
  try {
    file = await open(part, offset > 0 ? 'r+' : 'w');
    onBytes?.(done, total);
    const reader = response.body?.getReader();
    for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
      const chunk = read.value;
      watch.reset();
      if (done + chunk.length > most) {
        discard(part);
        throw new DownloadError(`${url}: the server sends more than ${most} bytes. ${elsewhere}`);
      }
      for (let at = 0; at < chunk.length; ) {
        at += (await file.write(chunk, at, chunk.length - at, done + at)).bytesWritten;
      }
      done += chunk.length;
      onBytes?.(done, total);
    }
    await file.sync();
  } finally {
    await file?.close();
  }
  if (total > 0 && done < total) throw new Interruption(`the answer ended after ${done} of ${total} bytes`);
}

interface Watchdog {
  readonly signal: AbortSignal;
  reset(): void;
  stop(): void;
}

/** Barks when it is not fed for so long. */
function watchdog(ms: number): Watchdog {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  return {
    signal: controller.signal,
    reset: () => {
      timer.refresh();
    },
    stop: () => {
      clearTimeout(timer);
      controller.abort(); // what may still come is not wanted
    },
  };
}

/** A published file, as an entry of the zoo knows it. */
export interface PublishedFile {
  readonly url: string;
  readonly size?: number | undefined;
  /** In hex, or its beginning. */
  readonly sha256?: string | undefined;
}

export interface PullFileOptions {
  /** Where to fetch from instead: the address of the file, or one ending with `/` below which it is. */
  readonly from?: string | undefined;
  /** The cache; `MOGANET_CACHE` or the system's where it is not given. */
  readonly folder?: string | undefined;
  /** Bytes so far and of the whole (0 where it is not known), first before any byte is written. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined;
  /** Sentences about waits and second tries. */
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timing?: Partial<Timing> | undefined;
}

export interface Timing {
  /** Without a byte for so long, the connection is given up and made anew. */
  readonly stallMs: number;
  /** How often in a row a transfer that gets nowhere is tried again. */
  readonly retries: number;
  /** Before the first of them; doubled for each further one. */
  readonly waitMs: number;
  /** No wait is longer, whatever the server asks for. */
  readonly longestWaitMs: number;
  readonly lockBeatMs: number;
  readonly lockStaleMs: number;
}

const patience: Timing = {
  stallMs: 30_000,
  retries: 5,
  waitMs: 1000,
  longestWaitMs: 60_000,
  lockBeatMs: 1000,
  lockStaleMs: 15_000,
};

export interface PulledFile extends FileRecord {
  readonly path: string;
  /** It was there already. */
  readonly cached: boolean;
}

/** The name of a published file, in the cache and at mirrors. */
export const fileNameOf = (url: string): string => decodeURIComponent(new URL(url).pathname.split('/').at(-1)!);

export function cachedPath({ url }: PublishedFile, folder = cacheFolder()): string {
  return join(folder, fileNameOf(url));
}

/** The path of a published file if it is in the cache; asks nobody. */
export function findCached(file: PublishedFile, folder?: string): string | undefined {
  const path = cachedPath(file, folder);
  return isCached(path) ? path : undefined;
}

/**
 * Brings a published file into the cache: whole, checked, and by one process at a time. What is there already is checked and
 * kept; what was begun is gone on with.
 *
 * @throws DownloadError saying what the server or the disk answered and what to do; ConfigError for a mirror that is no address
 */
export async function pullFile(file: PublishedFile, options: PullFileOptions = {}): Promise<PulledFile> {
  const { folder = cacheFolder(), onNotice, onBytes, signal, timing } = options;
  const path = cachedPath(file, folder);
  const present = async (): Promise<PulledFile | undefined> =>
    isCached(path) ? { ...(await checkCached(path, file.url, file.sha256)), path, cached: true } : undefined;
  const found = await present();
  if (found) return found;
  const address = addressOf(file.url, options.from ?? process.env.MOGANET_MIRROR);
  makeFolder(folder);
  const { lockBeatMs: beatMs, lockStaleMs: staleMs } = { ...patience, ...timing };
  let told = '';
  const onWait = (owner: string) => {
    if (owner !== told) onNotice?.(`${owner} is pulling ${fileNameOf(file.url)} already; waiting for it`);
    told = owner;
    onBytes?.(statSync(`${path}.part`, { throwIfNoEntry: false })?.size ?? 0, file.size ?? 0);
  };
  const work = async (lock: Lock) => (await present()) ?? (await fetchInto(path, file, address, lock, options));
  return withLock(`${path}.lock`, work, { onWait, signal, beatMs, staleMs });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const { message } = cause as Error;
    throw new DownloadError(`the cache cannot be made: ${message}. Set MOGANET_CACHE to another folder.`, { cause });
  }
}

/** Where a file is fetched from: its publisher, or the mirror. */
function addressOf(url: string, mirror: string | undefined): string {
  if (!mirror) return url;
  if (!/^https?:\/\//i.test(mirror) || !URL.canParse(mirror)) {
    throw new ConfigError(
      `"${mirror}" is no mirror: give an address that begins with http:// or https://. A file on this machine is opened as it is.`,
    );
  }
  const name = fileNameOf(url);
  const given = new URL(mirror);
  if (given.pathname.split('/').at(-1) === name) return given.href;
  if (/\.(pth|pt|bin|tar|safetensors)$/i.test(given.pathname)) return given.href;
  given.pathname = `${given.pathname.replace(/\/$/, '')}/${encodeURIComponent(name)}`;
  return given.href;
}

/** Fetches, checks, and only then gives the file its name. What turns out wrong is fetched once more from its beginning. */
async function fetchInto(
  path: string,
  file: PublishedFile,
  address: string,
  lock: Lock,
  options: PullFileOptions,
): Promise<PulledFile> {
  const part = `${path}.part`;
  for (let first = true; ; first = false) {
    await transferAll(part, address, file, options);
    const { size, mtimeMs } = statSync(part);
    const sha256 = await sha256Of(part);
    if (!lock.held()) throw new DownloadError(`${path}: another process has gone on with this file. Run it again.`);
    const fault = await faultIn(part, { size, sha256 }, file, path);
    if (!fault) {
      const record = { url: address, size, sha256, mtimeMs };
      writeRecord(path, record);
      renameSync(part, path);
      discard(part); // its description
      return { ...record, path, cached: false };
    }
    discard(part);
    if (!first) throw new DownloadError(`${address}: ${fault}`);
    options.onNotice?.(`what came is not the file; fetching it once more`);
  }
}

/** Why the bytes are not the published file. */
async function faultIn(
  part: string,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
  file: PublishedFile,
  path: string,
): Promise<string | undefined> {
  if (file.size !== undefined && size !== file.size) {
    return `${size} bytes came, the published file has ${file.size}. ${elsewhere}`;
  }
  if (file.sha256 && !sha256.startsWith(file.sha256.toLowerCase())) {
    return `the sha256 of what came is ${sha256}, that of the published file begins with ${file.sha256}. ${elsewhere}`;
  }
  const seen = recordOf(path)?.sha256;
  if (seen && seen !== sha256) {
    return `the sha256 of what came is ${sha256}; it was ${seen} when the file was first seen. If its publisher has replaced it, remove ${path}.json and pull again.`;
  }
  const source = await openFileSource(part);
  try {
    await openCheckpoint({ ...source, name: 'what came' });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return `this is no whole checkpoint. ${error.message} ${elsewhere}`;
  } finally {
    await source.close();
  }
  return undefined;
}

/** Transfers again and again until the answer is there to its end; the server's faults cost time, not what has come. */
async function transferAll(
  part: string,
  url: string,
  { size }: PublishedFile,
  { onBytes, onNotice, signal, timing }: PullFileOptions,
): Promise<void> {
  const { stallMs, retries, waitMs, longestWaitMs } = { ...patience, ...timing };
  const have = () => statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  for (let failures = 0; ; ) {
    const before = have();
    try {
      await transfer({ url, part, size, stallMs, signal, onBytes });
      return;
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      failures = have() - before >= worthwhile ? 1 : failures + 1;
      const kept = have() > 0 ? ` The ${have()} bytes that came are kept: the same command goes on from there.` : '';
      const give = (why: string) => new DownloadError(`${url}: ${why}.${kept}`, { cause: error });
      if (failures > retries)
        throw give(`${error.message}, ${failures} times in a row. Try later, or a mirror (--from, MOGANET_MIRROR)`);
      const wait = error.waitMs ?? waitMs * 2 ** (failures - 1);
      if (wait > longestWaitMs && error.waitMs !== undefined) {
        throw give(
          `${error.message} and asks for ${Math.ceil(wait / 1000)} s of peace. Try after that, or a mirror (--from, MOGANET_MIRROR)`,
        );
      }
      onNotice?.(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s (${failures} of ${retries})`);
      await delay(Math.min(wait, longestWaitMs), undefined, signal ? { signal } : {});
    }
  }
}

/** A try that brought so much is no failure in a row. */
const worthwhile = 2 ** 20;
