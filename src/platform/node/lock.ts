import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * One process at a time for one file: a lock file beside it, which its owner touches as long as it lives. Others wait, and
 * take over a lock that nobody has touched for a while. They watch it for that long by themselves, so neither clocks
 * that differ nor process numbers that are used again matter.
 */

export interface LockOptions {
  /** Called at every look at a lock of somebody else. */
  readonly onWait?: (owner: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** How often the owner touches the lock, and others look at it. */
  readonly beatMs?: number;
  /** After how long without a touch the owner counts as gone: many beats, for machines under load. */
  readonly staleMs?: number;
}

export interface Lock {
  /** Whether nobody has taken it over, which happens to a process that was stopped for long. */
  held(): boolean;
}

/** Runs `work` while this process has the lock at `path`; its folder exists. */
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
      await delay(beatMs, undefined, signal ? { signal } : {});
    }
  }
}

/** The file appears with its content at once: written under another name, then linked, which fails where there is one. */
function create(path: string, token: string): boolean {
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, token);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // file systems without hard links
    return createPlain(path, token);
  } finally {
    rmSync(temporary, { force: true });
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

/** Of several that take a stale lock away one succeeds; a living lock that came in between is put back. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // another was faster
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
