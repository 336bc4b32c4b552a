import { type Part, type Point, partsOf, pointsOf, type Ring, ringOf } from './polygons.ts';
import { simplifyRings } from './simplify.ts';

/** Parts with holes as single rings that are valid: the way to each hole is a channel as narrow as a hundredth of a pixel. */

/** The width of a channel in pixels: too narrow for any pixel's centre, wide enough for tools that refuse touching edges. */
const width = 0.01;

/**
 * Writes a part as one ring for formats without holes. A channel leads to each hole, from where it touches the outline, or
 * else from its leftmost point straight to the left. Unlike with `withSlits`, the ring touches itself nowhere.
 *
 * @param part rings as `partsOf` gives them, or `simplifyRings` of them: the outline clockwise on the screen, holes the other way
 */
export function withChannels({ outer, holes }: Part): Ring {
  if (holes.length === 0) return outer;
  let joined = pointsOf(outer);
  // the leftmost last: no other waiting hole is in the way of its channel
  const waiting = holes.map(pointsOf).sort((a, b) => leftmostOf(b).x - leftmostOf(a).x);
  const holesAt = new Map<string, Point[][]>();
  for (const hole of waiting) {
    for (const point of hole) holesAt.set(keyOf(point), [...(holesAt.get(keyOf(point)) ?? []), hole]);
  }
  const done = new Set<Point[]>();
  const touching: { hole: Point[]; at: Point }[] = [];
  const noteTouching = (points: readonly Point[]) => {
    for (const at of points) for (const hole of holesAt.get(keyOf(at)) ?? []) touching.push({ hole, at });
  };
  noteTouching(joined);
  while (done.size < holes.length) {
    const touch = touching.pop();
    const hole = touch?.hole ?? waiting.pop()!;
    if (done.has(hole)) continue;
    done.add(hole);
    joined = touch ? joinedAt(joined, hole, touch.at) : joinedFrom(joined, hole);
    noteTouching(hole);
  }
  return ringOf(joined);
}

/** Returns the rings of a mask as one ring for each part, with fewer points (see `simplifyRings`). */
export function outlinesOf(rings: readonly Ring[], tolerance: number): Ring[] {
  // parts are told apart by the edges of pixels, so simplifying comes after
  const exact = partsOf(rings);
  const simple = simplifyRings(
    exact.flatMap(({ outer, holes }) => [outer, ...holes]),
    tolerance,
  ).values();
  const next = (ring: Ring): Ring => simple.next().value ?? ring;
  return exact.map(({ outer, holes }) => withChannels({ outer: next(outer), holes: holes.map(next) }));
}

const keyOf = ({ x, y }: Point): string => `${x},${y}`;

const leftmostOf = (hole: readonly Point[]): Point =>
  hole.reduce((best, point) => (point.x < best.x || (point.x === best.x && point.y < best.y) ? point : best));

/** Joins a hole at a point that both rings have: they part there by the width of a channel. */
function joinedAt(joined: readonly Point[], hole: readonly Point[], at: Point): Point[] {
  const index = joined.findIndex((point) => keyOf(point) === keyOf(at));
  return joinedAfter(joined, index, turnedTo(hole, at).slice(1), at);
}

/** Joins a hole by a channel from its left end to the first edge on its left. */
function joinedFrom(joined: readonly Point[], hole: readonly Point[]): Point[] {
  const opened = openedAtLeft(hole);
  const from = opened[0]!;
  let [hit, after]: [Point | undefined, number] = [undefined, -1];
  for (const [i, a] of joined.entries()) {
    const b = joined[(i + 1) % joined.length]!;
    if (a.y > from.y === b.y > from.y) continue;
    const x = a.x + ((from.y - a.y) * (b.x - a.x)) / (b.y - a.y);
    if (x <= from.x && (!hit || x > hit.x)) [hit, after] = [{ x, y: from.y }, i];
  }
  if (!hit) return [...joined, ...hole]; // rings that are not a part: the hole lies elsewhere
  const withPoint = [...joined.slice(0, after + 1), hit, ...joined.slice(after + 1)];
  return joinedAfter(withPoint, after + 1, opened, from);
}

/**
 * Turns a hole so that it begins at a new point, on an edge at its leftmost corner. Corners are whole pixels, and the new
 * point lies between two rows, so that its channel meets no corner of another ring.
 */
function openedAtLeft(hole: readonly Point[]): Point[] {
  const corner = leftmostOf(hole);
  const turned = turnedTo(hole, corner);
  const [before, after] = [turned.at(-1)!, turned[1]!];
  const ways = [before, after].flatMap((end) => {
    const [dx, dy] = [end.x - corner.x, end.y - corner.y];
    if (dy === 0) return [];
    // not far to the right, where another hole may be
    const share = Math.min(0.25 / Math.abs(dy), dx > 0 ? 0.25 / dx : 0.25);
    return [{ end, steep: dx / Math.abs(dy), point: { x: corner.x + dx * share, y: corner.y + dy * share } }];
  });
  const [first = { end: after, steep: 0, point: corner }, second = first] = ways;
  const { end, point } = second.steep < first.steep ? second : first;
  return end === before ? [point, ...turned] : [point, ...turned.slice(1), corner];
}

/** The ring with `first` as its first point. */
function turnedTo(ring: readonly Point[], first: Point): Point[] {
  const index = ring.findIndex((point) => keyOf(point) === keyOf(first));
  return [...ring.slice(index), ...ring.slice(0, index)];
}

/** Goes round a hole after the point `index` of the ring, and returns beside the way there. */
function joinedAfter(joined: readonly Point[], index: number, way: readonly Point[], entry: Point): Point[] {
  const start = joined[index]!;
  const back = [beside(entry, way.at(-1)!), beside(start, joined[(index + 1) % joined.length]!)];
  return [...joined.slice(0, index + 1), ...way, ...back, ...joined.slice(index + 1)];
}

/** The point on the way to another one that is a channel's width from the first, or half of the way. */
function beside(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length > 0 ? Math.min(width / length, 0.5) : 0;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
