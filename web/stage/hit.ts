import type { Box, Point } from './view.ts';

/** Which instance lies under a point of the image. */

/** The part of an instance that a point is tested against. */
export interface Shape {
  readonly box: Box;
  /** Pixels of the mask, or of the box if there is no mask. */
  readonly area: number;
  readonly mask?: MaskCrop | undefined;
}

/** A mask as bytes: 1 where it is set, rows top down, only as far as it reaches. */
export interface MaskCrop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly bits: Uint8Array;
}

/** How a point is compared with instances. */
export interface HitOptions {
  /** Tells if an instance is seen. Others are not hit. */
  readonly isShown: (index: number) => boolean;
  /** How far from a box's line a point still hits it, in pixels of the image. 0: boxes of instances with masks are not hit. */
  readonly slack: number;
}

/**
 * Returns the instance under a point. Of several masks the smallest wins, since a large one can be reached elsewhere; equal
 * areas go to the better score. If no mask is there, the line of a box counts; an instance without mask is hit inside its box.
 */
export function instanceUnder(
  shapes: readonly Shape[],
  point: Point,
  { isShown, slack }: HitOptions,
): number | undefined {
  let inside: number | undefined;
  let onLine: number | undefined;
  const better = (index: number, than: number | undefined) =>
    than === undefined || (shapes[index]?.area ?? 0) < (shapes[than]?.area ?? 0);
  for (const [i, { box, mask }] of shapes.entries()) {
    if (!isShown(i)) continue;
    if (mask ? isSet(mask, point) : contains(box, point, 0)) {
      if (better(i, inside)) inside = i;
    } else if (slack > 0 && contains(box, point, slack) && !contains(box, point, -slack)) {
      if (better(i, onLine)) onLine = i;
    }
  }
  return inside ?? onLine;
}

function isSet({ left, top, width, height, bits }: MaskCrop, point: Point): boolean {
  const x = Math.floor(point.x) - left;
  const y = Math.floor(point.y) - top;
  return x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x] === 1;
}

/** Tells if a point is in a box that is larger by `more` on every side. */
const contains = ([x1, y1, x2, y2]: Box, { x, y }: Point, more: number): boolean =>
  x >= x1 - more && y >= y1 - more && x < x2 + more && y < y2 + more;

/** Returns the label of the pixel under a point; undefined outside the image and on pixels without a class. */
export function labelUnder(
  labels: ArrayLike<number>,
  { width, height }: { readonly width: number; readonly height: number },
  classes: readonly string[],
  point: Point,
): number | undefined {
  const x = Math.floor(point.x);
  const y = Math.floor(point.y);
  if (x < 0 || y < 0 || x >= width || y >= height) return undefined;
  const label = labels[y * width + x];
  return label !== undefined && label < classes.length ? label : undefined;
}
