import { checkPixels, type ImageContext } from './context.ts';
import { crc32 } from './inflate.ts';

/**
 * Reads the container of a PNG (ISO/IEC 15948): signature, chunks, their order and checksums. It is strict about what
 * pixels depend on. A fault in any other chunk is a notice and the chunk is ignored, as libpng and OpenCV do.
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
  /** The contents of the first eXIf chunk: a TIFF block. */
  readonly exif: Uint8Array | undefined;
  /** The refusal of image data that does not follow the other directly. It applies if the other is not enough. */
  readonly stray: Error | undefined;
  /** What was ignored. The reader of the rows adds to it. */
  readonly notices: string[];
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
  let exif: Uint8Array | undefined;
  let stray: Error | undefined;
  const data: Uint8Array[] = [];
  const notices: string[] = [];
  let dataEnded = false;
  for (const chunk of chunksOf(bytes, notices, context)) {
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
      case 'PLTE': {
        const fault = paletteFault(chunk.data, palette !== undefined, data.length > 0);
        if (header.colorType === 0 || header.colorType === 4) ignore(notices, chunk, 'is a palette in a grey image');
        else if (!fault) palette = chunk.data;
        else if (header.colorType === 3) throw bad(fault);
        else ignore(notices, chunk, fault);
        break;
      }
      case 'tRNS': {
        const fault =
          transparency || data.length > 0
            ? transparency
              ? 'is there twice'
              : 'comes after the image data'
            : transparencyFault(chunk.data, header, palette);
        if (fault) ignore(notices, chunk, fault);
        else transparency = chunk.data;
        break;
      }
      case 'eXIf':
        exif ??= chunk.data;
        break;
      case 'IDAT':
        if (dataEnded) stray ??= bad('does not follow the other image data directly');
        else data.push(chunk.data);
        break;
      case 'IEND':
        if (chunk.data.length > 0) throw bad('is not empty');
        if (data.length === 0) throw bad('comes before any image data (IDAT)');
        if (header.colorType === 3 && !palette) throw bad('ends a palette image without a palette (PLTE)');
        return {
          header,
          palette: header.colorType === 3 ? palette : undefined,
          transparency,
          data,
          exif,
          stray,
          notices,
        };
      default:
        if (!isAncillary(type)) throw bad('is a critical chunk that is not part of PNG');
    }
  }
  throw refuse('truncated', `PNG byte ${bytes.length}`, 'the file ends without an end chunk (IEND)');
}

/** Bit 5 of the first letter is 1. A reader that does not know a critical chunk, where it is 0, must not guess. */
const isAncillary = (type: string): boolean => (type.charCodeAt(0) & 32) !== 0;

/** Adds a notice. A file of faulty chunks only would fill the memory with sentences, so few are kept. */
export function addNotice(notices: string[], text: string): void {
  const most = 4;
  if (notices.length < most) notices.push(text);
  else if (notices.length === most) notices.push('Further faults of the file are not listed.');
}

function ignore(notices: string[], chunk: Pick<Chunk, 'type' | 'at'>, fault: string): void {
  const consequence: Readonly<Record<string, string>> = {
    tRNS: 'the transparency it states is not applied',
    eXIf: 'an orientation it states is not applied',
  };
  const effect = consequence[chunk.type] ?? 'no pixel depends on it';
  addNotice(notices, `${placeOf(chunk)} ${fault}. It is ignored: ${effect}.`);
}

/**
 * Yields the chunks up to IEND, each wholly inside the file and with the right checksum. An ancillary chunk with a wrong
 * one is left out, with a notice. Bytes after IEND are ignored.
 */
function* chunksOf(bytes: Uint8Array, notices: string[], { refuse }: ImageContext): Generator<Chunk> {
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
    if (stored === actual) {
      yield { type, at, data: bytes.subarray(at + 8, at + 8 + length) };
      if (type === 'IEND') return;
    } else {
      const hex = (n: number) => n.toString(16).padStart(8, '0');
      const fault = `has the checksum ${hex(stored)}, its data has ${hex(actual)}`;
      if (!isAncillary(type)) throw refuse('checksum', placeOf({ type, at }), `it ${fault}`);
      ignore(notices, { type, at }, fault);
    }
    at += 12 + length;
  }
}

function paletteFault(data: Uint8Array, isSecond: boolean, isLate: boolean): string | undefined {
  if (isSecond) return 'is a second palette';
  if (isLate) return 'comes after the image data';
  if (data.length > 0 && data.length % 3 === 0 && data.length <= 768) return undefined;
  return `has ${data.length} bytes; a palette has 3 to 768, three per colour`;
}

function transparencyFault(
  data: Uint8Array,
  { colorType }: PngHeader,
  palette: Uint8Array | undefined,
): string | undefined {
  if (colorType === 4 || colorType === 6) return 'adds transparency to an image that has an alpha channel';
  if (colorType === 3) {
    if (!palette) return 'comes before the palette (PLTE)';
    if (data.length > palette.length / 3) return `has ${data.length} entries for ${palette.length / 3} colours`;
  } else if (data.length !== samplesPerPixel[colorType] * 2) {
    return `has ${data.length} bytes, not ${samplesPerPixel[colorType] * 2}`;
  }
  return undefined;
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
