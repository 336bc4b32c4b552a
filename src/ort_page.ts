/** What a page calls, with the engines of onnxruntime-web: as `page.ts` without them. */

import './no_eval.ts';

import { type Assets, type Library, libraryWith } from './browser_library.ts';
import { ortEngines } from './engines/names.ts';
import type { OrtWasmPaths } from './engines/onnx/web.ts';
import type { ProbeEngines } from './engines/probe_engines.ts';
import type { VerifyWith } from './export/verify.ts';
import type { DecodeImage } from './formats/image.ts';
import type { CreateBackbone, LoadModel } from './library/load.ts';

/** URLs of WebAssembly files, with those of onnxruntime-web. */
export interface OrtAssets extends Assets {
  /**
   * The folder (ending with `/`) of `ort-wasm-simd-threaded*.mjs` and `.wasm` of `onnxruntime-web/dist`, or the URLs of the two
   * files of one engine. By default where the bundler put them. If given, `ort-wasm` computes on several threads in a page
   * that is cross-origin isolated.
   */
  readonly ortWasm?: OrtWasmPaths;
}

/** Returns the library for a page that serves WebAssembly files from other URLs than the defaults. */
export function withAssets({ ortWasm, ...assets }: OrtAssets): Library {
  return libraryWith(assets, ortEngines, async (name, options) => {
    const { openOrtEngine } = await import('./engines/ort.ts');
    return openOrtEngine(name, { ...options, ortWasm });
  });
}

let shared: Library | undefined;

/** Made at the first call, so that a bundler leaves out what a page does not call. */
function library(): Library {
  shared ??= withAssets({});
  return shared;
}

/**
 * Loads a model with its weights: the demo's name, a file, a URL, or a configuration with weights. The caller disposes it.
 *
 * @throws ConfigError or CheckpointError if model or weights are unknown or do not fit, EngineError if no engine starts
 */
export const loadModel: LoadModel = (model, options) => library().loadModel(model, options);

/**
 * Loads a backbone alone, from the image to the pyramid. The caller disposes it.
 *
 * @throws ConfigError or CheckpointError if backbone or weights are unknown or do not fit, EngineError if no engine starts
 */
export const createBackbone: CreateBackbone = (config, options) => library().createBackbone(config, options);

/**
 * Decodes PNG and JPEG bytes to RGBA pixels as OpenCV reads them: turned as EXIF says, alpha dropped, 16 bits by the high byte.
 *
 * @throws ImageRefusal with `code`, `place`, `reason` and `remedy`
 */
export const decodeImage: DecodeImage = (bytes, options) => library().decodeImage(bytes, options);

/**
 * Starts each engine on this device, runs a small network on it, and frees it. Says which start, why the others do not, how exact
 * and how fast they are, and why `auto` would pass one over. `ort-wasm` starts as `loadModel` without `threads` starts it.
 *
 * @throws ConfigError for an unknown engine, the signal's reason if it was aborted
 */
export const probeEngines: ProbeEngines = (options) => library().probeEngines(options);

/**
 * Compares the engines of this device with PyTorch: a small network's outputs and, if `samples` has an image, what the demo model
 * finds in it. Reports an engine that does not start or fails, and does not throw.
 *
 * @throws CheckpointError or ImageError if a file of `samples` cannot be read
 */
export const verify: VerifyWith = (options) => library().verify(options);

export type { Library } from './browser_library.ts';
export type { OrtWasmPaths } from './engines/onnx/web.ts';
export type { EngineProbe, ProbeEngines, ProbeOptions } from './engines/probe_engines.ts';
export {
  CheckpointError,
  ConfigError,
  EngineError,
  ImageError,
  isRefusal,
  MoganetError,
  UnsupportedError,
} from './errors.ts';
export type { EngineCheck, ImageCheck, NumbersCheck, VerifyOptions, VerifySamples } from './export/verify.ts';
export type { PosesCheck } from './export/verify_poses.ts';
export { encodePng } from './formats/png_write.ts';
export { ortEngines as browserEngines };
