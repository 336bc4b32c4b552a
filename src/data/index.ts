/** Data sets as others write them: recognised by their files, read image by image. */

export type {
  CocoAnnotation,
  CocoCategory,
  CocoDetection,
  CocoFile,
  CocoImage,
  CocoSegmentation,
} from './coco_file.ts';
export { type CocoReading, type CocoReadOptions, parseCocoFile, parseCocoResults } from './coco_json.ts';
export { type CocoCollector, categoryIdOf, cocoCollector, cocoOf } from './coco_of.ts';
export { rleOfSegmentation } from './coco_shapes.ts';
export { type ChosenFile, type DataFolder, type FilesInMemory, type FolderEntry, memoryFolder } from './folder.ts';
export {
  checkHealth,
  type HealthOptions,
  type HealthProgress,
  type HealthReport,
  type HealthSplit,
  type SplitFacts,
} from './health.ts';
export { type HealthCode, healthCodes, type Severity } from './health_codes.ts';
export {
  type Finding,
  type FindingExample,
  type Id,
  type Subject,
  type SubjectKind,
  subjectOf,
} from './health_findings.ts';
export { type HealthSource, type HealthSourceOptions, openHealthSource } from './health_source.ts';
export {
  type DataFormat,
  dataFormats,
  type ImageSet,
  type KeypointNames,
  type LabelKind,
  type LabelledImage,
  type LabelledObject,
  type ReadImagesOptions,
} from './image_set.ts';
export type { JsonSource } from './json_value.ts';
export { type DatasetFiles, openDataset } from './open.ts';
export type { OpenDatasetOptions } from './options.ts';
