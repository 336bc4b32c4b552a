import { alphaOf, type Canvas, type Rect } from './canvas.ts';
import { type Color, readableOn } from './colors.ts';
import { addRoundedRect, createCoverage, paintCoverage } from './coverage.ts';
import type { MoreGlyphs } from './font.ts';
import { placeLabels } from './label_layout.ts';
import { measureText, paintText } from './text.ts';

/** A caption that belongs to a box. */
export interface Label {
  readonly box: Rect;
  readonly text: string;
  readonly color: Color;
}

export interface LabelStyle {
  readonly textSize: number;
  /** Opacity of the background, 0 to 1; the text itself is opaque. */
  readonly opacity: number;
  readonly moreGlyphs?: MoreGlyphs | undefined;
}

/** A label with the sizes it is set in. */
interface Plate extends Label {
  readonly textSize: number;
  readonly padding: number;
  /** From the top of the plate to the baseline. */
  readonly baseline: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Places labels (best first) and paints them, the best on top: a plate of the box's colour with black or white text,
 * whichever reads better, and a darker rim that keeps plates apart where they touch. A label more than twice as wide as its
 * box is set a fifth smaller (not below 9 pixels). Returns the characters that the font lacks.
 */
export function paintLabels(canvas: Canvas, labels: readonly Label[], style: LabelStyle): string[] {
  const { textSize, opacity, moreGlyphs } = style;
  const missing = new Set(labels.flatMap(({ text }) => measureText(text, textSize, moreGlyphs).missing));
  const small = Math.min(textSize, Math.max(9, Math.round(textSize * 0.8)));
  const plates = labels.map((label) => {
    const plate = plateOf(label, textSize, moreGlyphs);
    return plate.width > 2 * (label.box.right - label.box.left) ? plateOf(label, small, moreGlyphs) : plate;
  });
  const places = placeLabels(plates, canvas);
  for (let i = plates.length - 1; i >= 0; i--) paintPlate(canvas, plates[i]!, places[i]!, alphaOf(opacity), moreGlyphs);
  return [...missing];
}

function plateOf(label: Label, textSize: number, moreGlyphs?: MoreGlyphs): Plate {
  const { width, ascent, descent } = measureText(label.text, textSize, moreGlyphs);
  const padding = Math.max(2, Math.round(textSize / 4));
  const margin = Math.max(1, Math.round(textSize / 8));
  // the heights of letters without accents: what labels are mostly made of
  const baseline = margin + Math.round(ascent * 0.82);
  const height = baseline + Math.round(descent * 0.8) + margin;
  return { ...label, textSize, padding, baseline, height, width: Math.ceil(width) + 2 * padding };
}

function paintPlate(canvas: Canvas, plate: Plate, { left, top }: Rect, alpha: number, moreGlyphs?: MoreGlyphs): void {
  const { text, textSize, width, height, color } = plate;
  const radius = textSize / 5;
  const rim = createCoverage(plate);
  addRoundedRect(rim, 0, 0, width, height, radius);
  paintCoverage(canvas, rim, left, top, darker(color), alpha);
  const face = createCoverage(plate);
  addRoundedRect(face, 1, 1, width - 1, height - 1, Math.max(0, radius - 1));
  paintCoverage(canvas, face, left, top, color, alpha);
  paintText(canvas, text, {
    x: left + plate.padding,
    y: top + plate.baseline,
    size: textSize,
    color: readableOn(color),
    moreGlyphs,
  });
}

function darker([r, g, b]: Color): Color {
  return [Math.round(r * 0.65), Math.round(g * 0.65), Math.round(b * 0.65)];
}
