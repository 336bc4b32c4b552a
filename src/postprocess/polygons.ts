import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { CompactMask } from './masks.ts';
import { decodeBitmap, mergeRles, type Rle, runCollector } from './rle.ts';

/** Outlines of masks: filling rings, tracing them, and joining them for formats without holes. `simplify.ts` simplifies them. */

/**
 * A closed ring, x0, y0, x1, y1, …: COCO's flat form. Coordinates are of pixel corners: pixel (0, 0) lies between 0 and 1.
 */
export type Ring = readonly number[];

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function pointsOf(ring: Ring): Point[] {
  return Array.from({ length: Math.floor(ring.length / 2) }, (_, i) => ({ x: ring[2 * i]!, y: ring[2 * i + 1]! }));
}

export const ringOf = (points: readonly Point[]): Ring => points.flatMap(({ x, y }) => [x, y]);

type Edge = readonly [from: Point, to: Point];

/** Each point with the next one, the last with the first. */
function edgesOf(ring: Ring): Edge[] {
  const points = pointsOf(ring);
  return points.map((point, i) => [point, points[i + 1] ?? points[0] ?? point]);
}

/** COCO draws outlines on a grid five times as fine. */
const upsampling = 5;
/** Coordinates beyond this belong to no image. Walking along such an edge would take minutes. */
const farthest = 1e6;

/**
 * Fills what the rings enclose by the even-odd rule, so a ring within a ring is a hole. One ring gives what COCO's
 * `rleFrPoly` does, to the pixel.
 *
 * @throws ShapeError for coordinates that are not numbers or absurdly far away
 */
export function fillRings(rings: readonly Ring[], size: Size): Rle {
  const crossings = Float64Array.from(rings.flatMap((ring) => crossingsOf(ring, size))).sort();
  const runs = runCollector(size);
  const end = size.height * size.width;
  for (let i = 0; i < crossings.length; i += 2) runs.add(crossings[i]!, crossings[i + 1] ?? end);
  return runs.finish();
}

/** Fills COCO's polygon segmentation: what any of several polygons covers. There are no holes in this form. */
export function fillPolygons(polygons: readonly Ring[], size: Size): Rle {
  return mergeRles(
    polygons.map((polygon) => fillRings([polygon], size)),
    'union',
  );
}

/** Fills a box as COCO's `rleFrBbox` does. */
export function fillBoxXywh([x, y, width, height]: readonly [number, number, number, number], size: Size): Rle {
  return fillRings([[x, y, x, y + height, x + width, y + height, x + width, y]], size);
}

/**
 * Returns the positions, column by column, at which a downward walk through a column crosses the ring. Follows
 * `rleFrPoly` statement by statement, with its truncations and its order of points, but without its lists: only
 * neighbouring points matter.
 */
function crossingsOf(ring: Ring, { height, width }: Size): number[] {
  const invalid = ring.find((value) => !(Math.abs(value) <= farthest));
  if (invalid !== undefined) {
    throw new ShapeError(`polygon: ${invalid} is not a coordinate of an image of ${height}×${width}.`);
  }
  const crossings: number[] = [];
  let last: Point | undefined;
  const walk = (x: number, y: number) => {
    if (last && x !== last.x) {
      const column = ((x < last.x ? x : x - 1) + 0.5) / upsampling - 0.5;
      if (Number.isInteger(column) && column >= 0 && column <= width - 1) {
        const row = (Math.min(y, last.y) + 0.5) / upsampling - 0.5;
        crossings.push(column * height + Math.ceil(Math.min(Math.max(row, 0), height)));
      }
    }
    last = { x, y };
  };
  const fine = (value: number) => Math.trunc(upsampling * value + 0.5);
  for (const [a, b] of edgesOf(ring)) walkEdge(fine(a.x), fine(a.y), fine(b.x), fine(b.y), walk);
  return crossings;
}

/** Visits all points of an edge on the fine grid, both ends included; computed from its lower (or left) end in either direction. */
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
 * Traces the outlines of a mask along its pixels' edges, in the image's coordinates: outer rings run clockwise on the
 * screen, holes the other way. No ring passes a point twice: pixels that touch only at a corner belong to different rings,
 * and so do holes that touch each other, or the outside, at a corner. `fillRings` of them is the mask again.
 */
export function maskRings(mask: CompactMask): Ring[] {
  return traceBitmap(decodeBitmap(mask.rle), mask.rle, mask.left, mask.top);
}

/** Traces the outlines of a run-length mask of the whole image. */
export function rleRings(rle: Rle): Ring[] {
  return traceBitmap(decodeBitmap(rle), rle, 0, 0);
}

function traceBitmap(bitmap: Uint8Array, { height, width }: Size, left: number, top: number): Ring[] {
  const isSet = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && bitmap[y * width + x] === 1;
  // every ring has a pixel's upper edge that it passes to the right, with the pixel on its right hand
  const passed = new Uint8Array(bitmap.length);
  const rings: Ring[] = [];
  let cut: ((ring: Ring) => Ring[]) | undefined;
  for (let startY = 0; startY < height; startY++) {
    for (let startX = 0; startX < width; startX++) {
      if (!isSet(startX, startY) || isSet(startX, startY - 1) || passed[startY * width + startX]) continue;
      const ring: number[] = [];
      let [x, y, dx, dy] = [startX, startY, 1, 0];
      let touches = false; // another part of the outline, at a corner
      do {
        if (dx === 1) passed[y * width + x] = 1;
        x += dx;
        y += dy;
        // the pixels ahead, on the right and on the left hand of the way
        const [aheadX, aheadY] = [x + (dx - 1) / 2, y + (dy - 1) / 2];
        const onRight = isSet(aheadX - dy / 2, aheadY + dx / 2);
        const onLeft = isSet(aheadX + dy / 2, aheadY - dx / 2);
        if (onRight && !onLeft) continue;
        ring.push(left + x, top + y);
        if (onLeft && !onRight) touches = true;
        [dx, dy] = onRight ? [dy, -dx] : [-dy, dx];
      } while (x !== startX || y !== startY || dx !== 1);
      if (touches) {
        cut ??= loopCutter(width + 1, height + 1, left, top);
        rings.push(...cut(ring));
      } else rings.push(ring);
    }
  }
  return rings;
}

/**
 * Returns a function that cuts a ring at the points that it passes twice. The loop with the first point comes first.
 *
 * @param columns the points of a row, whose coordinates are at least `left` and `top`
 */
function loopCutter(columns: number, rows: number, left: number, top: number): (ring: Ring) => Ring[] {
  const placeOf = new Int32Array(columns * rows).fill(-1); // of each point in the open loop, -1 outside
  return (ring) => {
    const loops: Ring[] = [];
    const open: number[] = [];
    for (let i = 0; i < ring.length; i += 2) {
      const [x, y] = [ring[i]!, ring[i + 1]!];
      const key = (y - top) * columns + x - left;
      const place = placeOf[key]!;
      if (place < 0) {
        placeOf[key] = open.length;
        open.push(x, y);
        continue;
      }
      const loop = open.splice(place + 2);
      for (let k = 0; k < loop.length; k += 2) placeOf[(loop[k + 1]! - top) * columns + loop[k]! - left] = -1;
      loops.push([x, y, ...loop]);
    }
    for (let k = 0; k < open.length; k += 2) placeOf[(open[k + 1]! - top) * columns + open[k]! - left] = -1;
    return [open, ...loops];
  };
}

/** One outline of a mask with the holes in it. */
export interface Part {
  readonly outer: Ring;
  readonly holes: readonly Ring[];
}

/** Groups the rings of a mask, as `maskRings` gives them, into parts. A hole belongs to the smallest outer ring around it. */
export function partsOf(rings: readonly Ring[]): Part[] {
  const measured = rings.map((ring) => {
    const edges = edgesOf(ring);
    return { ring, edges, area: areaInside(edges), holes: [] as Ring[] };
  });
  const outers = measured.filter(({ area }) => area > 0);
  const smallestFirst = outers.toSorted((a, b) => a.area - b.area);
  for (const { ring, area } of measured) {
    if (!(area > 0)) smallestFirst.find(({ edges }) => contains(edges, ring))?.holes.push(ring);
  }
  return outers.map(({ ring, holes }) => ({ outer: ring, holes }));
}

/** The area inside, positive if the edges run clockwise on the screen (y downwards). */
function areaInside(edges: readonly Edge[]): number {
  return edges.reduce((sum, [a, b]) => sum + (a.x * b.y - b.x * a.y) / 2, 0);
}

/** Tells if a hole of the same mask lies inside the edges of a ring. */
function contains(edges: readonly Edge[], hole: Ring): boolean {
  const [start, next] = pointsOf(hole);
  if (!start || !next) return false;
  // the middle of the first pixel edge: on no other ring, and not a corner of one
  const x = start.x + Math.sign(next.x - start.x) / 2;
  const y = start.y + Math.sign(next.y - start.y) / 2;
  let inside = false;
  for (const [a, b] of edges) {
    if (a.y > y !== b.y > y && x < ((a.x - b.x) * (y - b.y)) / (a.y - b.y) + b.x) inside = !inside;
  }
  return inside;
}

/**
 * Writes the part as one ring, for formats that know neither holes nor several parts. The ring goes to each hole and back
 * on the shortest way between two of their points, a slit that encloses nothing.
 */
export function withSlits({ outer, holes }: Part): Ring {
  return joinRings([outer, ...holes]);
}

/**
 * Joins rings into one. Each is entered from what is joined so far over the shortest way between two points, and left on
 * the same way, so that the even-odd rule encloses what the rings enclose. The nearest ring comes next.
 */
export function joinRings(rings: readonly Ring[]): Ring {
  const [first = [], ...others] = rings;
  if (others.length === 0) return first;
  let joined = pointsOf(first);
  // each waiting ring remembers its shortest bridge to what is joined; only new points can make a shorter one
  let waiting = others.map(pointsOf).map((points) => ({ points, bridge: shortestBridge(joined, points) }));
  while (waiting.length > 0) {
    const nearest = waiting.reduce((best, one) => (one.bridge.distance < best.bridge.distance ? one : best));
    const { points, bridge } = nearest;
    const at = Math.max(
      0,
      joined.findIndex(({ x, y }) => x === bridge.from?.x && y === bridge.from.y),
    );
    const entry = bridge.to ? points.indexOf(bridge.to) : 0;
    const turned = [...points.slice(entry), ...points.slice(0, entry)];
    joined = [...joined.slice(0, at + 1), ...turned, ...turned.slice(0, 1), ...joined.slice(at)];
    waiting = waiting
      .filter((one) => one !== nearest)
      .map((one) => {
        const other = shortestBridge(points, one.points);
        return other.distance < one.bridge.distance ? { ...one, bridge: other } : one;
      });
  }
  return ringOf(joined);
}

interface Bridge {
  /** A point that is joined already. */
  readonly from: Point | undefined;
  /** A point of the other ring. */
  readonly to: Point | undefined;
  readonly distance: number;
}

function shortestBridge(joined: readonly Point[], other: readonly Point[]): Bridge {
  let best: Bridge = { from: joined[0], to: other[0], distance: Infinity };
  for (const from of joined) {
    for (const to of other) {
      const distance = (from.x - to.x) ** 2 + (from.y - to.y) ** 2;
      if (distance < best.distance) best = { from, to, distance };
    }
  }
  return best;
}
