/** The library in a browser, or wherever there is no Node. */

import { browserEngines, openBrowserEngine } from './engines/browser.ts';
import type { DecodeImage } from './formats/image.ts';
import { backboneLoader, type CreateBackbone, type LoadModel, modelLoader } from './library/load.ts';
import * as files from './platform/browser.ts';
import { imageDecoderFor } from './platform/browser.ts';

/** Where a page serves the WebAssembly files, which cannot be part of a bundle. */
export interface Assets {
  /** The address of `mozjpeg_dec.wasm` of `@jsquash/jpeg/codec/dec`: beside the bundle where it is not given. */
  readonly jpegWasm?: string | URL;
  /**
   * The folder, or an address by file name, of the files of `@tensorflow/tfjs-backend-wasm`, which only the engine `wasm`
   * needs: beside the page (in a worker: beside its script) where it is not given.
   */
  readonly tfjsWasm?: string | Readonly<Record<string, string>>;
}

/** The functions of this entry that load files of their own. */
export interface Library {
  readonly loadModel: LoadModel;
  readonly createBackbone: CreateBackbone;
  readonly decodeImage: DecodeImage;
}

/** The library of a page whose WebAssembly files are not where they are looked for by themselves. */
export function withAssets({ jpegWasm, tfjsWasm }: Assets): Library {
  const decodeImage = imageDecoderFor(jpegWasm);
  const platform = {
    ...files,
    decodeImage: (bytes: Uint8Array, name: string) => decodeImage(bytes, { name }),
    engines: browserEngines,
    openEngine: (name: string) => openBrowserEngine(name, tfjsWasm === undefined ? {} : { wasmPaths: tfjsWasm }),
  };
  return { loadModel: modelLoader(platform), createBackbone: backboneLoader(platform), decodeImage };
}

const library = withAssets({});

/**
 * Loads a model with its weights: the demo's name, a file, an address, or a configuration with weights. The caller disposes it.
 *
 * @throws ConfigError, CheckpointError where model and weights are unknown or do not fit; EngineError where no engine starts
 */
export const loadModel: LoadModel = library.loadModel;

/**
 * Loads a backbone alone, image to pyramid. The caller disposes it.
 *
 * @throws ConfigError, CheckpointError where backbone and weights are unknown or do not fit; EngineError where no engine starts
 */
export const createBackbone: CreateBackbone = library.createBackbone;

/**
 * PNG and JPEG bytes to RGBA pixels as OpenCV reads them: turned as EXIF says, alpha dropped, 16 bits by the high byte.
 *
 * @throws ImageRefusal with code, place, reason and remedy
 */
export const decodeImage: DecodeImage = library.decodeImage;

export { encodePng } from './formats/png_write.ts';
export * from './library/index.ts';
export { browserEngines };
