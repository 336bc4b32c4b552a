/** The library in Node: paths beside addresses and bytes, onnxruntime beside TensorFlow.js. */
import { backboneLoader } from './api/backbone.ts';
import { modelLoader } from './api/load_model.ts';
import { configReader } from './api/read_config.ts';
import { nodeEngines, openNodeEngine } from './engines/node.ts';
import { usefulThreads } from './platform/node/cores.ts';
import { decodeImage } from './platform/node/decode_image.ts';
import { openWeights, readImage } from './platform/node/files.ts';
import { packageVersion, sampleImages, shippedWeights } from './platform/node/package_root.ts';

const platform = {
  openWeights,
  readImage,
  shippedWeights,
  decodeImage: (bytes: Uint8Array, name: string) => decodeImage(bytes, { name }),
  engines: nodeEngines,
  openEngine: (name: string, options: { readonly threads?: number }) =>
    openNodeEngine(name, { threads: usefulThreads(), ...options }),
};

export const loadModel = modelLoader(platform);
export const createBackbone = backboneLoader(platform);
export const readConfig = configReader(platform);
export const version = packageVersion();

export { type Ablation, type ArchName, ablation, ablationText, articleStatements } from './api/ablation.ts';
export { type Converted, type ConvertInput, type ConvertOptions, convertCheckpoints } from './api/convert.ts';
export * from './api/index.ts';
export { modelSummary, type SummaryOptions } from './api/summary.ts';
export { encodePng } from './codecs/png_write.ts';
export { openFileSource } from './platform/node/file_source.ts';
export { decodeImage, nodeEngines, sampleImages, shippedWeights };
