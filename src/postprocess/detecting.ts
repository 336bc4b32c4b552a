/**
 * Makes boxes and masks from what a detector's network gives. One module, which is loaded with the first prediction of a detector: a page
 * that only loads a model, or has none that detects, needs none of it.
 */
export { toNetwork } from './boxes.ts';
export {
  labelsToScore,
  meanLogits,
  refinedRegions,
  secondStageDetections,
  singleStageOf,
  singleStageSlices,
} from './detections.ts';
export { maskSlices } from './paste_masks.ts';
export { denseCandidates, proposalSlices } from './proposals.ts';
export { sortByLevel, toBoxOrder } from './roi_align.ts';
