import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { checkRaster, type Raster } from '../image/raster.ts';
import { type Box, boxAt } from '../postprocess/boxes.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import {
  alphaOf,
  blendMixtures,
  type Canvas,
  canvasFrom,
  type DrawingSizes,
  type Mixture,
  mixtureOf,
  pixelsOf,
  type Rect,
  sizesFor,
  strokeRect,
} from './canvas.ts';
import { type ClassNames, type Color, colorFor, nameOf, type Palette, unlabelledOf } from './colors.ts';
import { paintLabels } from './labels.ts';
import { canvasWithLegend, type LegendOptions, segmentationEntries } from './legend.ts';
import { fillMask, spansOf, strokeFor, strokeMask } from './masks.ts';
import { endOfRun, forEachRun, type LabelRuns, markBorders, runsOf, wordsOf } from './runs.ts';
import type { GlyphOptions } from './text.ts';

/** Results drawn over the image: detections, and the classes of a segmentation. */

/** How detections are drawn. */
export interface OverlayOptions extends Partial<DrawingSizes>, GlyphOptions {
  /** Colours by class. By default those of the data set; without one they are generated. */
  readonly palette?: Palette | undefined;
  /** One colour per class, or one per instance (in order of score). By default `class`. */
  readonly colorBy?: 'class' | 'instance' | undefined;
  /** The parts to draw. By default boxes, masks (if there are any) and labels. */
  readonly boxes?: boolean | undefined;
  readonly masks?: boolean | undefined;
  readonly labels?: boolean | undefined;
  /** The label of instance `index`. By default its name and score ("window 0.93"). An empty one is not drawn. */
  readonly labelOf?: ((index: number) => string) | undefined;
  /** 0 to 1. By default masks are filled at 0.45, their contours drawn at 0.9, boxes and label plates opaque. */
  readonly maskOpacity?: number | undefined;
  readonly contourOpacity?: number | undefined;
  readonly boxOpacity?: number | undefined;
  readonly labelOpacity?: number | undefined;
}

/** One detected object as it is drawn. */
interface Instance {
  readonly index: number;
  readonly label: number;
  readonly score: number;
  readonly color: Color;
  readonly mask: CompactMask | undefined;
  /** The outer edge of the box's line; none if the box lies outside the image. */
  readonly rect: Rect | undefined;
}

/**
 * Draws detections on a copy of the image: filled masks with contours, then boxes, then labels. Large masks come first so
 * that small ones stay visible (of equal areas the lower score first); of boxes and labels the best score is on top. A box
 * is drawn with its line centred on its rounded edges and moved into the image at the border; one outside is left out.
 *
 * @throws ShapeError if arrays of the detections differ in length or a mask belongs to an image of another size
 */
export function drawDetections(
  raster: Raster,
  detections: Detections & Omit<ClassNames, 'palette'>,
  options: OverlayOptions = {},
): Raster {
  checkRaster(raster);
  checkDetections(raster, detections);
  const { scores, boxes, masks, classes, dataset } = detections;
  const { boxOpacity = 1, labelOpacity = 1, palette = dataset?.colors } = options;
  const canvas = canvasFrom(raster);
  const sizes = sizesOf(raster, options);
  const instances = Array.from(detections.labels, (label, index): Instance => {
    const score = scores[index] ?? 0;
    return {
      index,
      label,
      score,
      color: options.colorBy === 'instance' ? colorFor(index) : colorFor(label, palette),
      mask: masks?.[index],
      rect: rectOf(boxAt(boxes, index), sizes.lineWidth, raster),
    };
  });
  if (options.masks !== false) paintMasks(canvas, instances, sizes, options);
  // the best on top, in whatever order the detections come
  const worstFirst = instances.toSorted((a, b) => a.score - b.score || b.index - a.index);
  if (options.boxes !== false) {
    for (const { rect, color } of worstFirst) {
      if (rect) strokeRect(canvas, rect, sizes.lineWidth, color, alphaOf(boxOpacity));
    }
  }
  if (options.labels !== false) {
    const textOf = ({ index, label, score }: Instance) => {
      const text = options.labelOf?.(index);
      return text === undefined ? { text: nameOf(classes, label), note: score.toFixed(2) } : { text, note: undefined };
    };
    const labels = worstFirst
      .reverse()
      .flatMap((one) => (one.rect ? [{ box: one.rect, ...textOf(one), color: one.color }] : []))
      .filter(({ text, note }) => text !== '' || note !== undefined);
    const { moreGlyphs, onMissingGlyphs } = options;
    paintLabels(canvas, labels, { textSize: sizes.textSize, opacity: labelOpacity, moreGlyphs, onMissingGlyphs });
  }
  return canvas;
}

function paintMasks(
  canvas: Canvas,
  instances: readonly Instance[],
  { contourWidth }: DrawingSizes,
  { maskOpacity = 0.45, contourOpacity = 0.9 }: OverlayOptions,
): void {
  const alpha = alphaOf(maskOpacity);
  const mixtures = new Map<string, Mixture>();
  const mixture = (color: Color): Mixture => {
    const known = mixtures.get(color.join()) ?? mixtureOf(color, alpha);
    mixtures.set(color.join(), known);
    return known;
  };
  const largestFirst = instances
    .flatMap(({ mask, ...instance }) => (mask ? [{ ...instance, spans: spansOf(mask, canvas) }] : []))
    .sort((a, b) => b.spans.area - a.spans.area || a.score - b.score || b.index - a.index);
  const stroke = strokeFor(
    largestFirst.map(({ spans }) => spans),
    contourWidth,
  );
  for (const { spans, color } of largestFirst) {
    fillMask(canvas, spans, mixture(color));
    strokeMask(canvas, spans, stroke, color, alphaOf(contourOpacity));
  }
}

function rectOf([x1, y1, x2, y2]: Box, lineWidth: number, { width, height }: Raster): Rect | undefined {
  // written so that NaN counts as outside
  if (!(x2 > 0 && y2 > 0 && x1 < width && y1 < height && x2 >= x1 && y2 >= y1)) return undefined;
  const half = lineWidth / 2;
  return {
    left: Math.max(0, Math.round(x1 - half)),
    top: Math.max(0, Math.round(y1 - half)),
    right: Math.min(width, Math.round(x2 + half)),
    bottom: Math.min(height, Math.round(y2 + half)),
  };
}

function checkDetections(raster: Raster, { boxes, scores, labels, masks }: Detections): void {
  const n = labels.length;
  if (boxes.length !== 4 * n || scores.length !== n || (masks && masks.length !== n)) {
    throw new ShapeError(
      `drawDetections: the arrays differ in length: ${boxes.length / 4} boxes, ${scores.length} scores, ${n} labels` +
        `${masks ? `, ${masks.length} masks` : ''}. Give one of each per instance.`,
    );
  }
  for (const [i, { imageSize }] of (masks ?? []).entries()) {
    if (imageSize.width !== raster.width || imageSize.height !== raster.height) {
      throw new ShapeError(
        `drawDetections: mask ${i} belongs to an image of ${imageSize.width}×${imageSize.height} pixels, this one has ` +
          `${raster.width}×${raster.height}. Draw on the image that was predicted.`,
      );
    }
  }
}

/** The caller's sizes, else those that follow the image's size; box lines are whole pixels. */
function sizesOf(raster: Raster, options: OverlayOptions): DrawingSizes {
  const usual = sizesFor(raster);
  const { lineWidth = usual.lineWidth, contourWidth = usual.contourWidth, textSize = usual.textSize } = options;
  return { lineWidth: Math.max(1, Math.round(lineWidth)), contourWidth, textSize };
}

/** How a label map is drawn. */
export interface SegmentationOptions extends ClassNames {
  /** How much of the image the colours cover, 0 to 1; by default 0.5. */
  readonly opacity?: number | undefined;
  /** The opacity of the lines along the borders between classes, 0 to 1; by default 0.9, 0 draws none. */
  readonly borderOpacity?: number | undefined;
  /** The label of pixels without a class, by default 255, or 65535 above 255 classes: they stay as they are. */
  readonly unlabelled?: number | undefined;
  /** Draws a legend of the classes with their shares, as `drawLegend` does. By default none. */
  readonly legend?: LegendOptions | undefined;
}

/**
 * Colours every pixel of a copy of the image by its label. Along the borders between classes the colour is stronger, on
 * both sides, over half the width of a mask's contour (at least one pixel).
 *
 * @param labels height × width class indices, row by row. An index beyond the classes gets a generated colour.
 * @throws ShapeError if there is not one label per pixel
 */
export function drawSegmentation(raster: Raster, labels: ArrayLike<number>, options: SegmentationOptions): Raster {
  checkRaster(raster);
  const { width, height } = raster;
  if (labels.length !== width * height) {
    throw new ShapeError(
      `drawSegmentation: an image of ${width}×${height} pixels needs ${width * height} labels, got ${labels.length}. ` +
        `Resize the label map to the image first (nearest neighbour).`,
    );
  }
  const runs = runsOf(labels, raster);
  const { legend, unlabelled = unlabelledOf(options.classes) } = options;
  if (!legend) {
    const canvas = canvasFrom(raster);
    paintSegmentation(canvas, runs, raster, unlabelled, options);
    return canvas;
  }
  const { canvas, paintLegend } = canvasWithLegend(raster, segmentationEntries(runs, unlabelled, options), legend);
  paintSegmentation(canvas, runs, raster, unlabelled, options);
  paintLegend();
  return canvas;
}

/** Colours the upper left part of the canvas, of the runs' size. */
function paintSegmentation(
  canvas: Canvas,
  runs: LabelRuns,
  image: Size,
  unlabelled: number,
  { dataset, palette = dataset?.colors, opacity = 0.5, borderOpacity = 0.9 }: SegmentationOptions,
): void {
  const { height, width, labels } = runs;
  const inside = alphaOf(opacity);
  const border = Math.max(inside, alphaOf(borderOpacity));
  const reach = borderOpacity > 0 ? Math.max(1, Math.round(sizesFor(image).contourWidth / 2)) : 0;
  const paints = new Map<number, Paint>();
  const marks = new Uint8Array(width);
  const words = wordsOf(marks);
  const pixels = pixelsOf(canvas);
  for (let y = 0; y < height; y++) {
    marks.fill(0);
    markBorders(runs, y, reach, marks);
    forEachRun(runs, y, (start, end) => {
      const label = labels[y * width + start]!;
      if (label === unlabelled) return;
      let paint = paints.get(label);
      if (!paint) {
        const color = colorFor(label, palette);
        paint = { inside: mixtureOf(color, inside), border: mixtureOf(color, border) };
        paints.set(label, paint);
      }
      const row = y * canvas.width;
      for (let x = start; x < end; ) {
        const next = endOfRun(marks, words, x, end);
        blendMixtures(canvas, pixels, row + x, row + next, 1, marks[x] ? paint.border : paint.inside);
        x = next;
      }
    });
  }
}

/** A class's colour inside and at its borders. */
interface Paint {
  readonly inside: Mixture;
  readonly border: Mixture;
}
