import type { Size } from '../ndarray.ts';
import type { Rect } from './canvas.ts';

/** A label to be placed: the rectangle it belongs to and its own size, in whole pixels. */
export interface LabelRequest extends Size {
  readonly box: Rect;
}

/**
 * A place for every label. Earlier requests choose first (give them best first): above the box, outside; where there is no
 * room, inside it if it is large enough, else below or beside it. Of the places that lie in the image the first
 * that covers no earlier label is taken, or the one that covers the least. A label larger than the image begins at its
 * top left corner; any other lies wholly inside.
 */
export function placeLabels(requests: readonly LabelRequest[], image: Size): Rect[] {
  const placed: Rect[] = [];
  for (const request of requests) {
    let best: Rect | undefined;
    let leastCovered = Number.POSITIVE_INFINITY;
    for (const place of placesFor(request, image)) {
      const covered = placed.reduce((sum, other) => sum + overlap(place, other), 0);
      if (covered < leastCovered) {
        best = place;
        leastCovered = covered;
      }
      if (covered === 0) break;
    }
    placed.push(best!);
  }
  return placed;
}

function* placesFor({ box, width, height }: LabelRequest, image: Size): Generator<Rect> {
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
  // a label inside hides part of what it names: only where that is a small part
  const roomy = right - left >= 1.5 * width && bottom - top >= 4 * height;
  const order = roomy ? [...outside, ...inside, ...below, ...beside] : [...outside, ...below, ...beside, ...inside];
  for (const [x, y] of order) {
    // moved sideways into the image, but not up or down: that would be another place
    if (y >= 0 && y + height <= image.height) yield at(Math.max(0, Math.min(x, image.width - width)), y);
  }
  const held = (value: number, room: number) => Math.max(0, Math.min(value, room));
  yield at(held(left, image.width - width), held(top - height, image.height - height));

  function at(x: number, y: number): Rect {
    return { left: x, top: y, right: x + width, bottom: y + height };
  }
}

function overlap(a: Rect, b: Rect): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}
