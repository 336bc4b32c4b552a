import type { Source } from './source.ts';

/** Checksums and deflate data, as zip and PNG use them. */

/** The CRC-32 (polynomial 0xEDB88320) of each byte. */
const t0 = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
/** The CRC of one zero byte more: with eight tables, a step takes eight bytes. */
const next = (table: Int32Array): Int32Array => table.map((before) => (before >>> 8) ^ t0[before & 255]!);
const t1 = next(t0);
const t2 = next(t1);
const t3 = next(t2);
const t4 = next(t3);
const t5 = next(t4);
const t6 = next(t5);
const t7 = next(t6);

/** Returns the CRC-32 of the bytes that gave `previous`, followed by `bytes`. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc =
      t7[crc & 255]! ^
      t6[(crc >>> 8) & 255]! ^
      t5[(crc >>> 16) & 255]! ^
      t4[crc >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}

/** Returns the Adler-32, the checksum of zlib data, of the bytes that gave `previous`, followed by `bytes`. */
export function adler32(bytes: Uint8Array, previous = 1): number {
  let low = previous & 0xffff;
  let high = previous >>> 16;
  // 5552 is the longest run before `high` could pass 2^32 (zlib's NMAX)
  for (let i = 0; i < bytes.length; ) {
    const stop = Math.min(i + 5552, bytes.length);
    // four at a time: a sum of one after another would wait for each addition
    for (const end = stop - 3; i < end; i += 4) {
      const a = bytes[i]!;
      const b = bytes[i + 1]!;
      const c = bytes[i + 2]!;
      const d = bytes[i + 3]!;
      high += 4 * (low + a) + 3 * b + 2 * c + d;
      low += a + b + c + d;
    }
    for (; i < stop; i++) {
      low += bytes[i]!;
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}

const blockBytes = 2 ** 18;

/**
 * Inflates raw deflate data at `offset` of a source, block by block, with the platform's decoder.
 *
 * @throws the platform's error if the data is not a deflate stream
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
    // also reached on failure, and when the caller stops early: nothing may stay pending
    stopped = true;
    await Promise.allSettled([reader.cancel(), writer.abort()]);
    await feeding;
  }
  if (failure) throw failure;
}
