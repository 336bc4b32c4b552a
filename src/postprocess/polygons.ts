import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { CompactMask, Rle } from './detections.ts';
import { decodeBitmap, mergeRles, runCollector } from './rle.ts';

/**
 * A closed ring, x0, y0, x1, y1, …: COCO's flat form. Coordinates are of pixel corners: pixel (0, 0) lies between 0 and
 * 1.
 */
export type Ring = readonly number[];

/** COCO draws outlines on a grid five times as fine. */
const upsampling = 5;
/** Coordinates beyond this are no image's; walking along such an edge would take minutes. */
const farthest = 1e6;

/**
 * What the rings enclose by the even-odd rule, so a ring within a ring is a hole; one ring gives what COCO's
 * `rleFrPoly` does, to the pixel.
 *
 * @throws ShapeError for coordinates that are no numbers or absurdly far away
 */
export function fillRings(rings: readonly Ring[], size: Size): Rle {
  const crossings = Float64Array.from(rings.flatMap((ring) => crossingsOf(ring, size))).sort();
  const runs = runCollector(size);
  const end = size.height * size.width;
  for (let i = 0; i < crossings.length; i += 2) runs.add(crossings[i]!, crossings[i + 1] ?? end);
  return runs.finish();
}

/** COCO's polygon segmentation: several polygons mean what any of them covers (there are no holes in this form). */
export function fillPolygons(polygons: readonly Ring[], size: Size): Rle {
  return mergeRles(
    polygons.map((polygon) => fillRings([polygon], size)),
    'union',
  );
}

/** A box as COCO's `rleFrBbox` fills it. */
export function fillBoxXywh([x, y, width, height]: readonly [number, number, number, number], size: Size): Rle {
  return fillRings([[x, y, x, y + height, x + width, y + height, x + width, y]], size);
}

/**
 * The positions, column by column, at which a downward walk through a column crosses the ring. Follows `rleFrPoly`
 * statement by statement, with its truncations and its order of points, but without its lists: only neighbouring points
 * matter.
 */
function crossingsOf(ring: Ring, { height, width }: Size): number[] {
  const crossings: number[] = [];
  const count = Math.floor(ring.length / 2);
  for (const value of ring) {
    if (!(Math.abs(value) <= farthest)) {
      throw new ShapeError(`polygon: ${value} is no coordinate of an image of ${height}×${width}.`);
    }
  }
  let [lastX, lastY, isFirst] = [0, 0, true];
  const walk = (x: number, y: number) => {
    if (!isFirst && x !== lastX) {
      const column = ((x < lastX ? x : x - 1) + 0.5) / upsampling - 0.5;
      if (Number.isInteger(column) && column >= 0 && column <= width - 1) {
        const row = (Math.min(y, lastY) + 0.5) / upsampling - 0.5;
        crossings.push(column * height + Math.ceil(Math.min(Math.max(row, 0), height)));
      }
    }
    [lastX, lastY, isFirst] = [x, y, false];
  };
  const fine = (value: number) => Math.trunc(upsampling * value + 0.5);
  for (let i = 0; i < count; i++) {
    const next = (i + 1) % count;
    walkEdge(fine(ring[2 * i]!), fine(ring[2 * i + 1]!), fine(ring[2 * next]!), fine(ring[2 * next + 1]!), walk);
  }
  return crossings;
}

/**
 * All points of an edge on the fine grid, both ends included; computed from its lower (or left) end whichever way it
 * runs.
 */
function walkEdge(x1: number, y1: number, x2: number, y2: number, walk: (x: number, y: number) => void): void {
  const dx = Math.abs(x2 - x1);
  const dy = Math.abs(y2 - y1);
  const flat = dx >= dy;
  const flip = flat ? x1 > x2 : y1 > y2;
  const [startX, startY, endX, endY] = flip ? [x2, y2, x1, y1] : [x1, y1, x2, y2];
  const steps = flat ? dx : dy;
  const slope = steps === 0 ? 0 : (flat ? endY - startY : endX - startX) / steps;
  for (let d = 0; d <= steps; d++) {
    const t = flip ? steps - d : d;
    if (flat) walk(startX + t, Math.trunc(startY + slope * t + 0.5));
    else walk(Math.trunc(startX + slope * t + 0.5), startY + t);
  }
}

/**
 * The outlines of a mask along its pixels' edges, in the image's coordinates: outer rings run clockwise on the screen,
 * holes the other way. Pixels that touch only at a corner belong to different rings. `fillRings` of them is the mask
 * again.
 */
export function maskRings(mask: CompactMask): Ring[] {
  return traceBitmap(decodeBitmap(mask.rle), mask.rle, mask.left, mask.top);
}

/** The outlines of a run-length mask of the whole image. */
export function rleRings(rle: Rle): Ring[] {
  return traceBitmap(decodeBitmap(rle), rle, 0, 0);
}

/** Steps to the right, down, left, up. */
const stepX = [1, 0, -1, 0] as const;
const stepY = [0, 1, 0, -1] as const;

function traceBitmap(bitmap: Uint8Array, { height, width }: Size, left: number, top: number): Ring[] {
  const isSet = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && bitmap[y * width + x] === 1;
  // every ring has a pixel's upper edge that it passes to the right, with the pixel on its right hand
  const passed = new Uint8Array(bitmap.length);
  const rings: Ring[] = [];
  for (let startY = 0; startY < height; startY++) {
    for (let startX = 0; startX < width; startX++) {
      if (!isSet(startX, startY) || isSet(startX, startY - 1) || passed[startY * width + startX]) continue;
      const ring: number[] = [];
      let [x, y, direction] = [startX, startY, 0];
      do {
        if (direction === 0) passed[y * width + x] = 1;
        x += stepX[direction]!;
        y += stepY[direction]!;
        // the pixels ahead, on the right and on the left hand of the way
        const [right, before] = [(direction + 1) % 4, (direction + 3) % 4];
        const aheadX = x + (stepX[direction]! - 1) / 2;
        const aheadY = y + (stepY[direction]! - 1) / 2;
        const onRight = isSet(aheadX + stepX[right]! / 2, aheadY + stepY[right]! / 2);
        const onLeft = isSet(aheadX + stepX[before]! / 2, aheadY + stepY[before]! / 2);
        const turned = !onRight ? right : onLeft ? before : direction;
        if (turned !== direction) ring.push(left + x, top + y);
        direction = turned;
      } while (x !== startX || y !== startY || direction !== 0);
      rings.push(ring);
    }
  }
  return rings;
}

/** Rings for formats that know neither holes nor several parts: bridged by slits that enclose nothing. */

/** One outline of a mask with the holes in it. */
export interface Part {
  readonly outer: Ring;
  readonly holes: readonly Ring[];
}

/**
 * The parts of a mask from its rings as `maskRings` gives them: outer rings run clockwise on the screen, holes the other
 * way. A hole belongs to the smallest outer ring around it.
 */
export function partsOf(rings: readonly Ring[]): Part[] {
  const areas = new Map(rings.map((ring) => [ring, signedArea(ring)]));
  const outers = rings.filter((ring) => areas.get(ring)! > 0).map((outer) => ({ outer, holes: [] as Ring[] }));
  const smallestFirst = [...outers].sort((a, b) => areas.get(a.outer)! - areas.get(b.outer)!);
  for (const hole of rings) {
    if (areas.get(hole)! > 0) continue;
    smallestFirst.find(({ outer }) => contains(outer, hole))?.holes.push(hole);
  }
  return outers;
}

/** The part as one ring, which goes to each hole and back on the shortest way between two of their points. */
export function withSlits({ outer, holes }: Part): Ring {
  return joinRings([outer, ...holes]);
}

/**
 * All rings as one: each is entered from what is joined so far over the shortest way between two points, and left on the
 * same way, so that the even-odd rule encloses what the rings enclose. The nearest ring comes next.
 */
export function joinRings(rings: readonly Ring[]): Ring {
  let [joined = [], ...rest] = rings as readonly Ring[];
  // each waiting ring remembers its nearest place on what is joined; only new points can be nearer
  let bridges = rest.map((ring) => nearest(joined, ring));
  while (rest.length > 0) {
    const next = bridges.reduce((best, { distance }, i) => (distance < bridges[best]!.distance ? i : best), 0);
    const ring = rest[next]!;
    const { x, y, to } = bridges[next]!;
    const at = indexOf(joined, x, y);
    const turned = [...ring.slice(2 * to), ...ring.slice(0, 2 * to)];
    joined = [...joined.slice(0, 2 * at + 2), ...turned, turned[0]!, turned[1]!, ...joined.slice(2 * at)];
    rest = rest.filter((_, i) => i !== next);
    bridges = bridges.filter((_, i) => i !== next);
    bridges = rest.map((waiting, i) => {
      const now = nearest(ring, waiting);
      return now.distance < bridges[i]!.distance ? now : bridges[i]!;
    });
  }
  return joined;
}

interface Bridge {
  /** A point of the ring that is there already. */
  readonly x: number;
  readonly y: number;
  /** The point of the other ring. */
  readonly to: number;
  readonly distance: number;
}

function nearest(a: Ring, b: Ring): Bridge {
  let best: Bridge = { x: a[0]!, y: a[1]!, to: 0, distance: Number.POSITIVE_INFINITY };
  for (let i = 0; i < a.length; i += 2) {
    for (let j = 0; j < b.length; j += 2) {
      const distance = (a[i]! - b[j]!) ** 2 + (a[i + 1]! - b[j + 1]!) ** 2;
      if (distance < best.distance) best = { x: a[i]!, y: a[i + 1]!, to: j / 2, distance };
    }
  }
  return best;
}

function indexOf(ring: Ring, x: number, y: number): number {
  for (let i = 0; i < ring.length; i += 2) if (ring[i] === x && ring[i + 1] === y) return i / 2;
  return 0;
}

/** Positive where the ring runs clockwise on the screen (y downwards). */
function signedArea(ring: Ring): number {
  let twice = 0;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    twice += ring[j]! * ring[i + 1]! - ring[i]! * ring[j + 1]!;
  }
  return twice / 2;
}

/** Whether a hole of the same mask lies in the ring. */
function contains(outer: Ring, hole: Ring): boolean {
  // the middle of the first pixel edge: on no other ring, and no ring's corner
  const x = hole[0]! + Math.sign(hole[2]! - hole[0]!) / 2;
  const y = hole[1]! + Math.sign(hole[3]! - hole[1]!) / 2;
  let inside = false;
  for (let i = 0, j = outer.length - 2; i < outer.length; j = i, i += 2) {
    const [xi, yi, xj, yj] = [outer[i]!, outer[i + 1]!, outer[j]!, outer[j + 1]!];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

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
  const middle = farthestFromLine(ring, 0, count, 0).index;
  kept[0] = 1;
  kept[middle] = 1;
  const open: [from: number, to: number][] = [
    [0, middle],
    [middle, count],
  ];
  for (let range = open.pop(); range; range = open.pop()) {
    const { index, distance } = farthestFromLine(ring, range[0], range[1], range[1]);
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
function farthestFromLine(ring: Ring, from: number, to: number, end: number): { index: number; distance: number } {
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
  const one = farthestFromLine(ring, 0, middle, middle);
  const other = farthestFromLine(ring, middle, count, count);
  return one.distance >= other.distance ? one.index : other.index;
}
