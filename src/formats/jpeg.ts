import moduleFactory from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import type { Raster } from '../image/raster.ts';
import { type ImageContext, imageContext, withinMemory } from './context.ts';
import { upright } from './exif.ts';
import { decode440, isSampled440 } from './jpeg_440.ts';
import { surplusOf } from './jpeg_component.ts';
import { readMarkers } from './jpeg_markers.ts';

/** Reads JPEG in two steps: the markers are checked (`jpeg_markers.ts`), and only then does libjpeg, as WebAssembly, see the file. */

/** Loads and compiles `@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm`; each platform finds it in another way. */
export type LoadWasm = () => Promise<WebAssembly.Module>;

/** @throws ImageRefusal for every file that is not a whole 8-bit JPEG in grey or colour; CMYK is refused, too */
export type DecodeJpeg = (bytes: Uint8Array, context?: ImageContext) => Promise<Raster>;

/** The part of the Emscripten module that is used. Its published types know ImageData and ArrayBuffer only. */
interface Decoder {
  decode(bytes: Uint8Array, applyOrientation: boolean): Raster | null;
}

interface DecoderOptions {
  instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): WebAssembly.Exports;
  printErr(line: string): void;
}

/**
 * The warnings of libjpeg that mean lost pixels. Other warnings pass: bytes between segments or an unknown Adobe flag are
 * harmless, and cameras write them.
 */
const lossWarning = /premature end|bad Huffman code|instead of RST/i;
const cutWarning = /premature end/i;

/** How libjpeg and the memory of WebAssembly say that they are full: with limits that were raised. */
const memoryFault = /insufficient memory|aborted\(|out of memory|enlarge memory/i;

const unendedNotice = 'the JPEG has no end marker (EOI), so it may have been cut short; all its pixels are there.';

/** Up to this size a decoder's memory (about ten bytes a pixel) is worth keeping for the next image. */
const keptPixels = 2 ** 24;

/**
 * Returns a JPEG reader: libjpeg (baseline and progressive, grey and colour), bit for bit as `cv2.imread`, EXIF
 * orientation applied. The WebAssembly is loaded with the first image, and its memory is replaced after a file that made
 * it stop.
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
    // a cast at the border: the published types leave out printErr and confuse the module with its instance
    return (moduleFactory as unknown as (options: DecoderOptions) => Promise<Decoder>)(options);
  };

  return async (bytes, context = imageContext()) => {
    const { refuse } = context;
    const file = readMarkers(bytes, context);
    decoder ??= start();
    let ready: Decoder;
    try {
      ready = await decoder;
    } catch (error) {
      // the next image tries again: a download may have failed
      wasm = undefined;
      decoder = undefined;
      throw error;
    }
    const decode = (part: Uint8Array): Raster => {
      messages.length = 0;
      let raster: Raster | null;
      try {
        raster = ready.decode(part, false); // EXIF is applied as in a PNG, below
      } catch (error) {
        // libjpeg ends by exit() without freeing its memory, so this instance is not used again
        decoder = undefined;
        const said = messages.at(-1) ?? String(error);
        if (error instanceof RangeError || memoryFault.test(said)) {
          const { width, height } = file.frame;
          const reason = `the decoder has not enough memory for ${width} × ${height} pixels (${said})`;
          throw refuse('limit', 'JPEG image data', reason, 'Make it smaller, or save it as a baseline JPEG.', error);
        }
        const reason = `the decoder stops with "${said}"`;
        throw refuse('malformed', 'JPEG image data', reason, undefined, error);
      }
      const loss = messages.find((line) => lossWarning.test(line));
      // libjpeg prints its first warning only, so any may hide one about lost pixels
      if (file.unended && messages.length > 0) throw file.unended;
      if (loss) {
        const code = cutWarning.test(loss) ? 'truncated' : 'malformed';
        throw refuse(code, 'JPEG image data', `pixels are lost ("${loss}")`);
      }
      if (!raster) throw refuse('malformed', 'JPEG image data', 'the decoder returns no image');
      return raster;
    };
    const { frame, orientation, unended } = file;
    // WebAssembly memory never shrinks, so a decoder that grew for a large image is dropped
    if (frame.width * frame.height > keptPixels) decoder = undefined;
    const { width, height, data } = (isSampled440(frame) ? decode440(file, decode) : undefined) ?? decode(file.bytes);
    // libjpeg reads a sequential scan up to its last block: after a cut, the rest would be taken for blocks that are missing
    const surplus = unended && !frame.progressive ? surplusOf(file.bytes, frame) : undefined;
    if (surplus?.some((byte) => byte !== 0 && byte !== 0xff)) throw unended;
    const stored = unended ? { width, height, data, notices: [unendedNotice] } : { width, height, data };
    return withinMemory('JPEG image data', context, () => upright(stored, orientation));
  };
}
