/** Drawing results on pictures: raster in, raster out, the same pixels in Node and in the browser. */
export { type ClassificationOptions, drawClassification } from './classification_overlay.ts';
export { type Color, colorDistance, colorFor, type Palette, paletteFor, readableOn } from './colors.ts';
export { cropInstance } from './cutout.ts';
export { fontMetrics, type Glyph, type MoreGlyphs, type OutlinePoint } from './font.ts';
export {
  type ClassShare,
  classShares,
  detectionLegend,
  drawLegend,
  type LegendEntry,
  type LegendOptions,
  segmentationLegend,
} from './legend.ts';
export { drawDetections, type OverlayOptions } from './overlay.ts';
export { ade20kColors, cocoColors, facadeColors } from './palettes.data.ts';
export { drawSegmentation, type SegmentationOptions } from './segmentation_overlay.ts';
export { type Panel, type SideBySideOptions, sideBySide } from './side_by_side.ts';
export { type DrawingSizes, sizesFor } from './sizes.ts';
export { drawText, fitText, measureText, type TextMeasure, type TextOptions } from './text.ts';
