/** What both entries export beside the functions that need a platform. */

export type { Named, NDArray, Size } from '../arrays.ts';
export { type Compared, comparison } from '../article/comparison.ts';
export type { Backbone, Stage } from '../backbones/index.ts';
export { backbones } from '../backbones/index.ts';
export { type Dataset, type DatasetId, datasetOf, datasets } from '../datasets/index.ts';
export * from '../errors.ts';
export type { CheckpointCode, ImageCode } from '../formats/context.ts';
export { decodeLabelPng, type LabelMap } from '../formats/png_labels.ts';
export type { Raster } from '../image/raster.ts';
export { configFromText } from '../loading/config_text.ts';
export { initialWeights } from '../loading/initial_weights.ts';
export type { ModelRef, PulledModel, PullModel, PullOptions, ReadModel, ReadOptions } from '../loading/read_model.ts';
export type { ModelConfig, ResolvedConfig } from '../models/config.ts';
export { createModel, type Head, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
export { fromMm, type MmContext } from '../models/mm/index.ts';
export type { Engine, Scope, Value } from '../nn/index.ts';
export type { ImageRef, Progress, WeightsRef } from '../platform/contract.ts';
export type { CompactMask, Detections, Rle } from '../postprocess/detections.ts';
export type { CocoResult } from '../results/coco.ts';
export { type ResultJson, resultSchema } from '../results/json.ts';
export type { LabelmeFile, LabelmeOptions } from '../results/labelme.ts';
export { Mask } from '../results/mask.ts';
export type { Origin } from '../results/result.ts';
export {
  type Classification,
  type Instance,
  type RenderOptions,
  Result,
  type Segmentation,
} from '../results/result.ts';
export type { YoloOptions } from '../results/yolo.ts';
export { entries, findEntry, type Terms, termsOf, type ZooEntry } from '../zoo/index.ts';
export type { BackboneOptions, LoadedBackbone, LoadOptions } from './load.ts';
export { Model, type PredictOptions } from './model.ts';
