import { ImageError } from '../errors.ts';
import type { LabelMap, Raster } from '../image/raster.ts';
import { foundIn } from '../validate.ts';
import { type ImageLimits, imageContext } from './context.ts';
import { jpegDecoder, type LoadWasm } from './jpeg.ts';
import { decodePng, type PngHeader, type RowWriter, readPngChunks, readPngRows } from './png.ts';
import { formatOf } from './sniff.ts';

/** Reads image files: as colours, whatever the format, and as labels. */

export interface DecodeOptions extends Partial<ImageLimits> {
  /** The file's name in messages: its path or URL. Default "bytes". */
  readonly name?: string | undefined;
}

/**
 * Reads an image file. Its content decides the format, not its name.
 *
 * @throws ImageError if it is not given bytes, ImageRefusal with code, place, reason and remedy; formats that are not read are named
 */
export type DecodeImage = (bytes: Uint8Array, options?: DecodeOptions) => Promise<Raster>;

/** Joins the PNG and JPEG readers. `loadJpegWasm` is the platform's; it is called with the first JPEG. */
export function imageDecoder(loadJpegWasm: LoadWasm): DecodeImage {
  const decodeJpeg = jpegDecoder(loadJpegWasm);
  return async (bytes, options = {}) => {
    checkBytes(bytes, 'decodeImage');
    const context = imageContext(options.name, options);
    const { kind, name } = formatOf(bytes, ['png', 'jpeg']);
    if (kind === 'png') return decodePng(bytes, context);
    if (kind === 'jpeg') return decodeJpeg(bytes, context);
    if (kind === 'other-image' || kind === 'drawing') {
      throw context.refuse('unsupported', '', `this is ${name}, which is not read`, 'Convert it to PNG or JPEG.');
    }
    throw context.refuse('not-an-image', '', `this is ${name}`);
  };
}

/**
 * Reads a label map: the palette indices or grey values of an 8 or 16-bit PNG, as they are stored. A file of
 * `encodeMaskPng` has 0 and 255.
 *
 * @throws as `decodeImage`, and ImageRefusal `unsupported` for colours and for fewer than 8 bits
 */
export function decodeLabelPng(bytes: Uint8Array, options: DecodeOptions = {}): LabelMap {
  checkBytes(bytes, 'decodeLabelPng');
  const context = imageContext(options.name, options);
  const file = readPngChunks(bytes, context);
  const { height, width, depth } = file.header;
  if (!holdsLabels(file.header)) {
    const remedy = 'Give a label map: PNG with a palette or grey, 8 or 16 bits.';
    throw context.refuse('unsupported', 'PNG chunk IHDR at byte 8', 'its pixels are colours, not labels', remedy);
  }
  const begin = () => {
    const labels = depth === 16 ? new Uint16Array(height * width) : new Uint8Array(height * width);
    const write: RowWriter = (row, pass, y) => {
      const start = (pass.top + y * pass.stepY) * width + pass.left;
      for (let x = 0; x < pass.width; x++) {
        labels[start + x * pass.stepX] = depth === 16 ? (row[2 * x]! << 8) | row[2 * x + 1]! : row[x]!;
      }
    };
    return { pixels: labels, write };
  };
  return { height, width, labels: readPngRows(file, begin, context) };
}

/** @throws ImageError if a caller gives something else than bytes */
function checkBytes(bytes: unknown, call: string): void {
  // not `instanceof`, since bytes may come from another frame or realm
  if (Object.prototype.toString.call(bytes) === '[object Uint8Array]') return;
  throw new ImageError(
    `${call} takes the bytes of a file as a Uint8Array, got ${foundIn(bytes)}. Read the file first.`,
  );
}

const holdsLabels = ({ colorType, depth }: PngHeader): boolean => (colorType === 0 || colorType === 3) && depth >= 8;
