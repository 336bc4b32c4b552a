/** The library in a browser, or any other runtime without Node. */

import './no_eval.ts';

import { type Assets, type Library, libraryWith } from './browser_library.ts';
import { browserEngines } from './engines/names.ts';
import type { DecodeImage } from './formats/image.ts';
import type { CreateBackbone, LoadModel } from './library/load.ts';

/** Returns the library for a page that serves WebAssembly files from other URLs than the defaults. */
export function withAssets(assets: Assets): Library {
  return libraryWith(assets, browserEngines, async (name, options) => {
    const { openBrowserEngine } = await import('./engines/browser.ts'); // with TensorFlow.js
    return openBrowserEngine(name, options);
  });
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

export type { Assets, Library } from './browser_library.ts';
export { encodePng } from './formats/png_write.ts';
export * from './library/index.ts';
export { browserEngines };
