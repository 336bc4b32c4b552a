/**
 * The loops over bytes of writing PNG, in AssemblyScript with 128-bit SIMD: the filter `Up`, the checksum of zlib, and deflate with runs
 * of one byte and literals. Pointers are bytes in the module's memory, in which the host decides what lies where: the module allocates
 * nothing. `scripts/bake_png.ts` compiles it.
 */

/** The place of the next bit, in bits of the memory. Its byte has the bits before, and zeros. */
let position: u64 = 0;

/** Says where the next bits go. */
export function writeTo(at: usize): void {
  position = (<u64>at) << 3;
  store<u8>(at, 0);
}

/** Writes at most 32 bits, the lowest first. */
export function put(value: u32, count: u32): void {
  position = written(position, value, count);
}

/** Fills the last byte with zeros. */
export function align(): void {
  position = (position + 7) & ~7;
}

/** Returns where the next byte goes. */
export function end(): usize {
  return <usize>(position >> 3);
}

/** Writes at most 56 bits, the lowest first, and zeros up to the end of 8 bytes. Returns the place after the bits. */
// @ts-ignore: decorator
@inline
function written(at: u64, bits: u64, count: u64): u64 {
  const byte = <usize>(at >> 3);
  store<u64>(byte, <u64>load<u8>(byte) | (bits << (at & 7)));
  return at + count;
}

/**
 * Filters rows of RGBA: each byte less the one above. A row becomes its filter's number and its pixels, of 3 channels without alpha.
 * The row above the first one lies before it.
 *
 * @param to may be touched 4 bytes beyond the end
 */
export function filterUp(rows: usize, width: i32, count: i32, channels: i32, to: usize): void {
  const stride: usize = (<usize>width) << 2;
  const fours: usize = (<usize>(width >> 2)) << 4;
  for (let y = 0; y < count; y++, rows += stride) {
    store<u8>(to++, 2);
    const above = rows - stride;
    let x: usize = 0;
    if (channels == 3) {
      for (; x < fours; x += 16, to += 12) {
        const rest = i8x16.sub(v128.load(rows + x), v128.load(above + x));
        v128.store(to, i8x16.swizzle(rest, i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 16, 16, 16)));
      }
    } else {
      for (; x < fours; x += 16, to += 16) v128.store(to, i8x16.sub(v128.load(rows + x), v128.load(above + x)));
    }
    for (; x < stride; x += 4, to += <usize>channels) {
      for (let c: usize = 0; c < <usize>channels; c++) {
        store<u8>(to + c, load<u8>(rows + x + c) - load<u8>(above + x + c));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function sumOf(lanes: v128): u32 {
  return (
    <u32>i32x4.extract_lane(lanes, 0) +
    <u32>i32x4.extract_lane(lanes, 1) +
    <u32>i32x4.extract_lane(lanes, 2) +
    <u32>i32x4.extract_lane(lanes, 3)
  );
}

/** Returns the Adler-32 of the bytes that gave `previous`, followed by `count` bytes. */
export function adler32(at: usize, count: i32, previous: u32): u32 {
  let low: u32 = previous & 0xffff;
  let high: u32 = previous >>> 16;
  const end = at + <usize>count;
  while (at < end) {
    // 5552 is the longest run before `high` could pass 2^32 (zlib's NMAX), and a multiple of 16
    const stop = min(at + 5552, end);
    const blocks: u32 = <u32>(stop - at) >> 4;
    let sum = i32x4.splat(0); // of the bytes
    let before = i32x4.splat(0); // of `sum` at the start of each block
    let inside = i32x4.splat(0); // of each byte times the bytes that its block has from it on
    for (let i: u32 = 0; i < blocks; i++, at += 16) {
      const x = v128.load(at);
      before = i32x4.add(before, sum);
      sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(x)));
      inside = i32x4.add(
        inside,
        i32x4.add(
          i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(x), i16x8(16, 15, 14, 13, 12, 11, 10, 9)),
          i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(x), i16x8(8, 7, 6, 5, 4, 3, 2, 1)),
        ),
      );
    }
    high += 16 * blocks * low + 16 * sumOf(before) + sumOf(inside);
    low += sumOf(sum);
    for (; at < stop; at++) {
      low += <u32>load<u8>(at);
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return (high << 16) | low;
}

/** The bytes that are looked at together for runs. */
const group = 12;

/** Tells, in bit i of 16, whether the byte i after `at` equals the one before it. */
// @ts-ignore: decorator
@inline
function equalsAt(at: usize): i32 {
  return i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(at - 1)));
}

/** Tells, in bit i of the bytes of a group, whether a run begins i bytes after the first: three bytes equal to the one before. */
// @ts-ignore: decorator
@inline
function runsIn(equal: i32): i32 {
  return equal & (equal >> 1) & (equal >> 2) & ((1 << group) - 1);
}

/**
 * Returns how many bytes equal the one before from `at` on: at most 258, as deflate has it. Most runs end among the 16 bytes that are looked at.
 *
 * @param begin the bit of `at` in `equal`
 */
// @ts-ignore: decorator
@inline
function runLength(equal: i32, begin: i32, at: usize, to: usize): usize {
  const length = ctz(~(equal >> begin));
  if (begin + length < 16) return <usize>length;
  const end = min(at + 258, to);
  const value = load<u8>(at);
  let i = at + <usize>length;
  while (i < end && load<u8>(i) == value) i++;
  return i - at;
}

// @ts-ignore: decorator
@inline
function increase(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}

/** Counts four literals in four tables: counting one value twice in a row would wait for the first. */
// @ts-ignore: decorator
@inline
function countFour(four: u32, counts: usize): void {
  increase(counts + ((four & 255) << 2));
  increase(counts + 1024 + (((four >> 8) & 255) << 2));
  increase(counts + 2048 + (((four >> 16) & 255) << 2));
  increase(counts + 3072 + ((four >> 24) << 2));
}

/**
 * Counts what a part of a block consists of: to `counts`, 4 × 256 numbers whose sums are those of the literals, and to `runs`, 259 numbers, the runs
 * by their length.
 *
 * @param from at least one byte before `to`
 */
export function count(from: usize, to: usize, counts: usize, runs: usize): void {
  let i = from;
  increase(counts + ((<usize>load<u8>(i++)) << 2));
  while (i + 16 <= to) {
    const equal = equalsAt(i);
    const found = runsIn(equal);
    if (!found) {
      countFour(load<u32>(i), counts);
      countFour(load<u32>(i + 4), counts);
      countFour(load<u32>(i + 8), counts);
      i += group;
      continue;
    }
    const begin = ctz(found);
    for (const end = i + <usize>begin; i < end; i++) increase(counts + ((<usize>load<u8>(i)) << 2));
    const length = runLength(equal, begin, i, to);
    increase(runs + (length << 2));
    i += length;
  }
  for (; i < to; i++) increase(counts + ((<usize>load<u8>(i)) << 2));
}

/**
 * Writes a block without its end, of literals and runs as `count` tells them.
 *
 * @param codes of the 256 literals: the lower 8 bits of a word are the length of a code, at most 14, the upper ones its bits. Four
 *   are 56.
 * @param runs the codes of runs by their length, with their distance, at most 24 bits
 */
export function emit(from: usize, to: usize, codes: usize, runs: usize): void {
  let at = position; // not the global, which each step would load and store
  let i = from;
  let isFirst = true; // a literal: a run repeats the byte before
  while (i < to) {
    if (isFirst || i + 16 > to) {
      const one = <u64>load<u32>(codes + ((<usize>load<u8>(i++)) << 2));
      at = written(at, one >> 8, one & 255);
      isFirst = false;
      continue;
    }
    const equal = equalsAt(i);
    const found = runsIn(equal);
    const begin = found ? ctz(found) : group;
    for (const stop = i + <usize>(begin & ~3); i < stop; i += 4) {
      const four = load<u32>(i);
      const a = <u64>load<u32>(codes + ((four & 255) << 2));
      const b = <u64>load<u32>(codes + (((four >> 8) & 255) << 2));
      const c = <u64>load<u32>(codes + (((four >> 16) & 255) << 2));
      const d = <u64>load<u32>(codes + ((four >> 24) << 2));
      const both = (a >> 8) | ((b >> 8) << (a & 255));
      at = written(at, both | (((c >> 8) | ((d >> 8) << (c & 255))) << ((a + b) & 255)), (a + b + c + d) & 255);
    }
    if (!found) continue;
    // up to three literals, without a branch, which would be mispredicted
    const four = load<u32>(i);
    const a = <u64>load<u32>(codes + ((four & 255) << 2)) & (begin & 3 ? <u64>-1 : 0);
    const b = <u64>load<u32>(codes + (((four >> 8) & 255) << 2)) & (begin & 2 ? <u64>-1 : 0);
    const c = <u64>load<u32>(codes + (((four >> 16) & 255) << 2)) & ((begin & 3) == 3 ? <u64>-1 : 0);
    at = written(at, (a >> 8) | ((b >> 8) << (a & 255)) | ((c >> 8) << ((a + b) & 255)), (a + b + c) & 255);
    i += <usize>(begin & 3);
    const length = runLength(equal, begin, i, to);
    const code = <u64>load<u32>(runs + (length << 2));
    at = written(at, code >> 8, code & 255);
    i += length;
  }
  position = at;
}
