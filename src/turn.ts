/** Gives the thread back to whoever else has work: timers, clicks, an abort. And waits that an abort ends. */

/** Waits until due timers, clicks and messages have run. An engine that computes on the caller's thread blocks them. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
    // Node runs timers, I/O and immediates in turn: between two immediates lies one round of all. A timer would wait a millisecond.
    if (setImmediate) setImmediate(() => setImmediate(resolve));
    else {
      // timers of a page wait 4 ms, and a second in a hidden tab; messages do not wait
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }
  });
}

/** Time after which long work gives the thread back. */
const stretchMs = 8;

/**
 * Returns a function that long work calls between its steps. If the last turn is a while ago, it waits for the next one, and then rejects
 * with the reason of an abort; else it returns undefined.
 */
export function breather(signal?: AbortSignal): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < stretchMs) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
      signal?.throwIfAborted();
    });
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
