import { Inflate } from 'fflate';
import type { Raster } from '../image/raster.ts';
import { checkPixels, type ImageContext, imageContext } from './context.ts';
import { adler32, crc32 } from './inflate.ts';

/**
 * Reads PNG (ISO/IEC 15948) strictly. First the container: signature, chunks, their order and checksums. Then the image
 * data, inflated a piece at a time: each row is unfiltered and handed on as it becomes complete, so besides the image
 * only two rows are in memory, and a stream that holds more than its header says is stopped there.
 */

export const pngSignature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export type ColorType = 0 | 2 | 3 | 4 | 6;

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: 1 | 2 | 4 | 8 | 16;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha */
  readonly colorType: ColorType;
  readonly interlaced: boolean;
}

export interface PngFile {
  readonly header: PngHeader;
  /** RGB triples of colour type 3. Other colour types may suggest a palette, which is not kept. */
  readonly palette: Uint8Array | undefined;
  /** The tRNS chunk: alpha by palette index, or the one transparent colour as 16-bit samples. */
  readonly transparency: Uint8Array | undefined;
  /** The compressed data, in its parts. */
  readonly data: readonly Uint8Array[];
}

const samplesPerPixel: Record<ColorType, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

const depthsOf: Record<ColorType, readonly number[]> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

interface Chunk {
  readonly type: string;
  readonly at: number;
  readonly data: Uint8Array;
}

const placeOf = ({ type, at }: Pick<Chunk, 'type' | 'at'>) => `PNG chunk ${type} at byte ${at}`;

/**
 * Checks the whole container and returns its parts as views into `bytes`. Text and profiles are checksummed and skipped,
 * never inflated.
 *
 * @throws ImageRefusal `truncated`, `checksum`, `malformed`, `limit` or `unsupported`, with the chunk and its byte offset
 */
export function readPngChunks(bytes: Uint8Array, context: ImageContext): PngFile {
  const { refuse } = context;
  let header: PngHeader | undefined;
  let palette: Uint8Array | undefined;
  let transparency: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let dataEnded = false;
  for (const chunk of chunksOf(bytes, context)) {
    const { type } = chunk;
    const bad = (what: string) => refuse('malformed', placeOf(chunk), `it ${what}`);
    if (!header) {
      if (type === 'CgBI') {
        throw refuse(
          'unsupported',
          placeOf(chunk),
          'this is Apple’s variant of PNG (CgBI)',
          'Export it as a plain PNG.',
        );
      }
      if (type !== 'IHDR') throw bad('comes first; IHDR must');
      header = readHeader(chunk, context);
      continue;
    }
    if (data.length > 0 && type !== 'IDAT') dataEnded = true;
    switch (type) {
      case 'IHDR':
        throw bad('is a second header');
      case 'PLTE':
        if (palette || data.length > 0) throw bad(palette ? 'is a second palette' : 'comes after the image data');
        if (header.colorType === 0 || header.colorType === 4) throw bad('is a palette in a grey image');
        if (chunk.data.length === 0 || chunk.data.length % 3 !== 0 || chunk.data.length > 768) {
          throw bad(`has ${chunk.data.length} bytes; a palette has 3 to 768, three per colour`);
        }
        palette = chunk.data;
        break;
      case 'tRNS':
        if (transparency || data.length > 0) throw bad(transparency ? 'is there twice' : 'comes after the image data');
        checkTransparency(chunk, header, palette, context);
        transparency = chunk.data;
        break;
      case 'IDAT':
        if (dataEnded) throw bad('does not follow the other image data directly');
        data.push(chunk.data);
        break;
      case 'IEND':
        if (chunk.data.length > 0) throw bad('is not empty');
        if (data.length === 0) throw bad('comes before any image data (IDAT)');
        if (header.colorType === 3 && !palette) throw bad('ends a palette image without a palette (PLTE)');
        return { header, palette: header.colorType === 3 ? palette : undefined, transparency, data };
      default:
        // bit 5 of the first letter is 0: the chunk is critical, so a reader that does not know it must not guess
        if ((type.charCodeAt(0) & 32) === 0) throw bad('is a critical chunk that is not part of PNG');
    }
  }
  throw refuse('truncated', `PNG byte ${bytes.length}`, 'the file ends without an end chunk (IEND)');
}

/** Yields the chunks up to IEND, each wholly inside the file and with the right checksum. Bytes after IEND are ignored. */
function* chunksOf(bytes: Uint8Array, { refuse }: ImageContext): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw refuse('truncated', 'PNG signature', `only ${bytes.length} of its 8 bytes are there`);
  for (let at = 8; at < bytes.length; ) {
    if (bytes.length - at < 12) throw refuse('truncated', `PNG chunk at byte ${at}`, 'the file ends inside its header');
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw refuse('malformed', `PNG chunk at byte ${at}`, `its type is ${JSON.stringify(type)}, not four letters`);
    }
    if (length > bytes.length - at - 12) {
      const reason = `it says ${length} bytes, the file has ${bytes.length - at - 12} more`;
      throw refuse('truncated', placeOf({ type, at }), reason);
    }
    const stored = view.getUint32(at + 8 + length);
    const actual = crc32(bytes.subarray(at + 4, at + 8 + length));
    if (stored !== actual) {
      const hex = (n: number) => n.toString(16).padStart(8, '0');
      const reason = `it has the checksum ${hex(stored)}, its data has ${hex(actual)}`;
      throw refuse('checksum', placeOf({ type, at }), reason);
    }
    yield { type, at, data: bytes.subarray(at + 8, at + 8 + length) };
    if (type === 'IEND') return;
    at += 12 + length;
  }
}

function readHeader(chunk: Chunk, context: ImageContext): PngHeader {
  const { data } = chunk;
  const bad = (what: string) => context.refuse('malformed', placeOf(chunk), `it ${what}`);
  if (data.length !== 13) throw bad(`has ${data.length} bytes, not 13`);
  const view = new DataView(data.buffer, data.byteOffset, 13);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth = 0, colorType = 0, compression = 0, filter = 0, interlace = 0] = data.subarray(8);
  const depths = depthsOf[colorType as ColorType] as readonly number[] | undefined;
  if (!depths) throw bad(`has the colour type ${colorType}; there are 0, 2, 3, 4 and 6`);
  if (!depths.includes(depth)) throw bad(`has depth ${depth}; colour type ${colorType} has ${depths.join(', ')}`);
  if (compression !== 0) throw bad(`has the unknown compression method ${compression}`);
  if (filter !== 0) throw bad(`has the unknown filter method ${filter}`);
  if (interlace > 1) throw bad(`has the unknown interlace method ${interlace}`);
  if (width > 0x7fffffff || height > 0x7fffffff) throw bad(`has a size over 2^31: ${width} × ${height}`);
  checkPixels(placeOf(chunk), { width, height }, context);
  return {
    width,
    height,
    depth: depth as PngHeader['depth'],
    colorType: colorType as ColorType,
    interlaced: interlace === 1,
  };
}

function checkTransparency(
  chunk: Chunk,
  { colorType }: PngHeader,
  palette: Uint8Array | undefined,
  { refuse }: ImageContext,
): void {
  const { data } = chunk;
  const bad = (what: string) => refuse('malformed', placeOf(chunk), `it ${what}`);
  if (colorType === 4 || colorType === 6) throw bad('adds transparency to an image that has an alpha channel');
  if (colorType === 3) {
    if (!palette) throw bad('comes before the palette (PLTE)');
    if (data.length > palette.length / 3) throw bad(`has ${data.length} entries for ${palette.length / 3} colours`);
  } else if (data.length !== samplesPerPixel[colorType] * 2) {
    throw bad(`has ${data.length} bytes, not ${samplesPerPixel[colorType] * 2}`);
  }
}

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

/** Receives each row's packed samples (the array is used again), its pass, and its index in the pass. */
export type RowWriter = (row: Uint8Array, pass: Pass, y: number) => void;

/**
 * Inflates and unfilters the rows. `begin` is called with the first row, so that a stream that is broken from its start
 * costs no memory; it returns the pixels and what writes rows into them.
 *
 * @returns the pixels, complete
 * @throws ImageRefusal `truncated` (too few rows), `malformed` (too much data, a broken stream, an unknown filter),
 *   `checksum`, and what the writer throws
 */
export function readPngRows<Pixels>(
  { header, data }: PngFile,
  begin: () => { readonly pixels: Pixels; readonly write: RowWriter },
  context: ImageContext,
): Pixels {
  const { refuse } = context;
  const total = data.reduce((sum, part) => sum + part.length, 0);
  const expected = filteredSize(header);
  const tooLittle = (got: string) =>
    refuse('truncated', dataPlace, `it holds ${got} of the ${expected} bytes that its rows need`);
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
    received += piece.length;
    if (received > expected) {
      throw refuse('malformed', dataPlace, `it holds more than the ${expected} bytes that its rows need`);
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
      throw refuse('malformed', dataPlace, `it cannot be inflated (${error.message})`, undefined, error);
    }
    throw error;
  }
  // every image has a row, so a whole stream has begun an image
  if (received < expected || !image) throw tooLittle(`${received}`);
  if (numberAt(data, total - 4, total) !== checksum) {
    throw refuse('checksum', dataPlace, 'it does not end with its checksum (Adler-32)');
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
 * Reads a PNG of any depth, colour type and interlacing, strictly: every checksum, the order of the chunks and the
 * amount of data are verified, and the size is checked before an image is allocated.
 *
 * Colours are those of `cv2.imread`: 16-bit samples by their high byte, grey as three equal channels, gamma and colour
 * profiles ignored. Transparency (alpha channel or tRNS) is in A, and the colours are not blended with it. EXIF inside a
 * PNG is not applied.
 *
 * @throws ImageRefusal with the chunk and its byte offset
 */
export function decodePng(bytes: Uint8Array, context: ImageContext = imageContext()): Raster {
  const file = readPngChunks(bytes, context);
  const { width, height, depth, colorType } = file.header;
  const indexed = colorType === 3 || (colorType === 0 && depth <= 8);
  const begin = () => {
    const pixels = new Uint8ClampedArray(width * height * 4);
    const write = indexed
      ? indexedWriter(file, new Uint32Array(pixels.buffer), context)
      : sampledWriter(file, new Uint8Array(pixels.buffer)); // plain bytes: nothing to clamp
    return { pixels, write };
  };
  return { width, height, data: readPngRows(file, begin, context) };
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

/** Writes pixels of whole samples of one or two bytes, of which the first is the high one. */
function sampledWriter({ header, transparency }: PngFile, pixels: Uint8Array): RowWriter {
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
    for (let x = 0, p = 0; x < pass.width; x++, p += stride, o += 4 * pass.stepX) {
      pixels[o] = row[p]!;
      pixels[o + 1] = row[p + green]!;
      pixels[o + 2] = row[p + blue]!;
      pixels[o + 3] = alpha >= 0 ? row[p + alpha]! : key && isKey(row, p) ? 0 : 255;
    }
  };
}
