import type { Raster } from '../image/raster.ts';
import { blankCanvas, fillRect, paste } from './canvas.ts';
import { type Color, type ColoredClasses, colorFor, type Palette, readableOn, white } from './colors.ts';
import { sizesFor } from './overlay.ts';
import type { MoreGlyphs } from './text.ts';
import { fitText, measureText, paintText } from './text.ts';

/** How much of a label map is of a class. */
export interface ClassShare {
  readonly label: number;
  readonly name: string;
  /** Part of all pixels, 0 to 1. */
  readonly share: number;
}

/**
 * How much of a label map each class takes: those that occur, the largest first (equal shares: the lower label first).
 * Pixels without a class (`unlabelled`, 255 where it is not given) count in the whole but have no entry.
 */
export function classShares(labels: ArrayLike<number>, names: readonly string[], unlabelled = 255): ClassShare[] {
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) counts.set(labels[i]!, (counts.get(labels[i]!) ?? 0) + 1);
  counts.delete(unlabelled);
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || a - b)
    .map(([label, count]) => ({ label, name: names[label] ?? `class ${label}`, share: count / labels.length }));
}

/** A line of a legend. */
export interface LegendEntry {
  readonly color: Color;
  readonly name: string;
  /** Stands at the right end of the entry: a share, a count. */
  readonly note?: string;
}

/** The classes of labels and their colours: those of the data set by default, generated ones without it. */
export interface ClassNames {
  readonly names: readonly string[];
  readonly dataset?: ColoredClasses | undefined;
  readonly palette?: Palette | undefined;
}

/** A legend's entries for a label map: the classes that occur with their share of the picture in per cent. */
export function segmentationLegend(
  labels: ArrayLike<number>,
  options: ClassNames & { readonly unlabelled?: number },
): LegendEntry[] {
  const { names, dataset, palette = dataset?.colors, unlabelled } = options;
  return classShares(labels, names, unlabelled).map(({ label, name, share }) => ({
    color: colorFor(label, palette),
    name,
    note: percent(share),
  }));
}

/** A legend's entries for detections: the classes that occur with their number, the most frequent first. */
export function detectionLegend(labels: ArrayLike<number>, options: ClassNames): LegendEntry[] {
  const { names, dataset, palette = dataset?.colors } = options;
  return classShares(labels, names, -1).map(({ label, name, share }) => ({
    color: colorFor(label, palette),
    name,
    note: `${Math.round(share * labels.length)}`,
  }));
}

/** Where a legend stands, and how. */
export interface LegendOptions {
  /** Under the picture in as many columns as fit, or at its right; `below` where it is not given. */
  readonly position?: 'below' | 'beside';
  /** White where it is not given; the text is black or white, see `readableOn`. */
  readonly background?: Color;
  /** Size of the em square in pixels; that of labels where it is not given (see `sizesFor`). */
  readonly textSize?: number;
  /** Where characters come from that the baked font lacks. */
  readonly moreGlyphs?: MoreGlyphs | undefined;
  /** Told once, with the characters that no font has and that were drawn as frames. */
  readonly onMissingGlyphs?: ((characters: readonly string[]) => void) | undefined;
}

/** The picture with a legend below or beside it, on a larger raster. Without entries it is a copy of the picture. */
export function drawLegend(raster: Raster, entries: readonly LegendEntry[], options: LegendOptions = {}): Raster {
  const { position = 'below', background = white, textSize = sizesFor(raster).textSize, moreGlyphs } = options;
  const missing = new Set(entries.flatMap(({ name }) => measureText(name, textSize, moreGlyphs).missing));
  if (missing.size > 0) options.onMissingGlyphs?.([...missing]);
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
  // below, columns share the picture's width; beside, as many are added as its height asks for
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
  const canvas = blankCanvas(
    below
      ? { width: raster.width, height: raster.height + strip.height }
      : { width: raster.width + (entries.length > 0 ? strip.width : 0), height: Math.max(raster.height, strip.height) },
    background,
  );
  paste(canvas, raster, 0, 0);
  const textColor = readableOn(background);
  entries.forEach((entry, i) => {
    // down the columns: the order of shares is read from top to bottom
    const left = (below ? 0 : raster.width) + gap + Math.floor(i / rows) * (cellWidth + columnGap);
    const top = (below ? raster.height : 0) + gap + (i % rows) * rowHeight;
    const swatchTop = top + Math.round((rowHeight - textSize) / 2);
    const swatch = { left, top: swatchTop, right: left + textSize, bottom: swatchTop + textSize };
    fillRect(canvas, swatch, entry.color);
    const baseline = swatchTop + Math.round(textSize * 0.86);
    const text = { y: baseline, size: textSize, color: textColor, moreGlyphs };
    const noteWidth = entry.note ? measureText(entry.note, textSize).width : 0;
    const room = cellWidth - textSize - gap - (entry.note ? noteWidth + gap : 0);
    paintText(canvas, fitText(entry.name, textSize, room + 0.001, moreGlyphs), { ...text, x: left + textSize + gap });
    if (entry.note) paintText(canvas, entry.note, { ...text, x: left + cellWidth - noteWidth, opacity: 0.65 });
  });
  return canvas;
}

/** A part of 0 to 1 in per cent, one digit after the point. */
export function percent(share: number): string {
  return share < 0.0005 ? '<0.1 %' : `${(share * 100).toFixed(1)} %`;
}
