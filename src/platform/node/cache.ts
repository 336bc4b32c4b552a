import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DownloadError } from '../../errors.ts';

/**
 * The folder of pulled weights. A file there has the name its publisher gave it, and beside it `<name>.json` says where it
 * came from and what it was. Unfinished files have other names (`.part`), so that what bears the name is whole.
 */

export interface FileRecord {
  readonly url: string;
  readonly size: number;
  /** Of the bytes that were first seen under this name, in hex. */
  readonly sha256: string;
  /** When the file was last written: while it is the same, the bytes are not read again to check them. */
  readonly mtimeMs: number;
}

/** `MOGANET_CACHE`, or where the system keeps what programs can fetch again. */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
): string {
  if (env.MOGANET_CACHE) return env.MOGANET_CACHE;
  const home = homedir();
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'moganet', 'Cache');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'moganet');
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'moganet');
}

/** What is known of the file at `path`; undefined where nothing is. */
export function recordOf(path: string): FileRecord | undefined {
  try {
    const { url, size, sha256, mtimeMs } = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as FileRecord;
    return typeof sha256 === 'string' && typeof size === 'number' ? { url, size, sha256, mtimeMs } : undefined;
  } catch {
    return undefined; // none, or cut short: the file itself is then taken as it is
  }
}

export function writeRecord(path: string, record: FileRecord): void {
  const temporary = `${path}.json.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(temporary, `${path}.json`);
}

/** Whether a whole file is there, as far as its size tells. Fast: nothing is read but its record. */
export function isCached(path: string): boolean {
  try {
    const facts = statSync(path);
    return facts.isFile() && (recordOf(path)?.size ?? facts.size) === facts.size;
  } catch {
    return false;
  }
}

/**
 * Makes sure that the file at `path` is the one that was pulled (and the published one, where `sha256`, or the beginning
 * of it, is known). Reads it only where it was written since. A file that somebody put there is recorded as first seen.
 *
 * @throws DownloadError where it is another one
 */
export async function checkCached(path: string, url: string, published?: string): Promise<FileRecord> {
  const { size, mtimeMs } = statSync(path);
  const record = recordOf(path);
  const unchanged = record?.size === size && record.mtimeMs === mtimeMs;
  const sha256 = unchanged ? record.sha256 : await sha256Of(path);
  const other = !sha256.startsWith(published?.toLowerCase() ?? '')
    ? `its sha256 is ${sha256}, that of the published file begins with ${published}`
    : record && sha256 !== record.sha256
      ? `its sha256 is ${sha256}, it was ${record.sha256} when it was first seen`
      : undefined;
  if (other) throw new DownloadError(`${path}: this is another file: ${other}. Remove it and pull it again.`);
  const now = { url: record?.url ?? url, size, sha256, mtimeMs };
  if (!unchanged) writeRecord(path, now);
  return now;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
