import type { BrowserEngineOptions } from './engines/browser.ts';
import type { ProbeEngines } from './engines/probe_engines.ts';
import { ConfigError } from './errors.ts';
import type { VerifyWith } from './export/verify.ts';
import type { DecodeImage } from './formats/image.ts';
import { backboneLoader, type CreateBackbone, type LoadModel, modelLoader } from './library/load.ts';
import {
  captureImage,
  imageDecoderFor,
  openWeights,
  readImage,
  shippedWeights,
  tfjsWasmUrls,
} from './platform/browser.ts';
import type { DecodeLimits, EngineOptions, Platform } from './platform/contract.ts';

/** The common part of the two entries for browsers. */

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

/** The functions of an entry that load WebAssembly files. */
export interface Library {
  readonly loadModel: LoadModel;
  readonly createBackbone: CreateBackbone;
  readonly decodeImage: DecodeImage;
  readonly probeEngines: ProbeEngines;
  readonly verify: VerifyWith;
}

/** Returns the library of an entry. @param open starts an engine by name */
export function libraryWith(
  { jpegWasm, tfjsWasm }: Assets,
  engines: readonly string[],
  open: (name: string, options: BrowserEngineOptions) => ReturnType<Platform['openEngine']>,
): Library {
  const decodeImage = imageDecoderFor(jpegWasm);
  // by name: a namespace object needs a helper, which Vite puts into the page's script, and onnxruntime's threads would import that
  const platform = {
    captureImage,
    openWeights,
    readImage,
    shippedWeights,
    decodeImage: (bytes: Uint8Array, name: string, limits?: DecodeLimits) => decodeImage(bytes, { name, ...limits }),
    engines,
    openEngine: async (name: string, { threads, device }: EngineOptions) => {
      if (device !== undefined) {
        throw new ConfigError(`\`device\` is an option in Node. In a browser give the engine, got device "${device}".`);
      }
      return open(name, { wasmPaths: tfjsWasm ?? (await tfjsWasmUrls()), oneThread: tfjsWasm === undefined, threads });
    },
  };
  return {
    loadModel: modelLoader(platform),
    createBackbone: backboneLoader(platform),
    decodeImage,
    probeEngines: async (options) => {
      const { probeEnginesOfPage } = await import('./engines/browser.ts'); // with TensorFlow.js
      return probeEnginesOfPage(engines, (name) => platform.openEngine(name, {}))(options);
    },
    verify: async (options) => (await import('./export/verify.ts')).verifier(platform)(options), // which few pages need
  };
}
