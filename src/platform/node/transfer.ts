import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { DownloadError } from '../../errors.ts';
import { elsewhere, faultOf, Interruption, refusalOf } from './network_faults.ts';

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
