/** Work on the items of a list or stream that starts before the results of earlier items were taken. */

/** Items that are at hand, or that come over time. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

export interface AheadOptions {
  /** Items that are at work or done and not taken. The source is asked for no more than these. */
  readonly most: number;
  /** Ends the loop with the signal's reason, also while the source gives nothing. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Yields the outcome of every item in the order of the items. If the caller leaves the loop, or the source or the signal ends it, the
 * signal of `work` is aborted, the work that has begun is waited for, and the source is closed.
 *
 * @param work starts the work on an item; called as soon as there is room
 */
export async function* ahead<T, R>(
  source: Source<T>,
  work: (item: T, index: number, signal: AbortSignal) => Promise<R>,
  { most, signal }: AheadOptions,
): AsyncGenerator<PromiseSettledResult<R>, void, undefined> {
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { signal: stop.signal });
  });
  aborted.catch(() => {}); // it is only heard while the loop waits
  const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const begun: Promise<PromiseSettledResult<R>>[] = [];
  let next: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  let index = 0;
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (!ended && begun.length < most) next ??= Promise.resolve(items.next());
      if (ended && begun.length === 0) return;
      const [first] = begun;
      const item = await Promise.race([
        aborted,
        ...(next && begun.length < most ? [next] : []),
        ...(first ? [first.then(() => undefined)] : []),
      ]);
      if (item === undefined) {
        yield await (begun.shift() as (typeof begun)[number]); // held nowhere else, so that it can be freed
      } else if (item.done) {
        [ended, next] = [true, undefined];
      } else {
        next = undefined;
        begun.push(settled(work(item.value, index++, either)));
      }
    }
  } finally {
    stop.abort();
    await Promise.all(begun);
    // a source that is still asked for an item would close only after it
    const closing = ended ? undefined : Promise.resolve(items.return?.()).catch(() => {});
    if (!next) await closing;
    next?.catch(() => {});
  }
}

const settled = async <R>(work: Promise<R>): Promise<PromiseSettledResult<R>> => (await Promise.allSettled([work]))[0];
