import moduleFactory from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import type { Raster } from '../image/raster.ts';
import { readJpegMarkers } from './jpeg_markers.ts';
import { type DecodeOptions, limitsFrom } from './limits.ts';
import { imageRefuserOf } from './refusal.ts';

/** Gives the compiled decoder, `@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm`. Each platform finds and compiles it in its own way. */
export type LoadWasm = () => Promise<WebAssembly.Module>;

export type DecodeJpeg = (bytes: Uint8Array, options?: DecodeOptions) => Promise<Raster>;

/** The part of the Emscripten module that is used; its own types are written for ImageData and ArrayBuffer only. */
interface Decoder {
  decode(bytes: Uint8Array, applyOrientation: boolean): Raster | null;
}

interface DecoderOptions {
  instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): WebAssembly.Exports;
  printErr(line: string): void;
}

/**
 * What libjpeg only warns about and still means lost pixels. Bytes between segments or an unknown Adobe flag are harmless
 * and cameras write them, so other warnings pass.
 */
const lossWarning = /premature end|bad Huffman code|instead of RST/i;
const cutWarning = /premature end/i;

/** Up to this size a decoder's memory (about ten bytes a pixel) is worth keeping for the next picture. */
const keptPixels = 2 ** 24;

/**
 * A JPEG decoder: libjpeg (baseline and progressive, grey and colour), bit for bit what `cv2.imread` gives, EXIF orientation
 * applied. The WebAssembly is loaded with the first picture, and its memory replaced after a file that made it stop.
 *
 * The decoder throws ImageRefusal for what is not a whole 8-bit JPEG, CMYK included.
 */
export function jpegDecoder(loadWasm: LoadWasm): DecodeJpeg {
  let wasm: Promise<WebAssembly.Module> | undefined;
  let decoder: Promise<Decoder> | undefined;
  const messages: string[] = [];

  const start = async (): Promise<Decoder> => {
    wasm ??= loadWasm();
    const module = await wasm;
    const options: DecoderOptions = {
      instantiateWasm: (imports, done) => {
        const instance = new WebAssembly.Instance(module, imports);
        done(instance);
        return instance.exports;
      },
      printErr: (line) => messages.push(line),
    };
    // a cast at the border: the published types leave out printErr and say Module where the instance is meant
    return (moduleFactory as unknown as (options: DecoderOptions) => Promise<Decoder>)(options);
  };

  return async (bytes, options = {}) => {
    const refuse = imageRefuserOf(options.name);
    const frame = readJpegMarkers(bytes, limitsFrom(options), refuse);
    decoder ??= start();
    let ready: Decoder;
    try {
      ready = await decoder;
    } catch (error) {
      // the next picture tries again: a download may have failed
      wasm = undefined;
      decoder = undefined;
      throw error;
    }
    messages.length = 0;
    let raster: Raster | null;
    try {
      raster = ready.decode(bytes, true);
    } catch (error) {
      // libjpeg ends by exit(): its memory is not given back, so this instance is not used again
      decoder = undefined;
      const reason = `the decoder stops with "${messages.at(-1) ?? String(error)}"`;
      throw refuse('malformed', 'JPEG image data', reason, undefined, error);
    }
    // WebAssembly memory never shrinks, so a decoder that grew for a large picture is let go
    if (frame.width * frame.height > keptPixels) decoder = undefined;
    const loss = messages.find((line) => lossWarning.test(line));
    if (loss) {
      const code = cutWarning.test(loss) ? 'truncated' : 'malformed';
      throw refuse(code, 'JPEG image data', `pixels are lost ("${loss}")`);
    }
    if (!raster) throw refuse('malformed', 'JPEG image data', 'the decoder gives no picture');
    return { width: raster.width, height: raster.height, data: raster.data };
  };
}
