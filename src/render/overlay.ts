import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import type { Detections } from '../postprocess/detections.ts';
import {
  addRoundedRect,
  alphaOf,
  blend,
  type Canvas,
  canvasFrom,
  createCoverage,
  fillRect,
  paintCoverage,
  type Rect,
  strokeRect,
} from './canvas.ts';
import { black, type Color, type ColoredClasses, colorFor, type Palette, white } from './colors.ts';
import { paintLabels } from './labels.ts';
import { percent } from './legend.ts';
import { createContourBuffer, fillMask, type MaskSpans, spansOf, strokeMask } from './masks.ts';
import { fitText, type MoreGlyphs, measureText, paintText } from './text.ts';

/** Sizes of what is drawn, in pixels of the picture. */
export interface DrawingSizes {
  /** Width of box outlines, in pixels. */
  readonly lineWidth: number;
  /** Width of mask contours, in pixels. */
  readonly contourWidth: number;
  /** Size of the em square of labels, in pixels. */
  readonly textSize: number;
}

/**
 * Sizes that look alike on small and large pictures when these are shown equally large. With s = √(width · height):
 * lines are s / 400 wide, contours s / 512 (both at least 1), text is s / 70 (at least 10, so that it stays legible); all
 * rounded.
 *
 * ```
 * 320×240: 1, 1, 10   768×768: 2, 2, 11   1024×1024: 3, 2, 15   4000×3000: 9, 7, 49
 * ```
 */
export function sizesFor({ width, height }: Size): DrawingSizes {
  const side = Math.sqrt(width * height);
  return {
    lineWidth: Math.max(1, Math.round(side / 400)),
    contourWidth: Math.max(1, Math.round(side / 512)),
    textSize: Math.max(10, Math.round(side / 70)),
  };
}

/** How detections are drawn. */
export interface OverlayOptions extends Partial<DrawingSizes> {
  /** Colours by class: those of the data set by default, generated ones without it. */
  readonly palette?: Palette | undefined;
  /** One colour per class, or one per detection (in order of score); `class` where it is not given. */
  readonly colorBy?: 'class' | 'instance';
  /** What is drawn; everything that is there where it is not given. */
  readonly boxes?: boolean;
  readonly masks?: boolean;
  readonly labels?: boolean;
  /** The text of detection `index`; its name and score ("window 0.93") where it is not given. An empty one is not drawn. */
  readonly labelOf?: (index: number) => string;
  /** 0 to 1: masks are filled at 0.45, their contours drawn at 0.9, boxes and label plates opaque, where not given. */
  readonly maskOpacity?: number;
  readonly contourOpacity?: number;
  readonly boxOpacity?: number;
  readonly labelOpacity?: number;
  /** Where characters come from that the baked font lacks. */
  readonly moreGlyphs?: MoreGlyphs | undefined;
  /** Told once, with the characters that no font has and that were drawn as frames. */
  readonly onMissingGlyphs?: ((characters: readonly string[]) => void) | undefined;
}

/**
 * Draws detections on a copy of the picture: filled masks with contours, then boxes, then labels. Large masks come first
 * so that small ones stay visible (equal areas: the lower score first); of boxes and labels the best score is on top. A box is
 * drawn with its line centred on its rounded edges and moved into the picture at the border; one that lies outside is left out.
 *
 * @throws ShapeError where arrays of the detections differ in length or a mask belongs to a picture of another size.
 */
export function drawDetections(
  raster: Raster,
  detections: Detections & { readonly names: readonly string[]; readonly dataset?: ColoredClasses | undefined },
  options: OverlayOptions = {},
): Raster {
  checkDetections(raster, detections);
  const canvas = canvasFrom(raster);
  const { labels, names, dataset } = detections;
  const sizes = sizesOf(raster, options);
  const palette = options.palette ?? dataset?.colors;
  const colors = Array.from(labels, (label, i) =>
    options.colorBy === 'instance' ? colorFor(i) : colorFor(label, palette),
  );
  if (options.masks !== false) paintMasks(canvas, detections, colors, sizes, options);
  const rects = Array.from(labels, (_, i) =>
    rectOf(detections.boxes.subarray(4 * i, 4 * i + 4), sizes.lineWidth, raster),
  );
  // best on top, whatever order the detections come in
  const worstFirst = Array.from(labels.keys()).sort((a, b) => detections.scores[a]! - detections.scores[b]! || b - a);
  if (options.boxes !== false) {
    for (const i of worstFirst) {
      if (rects[i]) strokeRect(canvas, rects[i], sizes.lineWidth, colors[i]!, alphaOf(options.boxOpacity ?? 1));
    }
  }
  if (options.labels !== false) {
    const textOf =
      options.labelOf ??
      ((i: number) => `${names[labels[i]!] ?? `class ${labels[i]}`} ${detections.scores[i]!.toFixed(2)}`);
    const plates = worstFirst
      .reverse()
      .flatMap((i) => (rects[i] ? [{ box: rects[i], text: textOf(i), color: colors[i]! }] : []))
      .filter(({ text }) => text !== '');
    const missing = paintLabels(canvas, plates, {
      textSize: sizes.textSize,
      opacity: options.labelOpacity ?? 1,
      moreGlyphs: options.moreGlyphs,
    });
    if (missing.length > 0) options.onMissingGlyphs?.(missing);
  }
  return canvas;
}

function paintMasks(
  canvas: Canvas,
  { masks = [], scores }: Detections,
  colors: readonly Color[],
  { contourWidth }: DrawingSizes,
  { maskOpacity = 0.45, contourOpacity = 0.9 }: OverlayOptions,
): void {
  const buffer = createContourBuffer(canvas);
  const order = masks
    .map((mask, index): { index: number; spans: MaskSpans } => ({ index, spans: spansOf(mask, canvas) }))
    .sort((a, b) => b.spans.area - a.spans.area || scores[a.index]! - scores[b.index]! || b.index - a.index);
  for (const { index, spans } of order) {
    const color = colors[index]!;
    fillMask(canvas, spans, color, alphaOf(maskOpacity));
    strokeMask(canvas, spans, contourWidth, color, alphaOf(contourOpacity), buffer);
  }
}

/** The outer edge of a box's line; undefined where no part of the box lies in the picture. */
function rectOf(box: Float32Array, lineWidth: number, { width, height }: Raster): Rect | undefined {
  const [x1, y1, x2, y2] = box as unknown as [number, number, number, number];
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
        `${masks ? `, ${masks.length} masks` : ''}. Give one of each per detection.`,
    );
  }
  masks?.forEach(({ imageSize }, i) => {
    if (imageSize.width !== raster.width || imageSize.height !== raster.height) {
      throw new ShapeError(
        `drawDetections: mask ${i} belongs to a picture of ${imageSize.width}×${imageSize.height} pixels, this one has ` +
          `${raster.width}×${raster.height}. Draw on the picture that was predicted.`,
      );
    }
  });
}

/** The caller's sizes before those that follow the picture's; box lines are whole pixels. */
function sizesOf(raster: Raster, options: OverlayOptions): DrawingSizes {
  const usual = sizesFor(raster);
  const { lineWidth = usual.lineWidth, contourWidth = usual.contourWidth, textSize = usual.textSize } = options;
  return { lineWidth: Math.max(1, Math.round(lineWidth)), contourWidth, textSize };
}

/** How a label map is drawn. */
export interface SegmentationOptions {
  /** The classes by label. */
  readonly names: readonly string[];
  /** Gives the colours by default. */
  readonly dataset?: ColoredClasses | undefined;
  /** Colours by label: those of the data set by default, generated ones without it. */
  readonly palette?: Palette | undefined;
  /** How much of the picture the colours cover, 0 to 1; 0.5 where it is not given. */
  readonly opacity?: number;
  /** Opacity of the lines along the borders of regions, 0 to 1; 0.9 where it is not given, 0 draws none. */
  readonly borderOpacity?: number;
  /** The label of pixels without a class: they stay as they are. 255 where it is not given. */
  readonly unlabelled?: number;
}

/**
 * Colours every pixel of a copy of the picture by its label. Along the borders of regions the colour is stronger, on both
 * sides, over half the width of a mask's contour (at least one pixel).
 *
 * @param labels height × width class indices, row by row. An index beyond the names gets a colour of its own.
 * @throws ShapeError where there is not one label per pixel.
 */
export function drawSegmentation(raster: Raster, labels: ArrayLike<number>, options: SegmentationOptions): Raster {
  checkLabelMap(raster, labels, 'drawSegmentation');
  const { dataset, palette = dataset?.colors, opacity = 0.5, borderOpacity = 0.9, unlabelled = 255 } = options;
  const canvas = canvasFrom(raster);
  const { width, height, data } = canvas;
  const colors = new Map<number, Color>();
  const inside = alphaOf(opacity);
  const border = Math.max(inside, alphaOf(borderOpacity));
  const reach = borderOpacity > 0 ? Math.max(1, Math.round(sizesFor(raster).contourWidth / 2)) : 0;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const label = labels[at]!;
      if (label === unlabelled) continue;
      let color = colors.get(label);
      if (!color) {
        color = colorFor(label, palette);
        colors.set(label, color);
      }
      blend(data, at * 4, color, atBorder(x, y, at, label) ? border : inside);
    }
  }
  return canvas;

  function atBorder(x: number, y: number, at: number, label: number): boolean {
    for (let d = 1; d <= reach; d++) {
      if (x >= d && labels[at - d] !== label) return true;
      if (x + d < width && labels[at + d] !== label) return true;
      if (y >= d && labels[at - d * width] !== label) return true;
      if (y + d < height && labels[at + d * width] !== label) return true;
    }
    return false;
  }
}

export function checkLabelMap({ width, height }: Raster, labels: ArrayLike<number>, caller: string): void {
  if (labels.length !== width * height) {
    throw new ShapeError(
      `${caller}: a picture of ${width}×${height} pixels needs ${width * height} labels, got ${labels.length}. ` +
        `Resize the label map to the picture first (nearest neighbour).`,
    );
  }
}

export interface ClassificationOptions {
  /** Size of the em square in pixels; a fifth more than that of labels where it is not given (see `sizesFor`). */
  readonly textSize?: number;
  /** Opacity of the panel behind the list, 0 to 1; 0.72 where it is not given. The text is opaque. */
  readonly opacity?: number;
  /** Where characters come from that the baked font lacks. */
  readonly moreGlyphs?: MoreGlyphs | undefined;
  /** Told once, with the characters that no font has and that were drawn as frames. */
  readonly onMissingGlyphs?: ((characters: readonly string[]) => void) | undefined;
}

/** Of the bars; one for all, since among a thousand classes a colour tells nothing. */
const barColor: Color = [86, 180, 233];

/**
 * Lists classes with their scores on a copy of the picture, in a panel at its lower left: best on top, each with a bar as
 * long as its score. Long names are cut with an ellipsis; classes that find no room are left out, the last ones first.
 */
export function drawClassification(
  raster: Raster,
  { labels, scores, names }: { labels: ArrayLike<number>; scores: ArrayLike<number>; names: readonly string[] },
  options: ClassificationOptions = {},
): Raster {
  const { textSize = Math.round(sizesFor(raster).textSize * 1.2), opacity = 0.72, moreGlyphs } = options;
  const canvas = canvasFrom(raster);
  const gap = Math.round(textSize * 0.6);
  const rowHeight = Math.round(textSize * 1.8);
  // the panel's margin in the picture and its own padding, above and below
  const room = Math.floor((raster.height - 4 * gap) / rowHeight);
  const rows = Array.from({ length: Math.min(labels.length, Math.max(1, room)) }, (_, i) => ({
    name: names[labels[i]!] ?? `class ${labels[i]}`,
    score: scores[i]!,
  }));
  if (rows.length === 0) return canvas;
  const missing = new Set(rows.flatMap(({ name }) => measureText(name, textSize, moreGlyphs).missing));
  if (missing.size > 0) options.onMissingGlyphs?.([...missing]);
  const noteWidth = Math.max(...rows.map(({ score }) => measureText(percent(score), textSize).width));
  const wanted =
    Math.max(...rows.map(({ name }) => measureText(name, textSize, moreGlyphs).width)) + 2 * gap + noteWidth;
  const inner = Math.max(Math.ceil(noteWidth), Math.min(Math.ceil(wanted), raster.width - 4 * gap));
  const height = rows.length * rowHeight + 2 * gap;
  const top = Math.max(0, raster.height - height - gap);
  paintPanel(canvas, { left: gap, top, width: inner + 2 * gap, height }, textSize / 3, alphaOf(opacity));
  rows.forEach(({ name, score }, i) => {
    const left = 2 * gap;
    const rowTop = top + gap + i * rowHeight;
    const barTop = rowTop + Math.round(textSize * 1.3);
    const barHeight = Math.max(2, Math.round(textSize / 7));
    const bar = { left, top: barTop, bottom: barTop + barHeight };
    fillRect(canvas, { ...bar, right: left + inner }, white, alphaOf(0.18));
    fillRect(canvas, { ...bar, right: left + Math.round(inner * score) }, barColor);
    const line = { y: rowTop + textSize, size: textSize, color: white, moreGlyphs };
    const note = percent(score);
    paintText(canvas, fitText(name, textSize, inner - noteWidth - gap, moreGlyphs), { ...line, x: left });
    paintText(canvas, note, { ...line, x: left + inner - measureText(note, textSize).width });
  });
  return canvas;
}

interface Panel {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function paintPanel(canvas: Canvas, { left, top, width, height }: Panel, radius: number, alpha: number): void {
  const shape = createCoverage({ width, height });
  addRoundedRect(shape, 0, 0, width, height, radius);
  paintCoverage(canvas, shape, left, top, black, alpha);
}
