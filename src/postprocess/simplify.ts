import { type Point, pointsOf, type Ring, ringOf } from './polygons.ts';

/** Outlines with fewer points that are still outlines: no ring touches or crosses itself or another, and thin parts stay. */

/** The part of a ring's area, and of the whole mask's, by which outlines may differ from it at most. */
const most = 0.15;

/** An edge of a simplified ring: it replaces the points of the ring between two of them. */
interface Chord {
  readonly ring: number;
  readonly from: number;
  readonly to: number;
  readonly a: Point;
  readonly b: Point;
  /** An upper bound of the area between the chord and what it replaces. */
  readonly moved: number;
}

/**
 * Returns the rings of one mask, as `maskRings` gives them, with fewer points (Douglas and Peucker, 1973): every point that
 * is left out lies within `tolerance` pixels of the edge that replaces it. Points stay where an edge would otherwise cross or
 * touch another one, where a hole would leave its outline, and where more than 15 % of a ring's area, or of the mask's,
 * would change: a wire of one pixel keeps its pixels.
 *
 * @param tolerance pixels; 0 leaves out only points on straight lines
 * @throws RangeError for a tolerance that is negative or not a number
 */
export function simplifyRings(rings: readonly Ring[], tolerance: number): Ring[] {
  if (!(tolerance >= 0)) {
    throw new RangeError(`a polygon's tolerance is a number of pixels, at least 0, got ${tolerance}.`);
  }
  // each with its first point again at the end
  const closed = rings.map((ring) => {
    const points = pointsOf(ring);
    return [...points, ...points.slice(0, 1)];
  });
  const areas = closed.map(areaInside);
  let chords = closed.flatMap((points, ring) => chordsOf(points, ring, keptBy(points, tolerance)));
  for (;;) {
    const splits: Splits = tooFar(chords, areas) ?? crossing(chords) ?? outOfPlace(chords, areas, tolerance);
    if (!splits) break;
    const next: Chord[] = [];
    for (const chord of chords) {
      if (splits.has(chord)) next.push(...split(chord, closed));
      else next.push(chord);
    }
    chords = next;
  }
  const kept: Point[][] = closed.map(() => []);
  for (const { ring, a } of chords) kept[ring]?.push(a);
  return rings.map((ring, i) => {
    const points = kept[i] ?? [];
    return 2 * points.length < ring.length && points.length > 0 ? ringOf(points) : ring;
  });
}

/**
 * Returns one closed ring with fewer points, as `simplifyRings` does. A ring keeps at least three points.
 *
 * @throws RangeError for a tolerance that is negative or not a number
 */
export function simplifyRing(ring: Ring, tolerance: number): Ring {
  const [simple = ring] = simplifyRings([ring], tolerance);
  return simple;
}

function areaInside(closed: readonly Point[]): number {
  let area = 0;
  for (let i = 1; i < closed.length; i++) {
    const [a, b] = [closed[i - 1]!, closed[i]!];
    area += (a.x * b.y - b.x * a.y) / 2;
  }
  return area;
}

/**
 * Returns the indices of the points that Douglas and Peucker's method keeps, in order, with that of the first point again.
 * The ring is cut at its first point and the one farthest from it, and each half is simplified by itself.
 */
function keptBy(closed: readonly Point[], tolerance: number): number[] {
  const count = closed.length - 1;
  if (count <= 3) return [...closed.keys()];
  const middle = farthestBetween(closed, 0, count).index;
  const kept = new Set([0, middle, count]);
  const open: [from: number, to: number][] = [
    [0, middle],
    [middle, count],
  ];
  for (let range = open.pop(); range; range = open.pop()) {
    const [from, to] = range;
    const { index, distance } = farthestBetween(closed, from, to);
    if (distance <= tolerance) continue;
    kept.add(index);
    open.push([from, index], [index, to]);
  }
  if (kept.size < 4) {
    // the third corner of a ring whose points all lie near one line
    const [one, other] = [farthestBetween(closed, 0, middle), farthestBetween(closed, middle, count)];
    kept.add(one.distance >= other.distance ? one.index : other.index);
  }
  return [...kept].sort((a, b) => a - b);
}

/** Finds the point strictly between two of the ring that is farthest from the segment of the two. */
function farthestBetween(closed: readonly Point[], from: number, to: number): { index: number; distance: number } {
  const [a, b] = [closed[from]!, closed[to]!];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  let [index, distance] = [-1, -1];
  for (let i = from + 1; i < to; i++) {
    const point = closed[i]!;
    const [x, y] = [point.x - a.x, point.y - a.y];
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / length));
    const away = Math.hypot(x - along * dx, y - along * dy);
    if (away > distance) [index, distance] = [i, away];
  }
  return { index, distance };
}

function chordsOf(closed: readonly Point[], ring: number, kept: readonly number[]): Chord[] {
  return kept.slice(1).map((to, i) => chordOf(closed, ring, kept[i]!, to));
}

function chordOf(closed: readonly Point[], ring: number, from: number, to: number): Chord {
  return { ring, from, to, a: closed[from]!, b: closed[to]!, moved: areaBetween(closed, from, to) };
}

/** Splits a chord at the point that is farthest from it. */
function split({ ring, from, to }: Chord, closed: readonly (readonly Point[])[]): Chord[] {
  const points = closed[ring]!;
  const { index } = farthestBetween(points, from, to);
  return [chordOf(points, ring, from, index), chordOf(points, ring, index, to)];
}

const canSplit = ({ from, to }: Chord): boolean => to - from > 1;

/** The area between a chord and its part of the ring, or more: that between each edge of the part and the chord's line. */
function areaBetween(closed: readonly Point[], from: number, to: number): number {
  if (to - from <= 1) return 0;
  const [a, b] = [closed[from]!, closed[to]!];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy);
  if (length === 0) return Infinity; // the chord of a ring without other corners
  let area = 0;
  let [along, away] = [0, 0];
  for (let i = from + 1; i <= to; i++) {
    const [x, y] = [closed[i]!.x - a.x, closed[i]!.y - a.y];
    const [nextAlong, nextAway] = [(x * dx + y * dy) / length, (x * dy - y * dx) / length];
    const reach = Math.abs(nextAlong - along);
    const height = Math.abs(away) + Math.abs(nextAway);
    if (height > 0) {
      area += away * nextAway >= 0 ? (reach * height) / 2 : (reach * (away ** 2 + nextAway ** 2)) / (2 * height);
    }
    [along, away] = [nextAlong, nextAway];
  }
  return area;
}

/** The chords to split next; undefined if there are none. */
type Splits = ReadonlySet<Chord> | undefined;

const splitsOf = (chords: readonly Chord[]): Splits => (chords.length > 0 ? new Set(chords) : undefined);

/** Finds the chords that move more than their share, if the chords of their ring or all together move too much. */
function tooFar(chords: readonly Chord[], areas: readonly number[]): Splits {
  const moved = new Float64Array(areas.length);
  const counts = new Uint32Array(areas.length);
  let [movedByAll, countOfAll] = [0, 0];
  for (const chord of chords) {
    if (chord.moved === 0) continue;
    moved[chord.ring]! += chord.moved;
    counts[chord.ring]!++;
    movedByAll += chord.moved;
    countOfAll++;
  }
  const mostOfAll = most * Math.abs(areas.reduce((sum, area) => sum + area, 0));
  return splitsOf(
    chords.filter((chord) => {
      if (chord.moved === 0) return false;
      const allowed = most * Math.abs(areas[chord.ring]!);
      const isRing = moved[chord.ring]! > allowed && chord.moved >= allowed / counts[chord.ring]!;
      return isRing || (movedByAll > mostOfAll && chord.moved >= mostOfAll / countOfAll);
    }),
  );
}

/** Finds the chords that cross or touch another one anywhere but at the point that they share. */
function crossing(chords: readonly Chord[]): Splits {
  if (!chords.some(canSplit)) return undefined;
  const squares = squaresOf(chords);
  const found = new Set<Chord>();
  for (const chord of chords) {
    if (!canSplit(chord)) continue;
    squares.visit(chord, (at) => {
      const other = chords[at]!;
      if (other === chord || !meet(chord, other)) return;
      found.add(chord);
      if (canSplit(other)) found.add(other);
    });
  }
  return splitsOf([...found]);
}

/** The edge of the squares in which chords are looked up, in pixels; the most squares, and rows, along an axis. */
const usualEdge = 8;
const mostSquares = 1024;
const mostRows = 2 ** 15;

/** Sorts chords by the squares that they reach. `visit` gets the indices of those that share a square with a chord. */
function squaresOf(chords: readonly Chord[]): { visit(chord: Chord, visitor: (index: number) => void): void } {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { a } of chords) {
    left = Math.min(left, a.x);
    right = Math.max(right, a.x);
    top = Math.min(top, a.y);
    bottom = Math.max(bottom, a.y);
  }
  // rings from elsewhere may be of any size
  const edge = Math.max(usualEdge, Math.ceil(Math.max(right - left, bottom - top) / mostSquares));
  const columnOf = (x: number) => Math.floor((x - left) / edge);
  const rowOf = (y: number) => Math.floor((y - top) / edge);
  const columns = columnOf(right) + 1;
  const forEachSquare = ({ a, b }: Chord, visit: (square: number) => void) => {
    const [first, last] = [columnOf(Math.min(a.x, b.x)), columnOf(Math.max(a.x, b.x))];
    const lastRow = rowOf(Math.max(a.y, b.y));
    for (let row = rowOf(Math.min(a.y, b.y)); row <= lastRow; row++) {
      for (let column = first; column <= last; column++) visit(row * columns + column);
    }
  };
  // where the list of each square ends, then begins, in one array of indices
  const starts = new Uint32Array(columns * (rowOf(bottom) + 1) + 1);
  for (const chord of chords) {
    forEachSquare(chord, (square) => {
      starts[square]!++;
    });
  }
  let sum = 0;
  for (const [square, count] of starts.entries()) {
    sum += count;
    starts[square] = sum;
  }
  const indices = new Uint32Array(sum);
  for (const [index, chord] of chords.entries()) {
    forEachSquare(chord, (square) => {
      starts[square]!--;
      indices[starts[square]!] = index;
    });
  }
  return {
    visit: (chord, visitor) =>
      forEachSquare(chord, (square) => {
        for (let at = starts[square]!; at < starts[square + 1]!; at++) visitor(indices[at]!);
      }),
  };
}

/** Tells if two edges have a point in common that is not an end of both. */
function meet({ a, b }: Chord, { a: c, b: d }: Chord): boolean {
  if (Math.max(a.x, b.x) < Math.min(c.x, d.x) || Math.max(c.x, d.x) < Math.min(a.x, b.x)) return false;
  if (Math.max(a.y, b.y) < Math.min(c.y, d.y) || Math.max(c.y, d.y) < Math.min(a.y, b.y)) return false;
  const [ofC, ofD] = [sideOf(a, b, c), sideOf(a, b, d)];
  const [ofA, ofB] = [sideOf(c, d, a), sideOf(c, d, b)];
  if (ofC * ofD < 0 && ofA * ofB < 0) return true;
  // an end of one lies on the other, and is none of its ends
  const touches = (side: number, p: Point, q: Point, end: Point) =>
    side === 0 && !same(end, p) && !same(end, q) && between(p, q, end);
  if (touches(ofC, a, b, c) || touches(ofD, a, b, d) || touches(ofA, c, d, a) || touches(ofB, c, d, b)) return true;
  return (same(a, c) && same(b, d)) || (same(a, d) && same(b, c));
}

/** Positive, negative or zero: the side of the line from `a` to `b` on which `point` lies. Exact for whole pixels. */
const sideOf = (a: Point, b: Point, point: Point): number =>
  Math.sign((b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x));

const same = (a: Point, b: Point): boolean => a.x === b.x && a.y === b.y;

/** Tells if a point of the line through `a` and `b` lies between them. */
const between = (a: Point, b: Point, { x, y }: Point): boolean =>
  x >= Math.min(a.x, b.x) && x <= Math.max(a.x, b.x) && y >= Math.min(a.y, b.y) && y <= Math.max(a.y, b.y);

/** Finds the chords that may have passed over another ring: those near a hole outside of outlines, or an outline in a hole. */
function outOfPlace(chords: readonly Chord[], areas: readonly number[], tolerance: number): Splits {
  if (areas.length < 2 || !chords.some(canSplit)) return undefined;
  const extent = chords.reduce((most, { a }) => Math.max(most, Math.abs(a.y)), 0);
  const height = Math.max(1, Math.ceil(extent / mostRows));
  const rows = new Map<number, Chord[]>();
  const first = new Map<number, Chord>();
  for (const chord of chords) {
    if (!first.has(chord.ring)) first.set(chord.ring, chord);
    const [top, bottom] = [Math.min(chord.a.y, chord.b.y), Math.max(chord.a.y, chord.b.y)];
    for (let y = Math.floor(top / height); y * height < bottom; y++) {
      const row = rows.get(y);
      if (row) row.push(chord);
      else rows.set(y, [chord]);
    }
  }
  const found = new Set<Chord>();
  for (const [ring, { a, b }] of first) {
    const [x, y] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
    let isInside = false;
    for (const { ring: other, a: c, b: d } of rows.get(Math.floor(y / height)) ?? []) {
      if (other === ring || c.y > y === d.y > y) continue;
      if (x < ((d.x - c.x) * (y - c.y)) / (d.y - c.y) + c.x) isInside = !isInside;
    }
    if (isInside === areas[ring]! < 0) continue;
    const near = chords.filter((chord) => canSplit(chord) && (chord.ring === ring || isNear(chord, x, y, tolerance)));
    for (const chord of near.length > 0 ? near : chords.filter(canSplit)) found.add(chord);
  }
  return splitsOf([...found]);
}

/** Tells if a point lies within the tolerance of the box around a chord. */
const isNear = ({ a, b }: Chord, x: number, y: number, tolerance: number): boolean =>
  x >= Math.min(a.x, b.x) - tolerance &&
  x <= Math.max(a.x, b.x) + tolerance &&
  y >= Math.min(a.y, b.y) - tolerance &&
  y <= Math.max(a.y, b.y) + tolerance;
