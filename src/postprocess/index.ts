/** From a network's outputs to boxes, masks and label maps: arithmetic on typed arrays, the same for every engine. */

export {
  type AnchorConfig,
  type AnchorLevel,
  anchorLevels,
  anchorsPerPosition,
  gridAnchors,
  insideFlags,
  validFlags,
} from './anchors.ts';
export {
  type BoxCoder,
  clipBoxes,
  decodeDeltas,
  encodeDeltas,
  iouMatrix,
  iouXywh,
  type Scale,
  takeBoxes,
  toNetwork,
  toOriginal,
} from './boxes.ts';
export { withChannels } from './channels.ts';
export {
  type Detections,
  meanLogits,
  type NetworkImage,
  refinedRegions,
  type SecondStageOptions,
  type SingleStageOptions,
  secondStageDetections,
  singleStageDetections,
} from './detections.ts';
export { type FlipOptions, flipBack, mergeFlipped } from './heatmap_flip.ts';
export { type DecodedKeypoints, decodeHeatmaps, type HeatmapDecoding, type HeatmapPlaces } from './keypoints.ts';
export {
  type CompactMask,
  compactMask,
  emptyMask,
  fullRle,
  maskArea,
  maskBitmap,
  maskBox,
} from './masks.ts';
export { type NmsOptions, nms } from './nms.ts';
export {
  type ComparedPoses,
  type OksOptions,
  oksMatrix,
  oksNms,
  type PoseScoring,
  poseScores,
  softOksNms,
} from './oks.ts';
export { type ProbabilityMap, pasteMask, pasteMasks } from './paste_masks.ts';
export {
  fillBoxXywh,
  fillPolygons,
  fillRings,
  joinRings,
  maskRings,
  type Part,
  partsOf,
  type Ring,
  rleRings,
  withSlits,
} from './polygons.ts';
export { type ProposalOptions, type Proposals, proposalsFrom } from './proposals.ts';
export {
  decodeBitmap,
  encodeBitmap,
  mergeRles,
  type Rle,
  rleArea,
  rleBoxXywh,
  rleFromString,
  rleIou,
  rleOf,
  rleToString,
} from './rle.ts';
export {
  type LevelOptions,
  type RoiAlignOptions,
  regionLevels,
  roiAlign,
  roiAlignNhwc,
  type SortedRegions,
  sortByLevel,
  toBoxOrder,
} from './roi_align.ts';
export { type LabelOptions, labelsFrom, type ResizeStep, resizeLabels } from './segmentation.ts';
export { simplifyRing, simplifyRings } from './simplify.ts';
