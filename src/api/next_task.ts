/**
 * Waits until timers, clicks, messages and answers that are due have had their turn: what an engine that computes on the
 * caller's own thread keeps waiting, an abort among them.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as { setImmediate?: (task: () => void) => void };
    // in Node timers, input and output and immediates have their turns one after the other: one round of all
    if (setImmediate) setTimeout(() => setImmediate(resolve), 0);
    else {
      // a page's timers wait 4 ms, and a second in a hidden tab; messages do not
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }
  });
}
