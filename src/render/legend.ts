import { checkRaster, type Raster } from '../image/raster.ts';
import {
  addRoundedRect,
  alphaOf,
  type Canvas,
  canvasAround,
  canvasFrom,
  fillRect,
  flatten,
  paintShape,
  sizesFor,
} from './canvas.ts';
import { black, type ClassNames, type Color, colorFor, nameOf, readableOn, unlabelledOf, white } from './colors.ts';
import { forEachRun, type LabelRuns, runsOf } from './runs.ts';
import { fitText, type GlyphOptions, measureText, paintText, reportMissing } from './text.ts';

/** Lists of classes: the legend below or beside an image, and the likeliest classes on it. */

/** How much of a label map is of a class. */
export interface ClassShare {
  readonly label: number;
  readonly name: string;
  /** The part of all pixels, 0 to 1. */
  readonly share: number;
}

/**
 * Returns how much of a label map each class takes: those that occur, the largest first (of equal shares the lower label
 * first). Pixels without a class (`unlabelled`, by default 255, or 65535 above 255 classes) count in the whole but have no
 * entry.
 */
export function classShares(
  labels: ArrayLike<number>,
  classes: readonly string[],
  unlabelled = unlabelledOf(classes),
): ClassShare[] {
  return sharesOf(runsOf(labels, { height: 1, width: labels.length }), classes, unlabelled);
}

function sharesOf(runs: LabelRuns, classes: readonly string[], unlabelled: number): ClassShare[] {
  const { height, width, labels } = runs;
  const counts = new Map<number, number>();
  for (let y = 0; y < height; y++) {
    forEachRun(runs, y, (start, end) => {
      const label = labels[y * width + start]!;
      counts.set(label, (counts.get(label) ?? 0) + end - start);
    });
  }
  counts.delete(unlabelled);
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || a - b)
    .map(([label, count]) => ({ label, name: nameOf(classes, label), share: count / labels.length }));
}

/** A line of a legend. */
export interface LegendEntry {
  readonly color: Color;
  readonly name: string;
  /** Printed at the right end of the entry: a share, a count. */
  readonly note?: string | undefined;
}

/** Returns a legend's entries for a label map: the classes that occur with their share of the image in per cent. */
export function segmentationLegend(
  labels: ArrayLike<number>,
  options: ClassNames & { readonly unlabelled?: number | undefined },
): LegendEntry[] {
  return entriesOf(classShares(labels, options.classes, options.unlabelled), options, percent);
}

/** Returns what `segmentationLegend` does of a map whose runs are known. */
export const segmentationEntries = (runs: LabelRuns, unlabelled: number, options: ClassNames): LegendEntry[] =>
  entriesOf(sharesOf(runs, options.classes, unlabelled), options, percent);

/** Returns a legend's entries for detections: the classes that occur with their number, the most frequent first. */
export function detectionLegend(labels: ArrayLike<number>, options: ClassNames): LegendEntry[] {
  return entriesOf(
    classShares(labels, options.classes, -1),
    options,
    (share) => `${Math.round(share * labels.length)}`,
  );
}

function entriesOf(
  shares: readonly ClassShare[],
  { dataset, palette = dataset?.colors }: ClassNames,
  noteOf: (share: number) => string,
): LegendEntry[] {
  return shares.map(({ label, name, share }) => ({ color: colorFor(label, palette), name, note: noteOf(share) }));
}

/** Formats a part of 0 to 1 in per cent, one digit after the point. */
function percent(share: number): string {
  return share < 0.0005 ? '<0.1 %' : `${(share * 100).toFixed(1)} %`;
}

/** Where a legend goes, and its looks. */
export interface LegendOptions extends GlyphOptions {
  /** Under the image in as many columns as fit, or at its right. By default `below`. */
  readonly position?: 'below' | 'beside' | undefined;
  /** By default white. The text is black or white, see `readableOn`. */
  readonly background?: Color | undefined;
  /** The size of the em square in pixels. By default that of labels (see `sizesFor`). */
  readonly textSize?: number | undefined;
}

/** Returns the image with a legend below or beside it, on a larger raster. Without entries it is a copy of the image. */
export function drawLegend(raster: Raster, entries: readonly LegendEntry[], options: LegendOptions = {}): Raster {
  checkRaster(raster);
  const { canvas, paintLegend } = canvasWithLegend(raster, entries, options);
  paintLegend();
  return canvas;
}

/** Returns a canvas with the image and room for a legend, and the function that paints it there. */
export function canvasWithLegend(
  raster: Raster,
  entries: readonly LegendEntry[],
  options: LegendOptions,
): { readonly canvas: Canvas; readonly paintLegend: () => void } {
  const { position = 'below', background = white, textSize = sizesFor(raster).textSize, moreGlyphs } = options;
  reportMissing(
    entries.map(({ name }) => name),
    options,
  );
  const gap = Math.round(textSize * 0.6);
  const columnGap = 3 * gap;
  const rowHeight = Math.round(textSize * 1.6);
  const widthOf = ({ name, note = '' }: LegendEntry) =>
    textSize +
    gap +
    measureText(name, textSize, moreGlyphs).width +
    (note ? gap + measureText(note, textSize).width : 0);
  const wanted = Math.ceil(Math.max(0, ...entries.map(widthOf)));
  const below = position === 'below';
  // below, columns share the image's width; beside, there are as many as the entries need at the image's height
  const cellWidth = below ? Math.min(wanted, Math.max(1, raster.width - 2 * gap)) : wanted;
  const fitting = below
    ? Math.floor((raster.width - 2 * gap + columnGap) / (cellWidth + columnGap))
    : Math.ceil(entries.length / Math.max(1, Math.floor((raster.height - 2 * gap) / rowHeight)));
  const columns = Math.max(1, Math.min(entries.length, fitting));
  const rows = Math.ceil(entries.length / columns);
  const strip = {
    width: columns * (cellWidth + columnGap) - columnGap + 2 * gap,
    height: entries.length > 0 ? rows * rowHeight + 2 * gap : 0,
  };
  const canvas = canvasAround(
    raster,
    below
      ? { width: raster.width, height: raster.height + strip.height }
      : { width: raster.width + (entries.length > 0 ? strip.width : 0), height: Math.max(raster.height, strip.height) },
    background,
  );
  const textColor = readableOn(background);
  const paintLegend = (): void => {
    flatten(canvas, raster, background);
    for (const [i, { name, note, color }] of entries.entries()) {
      // column by column: the order of shares is read from top to bottom
      const left = (below ? 0 : raster.width) + gap + Math.floor(i / rows) * (cellWidth + columnGap);
      const top = (below ? raster.height : 0) + gap + (i % rows) * rowHeight;
      const swatchTop = top + Math.round((rowHeight - textSize) / 2);
      const swatch = { left, top: swatchTop, right: left + textSize, bottom: swatchTop + textSize };
      fillRect(canvas, swatch, color);
      const text = { y: swatchTop + Math.round(textSize * 0.86), size: textSize, color: textColor, moreGlyphs };
      const noteWidth = note ? measureText(note, textSize).width : 0;
      const room = cellWidth - textSize - gap - (note ? noteWidth + gap : 0);
      paintText(canvas, fitText(name, textSize, room + 0.001, moreGlyphs), { ...text, x: left + textSize + gap });
      if (note) paintText(canvas, note, { ...text, x: left + cellWidth - noteWidth, opacity: 0.65 });
    }
  };
  return { canvas, paintLegend };
}

/** How a list of classes is drawn on an image. */
export interface ClassificationOptions extends GlyphOptions {
  /** The size of the em square in pixels. By default a fifth more than that of labels (see `sizesFor`). */
  readonly textSize?: number | undefined;
  /** The opacity of the panel behind the list, 0 to 1; by default 0.72. The text is opaque. */
  readonly opacity?: number | undefined;
}

/** The colour of the bars; one for all, since among a thousand classes a colour tells nothing. */
const barColor: Color = [86, 180, 233];

/**
 * Lists classes with their scores on a copy of the image, in a panel at its lower left: best on top, each with a bar as
 * long as its score. Long names are cut with an ellipsis; classes without room are left out, the last ones first.
 */
export function drawClassification(
  raster: Raster,
  classification: { labels: ArrayLike<number>; scores: ArrayLike<number>; classes: readonly string[] },
  options: ClassificationOptions = {},
): Raster {
  checkRaster(raster);
  const { textSize = Math.round(sizesFor(raster).textSize * 1.2), opacity = 0.72, moreGlyphs } = options;
  const canvas = canvasFrom(raster);
  const gap = Math.round(textSize * 0.6);
  const rowHeight = Math.round(textSize * 1.8);
  // the panel's margin in the image and its padding, above and below
  const room = Math.max(1, Math.floor((raster.height - 4 * gap) / rowHeight));
  const scores = Array.from(classification.scores);
  const rows = Array.from(classification.labels)
    .slice(0, room)
    .map((label, i) => {
      const score = scores[i] ?? 0;
      const note = percent(score);
      return { name: nameOf(classification.classes, label), score, note, noteWidth: measureText(note, textSize).width };
    });
  if (rows.length === 0) return canvas;
  reportMissing(
    rows.map(({ name }) => name),
    options,
  );
  const widest = Math.max(...rows.map(({ noteWidth }) => noteWidth));
  const wanted = Math.max(...rows.map(({ name }) => measureText(name, textSize, moreGlyphs).width)) + 2 * gap + widest;
  const inner = Math.max(Math.ceil(widest), Math.min(Math.ceil(wanted), raster.width - 4 * gap));
  const panel = { width: inner + 2 * gap, height: rows.length * rowHeight + 2 * gap };
  const top = Math.max(0, raster.height - panel.height - gap);
  paintShape(canvas, panel, gap, top, black, alphaOf(opacity), (shape) =>
    addRoundedRect(shape, 0, 0, panel.width, panel.height, textSize / 3),
  );
  const left = 2 * gap;
  for (const [i, { name, score, note, noteWidth }] of rows.entries()) {
    const rowTop = top + gap + i * rowHeight;
    const barTop = rowTop + Math.round(textSize * 1.3);
    const bar = { left, top: barTop, bottom: barTop + Math.max(2, Math.round(textSize / 7)) };
    fillRect(canvas, { ...bar, right: left + inner }, white, alphaOf(0.18));
    fillRect(canvas, { ...bar, right: left + Math.round(inner * score) }, barColor);
    const line = { y: rowTop + textSize, size: textSize, color: white, moreGlyphs };
    paintText(canvas, fitText(name, textSize, inner - widest - gap, moreGlyphs), { ...line, x: left });
    paintText(canvas, note, { ...line, x: left + inner - noteWidth });
  }
  return canvas;
}
