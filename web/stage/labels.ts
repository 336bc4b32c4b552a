import type { Point, Size } from './view.ts';

/** Which labels are written on the picture, and where. Positions are in CSS pixels of the frame. */

export interface Rect extends Point, Size {}

/** An instance that may get a label; the list comes best first. */
export interface LabelWish extends Size {
  readonly index: number;
  /** The instance's box in the frame. */
  readonly box: Rect;
}

export interface PlacedLabel extends Rect {
  readonly index: number;
  /** The line from a label that lies apart to its instance. */
  readonly leader?: { readonly from: Point; readonly to: Point } | undefined;
}

/** How many labels are written, and if those without room beside their box may lie farther away. */
export interface LabelOptions {
  readonly most: number;
  readonly apart: boolean;
}

/** Frame area per label, in square CSS pixels: about a dozen on a desktop, four on a phone. */
const areaPerLabel = 30_000;

/** Returns how many labels do not crowd a frame. */
export const fewLabels = ({ width, height }: Size): number =>
  Math.max(3, Math.min(14, Math.floor((width * height) / areaPerLabel)));

/**
 * Places labels, best first, so that none covers another and all lie in the frame. A label goes above its box, inside its
 * upper edge, below it or beside it. One that finds no room there is left out, or goes farther away with a leader.
 */
export function placeLabels(
  wishes: readonly LabelWish[],
  frame: Size,
  { most, apart }: LabelOptions,
): readonly PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  const isFree = (rect: Rect) => isInside(rect, frame) && !placed.some((other) => overlap(rect, other, gap));
  for (const wish of wishes) {
    if (placed.length >= most) break;
    const { index, width, height, box } = wish;
    if (!overlap(box, { x: 0, y: 0, ...frame }, 0)) continue;
    const near = nearPositions(wish, frame)
      .map((at) => ({ ...at, width, height }))
      .find(isFree);
    if (near) {
      placed.push({ index, ...near });
      continue;
    }
    const far = apart ? farPositions(wish).find(isFree) : undefined;
    if (far) placed.push({ index, ...far, leader: leaderOf(far, box) });
  }
  return placed;
}

/** Pixels between two labels. */
const gap = 2;

function nearPositions({ box, width, height }: LabelWish, frame: Size): readonly Point[] {
  // a box that reaches beyond the frame is labelled at the edge that is seen
  const left = Math.max(box.x, 0);
  const top = Math.max(box.y, 0);
  const right = Math.min(box.x + box.width, frame.width);
  const bottom = Math.min(box.y + box.height, frame.height);
  const fits = right - left >= width && bottom - top >= 2 * height;
  const inside = fits ? [{ x: left, y: top }] : [];
  return [
    { x: left, y: top - height },
    ...inside,
    { x: right - width, y: top - height },
    { x: left, y: bottom },
    { x: right, y: top },
    { x: left - width, y: top },
    { x: right - width, y: bottom },
  ];
}

/** Positions on growing rings around the box's middle. */
function farPositions({ box, width, height }: LabelWish): readonly Rect[] {
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const positions: Rect[] = [];
  for (let ring = 1; ring <= 7; ring++) {
    for (let i = 0; i < 16; i++) {
      const angle = (2 * Math.PI * (i + ring / 2)) / 16 - Math.PI / 2;
      const x = middle.x + Math.cos(angle) * (box.width / 2 + ring * 1.4 * height + width / 2) - width / 2;
      const y = middle.y + Math.sin(angle) * (box.height / 2 + ring * 1.4 * height) - height / 2;
      positions.push({ x, y, width, height });
    }
  }
  return positions;
}

function leaderOf(label: Rect, box: Rect): { readonly from: Point; readonly to: Point } {
  const to = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const nearest = (value: number, from: number, length: number) => Math.min(from + length, Math.max(from, value));
  return { from: { x: nearest(to.x, label.x, label.width), y: nearest(to.y, label.y, label.height) }, to };
}

const isInside = ({ x, y, width, height }: Rect, frame: Size): boolean =>
  x >= 0 && y >= 0 && x + width <= frame.width && y + height <= frame.height;

const overlap = (a: Rect, b: Rect, apart: number): boolean =>
  a.x < b.x + b.width + apart &&
  b.x < a.x + a.width + apart &&
  a.y < b.y + b.height + apart &&
  b.y < a.y + a.height + apart;
