/** The library in Node: reads paths beside URLs and bytes, and runs onnxruntime beside TensorFlow.js. */

import { nodeEngines, openNodeEngine } from './engines/node.ts';
import { standaloneOnnx } from './engines/onnx/serialize.ts';
import { engineProber } from './engines/probe_engines.ts';
import { onnxExporter } from './export/onnx.ts';
import { sampleExporter } from './export/sample.ts';
import { verifier } from './export/verify.ts';
import { backboneLoader, modelLoader } from './library/load.ts';
import { configReader, modelReader } from './loading/read_model.ts';
import { cacheReader, modelPuller } from './loading/resolve.ts';
import type { DecodeLimits, EngineOptions, PublishedFile } from './platform/contract.ts';
import { cacheFolder } from './platform/node/cache.ts';
import { allowedThreads, usefulThreads } from './platform/node/cores.ts';
import { findCached, pullFile } from './platform/node/download.ts';
import {
  decodeImage,
  openWeights,
  readImage,
  sampleImages,
  shippedWeights,
  verifySamples,
  wasmFolder,
} from './platform/node/files.ts';

const platform = {
  openWeights,
  readImage,
  shippedWeights,
  cache: { find: (file: PublishedFile) => findCached(file), pull: pullFile },
  decodeImage: (bytes: Uint8Array, name: string, limits?: DecodeLimits) => decodeImage(bytes, { name, ...limits }),
  engines: nodeEngines,
  openEngine: async (name: string, { threads, device }: EngineOptions) =>
    openNodeEngine(name, {
      device,
      threads: threads === undefined ? undefined : allowedThreads(threads),
      usualThreads: usefulThreads(),
      wasmFolder,
    }),
};

/**
 * Loads a model with its weights: the name of a published model, a file, a URL, or a configuration with weights. The caller disposes it.
 *
 * @throws ConfigError or CheckpointError if model or weights are unknown or do not fit, UnsupportedError if published weights are not
 *   downloaded yet, DownloadError if they cannot be, EngineError if no engine starts
 */
export const loadModel = modelLoader(platform);

/**
 * Downloads the published weights of a model into the cache. Checks the whole file, resumes after a break, and lets one process at a time
 * download it.
 *
 * @throws ConfigError if there is nothing to pull, DownloadError saying what the server or the disk answered
 */
export const pullModel = modelPuller(platform);

/**
 * Loads a backbone alone, from the image to the pyramid. The caller disposes it.
 *
 * @throws ConfigError or CheckpointError if backbone or weights are unknown or do not fit, EngineError if no engine starts
 */
export const createBackbone = backboneLoader(platform);

/**
 * Returns the configuration that weights belong to: the one in the file, or that of the published model that they fit. Reads no tensor.
 *
 * @throws CheckpointError if the file cannot be read or fits no known model, ConfigError or UnsupportedError if the configuration in it
 *   cannot be used
 */
export const readConfig = configReader(platform);

/**
 * Reads a model with its weights into memory, without an engine: for export, counting and conversion.
 *
 * @throws as `loadModel`, except for EngineError
 */
export const readModel = modelReader(platform);

/**
 * Exports the parts of a model as standalone ONNX files for every image size, with a description of how they join.
 *
 * @throws ConfigError if a stem is given for several parts, CheckpointError (from `files`) if a weight is missing
 */
export const exportOnnx = onnxExporter(standaloneOnnx);

/** Returns inputs and outputs of a model's parts, with which exported files can be compared to this library elsewhere. */
export const exportSample = sampleExporter(platform);

/**
 * Starts each engine on this machine, runs a small network on it, and frees it. Says which start, why the others do not, and how
 * exact and how fast they are.
 *
 * @throws ConfigError for an unknown engine, the signal's reason if it was aborted
 */
export const probeEngines = engineProber(nodeEngines, (name) => platform.openEngine(name, {}));

/** Compares this machine's engines with the shipped numbers of PyTorch. Reports a missing engine and does not throw. */
export const verify = verifier(platform, verifySamples);

/** Returns the path of a model's published weights. Undefined if they are not in the cache. */
export const cachedWeights = cacheReader(platform);

export type { EngineProbe, ProbeEngines, ProbeOptions } from './engines/probe_engines.ts';
export type { ExportDescription, ExportedFile, ExportOptions, OnnxExport } from './export/onnx.ts';
export type { EngineCheck, ImageCheck, NumbersCheck, VerifyOptions, VerifySamples } from './export/verify.ts';
export type { PosesCheck } from './export/verify_poses.ts';
export { type ByteStream, type FramesOptions, framesOf, type PixelFormat } from './formats/frames.ts';
export * from './library/index.ts';
export { modelSummary, type SummaryOptions } from './library/summary.ts';
export { type Converted, type ConvertInput, type ConvertOptions, convertCheckpoints } from './loading/convert.ts';
export { openFileSource } from './platform/node/files.ts';
export { encodePng, encodePngAsync } from './platform/node/png.ts';
export { cacheFolder, decodeImage, nodeEngines, sampleImages, shippedWeights };
