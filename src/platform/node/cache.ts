import { createHash, randomUUID } from 'node:crypto';
import {
  createReadStream,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError, DownloadError } from '../../errors.ts';
import { foundIn, isObject } from '../../validate.ts';

/**
 * The folder of downloaded weights. A file has the name its publisher gave it; `<name>.json` beside it records where it came
 * from and what it was. Unfinished files have other names (`.part`), so a file with the right name is complete. A lock lets one
 * process at a time write a file.
 */

/** Returns `MOGANET_CACHE`, or the system's folder for files that programs can fetch again. */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
): string {
  if (!isObject(env)) throw new ConfigError(`cacheFolder takes environment variables by name, got ${foundIn(env)}.`);
  if (env.MOGANET_CACHE) return env.MOGANET_CACHE;
  const home = homedir();
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'moganet', 'Cache');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'moganet');
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'moganet');
}

/** What is recorded about a file. */
export interface FileRecord {
  readonly url: string;
  readonly size: number;
  /** Hash of the bytes that were first seen under this name, in hex. */
  readonly sha256: string;
  /** Time of the last write. While it is unchanged, the bytes are not read again to check them. */
  readonly mtimeMs: number;
}

/** Returns the record of the file at `path`; undefined if there is none or it is broken, and the file is taken as it is. */
export function recordOf(path: string): FileRecord | undefined {
  try {
    const { url, size, sha256, mtimeMs } = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as FileRecord;
    return typeof sha256 === 'string' && typeof size === 'number' ? { url, size, sha256, mtimeMs } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes the record of a file. A cache may be read-only (an image of a container, a share) or full: without its record a
 * file is only read again to check it.
 */
export function writeRecord(path: string, record: FileRecord): void {
  const temporary = `${path}.json.${process.pid}`;
  try {
    writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
    renameSync(temporary, `${path}.json`);
  } catch (error) {
    if (!(diskFault(error) instanceof DownloadError)) throw error;
    tryRemove(temporary);
  }
}

const diskRemedies: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['ENOSPC', 'EDQUOT', 'EFBIG'].map((code) => [code, 'Make room'])),
  ...Object.fromEntries(['EACCES', 'EPERM', 'EROFS'].map((code) => [code, 'Make it writable'])),
  ...Object.fromEntries(['EIO', 'EISDIR', 'ENOTDIR', 'ENOENT', 'EMFILE'].map((code) => [code, 'Repair that'])),
};

/** Returns the error for the user if the disk is at fault, else the error itself. */
export function diskFault(error: unknown): unknown {
  const { code = '', message, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const remedy = diskRemedies[code];
  if (!remedy || !syscall) return error;
  const text = `the cache cannot be written: ${message}. ${remedy}, or set MOGANET_CACHE to another folder.`;
  return new DownloadError(text, { cause: error });
}

function tryRemove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // it could not be written either
  }
}

/** Says whether a complete file is there, judging by its size. Reads only its record. */
export function isCached(path: string): boolean {
  try {
    const facts = statSync(path);
    return facts.isFile() && (recordOf(path)?.size ?? facts.size) === facts.size;
  } catch {
    return false;
  }
}

/**
 * Makes sure that the file at `path` is the one that was downloaded (and the published one, if its `sha256` or the beginning
 * of it is known). Reads it only if it was written since. A file that somebody put there is recorded as first seen.
 *
 * @throws DownloadError if it is a different file
 */
export async function checkCached(path: string, url: string, published?: string): Promise<FileRecord> {
  const { size, mtimeMs } = statSync(path);
  const record = recordOf(path);
  const unchanged = record?.size === size && record.mtimeMs === mtimeMs;
  const sha256 = unchanged
    ? record.sha256
    : await sha256Of(path).catch((cause: Error) => {
        throw new DownloadError(`${path}: the file cannot be read: ${cause.message}. Make it readable.`, { cause });
      });
  const difference = !sha256.startsWith(published?.toLowerCase() ?? '')
    ? `its sha256 is ${sha256}, that of the published file begins with ${published}`
    : record && sha256 !== record.sha256
      ? `its sha256 is ${sha256}, it was ${record.sha256} when it was first seen`
      : undefined;
  if (difference) {
    throw new DownloadError(`${path}: this is a different file: ${difference}. Remove it and pull it again.`);
  }
  const now = { url: record?.url ?? url, size, sha256, mtimeMs };
  if (!unchanged) writeRecord(path, now);
  return now;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

export interface LockOptions {
  /** Called at every look at a lock that another process has. */
  readonly onWait?: ((owner: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Interval at which the owner touches the lock, and others look at it. */
  readonly beatMs?: number | undefined;
  /** Time without a touch after which the owner counts as gone: many beats, for machines under load. */
  readonly staleMs?: number | undefined;
}

export interface Lock {
  /** Says whether the lock still belongs to this process. Another may take it over if this one was stopped for long. */
  held(): boolean;
}

/**
 * Runs `work` while this process has the lock file at `path`, whose folder must exist. The owner touches the lock as long as it
 * lives. Others wait, and take over a lock that was not touched for a while. They measure that time themselves, so
 * neither different clocks nor reused process numbers matter.
 */
export async function withLock<T>(path: string, work: (lock: Lock) => Promise<T>, options: LockOptions = {}) {
  const { beatMs = 1000 } = options;
  const token = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  await acquire(path, token, options);
  const held = () => contentOf(path) === token;
  const release = () => {
    if (held()) rmSync(path, { force: true });
  };
  const beat = setInterval(() => {
    if (held()) touch(path);
  }, beatMs);
  beat.unref();
  process.once('exit', release);
  try {
    return await work({ held });
  } finally {
    clearInterval(beat);
    process.removeListener('exit', release);
    release();
  }
}

async function acquire(
  path: string,
  token: string,
  { onWait, signal, beatMs = 1000, staleMs = 15_000 }: LockOptions,
): Promise<void> {
  let seen = '';
  let since = 0;
  while (!create(path, token)) {
    signal?.throwIfAborted();
    const now = performance.now();
    const content = contentOf(path);
    const sight = `${content} ${statSync(path, { throwIfNoEntry: false })?.mtimeMs}`;
    if (sight !== seen) since = now;
    seen = sight;
    if (content !== undefined && now - since >= staleMs) takeAway(path, content);
    else {
      onWait?.(ownerOf(content));
      await pause(beatMs, signal);
    }
  }
}

/** Waits. @throws the signal's reason if it is aborted */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal?.throwIfAborted());
}

/** Creates the lock with its content at once: writes it under another name, then links it, which fails if the lock exists. */
function create(path: string, token: string): boolean {
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, token);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    // file systems without hard links
    return (error as NodeJS.ErrnoException).code !== 'EEXIST' && createPlain(path, token);
  } finally {
    tryRemove(temporary);
  }
}

function createPlain(path: string, token: string): boolean {
  try {
    writeFileSync(path, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes a stale lock away: one of several processes succeeds. A living lock that appeared meanwhile is put back. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // another process was faster
  }
  if (contentOf(aside) !== stale) {
    try {
      linkSync(aside, path);
    } catch {
      // its owner sees that it is lost before it takes the file over
    }
  }
  rmSync(aside, { force: true });
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // released just now
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // taken over just now: held() says so
  }
}

function ownerOf(content: string | undefined): string {
  try {
    const { pid, host } = JSON.parse(content ?? '') as { pid: number; host: string };
    return `process ${pid} on ${host}`;
  } catch {
    return 'another process';
  }
}
