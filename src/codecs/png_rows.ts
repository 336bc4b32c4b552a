import { Inflate } from 'fflate';
import { adler32 } from './adler32.ts';
import { type PngFile, type PngHeader, samplesPerPixel } from './png_chunks.ts';
import type { RefuseImage } from './refusal.ts';

/**
 * From compressed data to rows of samples. The data is inflated a piece at a time and each row is unfiltered and handed on as it
 * becomes complete, so besides the picture only two rows are in memory, and a stream that holds more than its header says
 * is stopped there, whatever it would grow to.
 */

/** A rectangle of pixels that is stored as one: the image, or one of the seven of Adam7. */
export interface Pass {
  readonly left: number;
  readonly top: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly width: number;
  readonly height: number;
}

// left, top, stepX, stepY
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

export function passesOf({ width, height, interlaced }: PngHeader): Pass[] {
  if (!interlaced) return [{ left: 0, top: 0, stepX: 1, stepY: 1, width, height }];
  return adam7
    .map(([left, top, stepX, stepY]) => ({
      left,
      top,
      stepX,
      stepY,
      width: Math.ceil((width - left) / stepX),
      height: Math.ceil((height - top) / stepY),
    }))
    .filter((pass) => pass.width > 0 && pass.height > 0);
}

const bitsPerPixel = ({ depth, colorType }: PngHeader): number => depth * samplesPerPixel[colorType];
const bytesPerRow = (pass: Pass, header: PngHeader): number => Math.ceil((pass.width * bitsPerPixel(header)) / 8);

/** How much filtered data the header promises: every row has a byte for its filter in front. */
export function filteredSize(header: PngHeader): number {
  return passesOf(header).reduce((sum, pass) => sum + pass.height * (1 + bytesPerRow(pass, header)), 0);
}

const place = 'PNG image data (IDAT)';

/** Deflate cannot shrink better than 1 : 1032, so a promise beyond that is known to be empty without inflating anything. */
const deflateRatio = 1032;
/** Bytes of compressed data inflated at once; they make at most 17 MB. */
const pieceSize = 16384;

/** The part `[start, end)` of the joined `parts`, in pieces, without joining them. */
function* piecesOf(parts: readonly Uint8Array[], start: number, end: number): Generator<Uint8Array> {
  let at = 0;
  for (const part of parts) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, part.length);
    for (let i = from; i < to; i += pieceSize) yield part.subarray(i, Math.min(i + pieceSize, to));
    at += part.length;
  }
}

/** A few bytes of the joined `parts`. */
function bytesAt(parts: readonly Uint8Array[], start: number, end: number): number[] {
  return [...piecesOf(parts, start, end)].flatMap((piece) => [...piece]);
}

/**
 * Inflates and unfilters; `onRow` receives each row's packed samples (the array is used again), its pass and its index in it.
 * @throws ImageRefusal `truncated` (too few rows), `malformed` (too much data, a broken stream, an unknown filter), `checksum`
 */
export function readPngRows(
  { header, data }: PngFile,
  onRow: (row: Uint8Array, pass: Pass, y: number) => void,
  refuse: RefuseImage,
): void {
  const total = data.reduce((sum, part) => sum + part.length, 0);
  const expected = filteredSize(header);
  const tooLittle = (got: string) =>
    refuse('truncated', place, `it holds ${got} of the ${expected} bytes that its rows need`);
  if (total < 6) throw tooLittle('none');
  const [method, flags] = bytesAt(data, 0, 2);
  if ((method! & 15) !== 8 || method! >> 4 > 7 || ((method! << 8) | flags!) % 31 !== 0 || (flags! & 32) !== 0) {
    throw refuse('malformed', place, 'it does not begin with a zlib header');
  }
  if (expected > total * deflateRatio) throw tooLittle(`at most ${total * deflateRatio}`);

  const rows = rowAssembler(header, onRow, refuse);
  let received = 0;
  let checksum = 1;
  const inflate = new Inflate((piece) => {
    received += piece.length;
    if (received > expected) {
      throw refuse('malformed', place, `it holds more than the ${expected} bytes that its rows need`);
    }
    checksum = adler32(piece, checksum);
    rows(piece);
  });
  try {
    for (const piece of piecesOf(data, 2, total - 4)) inflate.push(piece);
    inflate.push(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof Error && error.message === 'unexpected EOF') throw tooLittle(`${received}`);
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
      throw refuse('malformed', place, `it cannot be inflated (${error.message})`, undefined, error);
    }
    throw error;
  }
  if (received < expected) throw tooLittle(`${received}`);
  const [a, b, c, d] = bytesAt(data, total - 4, total);
  if (((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0 !== checksum) {
    throw refuse('checksum', place, 'it does not end with its checksum (Adler-32)');
  }
}

/** Cuts a stream of bytes into rows, takes the filter off each and passes it on. */
function rowAssembler(header: PngHeader, onRow: (row: Uint8Array, pass: Pass, y: number) => void, refuse: RefuseImage) {
  const passes = passesOf(header);
  const distance = Math.max(1, bitsPerPixel(header) >> 3);
  const longest = Math.max(...passes.map((pass) => bytesPerRow(pass, header)));
  let current = new Uint8Array(longest);
  let previous = new Uint8Array(longest);
  let passIndex = 0;
  let length = bytesPerRow(passes[0]!, header);
  let y = 0;
  let filter = -1; // -1: the row's filter byte has not come yet
  let filled = 0;
  return (piece: Uint8Array): void => {
    for (let i = 0; i < piece.length; ) {
      if (filter < 0) {
        filter = piece[i++]!;
        if (filter > 4) throw refuse('malformed', place, `its row ${y} has the filter ${filter}; there are 0 to 4`);
        continue;
      }
      const take = Math.min(length - filled, piece.length - i);
      current.set(piece.subarray(i, i + take), filled);
      filled += take;
      i += take;
      if (filled < length) continue;
      const row = current.subarray(0, length);
      unfilter(filter, row, previous, distance);
      onRow(row, passes[passIndex]!, y);
      [current, previous] = [previous, current];
      filter = -1;
      filled = 0;
      y++;
      if (y === passes[passIndex]!.height && passIndex + 1 < passes.length) {
        length = bytesPerRow(passes[++passIndex]!, header);
        previous.fill(0);
        y = 0;
      }
    }
  };
}

/** Filters 0 to 4 (PNG section 9.2): `row` in place, from the row `above` and the byte `distance` to the left. */
function unfilter(filter: number, row: Uint8Array, above: Uint8Array, distance: number): void {
  const n = row.length;
  if (filter === 1) {
    for (let i = distance; i < n; i++) row[i] = row[i]! + row[i - distance]!;
  } else if (filter === 2) {
    for (let i = 0; i < n; i++) row[i] = row[i]! + above[i]!;
  } else if (filter === 3) {
    for (let i = 0; i < n; i++) row[i] = row[i]! + (((i < distance ? 0 : row[i - distance]!) + above[i]!) >> 1);
  } else if (filter === 4) {
    for (let i = 0; i < distance && i < n; i++) row[i] = row[i]! + above[i]!;
    for (let i = distance; i < n; i++) {
      const left = row[i - distance]!;
      const up = above[i]!;
      const corner = above[i - distance]!;
      // |left + up - corner - x| for the three neighbours; ties go left, up, corner
      const toLeft = Math.abs(up - corner);
      const toUp = Math.abs(left - corner);
      const toCorner = Math.abs(left + up - 2 * corner);
      row[i] = row[i]! + (toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner);
    }
  }
}
