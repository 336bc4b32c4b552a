import type { Size } from '../arrays.ts';
import { addRoundedRect, alphaOf, type Canvas, createCoverage, paintCoverage, type Rect } from './canvas.ts';
import { type Color, readableOn } from './colors.ts';
import { type GlyphOptions, type MoreGlyphs, measureText, paintText, reportMissing } from './text.ts';

/** Labels of boxes: where each one goes, and how it is painted. */

/** A label to be placed: the rectangle it belongs to and the label's size, in whole pixels. */
export interface LabelRequest extends Size {
  readonly box: Rect;
}

/**
 * Places every label. Earlier requests choose first (give them best first). Each prefers the position above its box,
 * outside; then inside if the box is large enough; then below, then beside. Of the positions that lie in the image it
 * takes the first that covers no earlier label, or the one that covers the least. A label larger than the image begins at
 * its top left corner; any other lies wholly inside.
 */
export function placeLabels(requests: readonly LabelRequest[], image: Size): Rect[] {
  const placed: Rect[] = [];
  for (const request of requests) {
    const costs = positionsFor(request, image).map((position) => ({
      position,
      covered: placed.reduce((sum, other) => sum + overlap(position, other), 0),
    }));
    placed.push(costs.reduce((best, one) => (one.covered < best.covered ? one : best)).position);
  }
  return placed;
}

/** The positions for a label, the preferred one first; at least one. */
function positionsFor({ box, width, height }: LabelRequest, image: Size): Rect[] {
  const { left, top, right, bottom } = box;
  const atRight = right - width;
  const outside = [
    [left, top - height],
    [atRight, top - height],
  ] as const;
  const below = [
    [left, bottom],
    [atRight, bottom],
  ] as const;
  const inside = [
    [left, top],
    [atRight, top],
    [left, bottom - height],
    [atRight, bottom - height],
  ] as const;
  const beside = [
    [right, top],
    [left - width, top],
    [right, bottom - height],
    [left - width, bottom - height],
  ] as const;
  // a label inside hides part of what it names: only if that is a small part
  const roomy = right - left >= 1.5 * width && bottom - top >= 4 * height;
  const order = roomy ? [...outside, ...inside, ...below, ...beside] : [...outside, ...below, ...beside, ...inside];
  const clamp = (value: number, room: number) => Math.max(0, Math.min(value, room));
  const rectAt = (x: number, y: number): Rect => ({ left: x, top: y, right: x + width, bottom: y + height });
  const atLast = rectAt(clamp(left, image.width - width), clamp(top - height, image.height - height));
  // moved sideways into the image, but not up or down: that would be another position
  const fitting = order.filter(([, y]) => y >= 0 && y + height <= image.height);
  return [...fitting.map(([x, y]) => rectAt(clamp(x, image.width - width), y)), atLast];
}

function overlap(a: Rect, b: Rect): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}

/** A caption that belongs to a box. */
export interface Label {
  readonly box: Rect;
  readonly text: string;
  readonly color: Color;
}

export interface LabelStyle extends GlyphOptions {
  readonly textSize: number;
  /** The opacity of the background, 0 to 1; the text is opaque. */
  readonly opacity: number;
}

/** A label with its sizes. */
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
 * whichever reads better, and a darker rim that keeps plates apart if they touch. A label more than twice as wide as its
 * box is a fifth smaller (not below 9 pixels).
 */
export function paintLabels(canvas: Canvas, labels: readonly Label[], style: LabelStyle): void {
  const { textSize, opacity, moreGlyphs } = style;
  reportMissing(
    labels.map(({ text }) => text),
    style,
  );
  const small = Math.min(textSize, Math.max(9, Math.round(textSize * 0.8)));
  const plates = labels.map((label) => {
    const plate = plateOf(label, textSize, moreGlyphs);
    return plate.width > 2 * (label.box.right - label.box.left) ? plateOf(label, small, moreGlyphs) : plate;
  });
  const placed = placeLabels(plates, canvas).map((position, i) => ({ ...plates[i]!, position }));
  for (const plate of placed.reverse()) paintPlate(canvas, plate, plate.position, alphaOf(opacity), moreGlyphs);
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
