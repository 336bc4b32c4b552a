import type { Source } from '../formats/source.ts';
import { orAborted } from '../turn.ts';

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
