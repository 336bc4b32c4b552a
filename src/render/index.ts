/** Drawing results on images: raster in, raster out, the same pixels in Node and in the browser. */

export { type DrawingSizes, sizesFor } from './canvas.ts';
export {
  type ClassNames,
  type Color,
  type ColoredClasses,
  colorDistance,
  colorFor,
  type Palette,
  readableOn,
} from './colors.ts';
export { cropInstance, type Panel, type SideBySideOptions, sideBySide } from './compose.ts';
export {
  type ClassificationOptions,
  type ClassShare,
  classShares,
  detectionLegend,
  drawClassification,
  drawLegend,
  type LegendEntry,
  type LegendOptions,
  segmentationLegend,
} from './legend.ts';
export { drawDetections, drawSegmentation, type OverlayOptions, type SegmentationOptions } from './overlay.ts';
export {
  type BodySide,
  type BodySides,
  type DrawnKeypoints,
  type DrawnPoses,
  drawPoses,
  leastPointScore,
  type PoseOptions,
  poseColors,
  sidesOf,
} from './poses.ts';
export {
  drawText,
  fitText,
  fontMetrics,
  type Glyph,
  type GlyphOptions,
  type MoreGlyphs,
  measureText,
  type OutlinePoint,
  type TextMeasure,
  type TextOptions,
} from './text.ts';
