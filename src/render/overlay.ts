import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import type { Detections } from '../postprocess/detections.ts';
import { alphaOf, type Canvas, canvasFrom, type Rect, strokeRect } from './canvas.ts';
import { type Color, colorFor, type Palette, paletteFor } from './colors.ts';
import type { MoreGlyphs } from './font.ts';
import { paintLabels } from './labels.ts';
import { type MaskSpans, spansOf } from './mask_spans.ts';
import { createContourBuffer, fillMask, strokeMask } from './paint_mask.ts';
import { type DrawingSizes, sizesFor } from './sizes.ts';

/** How detections are drawn. */
export interface OverlayOptions extends Partial<DrawingSizes> {
  /** Colours by class; those that belong to the names where it is not given (see `paletteFor`). */
  readonly palette?: Palette;
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
  detections: Detections & { readonly names: readonly string[] },
  options: OverlayOptions = {},
): Raster {
  checkDetections(raster, detections);
  const canvas = canvasFrom(raster);
  const { labels, names } = detections;
  const sizes = sizesOf(raster, options);
  const palette = options.palette ?? paletteFor(names);
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
