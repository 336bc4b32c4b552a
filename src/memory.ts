/**
 * Frees memory at once: what is sent to a closed port is gone. The garbage collector counts it as external and may let it be for as long
 * as a program runs. Views of the memory have no values afterwards.
 *
 * @param buffers may name one several times
 */
export function freeMemory(buffers: Iterable<ArrayBuffer>): void {
  const { port1: nowhere } = new MessageChannel();
  nowhere.close();
  nowhere.postMessage(
    undefined,
    [...new Set(buffers)].filter(({ byteLength }) => byteLength > 0),
  );
}
