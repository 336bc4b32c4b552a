/** From heatmaps to the poses of an image. One module, which is loaded with the first result of a pose model. */
export { mergeFlipped } from './heatmap_flip.ts';
export { decodeHeatmaps } from './keypoints.ts';
export { oksNmsSlices, poseScores } from './oks.ts';
