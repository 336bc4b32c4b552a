/** The exports that both entries share: everything that needs no platform. */

export type { Named, NDArray, Size } from '../arrays.ts';
export type { Backbone, Stage } from '../backbones/index.ts';
export { backbones } from '../backbones/index.ts';
export {
  type Dataset,
  type DatasetId,
  datasetOf,
  datasets,
  type KeypointSet,
  type PoseDataset,
  poseDatasetOf,
} from '../datasets/index.ts';
export {
  CheckpointError,
  ConfigError,
  DataError,
  DownloadError,
  DroppedError,
  EngineError,
  ImageError,
  isRefusal,
  MoganetError,
  type Refusal,
  type RefusalFacts,
  ShapeError,
  UnsupportedError,
} from '../errors.ts';
export type { CheckpointCode, ImageCode } from '../formats/context.ts';
export { decodeLabelPng } from '../formats/label_png.ts';
export type { Geometry } from '../image/geometry.ts';
export type { LabelMap, Raster } from '../image/raster.ts';
export { configFromText } from '../loading/config_text.ts';
export { initialWeights } from '../loading/initial_weights.ts';
export type { ReadConfigOptions, ReadModel } from '../loading/read_model.ts';
export type { ModelRef, PulledModel, PullModel, PullOptions, ReadOptions } from '../loading/resolve.ts';
export type { Boxes, BoxesOption } from '../models/boxes.ts';
export type { ModelConfig, ResolvedConfig } from '../models/config.ts';
export {
  createModel,
  type Detectors,
  detectors,
  type ModelDefinition,
  modelParameters,
  type Tables,
} from '../models/create.ts';
export type { Head } from '../models/custom.ts';
export { fromMm, type MmContext } from '../models/mm/index.ts';
export { fromOfficial, type OfficialMogaNet } from '../models/mm/moganet.ts';
export type { Task, TaskInputs, TaskKind, TaskOptions, TaskResult } from '../models/task.ts';
export type { Engine, Scope, Value } from '../nn/index.ts';
export type { ImageRef, PageImage, Progress, WeightsRef } from '../platform/contract.ts';
export type { Detections } from '../postprocess/detections.ts';
export type { FoundPoses } from '../postprocess/found_poses.ts';
export type { CompactMask } from '../postprocess/masks.ts';
export type { Rle } from '../postprocess/rle.ts';
export type { CocoInstance, CocoPose, CocoResult } from '../results/coco.ts';
export type { Drawing, RenderOptions } from '../results/drawing.ts';
export type { Classification, Instance, Origin, Segmentation, Speed, Timings } from '../results/fields.ts';
export {
  type JsonOptions,
  type KeypointsJson,
  type PoseJson,
  type ResultJson,
  resultSchema,
  version,
} from '../results/json.ts';
export type { LabelmeFile, LabelmeOptions } from '../results/labelme.ts';
export { Mask } from '../results/mask.ts';
export { Pixels } from '../results/pixels.ts';
export { type Keypoint, type Pose, type PoseFields, Poses } from '../results/poses.ts';
export { Result } from '../results/result.ts';
export type { YoloOptions } from '../results/yolo.ts';
export { entries, findEntry, type Terms, termsOf, type ZooEntry } from '../zoo/index.ts';
export type { BackboneOptions, LoadOptions } from './load.ts';
export type { LoadedBackbone } from './loaded_backbone.ts';
export { Model } from './model.ts';
export type { BatchOptions, FeaturesOptions, PredictOptions } from './options.ts';
export { type EngineFacts, type Features, Predictor, type WarmUpOptions } from './predictor.ts';
export { type DetectorOptions, PosesOfDetector, withDetector } from './with_detector.ts';
