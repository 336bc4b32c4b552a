import type { Raster } from '../image/raster.ts';
import { formatOf } from './formats.ts';
import { jpegDecoder, type LoadWasm } from './jpeg.ts';
import { decodePng } from './png.ts';
import { type ImageLimits, isRefusal, namedRefusal, refusal } from './refusal.ts';

export interface DecodeOptions extends ImageLimits {
  /** How to call the file in a message: its path or address. */
  readonly name?: string;
}

/**
 * Reads an image file by its content, whatever its name says.
 * @throws ImageError with a `code` (see {@link ImageFault}); formats that are not read are named
 */
export type DecodeImage = (bytes: Uint8Array, options?: DecodeOptions) => Promise<Raster>;

/** PNG and JPEG in one function. `loadJpegWasm` is the platform's; it is called with the first JPEG. */
export function imageDecoder(loadJpegWasm: LoadWasm): DecodeImage {
  const decodeJpeg = jpegDecoder(loadJpegWasm);
  return async (bytes, { name, ...limits } = {}) => {
    try {
      const format = formatOf(bytes);
      if (format.kind === 'png') return decodePng(bytes, limits);
      if (format.kind === 'jpeg') return await decodeJpeg(bytes, limits);
      if (format.kind === 'not-an-image') throw refusal('not-an-image', `this is ${format.name}`);
      throw refusal('unsupported', `this is ${format.name}, which is not read`, 'Convert it to PNG or JPEG.');
    } catch (error) {
      if (name === undefined || !isRefusal(error)) throw error;
      throw namedRefusal(error, name);
    }
  };
}
