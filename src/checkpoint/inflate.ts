import type { Source } from './source.ts';

const blockBytes = 2 ** 18;

/**
 * Inflates raw deflate data at `offset` of a source, block by block, with the platform's decoder.
 *
 * @throws whatever the platform throws where the data is no deflate stream.
 */
export async function* inflate(source: Source, offset: number, length: number): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream('deflate-raw');
  const writer = writable.getWriter();
  const reader = readable.getReader();
  let stopped = false;
  let failure: unknown;
  const feed = async () => {
    for (let at = 0; at < length && !stopped; at += blockBytes) {
      // a copy: the stream may detach or keep what it is given
      await writer.write((await source.read(offset + at, Math.min(blockBytes, length - at))).slice());
    }
    if (!stopped) await writer.close();
  };
  const feeding = feed().catch((error) => {
    failure ??= error;
  });
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      yield value;
    }
  } finally {
    // reached on failure and when the caller has enough, too: nothing may stay pending
    stopped = true;
    await Promise.allSettled([reader.cancel(), writer.abort()]);
    await feeding;
  }
  if (failure) throw failure;
}
