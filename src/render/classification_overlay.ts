import type { Raster } from '../image/raster.ts';
import { alphaOf, type Canvas, canvasFrom, fillRect } from './canvas.ts';
import { black, type Color, white } from './colors.ts';
import { addRoundedRect, createCoverage, paintCoverage } from './coverage.ts';
import type { MoreGlyphs } from './font.ts';
import { percent } from './legend.ts';
import { sizesFor } from './sizes.ts';
import { fitText, measureText, paintText } from './text.ts';

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
