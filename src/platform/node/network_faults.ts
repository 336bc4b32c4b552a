import { DownloadError } from '../../errors.ts';

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
