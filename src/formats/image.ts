import type { Raster } from '../image/raster.ts';
import type { DecodeOptions } from './context.ts';
import { imageRefuserOf } from './context.ts';
import { jpegDecoder, type LoadWasm } from './jpeg.ts';
import { decodePng } from './png.ts';
import { imageFormatOf } from './sniff.ts';

export type { DecodeOptions } from './context.ts';

/**
 * Reads an image file by its content, whatever its name says.
 * @throws ImageRefusal with code, place, reason and remedy; formats that are not read are named
 */
export type DecodeImage = (bytes: Uint8Array, options?: DecodeOptions) => Promise<Raster>;

/** PNG and JPEG in one function. `loadJpegWasm` is the platform's; it is called with the first JPEG. */
export function imageDecoder(loadJpegWasm: LoadWasm): DecodeImage {
  const decodeJpeg = jpegDecoder(loadJpegWasm);
  return async (bytes, options = {}) => {
    const format = imageFormatOf(bytes);
    if (format.kind === 'png') return decodePng(bytes, options);
    if (format.kind === 'jpeg') return decodeJpeg(bytes, options);
    const refuse = imageRefuserOf(options.name);
    if (format.kind === 'not-an-image') throw refuse('not-an-image', '', `this is ${format.name}`);
    throw refuse('unsupported', '', `this is ${format.name}, which is not read`, 'Convert it to PNG or JPEG.');
  };
}
