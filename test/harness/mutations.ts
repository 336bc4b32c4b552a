/** Seeded changes to the bytes of files, for the mutation tests of all readers. */

/** Returns an integer from 0 up to, not including, the bound. */
export type Random = (below: number) => number;

/** Returns Mulberry32: the same numbers for the same seed everywhere. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

/** Values at which lengths, sizes and offsets are likely to break something. */
const numbers = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

const replaced = (bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array => {
  const result = new Uint8Array(from + by.length + bytes.length - to);
  result.set(bytes.subarray(0, from));
  result.set(by, from);
  result.set(bytes.subarray(to), from + by.length);
  return result;
};

const noBytes = new Uint8Array(0);

function pieceOf(bytes: Uint8Array, random: Random, most: number): Uint8Array {
  const from = random(bytes.length);
  return bytes.slice(from, from + 1 + random(most));
}

type Change = (bytes: Uint8Array, at: number, random: Random, donor: Uint8Array) => Uint8Array;

const changes: Readonly<Record<string, Change>> = {
  flip: (bytes, at, random) => replaced(bytes, at, at + 1, Uint8Array.of(bytes[at]! ^ (1 << random(8)))),
  set: (bytes, at, random) => replaced(bytes, at, at + 1, Uint8Array.of(random(256))),
  cut: (bytes, at) => bytes.slice(0, at),
  remove: (bytes, at, random) => replaced(bytes, at, Math.min(bytes.length, at + 1 + random(20)), noBytes),
  insert: (bytes, at, random) =>
    replaced(
      bytes,
      at,
      at,
      Uint8Array.from({ length: 1 + random(20) }, () => random(256)),
    ),
  repeat: (bytes, at, random) => replaced(bytes, at, at, pieceOf(bytes, random, 40)),
  /** Puts in the end or a piece of another file. */
  splice: (bytes, at, random, donor) => {
    if (random(2)) return replaced(bytes, at, bytes.length, donor.subarray(random(donor.length)));
    const piece = pieceOf(donor, random, 200);
    return replaced(bytes, at, Math.min(bytes.length, at + piece.length), piece);
  },
  /** Overwrites a field of 1, 2, 4 or 8 bytes, in either byte order. */
  length: (bytes, at, random) => {
    const width = 2 ** random(4);
    if (at + width > bytes.length) return bytes;
    const field = new DataView(new ArrayBuffer(8));
    const little = random(2) === 1;
    const value = numbers[random(numbers.length)]!;
    field.setBigUint64(0, BigInt(value) << (random(8) === 0 ? 31n : 0n), little);
    const raw = new Uint8Array(field.buffer);
    return replaced(bytes, at, at + width, little ? raw.subarray(0, width) : raw.subarray(8 - width));
  },
};
const kinds = Object.values(changes);

/** Changes a file one to four times. `donors` are the files that pieces may come from. */
export function mutated(bytes: Uint8Array, random: Random, donors: readonly Uint8Array[] = [bytes]): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let times = 1 + random(4); times > 0 && result.length > 8; times--) {
    const change = kinds[random(kinds.length)]!;
    result = change(result, random(result.length), random, donors[random(donors.length)]!);
  }
  return result;
}
