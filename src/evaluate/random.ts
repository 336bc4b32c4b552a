/**
 * A generator of random numbers that gives the same numbers for the same seed, everywhere: xoshiro128** 1.1 (Blackman and
 * Vigna), its state filled by SplitMix32 from the seed. Not for secrets.
 */

/** Returns a function that draws whole numbers from 0 up to `limit` (exclusive). @param seed its lower 32 bits count */
export function randomFrom(seed: number): (limit: number) => number {
  let filling = seed >>> 0;
  const next = () => {
    filling = (filling + 0x9e3779b9) >>> 0;
    let z = filling;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  return (limit) => {
    const value = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return Math.floor((value / 2 ** 32) * limit);
  };
}

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** Draws `count` of `count` positions with replacement. */
export const resample = (count: number, draw: (limit: number) => number): Int32Array =>
  Int32Array.from({ length: count }, () => draw(count));
