import type { Source } from '../formats/source.ts';

/**
 * Returns a source whose reads end as soon as the signal is aborted, however long the file system or the network takes.
 *
 * @throws the signal's reason, from every read
 */
export function heeding<T extends Source>(source: T, signal: AbortSignal | undefined): T {
  if (!signal) return source;
  const { readInto, beside } = source;
  return {
    ...source,
    read: (offset, length) => orAborted(signal, () => source.read(offset, length)),
    readInto: readInto && ((target, offset) => orAborted(signal, () => readInto(target, offset))),
    beside: beside && (async (name) => heeding(await orAborted(signal, () => beside(name)), signal)),
  };
}

/** Waits for work, or for the abort if that comes first. @throws the signal's reason */
export async function orAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (!signal) return work();
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    stop();
  }
}
