import { Inflate } from 'fflate';
import type { Raster } from '../image/raster.ts';
import { type ImageContext, imageContext, withinMemory } from './context.ts';
import { orientationIn, upright } from './exif.ts';
import { adler32 } from './inflate.ts';
import { addNotice, type PngFile, type PngHeader, readPngChunks, samplesPerPixel } from './png_chunks.ts';

/**
 * Reads the image data of a PNG, inflated a piece at a time: each row is unfiltered and handed on as it becomes complete,
 * so besides the image only two rows are in memory, and a stream that holds more than its header says is stopped there.
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

function passesOf({ width, height, interlaced }: PngHeader): Pass[] {
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

/** Returns how many bytes the rows take, each with a byte for its filter in front. */
function filteredSize(header: PngHeader): number {
  return passesOf(header).reduce((sum, pass) => sum + pass.height * (1 + bytesPerRow(pass, header)), 0);
}

const dataPlace = 'PNG image data (IDAT)';

/** Deflate cannot shrink better than 1 : 1032, so a header that asks for more can be refused without inflating anything. */
const deflateRatio = 1032;
/** Bytes of compressed data inflated at once; they make at most 17 MB. */
const pieceSize = 16384;

/** Yields the part `[start, end)` of the joined `parts`, in pieces, without joining them. */
function* piecesOf(parts: readonly Uint8Array[], start: number, end: number): Generator<Uint8Array> {
  let at = 0;
  for (const part of parts) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, part.length);
    for (let i = from; i < to; i += pieceSize) yield part.subarray(i, Math.min(i + pieceSize, to));
    at += part.length;
  }
}

/** A big-endian number of the few bytes `[start, end)` of the joined `parts`. */
function numberAt(parts: readonly Uint8Array[], start: number, end: number): number {
  let value = 0;
  for (const piece of piecesOf(parts, start, end)) for (const byte of piece) value = value * 256 + byte;
  return value;
}

/** Returns the offset of the last big-endian `word` in the joined `parts`, -1 if it is not there. */
function lastIndexOf(parts: readonly Uint8Array[], word: number): number {
  let at = parts.reduce((sum, part) => sum + part.length, 0);
  let found = 0;
  let seen = 0;
  for (const part of parts.toReversed()) {
    for (let i = part.length - 1; i >= 0; i--) {
      at--;
      found = (found >>> 8) | (part[i]! << 24);
      if (++seen >= 4 && found >>> 0 === word) return at;
    }
  }
  return -1;
}

/** Receives each row's packed samples (the array is used again), its pass, and its index in the pass. */
export type RowWriter = (row: Uint8Array, pass: Pass, y: number) => void;

/**
 * Inflates and unfilters the rows. `begin` is called with the first row, so that a stream that is broken from its start
 * costs no memory; it returns the pixels and what writes rows into them.
 *
 * @returns the pixels, complete
 * @throws ImageRefusal `truncated` (too few rows), `malformed` (a broken stream, an unknown filter), `checksum`, and what
 *   the writer throws
 */
export function readPngRows<Pixels>(
  { header, data, stray, notices }: PngFile,
  begin: () => { readonly pixels: Pixels; readonly write: RowWriter },
  context: ImageContext,
): Pixels {
  const { refuse } = context;
  const total = data.reduce((sum, part) => sum + part.length, 0);
  const expected = filteredSize(header);
  const tooLittle = (got: string) =>
    stray ?? refuse('truncated', dataPlace, `it holds ${got} of the ${expected} bytes that its rows need`);
  if (total < 6) throw tooLittle('none');
  // compression method 8 with a window of at most 32 KB, a check number, no preset dictionary
  const zlibHeader = numberAt(data, 0, 2);
  const method = zlibHeader >> 8;
  if ((method & 15) !== 8 || method >> 4 > 7 || zlibHeader % 31 !== 0 || (zlibHeader & 32) !== 0) {
    throw refuse('malformed', dataPlace, 'it does not begin with a zlib header');
  }
  if (expected > total * deflateRatio) throw tooLittle(`at most ${total * deflateRatio}`);

  let image: ReturnType<typeof begin> | undefined;
  const onRow: RowWriter = (row, pass, y) => {
    image ??= begin();
    image.write(row, pass, y);
  };
  const rows = rowAssembler(header, onRow, context);
  let received = 0;
  let checksum = 1;
  const inflate = new Inflate((piece) => {
    const wanted = piece.subarray(0, expected - Math.min(received, expected));
    received += piece.length;
    checksum = adler32(piece, checksum);
    rows(wanted);
  });
  try {
    for (const piece of piecesOf(data, 2, total - 4)) {
      if (received > expected) break;
      inflate.push(piece);
    }
    if (received <= expected) inflate.push(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof Error && error.message === 'unexpected EOF') throw tooLittle(`${received}`);
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
      throw refuse('malformed', dataPlace, `it cannot be inflated (${error.message})`, undefined, error);
    }
    throw error;
  }
  // every image has a row, so a whole stream has begun an image
  if (received < expected || !image) throw tooLittle(`${received}`);
  // the checksum of surplus rows is not looked for: they may go on for gigabytes
  const end = received > expected ? undefined : lastIndexOf(data, checksum);
  if (end === -1) throw refuse('checksum', dataPlace, 'it does not end with its checksum (Adler-32)');
  if (end !== total - 4 || stray) {
    addNotice(notices, `${dataPlace}: more data than the image needs. The rest is ignored: no pixel depends on it.`);
  }
  return image.pixels;
}

/** Cuts a stream of bytes into rows, takes the filter off each and passes it on. */
function rowAssembler(header: PngHeader, onRow: RowWriter, { refuse }: ImageContext) {
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
        if (filter > 4) throw refuse('malformed', dataPlace, `its row ${y} has the filter ${filter}; there are 0 to 4`);
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

/** Undoes filters 0 to 4 (PNG section 9.2) of `row` in place, from the row `above` and the byte `distance` to the left. */
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

/**
 * Reads a PNG of any depth, colour type and interlacing. What pixels depend on is verified: checksums, the order of the
 * chunks and the amount of data, and the size is checked before an image is allocated.
 *
 * Colours are those of `cv2.imread`: 16-bit samples by their high byte, grey as three equal channels, gamma and colour
 * profiles ignored, the orientation of EXIF applied. Transparency (alpha channel or tRNS) is in A, and the colours are
 * not blended with it.
 *
 * @throws ImageRefusal with the chunk and its byte offset
 */
export function decodePng(bytes: Uint8Array, context: ImageContext = imageContext()): Raster {
  const file = readPngChunks(bytes, context);
  const { width, height, depth, colorType } = file.header;
  const indexed = colorType === 3 || (colorType === 0 && depth <= 8);
  const range = { most: 0 };
  const begin = () => {
    const pixels = new Uint8ClampedArray(width * height * 4);
    const write = indexed
      ? indexedWriter(file, new Uint32Array(pixels.buffer), context)
      : sampledWriter(file, new Uint8Array(pixels.buffer), range); // plain bytes: nothing to clamp
    return { pixels, write };
  };
  const data = withinMemory(dataPlace, context, () => readPngRows(file, begin, context));
  if (depth === 16 && range.most > 0 && range.most < 4096) addNotice(file.notices, darkNotice(range.most));
  const { notices } = file;
  const raster = notices.length > 0 ? { width, height, data, notices } : { width, height, data };
  const orientation = file.exif && orientationIn(file.exif);
  return withinMemory(dataPlace, context, () => upright(raster, orientation));
}

/** Says what became of 16-bit samples that use a sixteenth of their range or less, as cameras of 10 or 12 bits write. */
function darkNotice(most: number): string {
  const levels = (most >> 8) + 1;
  const factor = 2 ** (16 - Math.ceil(Math.log2(most + 1)));
  return (
    `the largest of its 16-bit samples is ${most} of 65535. Of 16 bits the upper 8 are used, as by OpenCV, so ` +
    `${levels === 1 ? 'the whole image is black' : `${levels} levels are left and the image is almost black`}. ` +
    `If that is not what it shows, multiply the samples by ${factor} and save it again.`
  );
}

/** Writes palette and grey pixels up to 8 bits: each is one of at most 256 colours, looked up as a word. */
function indexedWriter(
  { header, palette, transparency }: PngFile,
  pixels: Uint32Array,
  { refuse }: ImageContext,
): RowWriter {
  const { depth, width } = header;
  const count = palette ? Math.min(palette.length / 3, 2 ** depth) : 2 ** depth;
  const colors = new Uint8Array(count * 4);
  const transparentGrey = !palette && transparency ? (transparency[0]! << 8) | transparency[1]! : -1;
  for (let i = 0; i < count; i++) {
    const grey = (i * 255) / (2 ** depth - 1);
    const alpha = palette ? (transparency?.[i] ?? 255) : i === transparentGrey ? 0 : 255;
    colors.set(palette ? [...palette.subarray(3 * i, 3 * i + 3), alpha] : [grey, grey, grey, alpha], 4 * i);
  }
  const words = new Uint32Array(colors.buffer);
  const mask = 2 ** depth - 1;
  const perByte = 8 / depth;
  return (row, pass, y) => {
    let o = (pass.top + y * pass.stepY) * width + pass.left;
    for (let x = 0; x < pass.width; x++, o += pass.stepX) {
      // the leftmost pixel of a byte is in its high bits
      const index = depth === 8 ? row[x]! : (row[Math.floor(x / perByte)]! >> (8 - depth * ((x % perByte) + 1))) & mask;
      if (index >= count) {
        const [left, top] = [pass.left + x * pass.stepX, pass.top + y * pass.stepY];
        throw refuse('malformed', `PNG pixel (${left}, ${top})`, `it has colour ${index} of a palette of ${count}`);
      }
      pixels[o] = words[index]!;
    }
  };
}

/**
 * Writes pixels of whole samples of one or two bytes, of which the first is the high one. The largest colour sample of
 * 16 bits is kept in `range`.
 */
function sampledWriter({ header, transparency }: PngFile, pixels: Uint8Array, range: { most: number }): RowWriter {
  const { depth, colorType, width } = header;
  const size = depth / 8;
  const samples = samplesPerPixel[colorType];
  const stride = samples * size;
  const colored = colorType === 2 || colorType === 6;
  const green = colored ? size : 0;
  const blue = 2 * green;
  const alpha = colorType === 4 || colorType === 6 ? stride - size : -1;
  // the transparent colour as bytes of a row: an 8-bit sample is the low half of its 16 bits
  const key = transparency?.filter((_, i) => size === 2 || i % 2 === 1);
  const isKey = (row: Uint8Array, at: number): boolean => key?.every((byte, i) => row[at + i] === byte) ?? false;
  return (row, pass, y) => {
    let o = ((pass.top + y * pass.stepY) * width + pass.left) * 4;
    if (stride === 4 && size === 1 && pass.stepX === 1) {
      pixels.set(row, o);
      return;
    }
    if (size === 2) {
      const colors = stride - (alpha >= 0 ? 2 : 0);
      for (let start = 0; start < row.length; start += stride) {
        for (let i = start; i < start + colors; i += 2) {
          range.most = Math.max(range.most, (row[i]! << 8) | row[i + 1]!);
        }
      }
    }
    for (let x = 0, p = 0; x < pass.width; x++, p += stride, o += 4 * pass.stepX) {
      pixels[o] = row[p]!;
      pixels[o + 1] = row[p + green]!;
      pixels[o + 2] = row[p + blue]!;
      pixels[o + 3] = alpha >= 0 ? row[p + alpha]! : key && isKey(row, p) ? 0 : 255;
    }
  };
}
