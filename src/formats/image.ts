import * as z from 'zod/mini';
import { ImageError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import { foundIn, validateOptions } from '../validate.ts';
import { type ImageContext, type ImageLimits, imageContext, shellWord } from './context.ts';
import type { DecodeJpeg, LoadWasm } from './jpeg.ts';
import { type FileKind, formatOf } from './sniff.ts';

/** Reads image files as colours, whatever the format. The reader of a format is imported with the first such file. */

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
  name: z.optional(z.string()),
  maxPixels: z.optional(limit),
  maxScans: z.optional(limit),
});

/** Joins the PNG and JPEG readers. `loadJpegWasm` is the platform's; it is called with the first JPEG. */
export function imageDecoder(loadJpegWasm: LoadWasm): DecodeImage {
  let decodeJpeg: DecodeJpeg | undefined;
  return async (bytes, options = {}) => {
    const context = contextOf(bytes, options, 'decodeImage');
    const kind = readableKind(bytes, 'PNG or JPEG', context);
    if (kind === 'png') return (await import('./png.ts')).decodePng(bytes, context);
    const { jpegDecoder } = await import('./jpeg.ts');
    decodeJpeg ??= jpegDecoder(loadJpegWasm);
    return decodeJpeg(bytes, context);
  };
}

/** Checks the arguments of a reader of images. */
export function contextOf(bytes: Uint8Array, options: DecodeOptions, call: string): ImageContext {
  checkBytes(bytes, call);
  const { name, ...limits } = validateOptions(decodeOptions, options, call);
  return imageContext(name, limits);
}

/**
 * @param readable the formats that the caller reads, for the remedy
 * @throws ImageRefusal that names the format, if it is another one
 */
export function readableKind(bytes: Uint8Array, readable: string, context: ImageContext): FileKind {
  const { refuse } = context;
  const { kind, name } = formatOf(bytes, ['png', 'jpeg']);
  if (kind === 'png' || kind === 'jpeg') return kind;
  if (kind === 'other-image' || kind === 'drawing') {
    throw refuse('unsupported', '', `this is ${name}, which is not read`, `Convert it to ${readable}.`);
  }
  if (kind === 'video') {
    const command = `mkdir frames && ffmpeg -i ${shellWord(context.name)} frames/%06d.png`;
    throw refuse('not-an-image', '', `this is ${name}, and no single image`, `Cut it into frames: ${command}`);
  }
  throw refuse('not-an-image', '', `this is ${name}`, `Give a ${readable} file.`);
}

/** @throws ImageError if a caller gives something else than bytes */
function checkBytes(bytes: unknown, call: string): void {
  // not `instanceof`, since bytes may come from another frame or realm
  if (Object.prototype.toString.call(bytes) === '[object Uint8Array]') return;
  throw new ImageError(
    `${call} takes the bytes of a file as a Uint8Array, got ${foundIn(bytes)}. Read the file first.`,
  );
}
