import * as z from 'zod';
import { ImageError } from '../errors.ts';
import type { LabelMap, Raster } from '../image/raster.ts';
import { foundIn, validateOptions } from '../validate.ts';
import { type ImageContext, type ImageLimits, imageContext } from './context.ts';
import { jpegDecoder, type LoadWasm } from './jpeg.ts';
import { decodePng, type RowWriter, readPngRows } from './png.ts';
import { type PngHeader, readPngChunks, samplesPerPixel } from './png_chunks.ts';
import { type FileKind, formatOf } from './sniff.ts';

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

// not z.number(), which refuses Infinity
const limit = z.custom<number>((value) => typeof value === 'number' && value >= 0, 'must be a number of at least 0');
const decodeOptions = z.strictObject({
  name: z.string().optional(),
  maxPixels: limit.optional(),
  maxScans: limit.optional(),
});

/** Joins the PNG and JPEG readers. `loadJpegWasm` is the platform's; it is called with the first JPEG. */
export function imageDecoder(loadJpegWasm: LoadWasm): DecodeImage {
  const decodeJpeg = jpegDecoder(loadJpegWasm);
  return async (bytes, options = {}) => {
    const context = contextOf(bytes, options, 'decodeImage');
    const kind = readableKind(bytes, 'PNG or JPEG', context);
    return kind === 'png' ? decodePng(bytes, context) : decodeJpeg(bytes, context);
  };
}

/** Checks the arguments of a reader of images. */
function contextOf(bytes: Uint8Array, options: DecodeOptions, call: string): ImageContext {
  checkBytes(bytes, call);
  const { name, ...limits } = validateOptions(decodeOptions, options, call);
  return imageContext(name, limits);
}

/**
 * @param readable the formats that the caller reads, for the remedy
 * @throws ImageRefusal that names the format, if it is another one
 */
function readableKind(bytes: Uint8Array, readable: string, { refuse }: ImageContext): FileKind {
  const { kind, name } = formatOf(bytes, ['png', 'jpeg']);
  if (kind === 'png' || kind === 'jpeg') return kind;
  if (kind === 'other-image' || kind === 'drawing') {
    throw refuse('unsupported', '', `this is ${name}, which is not read`, `Convert it to ${readable}.`);
  }
  throw refuse('not-an-image', '', `this is ${name}`, `Give a ${readable} file.`);
}

/**
 * Reads a label map from a PNG of any kind: the palette indices or the grey values, as they are stored, from 1 to 16
 * bits. RGB is read if the three channels of every pixel are equal. Transparency is ignored. A file of `encodeMaskPng`
 * has 0 and 255.
 *
 * An orientation that EXIF states is not applied, as with `cv2.IMREAD_UNCHANGED`: labels are drawn on stored pixels.
 *
 * @returns 16-bit labels if the file has 16 bits, else 8-bit labels
 * @throws as `decodeImage`, and ImageRefusal `unsupported` for a pixel that is a colour
 */
export function decodeLabelPng(bytes: Uint8Array, options: DecodeOptions = {}): LabelMap {
  const context = contextOf(bytes, options, 'decodeLabelPng');
  if (readableKind(bytes, 'PNG', context) === 'jpeg') {
    const remedy = 'Save the labels as PNG: JPEG changes the values of pixels.';
    throw context.refuse('unsupported', '', 'this is a JPEG image, which cannot hold labels', remedy);
  }
  const file = readPngChunks(bytes, context);
  const { height, width, depth } = file.header;
  const begin = () => {
    const labels = depth === 16 ? new Uint16Array(height * width) : new Uint8Array(height * width);
    return { pixels: labels, write: labelWriter(file.header, labels, context) };
  };
  return { height, width, labels: readPngRows(file, begin, context) };
}

/** Writes the first sample of each pixel, as it is stored, and checks that other colour samples equal it. */
function labelWriter(
  { width, depth, colorType }: PngHeader,
  labels: LabelMap['labels'],
  { refuse }: ImageContext,
): RowWriter {
  const samples = samplesPerPixel[colorType];
  const colors = colorType === 2 || colorType === 6 ? 3 : 1;
  const mask = 2 ** depth - 1;
  const sampleAt = (row: Uint8Array, i: number): number => {
    if (depth === 16) return (row[2 * i]! << 8) | row[2 * i + 1]!;
    if (depth === 8) return row[i]!;
    // the leftmost sample of a byte is in its high bits
    return (row[(i * depth) >> 3]! >> (8 - depth - ((i * depth) & 7))) & mask;
  };
  return (row, pass, y) => {
    const top = pass.top + y * pass.stepY;
    if (depth === 8 && samples === 1 && pass.stepX === 1) {
      labels.set(row, top * width);
      return;
    }
    for (let x = 0; x < pass.width; x++) {
      const label = sampleAt(row, samples * x);
      const left = pass.left + x * pass.stepX;
      for (let c = 1; c < colors; c++) {
        if (sampleAt(row, samples * x + c) === label) continue;
        const color = [0, 1, 2].map((i) => sampleAt(row, samples * x + i)).join(', ');
        const remedy = 'Give a label map: PNG with a palette or grey, or with three equal channels.';
        throw refuse('unsupported', `PNG pixel (${left}, ${top})`, `it is the colour (${color}), not a label`, remedy);
      }
      labels[top * width + left] = label;
    }
  };
}

/** @throws ImageError if a caller gives something else than bytes */
function checkBytes(bytes: unknown, call: string): void {
  // not `instanceof`, since bytes may come from another frame or realm
  if (Object.prototype.toString.call(bytes) === '[object Uint8Array]') return;
  throw new ImageError(
    `${call} takes the bytes of a file as a Uint8Array, got ${foundIn(bytes)}. Read the file first.`,
  );
}
