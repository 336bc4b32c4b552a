/** Memory that is given away: to another thread, or to nobody. */

/** Returns what a message can move of some memory: each buffer once, and none that is empty or was moved before. */
export const movable = (buffers: Iterable<ArrayBuffer>): ArrayBuffer[] =>
  [...new Set(buffers)].filter(({ byteLength }) => byteLength > 0);

/**
 * Frees memory at once: what is sent to a closed port is gone. The garbage collector counts it as external and may let it be for as long
 * as a program runs. Views of the memory have no values afterwards.
 *
 * @param buffers may name one several times
 */
export function freeMemory(buffers: Iterable<ArrayBuffer>): void {
  nowhere ??= closedPort();
  nowhere.postMessage(undefined, movable(buffers));
}

/** Made at the first use, so that importing this module does nothing. */
let nowhere: ReturnType<typeof closedPort> | undefined;

function closedPort() {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
