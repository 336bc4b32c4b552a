/** `moganet/ort` in Node, where frameworks render pages: the library of Node, whose engine `ort-wasm` finds onnxruntime-web itself. */

import type { Library } from './browser_library.ts';
import { createBackbone, decodeImage, loadModel, probeEngines, verify } from './node.ts';
import type { OrtAssets } from './ort.ts';

/** Returns the library. URLs are for pages: in Node the files are found where they are installed. */
export function withAssets(_assets: OrtAssets): Library {
  return {
    loadModel,
    createBackbone,
    decodeImage: (bytes, options) => decodeImage(bytes, options),
    probeEngines,
    verify,
  };
}

export * from './node.ts';
export { nodeEngines as browserEngines } from './node.ts';
