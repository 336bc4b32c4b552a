import type { Ring } from './polygons.ts';

/**
 * A closed ring with fewer points (Douglas and Peucker, 1973): every point that is left out lies within `tolerance` pixels
 * of the edge that takes its place. The ring is cut at its first point and the one farthest from it, and each half is
 * simplified by itself. A ring keeps at least three points; edges of a simplified ring may touch or cross.
 *
 * @param tolerance pixels; 0 leaves out only points on straight lines
 * @throws RangeError for a tolerance that is negative or no number
 */
export function simplifyRing(ring: Ring, tolerance: number): Ring {
  if (!(tolerance >= 0)) throw new RangeError(`a polygon's tolerance is a number of pixels from 0, got ${tolerance}.`);
  const count = ring.length / 2;
  if (count <= 3) return ring;
  const kept = new Uint8Array(count);
  const middle = farthest(ring, 0, count, 0).index;
  kept[0] = 1;
  kept[middle] = 1;
  const open: [from: number, to: number][] = [
    [0, middle],
    [middle, count],
  ];
  for (let range = open.pop(); range; range = open.pop()) {
    const { index, distance } = farthest(ring, range[0], range[1], range[1]);
    if (distance <= tolerance) continue;
    kept[index] = 1;
    open.push([range[0], index], [index, range[1]]);
  }
  if (kept.reduce((sum, one) => sum + one, 0) < 3) kept[farthestFromBoth(ring, middle)] = 1;
  const simple: number[] = [];
  for (let i = 0; i < count; i++) if (kept[i]) simple.push(ring[2 * i]!, ring[2 * i + 1]!);
  return simple;
}

/** Of the points strictly between two of the ring the one farthest from the segment of `from` and `end`. */
function farthest(ring: Ring, from: number, to: number, end: number): { index: number; distance: number } {
  const count = ring.length / 2;
  const [ax, ay] = [ring[2 * from]!, ring[2 * from + 1]!];
  const [dx, dy] = [ring[2 * (end % count)]! - ax, ring[2 * (end % count) + 1]! - ay];
  const length = dx * dx + dy * dy;
  let [index, distance] = [-1, -1];
  for (let i = from + 1; i < to; i++) {
    const [x, y] = [ring[2 * i]! - ax, ring[2 * i + 1]! - ay];
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / length));
    const away = Math.hypot(x - along * dx, y - along * dy);
    if (away > distance) [index, distance] = [i, away];
  }
  return { index, distance };
}

/** The third corner of a ring whose points all lie near one line. */
function farthestFromBoth(ring: Ring, middle: number): number {
  const count = ring.length / 2;
  const one = farthest(ring, 0, middle, middle);
  const other = farthest(ring, middle, count, count);
  return one.distance >= other.distance ? one.index : other.index;
}
