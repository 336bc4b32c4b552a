import { crc32 } from '../crc32.ts';
import { checkPixels, type ImageLimits } from './limits.ts';
import type { RefuseImage } from './refusal.ts';

/** The container of a PNG (ISO/IEC 15948): signature, chunks, their order and checksums. No pixel is touched. */

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
  /** RGB triples of colour type 3 (elsewhere a suggestion, and not kept). */
  readonly palette?: Uint8Array;
  /** The tRNS chunk: alpha by palette index, or the one transparent colour as 16-bit samples. */
  readonly transparency?: Uint8Array;
  /** The compressed data, in its parts. */
  readonly data: readonly Uint8Array[];
}

export const samplesPerPixel: Record<ColorType, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

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
 * Checks the whole container and gives its parts as views into `bytes`. Text and profiles are checksummed and skipped,
 * never inflated.
 * @throws ImageRefusal `truncated`, `checksum`, `malformed`, `limit` or `unsupported`, with the chunk and its byte offset
 */
export function readPngChunks(bytes: Uint8Array, limits: ImageLimits, refuse: RefuseImage): PngFile {
  let header: PngHeader | undefined;
  let palette: Uint8Array | undefined;
  let transparency: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let dataEnded = false;
  for (const chunk of chunksOf(bytes, refuse)) {
    const { type } = chunk;
    const bad = (what: string) => refuse('malformed', placeOf(chunk), `it ${what}`);
    if (!header) {
      if (type === 'CgBI') {
        throw refuse('unsupported', placeOf(chunk), 'this is Apple’s own variant of PNG', 'Export it as a plain PNG.');
      }
      if (type !== 'IHDR') throw bad('comes first; IHDR must');
      header = readHeader(chunk, limits, refuse);
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
        checkTransparency(chunk, header, palette, refuse);
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
        // the fifth bit of the first letter: a reader that does not know a critical chunk must not guess
        if ((type.charCodeAt(0) & 32) === 0) throw bad('is a critical chunk that is not part of PNG');
    }
  }
  throw refuse('truncated', `PNG byte ${bytes.length}`, 'the file ends without an end chunk (IEND)');
}

/** The chunks up to IEND, each wholly inside the file and with the right checksum. What follows IEND is not looked at. */
function* chunksOf(bytes: Uint8Array, refuse: RefuseImage): Generator<Chunk> {
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

function readHeader(chunk: Chunk, limits: ImageLimits, refuse: RefuseImage): PngHeader {
  const { data } = chunk;
  const bad = (what: string) => refuse('malformed', placeOf(chunk), `it ${what}`);
  if (data.length !== 13) throw bad(`has ${data.length} bytes, not 13`);
  const view = new DataView(data.buffer, data.byteOffset, 13);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth, colorType, compression, filter, interlace] = [8, 9, 10, 11, 12].map((i) => data[i]!);
  const depths = depthsOf[colorType as ColorType] as readonly number[] | undefined;
  if (!depths) throw bad(`has the colour type ${colorType}; there are 0, 2, 3, 4 and 6`);
  if (!depths.includes(depth!)) throw bad(`has depth ${depth}; colour type ${colorType} has ${depths.join(', ')}`);
  if (compression !== 0) throw bad(`has the unknown compression method ${compression}`);
  if (filter !== 0) throw bad(`has the unknown filter method ${filter}`);
  if (interlace! > 1) throw bad(`has the unknown interlace method ${interlace}`);
  if (width > 0x7fffffff || height > 0x7fffffff) throw bad(`has a size over 2^31: ${width} × ${height}`);
  checkPixels(placeOf(chunk), { width, height }, limits, refuse);
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
  refuse: RefuseImage,
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
