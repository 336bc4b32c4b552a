/** The library in a browser, or any other runtime without Node. */

import { browserEngines, openBrowserEngine } from './engines/browser.ts';
import type { DecodeImage } from './formats/image.ts';
import { backboneLoader, type CreateBackbone, type LoadModel, modelLoader } from './library/load.ts';
import * as files from './platform/browser.ts';
import { imageDecoderFor } from './platform/browser.ts';
import type { DecodeLimits } from './platform/contract.ts';

/** URLs of the WebAssembly files, which cannot be part of a bundle. */
export interface Assets {
  /** The URL of `mozjpeg_dec.wasm` of `@jsquash/jpeg/codec/dec`. By default beside the bundle. */
  readonly jpegWasm?: string | URL;
  /**
   * The folder, or a URL by file name, of the files of `@tensorflow/tfjs-backend-wasm`, which only the engine `wasm` needs. By default
   * beside the page (in a worker: beside its script).
   */
  readonly tfjsWasm?: string | Readonly<Record<string, string>>;
}

/** The functions of this entry that load WebAssembly files. */
export interface Library {
  readonly loadModel: LoadModel;
  readonly createBackbone: CreateBackbone;
  readonly decodeImage: DecodeImage;
}

/** Returns the library for a page that serves the WebAssembly files from other URLs than the defaults. */
export function withAssets({ jpegWasm, tfjsWasm }: Assets): Library {
  const decodeImage = imageDecoderFor(jpegWasm);
  const platform = {
    ...files,
    decodeImage: (bytes: Uint8Array, name: string, limits?: DecodeLimits) => decodeImage(bytes, { name, ...limits }),
    engines: browserEngines,
    openEngine: (name: string) => openBrowserEngine(name, { wasmPaths: tfjsWasm }),
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
