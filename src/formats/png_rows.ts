import type { Raster } from '../image/raster.ts';
import type { Sliced } from '../slices.ts';
import { codeLengths, codesOf } from './huffman.ts';
import { pngModule } from './png_rows.data.ts';

/**
 * Rows of pixels to the compressed data of a PNG: the filter `Up`, and deflate with literals and runs of one byte, as zlib's `Z_RLE` has
 * it. Filtered photos have few other repetitions. A band of rows is a block with codes of its own. The loops over bytes are WebAssembly
 * (`assembly/png.ts`), which takes a third of the time of zlib; codes and headers are made here.
 */

interface Loops {
  readonly memory: WebAssembly.Memory;
  writeTo(at: number): void;
  put(value: number, count: number): void;
  align(): void;
  end(): number;
  filterUp(rows: number, width: number, count: number, channels: number, to: number): void;
  adler32(at: number, count: number, previous: number): number;
  count(from: number, to: number, counts: number, runs: number): void;
  emit(from: number, to: number, codes: number, runs: number): void;
}

/** Bytes of the filtered rows of a block. */
const blockBytes = 2 ** 18;
const pageBytes = 2 ** 16;
/** Memory above which loops are not kept for the next image. */
const keptBytes = 2 ** 23;

const longestRun = 258;
/** The memory begins with the counts and codes of literals. Those of runs follow, and then the rows. */
const literalsAt = 0;
const runsAt = 4 * 4 * 256;
const rowsAt = runsAt + 4 * (longestRun + 2);
/** The loops read and write up to so many bytes too far. */
const slack = 16;

const endOfBlock = 256;
const codesOfLiterals = endOfBlock + 1 + 29;
/** Four of them are the 56 bits that the loops write at a time. */
const longestCode = 14;

/** The symbol of each length of a run, and the bits that follow its code (RFC 1951, 3.2.5). */
const runSymbols = new Uint16Array(longestRun + 1);
const extraBits = new Uint8Array(longestRun + 1);
const extraValues = new Uint8Array(longestRun + 1);
for (let symbol = endOfBlock + 1, length = 3; symbol < codesOfLiterals - 1; symbol++) {
  const extra = Math.max(0, ((symbol - endOfBlock - 1) >> 2) - 1);
  for (let value = 0; value < 2 ** extra && length < longestRun; value++, length++) {
    runSymbols[length] = symbol;
    extraBits[length] = extra;
    extraValues[length] = value;
  }
}
runSymbols[longestRun] = codesOfLiterals - 1;

/** Loops with their memory that no image uses now. */
const idle: Loops[] = [];
let compiled: Promise<WebAssembly.Module> | undefined;

async function freeLoops(): Promise<Loops> {
  const free = idle.pop();
  if (free) return free;
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(pngModule), (character) => character.charCodeAt(0)));
  return new WebAssembly.Instance(await compiled, {}).exports as unknown as Loops;
}

/**
 * Compresses the rows of a raster to a zlib stream.
 *
 * @param work does the slices of a band each, and may do something else in between
 * @param take reads the stream, whose memory the next image gets
 */
export async function compressRows<T>(
  raster: Raster,
  channels: 3 | 4,
  work: (slices: Sliced<Uint8Array>) => Promise<Uint8Array>,
  take: (stream: Uint8Array) => T,
): Promise<T> {
  const loops = await freeLoops();
  const taken = take(await work(bandSlices(loops, raster, channels)));
  if (loops.memory.buffer.byteLength <= keptBytes) idle.push(loops);
  return taken;
}

function* bandSlices(loops: Loops, { width, height, data }: Raster, channels: 3 | 4): Sliced<Uint8Array> {
  const stride = 4 * width;
  const rowBytes = 1 + width * channels;
  const rows = Math.min(height, Math.max(1, Math.floor(blockBytes / rowBytes)));
  const firstAt = rowsAt + stride; // after the row above
  const filteredAt = firstAt + rows * stride + slack;
  const outAt = filteredAt + rows * rowBytes + slack;
  let memory = memoryOf(loops, outAt + 2);
  let sum = 1;
  memory.fill(0, rowsAt, firstAt);
  memory.set([0x78, 0x01], outAt); // zlib's header
  loops.writeTo(outAt + 2);
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    const above = Math.min(y, 1);
    memory = memoryOf(loops, endOf(loops) + mostBytes(rows * rowBytes));
    memory.set(data.subarray((y - above) * stride, (y + count) * stride), firstAt - above * stride);
    loops.filterUp(firstAt, width, count, channels, filteredAt);
    sum = loops.adler32(filteredAt, count * rowBytes, sum) >>> 0;
    writeBlock(loops, memory, filteredAt, filteredAt + count * rowBytes, y + count === height);
    yield;
  }
  const end = endOf(loops);
  new DataView(memory.buffer).setUint32(end, sum);
  return memory.subarray(outAt, end + 4);
}

/** Returns the most bytes of a block: a code that is the best for its data takes at most 9 bits of a byte, and a header is short. */
const mostBytes = (bytes: number): number => 2 * bytes + 1024;

const endOf = (loops: Loops): number => loops.end() >>> 0;

function memoryOf({ memory }: Loops, bytes: number): Uint8Array {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
  return new Uint8Array(memory.buffer);
}

function writeBlock(loops: Loops, memory: Uint8Array, from: number, to: number, isLast: boolean): void {
  const words = new Uint32Array(memory.buffer, 0, rowsAt / 4);
  words.fill(0);
  const lengths = codeLengths(counted(loops, words, from, to), longestCode);
  const codes = codesOf(lengths);
  for (let byte = 0; byte < 256; byte++) words[byte] = (codes[byte]! << 8) | lengths[byte]!;
  for (let run = 3; run <= longestRun; run++) {
    const symbol = runSymbols[run]!;
    const length = lengths[symbol]!;
    // the code of the distance 1 is one bit, 0
    const bits = length + extraBits[run]! + 1;
    words[runsAt / 4 + run] = ((codes[symbol]! | (extraValues[run]! << length)) << 8) | bits;
  }
  loops.put((isLast ? 1 : 0) | (2 << 1), 3);
  writeCodes(loops, lengths);
  loops.emit(from, to, literalsAt, runsAt);
  loops.put(codes[endOfBlock]!, lengths[endOfBlock]!);
  if (isLast) loops.align();
}

const stretchBytes = 2 ** 12;
/** One of so many stretches of a photo is counted. */
const sampled = 4;

/**
 * Returns how often each symbol occurs. Some stretches of a photo stand for all, which saves time: codes for them are as good for the rest.
 * Each symbol then counts at least once, as it may occur in the rest. If most bytes are in runs, such codes would cost more than the time
 * is worth, so everything is counted, from end to end as it is written: a run that is cut in two has other symbols.
 */
function counted(loops: Loops, words: Uint32Array, from: number, to: number): Uint32Array {
  for (let at = from; at < to; at += sampled * stretchBytes) {
    loops.count(at, Math.min(at + stretchBytes, to), literalsAt, runsAt);
  }
  const literals = words.subarray(0, runsAt / 4).reduce((sum, count) => sum + count, 0);
  const isPhoto = literals > (to - from) / (2 * sampled);
  if (!isPhoto) {
    words.fill(0);
    loops.count(from, to, literalsAt, runsAt);
  }
  const counts = new Uint32Array(codesOfLiterals).fill(isPhoto ? 1 : 0);
  for (let byte = 0; byte < 256; byte++) {
    counts[byte]! += words[byte]! + words[256 + byte]! + words[512 + byte]! + words[768 + byte]!;
  }
  counts[endOfBlock] = 1;
  for (let run = 3; run <= longestRun; run++) counts[runSymbols[run]!]! += words[runsAt / 4 + run]!;
  return counts;
}

/** In which order deflate writes the lengths of the codes of lengths. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Symbols 16, 17 and 18: how many lengths they stand for at least, and how many bits say how many more. */
const repeats = { 16: [3, 2], 17: [3, 3], 18: [11, 7] } as const;

/** Writes the lengths of the codes of a block. Distances have two of one bit: some readers refuse a single one. */
function writeCodes(loops: Loops, lengths: Uint8Array): void {
  let literals = codesOfLiterals;
  while (lengths[literals - 1] === 0) literals--;
  const tokens = tokensOf([...lengths.subarray(0, literals), 1, 1]);
  const counts = new Uint32Array(19);
  for (const { symbol } of tokens) counts[symbol]!++;
  const own = codeLengths(counts, 7);
  const codes = codesOf(own);
  let written = 19;
  while (own[lengthOrder[written - 1]!] === 0) written--;
  loops.put(literals - 257, 5);
  loops.put(2 - 1, 5);
  loops.put(written - 4, 4);
  for (const symbol of lengthOrder.slice(0, written)) loops.put(own[symbol]!, 3);
  for (const { symbol, more } of tokens) {
    loops.put(codes[symbol]!, own[symbol]!);
    if (symbol === 16 || symbol === 17 || symbol === 18) loops.put(more, repeats[symbol][1]);
  }
}

interface LengthToken {
  /** A length, or one of `repeats`. */
  readonly symbol: number;
  /** How many lengths more than the least of `repeats`. */
  readonly more: number;
}

/** Shortens repetitions: 16 repeats the length before, 17 and 18 stand for zeros. */
function tokensOf(lengths: readonly number[]): LengthToken[] {
  const tokens: LengthToken[] = [];
  for (let i = 0; i < lengths.length; ) {
    const length = lengths[i]!;
    let end = i + 1;
    while (end < lengths.length && lengths[end] === length) end++;
    if (length > 0) tokens.push({ symbol: lengths[i++]!, more: 0 });
    while (end - i >= 3) {
      const symbol = length > 0 ? 16 : end - i < 11 ? 17 : 18;
      const [least, bits] = repeats[symbol];
      const count = Math.min(end - i, least + 2 ** bits - 1);
      tokens.push({ symbol, more: count - least });
      i += count;
    }
    for (; i < end; i++) tokens.push({ symbol: length, more: 0 });
  }
  return tokens;
}
