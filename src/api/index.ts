/** What both entries export beside the functions that need a platform. */
export type { Backbone, Stage } from '../backbones/index.ts';
export { backbones } from '../backbones/index.ts';
export * from '../errors.ts';
export type { Raster } from '../image/raster.ts';
export type { ModelConfig, ResolvedConfig } from '../models/config.ts';
export { createModel, type Head, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
export { fromMm, type MmContext } from '../models/from_mm.ts';
export type { Named, NDArray, Size } from '../ndarray.ts';
export type { Engine, Scope, Value } from '../nn/index.ts';
export type { CompactMask, Detections, Rle } from '../postprocess/detections.ts';
export { entries, findEntry, type ZooEntry } from '../zoo/index.ts';
export type { BackboneOptions, LoadedBackbone } from './backbone.ts';
export type { LoadOptions } from './load_model.ts';
export { Mask } from './mask.ts';
export { Model, type PredictOptions } from './model.ts';
export type { ImageRef, Progress, WeightsRef } from './platform.ts';
export type { ModelRef, ReadModel, ReadOptions } from './read_model.ts';
export { type Classification, type Instance, type RenderOptions, Result, type Segmentation } from './result.ts';
