/** Gives the thread back to whoever else has work: timers, clicks, an abort. */

/** Waits until due timers, clicks and messages have run. An engine that computes on the caller's thread blocks them. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
    // Node runs timers, I/O and immediates in turn: this waits for one round of all
    if (setImmediate) setTimeout(() => setImmediate(resolve), 0);
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
const stretchMs = 50;

/** Returns a function that long work calls between its steps. It waits for the next turn if the last one is a while ago. */
export function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < stretchMs) return;
    await nextTurn();
    since = performance.now();
  };
}
