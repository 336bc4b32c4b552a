import { ShapeError } from '../errors.ts';
import type { Size } from '../ndarray.ts';
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
