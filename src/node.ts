/** The library in Node: paths beside addresses and bytes, onnxruntime beside TensorFlow.js. */

import { nodeEngines, openNodeEngine } from './engines/node.ts';
import { standaloneOnnx } from './engines/onnx/serialize.ts';
import { onnxExporter } from './export/onnx.ts';
import { sampleExporter } from './export/sample.ts';
import { verifier } from './export/verify.ts';
import type { ZooEntry } from './library/index.ts';
import { backboneLoader, modelLoader } from './library/load.ts';
import { configReader, modelReader } from './loading/read_model.ts';
import { modelPuller } from './loading/resolve.ts';
import type { PublishedFile } from './platform/contract.ts';
import { cacheFolder } from './platform/node/cache.ts';
import { allowedThreads, usefulThreads } from './platform/node/cores.ts';
import { findCached, pullFile } from './platform/node/download.ts';
import {
  decodeImage,
  openWeights,
  packageVersion,
  readImage,
  sampleImages,
  shippedWeights,
  verifySamples,
} from './platform/node/files.ts';

const platform = {
  openWeights,
  readImage,
  shippedWeights,
  cache: { find: (file: PublishedFile) => findCached(file), pull: pullFile },
  decodeImage: (bytes: Uint8Array, name: string) => decodeImage(bytes, { name }),
  engines: nodeEngines,
  openEngine: async (name: string, { threads = usefulThreads() }: { readonly threads?: number }) =>
    openNodeEngine(name, { threads: allowedThreads(threads) }),
};

/**
 * Loads a model with its weights: a name of the zoo, a file, or a configuration with weights. The caller disposes it.
 *
 * @throws ConfigError, CheckpointError where model and weights are unknown or do not fit; DownloadError where published weights
 *   cannot be fetched; EngineError where no engine starts
 */
export const loadModel = modelLoader(platform);

/**
 * Brings the published weights of a model into the cache: whole, checked, resumed after a break, by one process at a time.
 *
 * @throws ConfigError where there is nothing to pull, DownloadError saying what the server or the disk answered
 */
export const pullModel = modelPuller(platform);

/**
 * Loads a backbone alone, image to pyramid. The caller disposes it.
 *
 * @throws ConfigError, CheckpointError where backbone and weights are unknown or do not fit; EngineError where no engine starts
 */
export const createBackbone = backboneLoader(platform);

/**
 * The configuration that weights belong to: their own, or the zoo's entry that they fit. No tensor is read.
 *
 * @throws CheckpointError where the file cannot be read or fits nothing known, ConfigError or UnsupportedError where its own
 *   configuration cannot be used
 */
export const readConfig = configReader(platform);

/**
 * A model as it is described, with its weights in memory and no engine: for export, counting and conversion.
 *
 * @throws ConfigError, CheckpointError as `loadModel`
 */
export const readModel = modelReader(platform);

/**
 * Standalone ONNX of a model's parts, sizes free, with a description of how they join.
 *
 * @throws ConfigError where a stem is given for several parts; CheckpointError, from `files`, where a weight is missing
 */
export const exportOnnx = onnxExporter(standaloneOnnx);

/** Inputs and outputs of a model's parts, by which exported files are held to the library elsewhere. */
export const exportSample = sampleExporter(platform);

/** Holds this machine's engines to the shipped numbers of PyTorch. An engine that is missing is reported, not thrown. */
export const verify = verifier(platform, verifySamples);

/** The version of this package. */
export const version = packageVersion();

/** The path of a model's published weights if they are in the cache. */
export function cachedWeights({ weights }: ZooEntry): string | undefined {
  return weights?.url ? findCached({ ...weights, url: weights.url }) : undefined;
}

export type { ExportDescription, ExportedFile, ExportOptions, OnnxExport } from './export/onnx.ts';
export type { EngineCheck, ImageCheck, NumbersCheck, VerifyOptions } from './export/verify.ts';
export { encodePng } from './formats/png_write_node.ts';
export * from './library/index.ts';
export { modelSummary, type SummaryOptions } from './library/summary.ts';
export { type Converted, type ConvertInput, type ConvertOptions, convertCheckpoints } from './loading/convert.ts';
export { openFileSource } from './platform/node/files.ts';
export { cacheFolder, decodeImage, nodeEngines, sampleImages, shippedWeights };
