/** Drawing results on pictures: raster in, raster out, the same pixels in Node and in the browser. */

export { type Color, type ColoredClasses, colorDistance, colorFor, type Palette, readableOn } from './colors.ts';
export { cropInstance, type Panel, type SideBySideOptions, sideBySide } from './compose.ts';
export {
  type ClassNames,
  type ClassShare,
  classShares,
  detectionLegend,
  drawLegend,
  type LegendEntry,
  type LegendOptions,
  segmentationLegend,
} from './legend.ts';
export {
  type ClassificationOptions,
  type DrawingSizes,
  drawClassification,
  drawDetections,
  drawSegmentation,
  type OverlayOptions,
  type SegmentationOptions,
  sizesFor,
} from './overlay.ts';
export {
  drawText,
  fitText,
  fontMetrics,
  type Glyph,
  type MoreGlyphs,
  measureText,
  type OutlinePoint,
  type TextMeasure,
  type TextOptions,
} from './text.ts';
