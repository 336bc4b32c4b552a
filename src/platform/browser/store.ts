import { type AnswerCache, pageGlobals } from '../../globals.ts';

/**
 * Files of weights that the browser keeps between visits, by URL, in a cache of the page (Cache API). A copy is taken only if the server
 * still has the same file, or cannot be asked; a copy of another length than it had is fetched again.
 */

/** The name of the cache, unless the caller gives another. */
const usualCache = 'moganet-weights';

/** The header of a kept answer with the length of its body. The `content-length` of a compressed answer is another. */
const lengthHeader = 'x-file-length';

/** Headers that change with the file. Of another origin's answer a page sees the last two. */
const marks = ['etag', 'last-modified', 'content-length'];

type OnNotice = ((text: string) => void) | undefined;

/** A kept file. */
export interface Kept {
  readonly blob: Blob;
  /** What the server said of the file. */
  readonly marks: Readonly<Record<string, string>>;
  /** When it was fetched, as HTTP writes dates. Empty if that is not known. */
  readonly date: string;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message || cause.name : `${cause}`);
const again = 'The file will be downloaded again next time.';

/** Files under their URLs. */
export class Store {
  private constructor(
    private readonly answers: AnswerCache,
    private readonly onNotice: OnNotice,
  ) {}

  /** Opens a cache by name. Returns undefined, and says why, if this page has none. */
  static async open(cache: boolean | string | undefined, onNotice: OnNotice): Promise<Store | undefined> {
    if (cache === false) return undefined;
    const { caches } = pageGlobals();
    if (!caches) {
      onNotice?.(`The weights are not kept: the browser keeps files of pages by https: only. ${again}`);
      return undefined;
    }
    try {
      return new Store(await caches.open(typeof cache === 'string' ? cache : usualCache), onNotice);
    } catch (cause) {
      onNotice?.(
        `The weights are not kept: this browser does not let the page store files (${messageOf(cause)}). ${again}`,
      );
      return undefined;
    }
  }

  /** Returns a kept file. Undefined if there is none, or it is damaged. */
  async find(url: string): Promise<Kept | undefined> {
    try {
      const answer = await this.answers.match(url);
      if (!answer) return undefined;
      const blob = await answer.blob();
      const length = answer.headers.get(lengthHeader);
      if (length === null || Number(length) === blob.size)
        return { blob, marks: marksOf(answer), date: answer.headers.get('date') ?? '' };
      this.onNotice?.(`The kept copy of ${url} has ${blob.size} bytes, not ${length}: the file is downloaded again.`);
    } catch (cause) {
      this.onNotice?.(`The kept copy of ${url} cannot be read (${messageOf(cause)}): the file is downloaded again.`);
    }
    await this.forget(url);
    return undefined;
  }

  /** Keeps a file. If there is no room for it, or the browser refuses, says so and goes on. */
  async keep(url: string, blob: Blob, answer: Response): Promise<void> {
    const notKept = (why: string) => this.onNotice?.(`${url} (${megabytes(blob.size)}) is not kept: ${why}. ${again}`);
    try {
      const { quota, usage = 0 } = (await pageGlobals().navigator?.storage?.estimate?.()) ?? {};
      if (quota !== undefined && quota - usage < blob.size) {
        notKept(`the storage of this page is full (${megabytes(usage)} of ${megabytes(quota)} are used)`);
        return;
      }
      const date = answer.headers.get('date') ?? new Date().toUTCString();
      const headers = { ...marksOf(answer), date, [lengthHeader]: `${blob.size}` };
      await this.answers.put(url, new Response(blob, { headers }));
    } catch (cause) {
      const full = (cause as { name?: unknown } | undefined)?.name === 'QuotaExceededError';
      notKept(full ? 'the storage of this page is full' : messageOf(cause));
    }
  }

  /** Forgets a file. */
  async forget(url: string): Promise<void> {
    await this.answers.delete(url).catch(() => false); // it will be replaced
  }
}

/** Returns what an answer says of the file. */
function marksOf({ headers }: Response): Readonly<Record<string, string>> {
  return Object.fromEntries(
    marks.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

/** How long the server has to say whether it still has the file. */
const askMs = 10_000;

/**
 * Asks the server if it still has the file of a copy. `unknown` if it cannot be asked.
 *
 * @returns `changed` also if the answer is a refusal, so that fetching the file says which
 */
export async function stateOf(
  url: string,
  kept: Kept,
  signal: AbortSignal | undefined,
): Promise<'same' | 'changed' | 'unknown'> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), askMs);
  try {
    const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const request = { method: 'HEAD', cache: 'no-cache', signal: both } as const; // Node's types know no `cache`
    const answer = await fetch(url, request);
    if (answer.status >= 500 || answer.status === 405) return 'unknown';
    if (!answer.ok) return 'changed';
    const now = marksOf(answer);
    const compared = marks.filter((name) => now[name] !== undefined && kept.marks[name] !== undefined);
    if (compared.length === 0) return 'changed'; // nothing tells that it is the same
    return compared.every((name) => now[name] === kept.marks[name]) ? 'same' : 'changed';
  } catch {
    signal?.throwIfAborted();
    return 'unknown';
  } finally {
    clearTimeout(timer);
  }
}
