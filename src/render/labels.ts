import type { Size } from '../arrays.ts';
import { addLine, addRoundedRect, alphaOf, type Canvas, paintShape, type Rect } from './canvas.ts';
import { type Color, readableOn } from './colors.ts';
import { isolated } from './shape.ts';
import {
  fitText,
  type GlyphOptions,
  type GlyphShapes,
  type MoreGlyphs,
  measureText,
  paintText,
  reportMissing,
} from './text.ts';

/** Labels of boxes: where each one goes, and how it is painted. */

/** A label to be placed: the rectangle it belongs to and the label's size, in whole pixels. */
export interface LabelRequest extends Size {
  readonly box: Rect;
}

/**
 * Places every label. Earlier requests choose first (give them best first). Each prefers the position above its box,
 * outside; then inside if the box is large enough; then below, then beside. Of the positions that lie in the image it
 * takes the first that covers no earlier label, or the one that covers the least. If that is more than a quarter of the
 * label, or beside its box it hides others, it moves away from its box, up to six times its height. A label larger than the image begins at its top left
 * corner; any other lies wholly inside.
 */
export function placeLabels(requests: readonly LabelRequest[], image: Size): Rect[] {
  const placed: Rect[] = [];
  for (const request of requests) {
    const positions = positionsFor(request, image);
    const reach = boundsOf(positions);
    const near = placed.filter((other) => overlap(reach, other) > 0);
    const costs = positions.map((position) => ({
      position,
      covered: near.reduce((sum, other) => sum + overlap(position, other), 0),
    }));
    const { position, covered } = costs.reduce((best, one) => (one.covered < best.covered ? one : best));
    const area = request.width * request.height;
    const crowded = covered > area / 4 || hidesBoxes(request, position, requests);
    placed.push((crowded ? freePosition(request, image, placed) : undefined) ?? position);
  }
  return placed;
}

/** Tells whether a label beside or inside its box hides a quarter or more of several others. */
function hidesBoxes(request: LabelRequest, position: Rect, requests: readonly LabelRequest[]): boolean {
  if (position.bottom <= request.box.top || position.top >= request.box.bottom) return false;
  const hidden = requests.filter(({ box }) => box !== request.box && 4 * overlap(position, box) >= overlap(box, box));
  return hidden.length > 1;
}

/** How many heights of a label it may be away from its box. */
const farthest = 6;

/** A position above or below the box that covers no label, the nearest first. */
function freePosition({ box, width, height }: LabelRequest, image: Size, placed: readonly Rect[]): Rect | undefined {
  const columns = [box.left, box.right - width, Math.round((box.left + box.right - width) / 2)].map((x) =>
    Math.max(0, Math.min(x, image.width - width)),
  );
  const reach = {
    left: Math.min(...columns),
    top: box.top - (farthest + 1) * height,
    right: Math.max(...columns) + width,
    bottom: box.bottom + (farthest + 1) * height,
  };
  const near = placed.filter((other) => overlap(reach, other) > 0);
  for (let away = 1; away <= farthest; away++) {
    for (const top of [box.top - (away + 1) * height, box.bottom + away * height]) {
      if (top < 0 || top + height > image.height) continue;
      for (const left of columns) {
        const position = { left, top, right: left + width, bottom: top + height };
        if (near.every((other) => overlap(position, other) === 0)) return position;
      }
    }
  }
  return undefined;
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

/** Returns the smallest rectangle around others. */
function boundsOf(rects: readonly Rect[]): Rect {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const rect of rects) {
    left = Math.min(left, rect.left);
    top = Math.min(top, rect.top);
    right = Math.max(right, rect.right);
    bottom = Math.max(bottom, rect.bottom);
  }
  return { left, top, right, bottom };
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
  /** Follows the text, and stays if the text is cut. */
  readonly note?: string | undefined;
  readonly color: Color;
}

export interface LabelStyle extends GlyphOptions {
  readonly textSize: number;
  /** The opacity of the background, 0 to 1; the text is opaque. */
  readonly opacity: number;
}

/** A label with its sizes. */
interface Plate extends Omit<Label, 'note'> {
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
 * box is a fifth smaller (not below 9 pixels). A text wider than the image is cut with an ellipsis, its note stays. A plate
 * away from its box, or at another box of its colour as well, has a line into its box.
 */
export function paintLabels(canvas: Canvas, labels: readonly Label[], style: LabelStyle): void {
  const { textSize, opacity, moreGlyphs } = style;
  reportMissing(
    labels.map(({ text, note = '' }) => text + note),
    style,
  );
  const alpha = alphaOf(opacity);
  const small = Math.min(textSize, Math.max(9, Math.round(textSize * 0.8)));
  const plates = labels.map((label) => {
    const plate = plateOf(label, textSize, canvas.width, moreGlyphs);
    const wide = plate.width > 2 * (label.box.right - label.box.left);
    return wide ? plateOf(label, small, canvas.width, moreGlyphs) : plate;
  });
  const placed = placeLabels(plates, canvas).map((position, i) => ({ ...plates[i]!, position }));
  for (const plate of placed) {
    const line = leaderOf(plate, labels);
    if (line) paintLine(canvas, line, plate, alpha);
  }
  const shapes: GlyphShapes = new Map();
  for (const plate of placed.reverse()) paintPlate(canvas, plate, alpha, shapes, moreGlyphs);
}

function plateOf(label: Label, textSize: number, room: number, moreGlyphs?: MoreGlyphs): Plate {
  const { note, ...rest } = label;
  const padding = Math.max(2, Math.round(textSize / 4));
  const text = cutLabel(label, textSize, room - 2 * padding, moreGlyphs);
  const { width, ascent, descent } = measureText(text, textSize, moreGlyphs);
  const margin = Math.max(1, Math.round(textSize / 8));
  // the heights of letters without accents: what labels are mostly made of
  const baseline = margin + Math.round(ascent * 0.82);
  const height = baseline + Math.round(descent * 0.8) + margin;
  return { ...rest, text, textSize, padding, baseline, height, width: Math.ceil(width) + 2 * padding };
}

/** The text with its note, or as much of it as the room has; at least the note. */
function cutLabel({ text, note }: Label, textSize: number, room: number, moreGlyphs?: MoreGlyphs): string {
  const measured = (line: string) => measureText(line, textSize, moreGlyphs).width;
  const whole = note === undefined ? text : `${isolated(text)} ${note}`;
  if (measured(whole) <= room) return whole;
  if (note === undefined) return fitText(text, textSize, room, moreGlyphs) || text;
  const shortened = fitText(text, textSize, room - measured(` ${note}`), moreGlyphs);
  return shortened === '' ? note : `${isolated(shortened)} ${note}`;
}

/** A line from a plate into its box. */
interface Leader {
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
}

/** The line that a plate needs so that it can be told to its box: none if it touches that one only. */
function leaderOf(plate: Plate & { readonly position: Rect }, labels: readonly Label[]): Leader | undefined {
  const { box, position, textSize, color } = plate;
  const wider = position.right - position.left > box.right - box.left;
  const beside = ({ box: other, color: its }: Label) =>
    sameColor(its, color) && touch(position, other) && overlap(other, box) === 0;
  if (touch(position, box) && !(wider && labels.some((one) => one.box !== box && beside(one)))) return undefined;
  const x = (box.left + box.right) / 2;
  const y = (box.top + box.bottom) / 2;
  const startX = Math.max(position.left + 2, Math.min(x, position.right - 2));
  const startY = Math.max(position.top + 2, Math.min(y, position.bottom - 2));
  const into = (extent: number) => Math.min(0.6 * textSize, extent / 2);
  const down = into(box.bottom - box.top);
  if (position.bottom <= box.top + 1) return { from: [startX, position.bottom - 1], to: [x, box.top + down] };
  if (position.top >= box.bottom - 1) return { from: [startX, position.top + 1], to: [x, box.bottom - down] };
  const across = into(box.right - box.left);
  if (position.left >= box.right - 1) return { from: [position.left + 1, startY], to: [box.right - across, y] };
  if (position.right <= box.left + 1) return { from: [position.right - 1, startY], to: [box.left + across, y] };
  return undefined; // inside its box
}

const sameColor = (a: Color, b: Color): boolean => a.every((value, i) => value === b[i]);

/** Tells whether two rectangles overlap or have an edge in common. */
const touch = (a: Rect, b: Rect): boolean =>
  a.left <= b.right && b.left <= a.right && a.top <= b.bottom && b.top <= a.bottom;

/** A line in the text's colour within one of the plate's: seen on a mask of the same colour, too. */
function paintLine(canvas: Canvas, { from, to }: Leader, { textSize, color }: Plate, alpha: number): void {
  const width = Math.max(1.5, textSize / 9);
  paintStroke(canvas, from, to, 2.5 * width, darker(color), alpha);
  paintStroke(canvas, from, to, width, readableOn(color), alpha);
}

function paintStroke(
  canvas: Canvas,
  [x0, y0]: Leader['from'],
  [x1, y1]: Leader['to'],
  width: number,
  color: Color,
  alpha: number,
): void {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length === 0) return;
  const [acrossX, acrossY] = [((y0 - y1) / length) * (width / 2), ((x1 - x0) / length) * (width / 2)];
  const left = Math.floor(Math.min(x0, x1) - width);
  const top = Math.floor(Math.min(y0, y1) - width);
  const size = {
    width: Math.ceil(Math.abs(x1 - x0) + 2 * width) + 2,
    height: Math.ceil(Math.abs(y1 - y0) + 2 * width) + 2,
  };
  const corners = [
    [x0 + acrossX, y0 + acrossY],
    [x1 + acrossX, y1 + acrossY],
    [x1 - acrossX, y1 - acrossY],
    [x0 - acrossX, y0 - acrossY],
  ] as const;
  paintShape(canvas, size, left, top, color, alpha, (shape) => {
    for (const [i, [x, y]] of corners.entries()) {
      const [nextX, nextY] = corners[(i + 1) % corners.length]!;
      addLine(shape, x - left, y - top, nextX - left, nextY - top);
    }
  });
}

function paintPlate(
  canvas: Canvas,
  plate: Plate & { readonly position: Rect },
  alpha: number,
  shapes: GlyphShapes,
  moreGlyphs?: MoreGlyphs,
): void {
  const { text, textSize, width, height, color, padding, baseline } = plate;
  const { left, top } = plate.position;
  const radius = textSize / 5;
  paintShape(canvas, plate, left, top, darker(color), alpha, (rim) => addRoundedRect(rim, 0, 0, width, height, radius));
  paintShape(canvas, plate, left, top, color, alpha, (face) =>
    addRoundedRect(face, 1, 1, width - 1, height - 1, Math.max(0, radius - 1)),
  );
  const line = { x: left + padding, y: top + baseline, size: textSize, color: readableOn(color), moreGlyphs };
  paintText(canvas, text, line, shapes);
}

function darker([r, g, b]: Color): Color {
  return [Math.round(r * 0.65), Math.round(g * 0.65), Math.round(b * 0.65)];
}
