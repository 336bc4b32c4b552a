/** The library in Node: paths beside addresses and bytes, onnxruntime beside TensorFlow.js. */
import { backboneLoader } from './api/backbone.ts';
import { onnxExporter } from './api/export.ts';
import { sampleExporter } from './api/export_sample.ts';
import type { ZooEntry } from './api/index.ts';
import { modelLoader } from './api/load_model.ts';
import { modelPuller } from './api/pull_model.ts';
import { configReader } from './api/read_config.ts';
import { modelReader } from './api/read_model.ts';
import { verifier } from './api/verify.ts';
import { nodeEngines, openNodeEngine } from './engines/node.ts';
import { standaloneOnnx } from './engines/onnx/standalone.ts';
import { cacheFolder } from './platform/node/cache.ts';
import { usefulThreads } from './platform/node/cores.ts';
import { decodeImage } from './platform/node/decode_image.ts';
import { openWeights, readImage } from './platform/node/files.ts';
import { packageVersion, sampleImages, shippedWeights, verifySamples } from './platform/node/package_root.ts';
import { findCached, type PublishedFile, pullFile } from './platform/node/pull.ts';

const platform = {
  openWeights,
  readImage,
  shippedWeights,
  cache: { find: (file: PublishedFile) => findCached(file), pull: pullFile },
  decodeImage: (bytes: Uint8Array, name: string) => decodeImage(bytes, { name }),
  engines: nodeEngines,
  openEngine: (name: string, options: { readonly threads?: number }) =>
    openNodeEngine(name, { threads: usefulThreads(), ...options }),
};

export const loadModel = modelLoader(platform);
export const pullModel = modelPuller(platform);
export const createBackbone = backboneLoader(platform);
export const readConfig = configReader(platform);
export const readModel = modelReader(platform);
export const exportOnnx = onnxExporter(standaloneOnnx);
export const exportSample = sampleExporter(platform);
export const verify = verifier(platform, verifySamples);
export const version = packageVersion();

/** The path of a model's published weights if they are in the cache. */
export function cachedWeights({ weights }: ZooEntry): string | undefined {
  return weights?.url ? findCached({ ...weights, url: weights.url }) : undefined;
}

export { type Ablation, type ArchName, ablation, ablationText, articleStatements } from './api/ablation.ts';
export { comparisonText } from './api/comparison_text.ts';
export { type Converted, type ConvertInput, type ConvertOptions, convertCheckpoints } from './api/convert.ts';
export type { ExportDescription, ExportedFile, ExportOptions, OnnxExport } from './api/export.ts';
export * from './api/index.ts';
export { modelSummary, type SummaryOptions } from './api/summary.ts';
export type { EngineCheck, NumbersCheck, VerifyOptions } from './api/verify.ts';
export type { PhotoCheck } from './api/verify_photo.ts';
export { encodePng } from './codecs/png_write.ts';
export { openFileSource } from './platform/node/file_source.ts';
export { cacheFolder, decodeImage, nodeEngines, sampleImages, shippedWeights };
