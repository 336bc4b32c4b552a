import moduleFactory from '@jsquash/jpeg/codec/enc/mozjpeg_enc.js';
import { checkRaster, type Raster } from '../image/raster.ts';
import type { LoadWasm } from './jpeg.ts';

/** Writes JPEG files by MozJPEG as WebAssembly: pictures in reports, for which a PNG would be ten times as large. */

/** Writes a raster as JPEG; transparent pixels lose their alpha. @throws ImageError if the raster's size and data do not fit together */
export type EncodeJpeg = (raster: Raster) => Promise<Uint8Array<ArrayBuffer>>;

/** The part of the Emscripten module that is used. */
interface Encoder {
  /** Returns a view of the module's memory, which the next call overwrites. Undefined or null on failure. */
  encode(data: Raster['data'], width: number, height: number, options: typeof encoderOptions): Uint8Array | null;
}

/** The options of `cjpeg -quality 80`, with 4:2:0 chroma and progressive scans, without the slow search for coefficients. */
const encoderOptions = {
  quality: 80,
  baseline: false,
  arithmetic: false,
  progressive: true,
  optimize_coding: true,
  smoothing: 0,
  color_space: 3, // YCbCr
  quant_table: 3,
  trellis_multipass: false,
  trellis_opt_zero: false,
  trellis_opt_table: false,
  trellis_loops: 1,
  auto_subsample: true,
  chroma_subsample: 2,
  separate_chroma_quality: false,
  chroma_quality: 80,
};

/**
 * Returns a JPEG writer.
 *
 * @param loadWasm loads and compiles `@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm`; it is called with the first raster
 */
export function jpegEncoder(loadWasm: LoadWasm): EncodeJpeg {
  let encoder: Promise<Encoder> | undefined;
  const start = async (): Promise<Encoder> => {
    const module = await loadWasm();
    // a cast at the border: the published types confuse the module with its instance
    return (moduleFactory as unknown as (options: object) => Promise<Encoder>)({
      instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
        const instance = new WebAssembly.Instance(module, imports);
        done(instance);
        return instance.exports;
      },
    });
  };
  return async (raster) => {
    checkRaster(raster);
    encoder ??= start();
    const view = (await encoder).encode(raster.data, raster.width, raster.height, encoderOptions);
    if (!view) throw new Error(`the JPEG encoder returns nothing for ${raster.width}×${raster.height} pixels`);
    return Uint8Array.from(view);
  };
}
