import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openCheckpoint } from '../../checkpoint/index.ts';
import { CheckpointError, ConfigError, DownloadError } from '../../errors.ts';
import { cacheFolder, checkCached, type FileRecord, isCached, recordOf, sha256Of, writeRecord } from './cache.ts';
import { openFileSource } from './file_source.ts';
import { type Lock, withLock } from './lock.ts';
import { elsewhere, Interruption } from './network_faults.ts';
import { discard, transfer } from './transfer.ts';

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
