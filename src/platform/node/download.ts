import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError, ConfigError, DownloadError, MoganetError } from '../../errors.ts';
import { openCheckpoint, type Source } from '../../formats/index.ts';
import type { PublishedFile } from '../contract.ts';
import { onMirror, publishedName } from '../mirror.ts';
import type { OnBytes } from '../refs.ts';
import {
  cacheFolder,
  checkCached,
  diskFault,
  type FileRecord,
  isCached,
  type Lock,
  pause,
  recordOf,
  sha256Of,
  withLock,
  writeRecord,
} from './cache.ts';
import { proxyFor, RedirectFault, request } from './fetch.ts';
import { openFileSource } from './files.ts';

/**
 * Downloads published files into the cache: complete, checked, and by one process at a time. First what answers and faults of the
 * network mean, then one request, then the repetitions and checks around it.
 */

/** What to do if this server will not do. */
const elsewhere = 'Use a mirror (--from, MOGANET_MIRROR).';

/** The transfer ended early; another try may succeed. */
class Interruption extends Error {
  /** Time after which the server wants the next request, in milliseconds. */
  readonly waitMs: number | undefined;
  constructor(message: string, { waitMs, cause }: { waitMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause });
    this.waitMs = waitMs;
  }
}

/** Returns the error of a status: an `Interruption` if another try may succeed. */
function refusalOf({ status, statusText, headers }: Response, url: string): Error {
  const said = `the server answered ${status}${statusText ? ` ${statusText}` : ''}`;
  if (status === 408 || status === 429 || status >= 500) {
    return new Interruption(said, { waitMs: retryAfter(headers.get('retry-after')) });
  }
  const why =
    status === 401 || status === 403
      ? 'access to the file is restricted'
      : status === 404 || status === 410
        ? 'there is no such file (any more)'
        : 'this is not a file';
  return new DownloadError(`${url}: ${said}: ${why}. ${elsewhere}`);
}

/** Milliseconds of a `Retry-After` header, which holds seconds or a date. */
function retryAfter(text: string | null): number | undefined {
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Faults for which another try gives the same. */
const final = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL|ENOTFOUND|bad port|scheme|tunnel was refused/i;

/** Returns the error that ended a transfer. fetch says "fetch failed" or "terminated", and why in its cause; the disk has a code. */
function faultOf(error: unknown, url: string): Error {
  const disk = diskFault(error);
  if (disk !== error) return disk as Error;
  if (error instanceof RedirectFault) return new DownloadError(`${url}: ${error.message}. ${elsewhere}`);
  const inner = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  const why = inner.message || inner.code || String(error);
  if (!final.test(`${inner.code} ${why}`)) return new Interruption(`the connection broke (${why})`, { cause: error });
  const isDirect = inner.code === 'ENOTFOUND' && !proxyFor(new URL(url));
  const hint = isDirect ? ' Is this machine online? If it is behind a proxy, set HTTPS_PROXY.' : '';
  return new DownloadError(`${url}: ${why}.${hint} ${elsewhere}`, { cause: error });
}

/** One request for a file, or for the missing rest of it. */
interface Transfer {
  readonly url: string;
  /** Path of the unfinished file; `<part>.json` says which file it is the beginning of. */
  readonly part: string;
  /** Bytes of the whole file, if known beforehand. */
  readonly size?: number | undefined;
  /** Time without a byte after which the server counts as gone. */
  readonly stallMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: OnBytes | undefined;
}

/** Larger than any published checkpoint. A server that never ends would fill the disk. */
const mostBytes = 16 * 2 ** 30;

/**
 * Fetches `url` into the unfinished file, from the end of that on if the server still has the same file. Returns after the
 * last byte of the answer.
 *
 * @throws Interruption if another try may help, DownloadError if it will not
 */
async function transfer(job: Transfer): Promise<void> {
  const { url, part, stallMs, signal } = job;
  const begun = beginningOf(part, url);
  if (begun && begun.done === begun.total) return; // complete, but not renamed yet
  const watch = watchdog(stallMs);
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (begun) Object.assign(headers, { range: `bytes=${begun.done}-`, 'if-range': begun.validator });
    const both = signal ? AbortSignal.any([signal, watch.signal]) : watch.signal;
    const response = await request(url, { headers, signal: both });
    const answer = answerOf(response, job, begun);
    if (answer === 'complete') return;
    await receive(response, answer, job, watch);
  } catch (error) {
    signal?.throwIfAborted();
    if (watch.signal.aborted) throw new Interruption(`no data for ${stallMs / 1000} s`, { cause: error });
    throw error instanceof Interruption || error instanceof MoganetError ? error : faultOf(error, url);
  } finally {
    watch.stop();
  }
}

interface Beginning {
  readonly url: string;
  /** Identifies the version for the server: a strong ETag, or the date of the last change. */
  readonly validator: string;
  readonly done: number;
  readonly total: number;
}

/** Returns what is there of this very file; undefined if it has to be fetched from its beginning. */
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
function discard(part: string): void {
  for (const file of [part, `${part}.json`]) rmSync(file, { force: true });
}

interface Answer {
  /** Offset of its first byte in the file. */
  readonly offset: number;
  /** Bytes of the whole file; 0 if the server does not say. */
  readonly total: number;
}

/** Checks the head of the server's answer. */
function answerOf(
  response: Response,
  { url, part, size }: Transfer,
  begun: Beginning | undefined,
): Answer | 'complete' {
  const { status, headers } = response;
  // the length and the ranges of compressed content are not those of the file
  const compressed = !['', 'identity'].includes(headers.get('content-encoding') ?? '');
  if (status === 206 || status === 416) {
    const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
    const same = begun && !compressed && (begun.total === 0 || total === '*' || Number(total) === begun.total);
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
  const total = compressed ? 0 : Number(headers.get('content-length') ?? 0);
  if (size !== undefined && total > 0 && total !== size) {
    throw new DownloadError(
      `${url}: the server has a file of ${total} bytes, the published one has ${size}. ${elsewhere}`,
    );
  }
  const validator = compressed ? '' : strong(headers.get('etag')) || (headers.get('last-modified') ?? '');
  discard(part);
  writeFileSync(`${part}.json`, JSON.stringify({ url, validator, total }));
  return { offset: 0, total };
}

/** Returns an ETag that identifies the very bytes; a weak one begins with W. */
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
      for (let written = 0; written < chunk.length; ) {
        written += (await file.write(chunk, written, chunk.length - written, done + written)).bytesWritten;
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

/** Aborts its signal `ms` after the last reset. */
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
      controller.abort(); // ends the request if it is still open
    },
  };
}

export interface PullFileOptions {
  /** A mirror to use instead: the URL of the file, or of a folder that has it. */
  readonly from?: string | undefined;
  /** Folder of the cache. Default: `cacheFolder()`. */
  readonly folder?: string | undefined;
  /** First called before any byte is written. */
  readonly onBytes?: OnBytes | undefined;
  /** Told sentences about waits and repeated tries. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Checks a whole checkpoint before it gets its name. Throws a CheckpointError if it is not the wanted one. */
  readonly check?: ((file: Source) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timing?: Partial<Timing> | undefined;
}

interface Timing {
  /** Time without a byte after which the connection is closed and opened again. */
  readonly stallMs: number;
  /** How often in a row a transfer without progress is repeated. */
  readonly retries: number;
  /** Wait before the first repetition; doubled for each further one. */
  readonly waitMs: number;
  /** Longest wait, whatever the server asks for. */
  readonly longestWaitMs: number;
  readonly lockBeatMs: number;
  readonly lockStaleMs: number;
}

const usualTiming: Timing = {
  stallMs: 30_000,
  retries: 5,
  waitMs: 1000,
  longestWaitMs: 60_000,
  lockBeatMs: 1000,
  lockStaleMs: 15_000,
};

export interface PulledFile extends FileRecord {
  readonly path: string;
  /** True if nothing had to be downloaded. */
  readonly cached: boolean;
}

/** The name of a published file, in the cache and at mirrors. */

export function cachedPath({ url }: PublishedFile, folder = cacheFolder()): string {
  return join(folder, publishedName(url));
}

/** Returns the path of a published file if it is in the cache. Uses no network. */
export function findCached(file: PublishedFile, folder?: string): string | undefined {
  const path = cachedPath(file, folder);
  return isCached(path) ? path : undefined;
}

/**
 * Downloads a published file into the cache unless it is there. A file that is there is checked and kept; an unfinished one is
 * continued.
 *
 * @throws DownloadError saying what the server or the disk answered and what to do; ConfigError for an invalid mirror
 */
export async function pullFile(file: PublishedFile, options: PullFileOptions = {}): Promise<PulledFile> {
  const { folder = cacheFolder(), onNotice, onBytes, signal, timing } = options;
  const path = cachedPath(file, folder);
  const present = async (): Promise<PulledFile | undefined> =>
    isCached(path) ? { ...(await checkCached(path, file.url, file.sha256)), path, cached: true } : undefined;
  const found = await present();
  if (found) return found;
  const url = urlOf(file.url, options.from ?? process.env.MOGANET_MIRROR);
  makeFolder(folder);
  const { lockBeatMs: beatMs, lockStaleMs: staleMs } = { ...usualTiming, ...timing };
  let told = '';
  const onWait = (owner: string) => {
    if (owner !== told) onNotice?.(`${owner} is already downloading ${publishedName(file.url)}; waiting for it`);
    told = owner;
    onBytes?.(statSync(`${path}.part`, { throwIfNoEntry: false })?.size ?? 0, file.size ?? 0);
  };
  const work = async (lock: Lock) => (await present()) ?? (await fetchInto(path, file, url, lock, options));
  try {
    return await withLock(`${path}.lock`, work, { onWait, signal, beatMs, staleMs });
  } catch (error) {
    throw diskFault(error);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const { message } = cause as Error;
    throw new DownloadError(`the cache folder cannot be created: ${message}. Set MOGANET_CACHE to another folder.`, {
      cause,
    });
  }
}

/** The URL to fetch a file from: its publisher's, or that of the mirror. */
function urlOf(url: string, mirror: string | undefined): string {
  if (!mirror) return url;
  if (!/^https?:\/\//i.test(mirror) || !URL.canParse(mirror)) {
    throw new ConfigError(
      `invalid mirror "${mirror}": give a URL that begins with http:// or https://. A file on this machine can be opened directly.`,
    );
  }
  return new URL(onMirror(publishedName(url), mirror)).href;
}

/** Fetches and checks the file, and only then gives it its name. A wrong file is fetched once more from its beginning. */
async function fetchInto(
  path: string,
  file: PublishedFile,
  url: string,
  lock: Lock,
  options: PullFileOptions,
): Promise<PulledFile> {
  const part = `${path}.part`;
  for (let first = true; ; first = false) {
    await transferAll(part, url, file, options);
    const { size, mtimeMs } = statSync(part);
    const sha256 = await sha256Of(part);
    if (!lock.held())
      throw new DownloadError(`${path}: another process has taken this download over. Run the command again.`);
    const fault = await faultIn(part, { size, sha256 }, file, path);
    const misfit = fault ? undefined : await misfitOf(part, options.check);
    if (misfit) {
      discard(part);
      throw new DownloadError(`${url}: ${misfit}`);
    }
    if (!fault) {
      const record = { url, size, sha256, mtimeMs };
      writeRecord(path, record);
      renameSync(part, path);
      discard(part); // removes `<part>.json`
      return { ...record, path, cached: false };
    }
    discard(part);
    if (!first) throw new DownloadError(`${url}: ${fault}`);
    options.onNotice?.('the received file is wrong; downloading it again');
  }
}

/** Says why the bytes are not the published file; undefined if they are. */
async function faultIn(
  part: string,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
  file: PublishedFile,
  path: string,
): Promise<string | undefined> {
  if (file.size !== undefined && size !== file.size) {
    return `the received file has ${size} bytes, the published one ${file.size}. ${elsewhere}`;
  }
  if (file.sha256 && !sha256.startsWith(file.sha256.toLowerCase())) {
    return `the sha256 of the received file is ${sha256}, that of the published one begins with ${file.sha256}. ${elsewhere}`;
  }
  const seen = recordOf(path)?.sha256;
  if (seen && seen !== sha256) {
    return `the sha256 of the received file is ${sha256}; it was ${seen} when the file was first seen. If its publisher has replaced it, remove ${path}.json and pull again.`;
  }
  const source = await openFileSource(part);
  try {
    await openCheckpoint({ ...source, name: 'the received file' });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return `this is not a complete checkpoint. ${error.message} ${elsewhere}`;
  } finally {
    await source.close();
  }
  return undefined;
}

/** Says why a whole checkpoint is not the wanted one; undefined if it is. Another download would give the same. */
async function misfitOf(part: string, check: PullFileOptions['check']): Promise<string | undefined> {
  if (!check) return undefined;
  const source = await openFileSource(part);
  try {
    await check({ ...source, name: 'the received file' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return `this is another model's file. ${error.message} ${elsewhere}`;
  } finally {
    await source.close();
  }
}

/** Repeats the transfer until the file is complete. Faults of the server cost time, not the bytes that were received. */
async function transferAll(
  part: string,
  url: string,
  { size }: PublishedFile,
  { onBytes, onNotice, signal, timing }: PullFileOptions,
): Promise<void> {
  const { stallMs, retries, waitMs, longestWaitMs } = { ...usualTiming, ...timing };
  const have = () => statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  for (let failures = 0; ; ) {
    const before = have();
    try {
      await transfer({ url, part, size, stallMs, signal, onBytes });
      return;
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      failures = have() - before >= worthwhile ? 1 : failures + 1;
      const kept =
        have() > 0 ? ` The ${have()} bytes received so far are kept: the same command continues from there.` : '';
      const failure = (why: string) => new DownloadError(`${url}: ${why}.${kept}`, { cause: error });
      if (failures > retries)
        throw failure(
          `${error.message}, ${failures} times in a row. Try later, or use a mirror (--from, MOGANET_MIRROR)`,
        );
      const wait = error.waitMs ?? waitMs * 2 ** (failures - 1);
      if (wait > longestWaitMs && error.waitMs !== undefined) {
        throw failure(
          `${error.message} and asks to retry after ${Math.ceil(wait / 1000)} s. Try then, or use a mirror (--from, MOGANET_MIRROR)`,
        );
      }
      onNotice?.(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s (${failures} of ${retries})`);
      await pause(Math.min(wait, longestWaitMs), signal);
    }
  }
}

/** Bytes of a try that count as progress, so that it does not count as a failure in a row. */
const worthwhile = 2 ** 20;
