/** Results in the shapes of other packages, and objects that are called as theirs are. */

import '../no_eval.ts';

export { type CocoSsdModel, type CocoSsdObject, cocoSsd, toCocoSsd } from './coco_ssd.ts';
export {
  type CategoryMask,
  type ClassifierOptions,
  type ImageClassifierResult,
  type ImageSegmenterResult,
  type MediaPipeCategory,
  type MediaPipeDetection,
  type ObjectDetectorResult,
  toImageClassifierResult,
  toImageSegmenterResult,
  toObjectDetectorResult,
} from './mediapipe.ts';
export { type DetPrediction, toDetPrediction } from './mmdet.ts';
export { type PosePrediction, toPosePredictions } from './mmpose.ts';
export {
  type PoseDetectionConfig,
  type PoseDetectionKeypoint,
  type PoseDetectionModel,
  type PoseDetectionPose,
  poseDetector,
  toPoseDetection,
} from './pose_detection.ts';
export type { Predicts } from './predicts.ts';
export {
  type ClassScore,
  type DetectedBox,
  type ImageClassificationOptions,
  type ImageClassifier,
  type ImageSegmentationOptions,
  type ImageSegmenter,
  type ObjectDetectionOptions,
  type ObjectDetector,
  type PipelineOf,
  pipeline,
  type RawMask,
  type Segment,
  toImageClassification,
  toImageSegmentation,
  toObjectDetection,
} from './transformers.ts';
