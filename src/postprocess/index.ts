/** From a network's numbers to boxes, masks and label maps: arithmetic on typed arrays, the same for every engine. */

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
export { meanLogits, refinedRegions } from './cascade.ts';
export { compactMask, emptyMask, fullRle, maskArea, maskBitmap, maskBox } from './compact_mask.ts';
export type { CompactMask, Detections, Rle } from './detections.ts';
export { joinRings, type Part, partsOf, withSlits } from './join_rings.ts';
export { type ProbabilityMap, pasteMask, pasteMasks } from './masks.ts';
export { type NmsOptions, nms } from './nms.ts';
export { fillBoxXywh, fillPolygons, fillRings, maskRings, type Ring, rleRings } from './polygons.ts';
export { type ProposalOptions, type Proposals, proposalsFrom } from './proposals.ts';
export { type LevelOptions, regionLevels, type SortedRegions, sortByLevel, toBoxOrder } from './regions.ts';
export { decodeBitmap, encodeBitmap, mergeRles, rleArea, rleBoxXywh, rleIou, rleOf } from './rle.ts';
export { rleFromString, rleToString } from './rle_text.ts';
export { type RoiAlignOptions, roiAlign, roiAlignNhwc } from './roi_align.ts';
export { type SecondStageOptions, secondStageDetections } from './second_stage.ts';
export { type LabelOptions, labelsFrom, type ResizeStep, resizeLabels } from './segmentation.ts';
export { simplifyRing } from './simplify.ts';
export { type NetworkImage, type SingleStageOptions, singleStageDetections } from './single_stage.ts';
