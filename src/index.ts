/** The library in a browser, or any other runtime without Node. */

import './no_eval.ts';

import { browserEngines, openBrowserEngine } from './engines/browser.ts';
import type { DecodeImage } from './formats/image.ts';
import { backboneLoader, type CreateBackbone, type LoadModel, modelLoader } from './library/load.ts';
import * as files from './platform/browser.ts';
import { imageDecoderFor, tfjsWasmUrls } from './platform/browser.ts';
import type { DecodeLimits } from './platform/contract.ts';

/** URLs of WebAssembly files. Only a page that serves them from other places than its bundler puts them needs to name them. */
export interface Assets {
  /** The URL of `mozjpeg_dec.wasm` of `@jsquash/jpeg/codec/dec`. By default the decoder comes with the modules, and no file is served. */
  readonly jpegWasm?: string | URL;
  /**
   * The folder (ending with `/`), or a URL by file name, of `moganet/wasm/tfjs-backend-wasm*.wasm`, which only the engine `wasm`
   * needs. By default where the bundler put them, else beside the bundle. If given, an isolated page computes on several threads,
   * which the bundles of Vite and webpack cannot start.
   */
  readonly tfjsWasm?: string | Readonly<Record<string, string>>;
}

/** The functions of this entry that load WebAssembly files. */
export interface Library {
  readonly loadModel: LoadModel;
  readonly createBackbone: CreateBackbone;
  readonly decodeImage: DecodeImage;
}

/** Returns the library for a page that serves WebAssembly files from other URLs than the defaults. */
export function withAssets({ jpegWasm, tfjsWasm }: Assets): Library {
  const decodeImage = imageDecoderFor(jpegWasm);
  const platform = {
    ...files,
    decodeImage: (bytes: Uint8Array, name: string, limits?: DecodeLimits) => decodeImage(bytes, { name, ...limits }),
    engines: browserEngines,
    openEngine: (name: string, { threads }: { readonly threads?: number }) =>
      openBrowserEngine(name, { wasmPaths: tfjsWasm ?? tfjsWasmUrls(), oneThread: tfjsWasm === undefined, threads }),
  };
  return { loadModel: modelLoader(platform), createBackbone: backboneLoader(platform), decodeImage };
}

const library = withAssets({});

/**
 * Loads a model with its weights: the demo's name, a file, a URL, or a configuration with weights. The caller disposes it.
 *
 * @throws ConfigError or CheckpointError if model or weights are unknown or do not fit, EngineError if no engine starts
 */
export const loadModel: LoadModel = library.loadModel;

/**
 * Loads a backbone alone, from the image to the pyramid. The caller disposes it.
 *
 * @throws ConfigError or CheckpointError if backbone or weights are unknown or do not fit, EngineError if no engine starts
 */
export const createBackbone: CreateBackbone = library.createBackbone;

/**
 * Decodes PNG and JPEG bytes to RGBA pixels as OpenCV reads them: turned as EXIF says, alpha dropped, 16 bits by the high byte.
 *
 * @throws ImageRefusal with `code`, `place`, `reason` and `remedy`
 */
export const decodeImage: DecodeImage = library.decodeImage;

export { encodePng } from './formats/png_write.ts';
export * from './library/index.ts';
export { browserEngines };
