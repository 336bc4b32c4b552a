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

/** Area of the picture per label, in square CSS pixels: about eight on a desktop, three on a phone. */
const areaPerLabel = 42_000;

/** Returns how many labels do not crowd an area. */
export const fewLabels = ({ width, height }: Size): number =>
  Math.max(3, Math.min(12, Math.floor((width * height) / areaPerLabel)));

/** Returns the part of the picture that the frame shows: labels lie there. */
export function seenPart(picture: Rect, frame: Size): Rect {
  const x = Math.max(0, picture.x);
  const y = Math.max(0, picture.y);
  const right = Math.min(frame.width, picture.x + picture.width);
  const bottom = Math.min(frame.height, picture.y + picture.height);
  return { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
}

/** Puts the best instance of every class first, so that few labels name as many classes as they can; then comes the rest. */
export function classesFirst<T extends { readonly label: number }>(bestFirst: readonly T[]): T[] {
  const seen = new Set<number>();
  const firsts = bestFirst.filter(({ label }) => !seen.has(label) && seen.add(label));
  return [...firsts, ...bestFirst.filter((one) => !firsts.includes(one))];
}

/**
 * Places labels, best first, so that none covers another and all lie in `room`. A label goes above its box, inside its
 * upper edge, below it or beside it. One that finds no room there is left out, or goes farther away with a leader.
 */
export function placeLabels(
  wishes: readonly LabelWish[],
  room: Rect,
  { most, apart }: LabelOptions,
): readonly PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  const isFree = (rect: Rect) => isInside(rect, room) && !placed.some((other) => overlap(rect, other, gap));
  for (const wish of wishes) {
    if (placed.length >= most) break;
    const { index, width, height, box } = wish;
    if (!overlap(box, room, 0)) continue;
    const near = nearPositions(wish, room)
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

function nearPositions({ box, width, height }: LabelWish, room: Rect): readonly Point[] {
  // a box that reaches beyond what is seen is labelled at the edge that is seen
  const left = Math.max(box.x, room.x);
  const top = Math.max(box.y, room.y);
  const right = Math.min(box.x + box.width, room.x + room.width);
  const bottom = Math.min(box.y + box.height, room.y + room.height);
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

const isInside = ({ x, y, width, height }: Rect, room: Rect): boolean =>
  x >= room.x && y >= room.y && x + width <= room.x + room.width && y + height <= room.y + room.height;

const overlap = (a: Rect, b: Rect, apart: number): boolean =>
  a.x < b.x + b.width + apart &&
  b.x < a.x + a.width + apart &&
  a.y < b.y + b.height + apart &&
  b.y < a.y + a.height + apart;
