import { addLine, type Canvas, paintShape } from './canvas.ts';
import type { Color } from './colors.ts';

/** Convex shapes of any size: what is painted takes the time and memory of what is seen. */

/** A point on the canvas, where the first pixel is from 0 to 1. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Rows that are painted at a time. A slanted line is narrow in so few of them, however long it is. */
const rowsAtOnce = 32;

/** Paints a convex polygon, clipped to the canvas. Corners follow each other in either direction. */
export function paintConvex(canvas: Canvas, corners: readonly Point[], color: Color, alpha: number): void {
  const seen = within(corners, 'x', 0, canvas.width);
  const [top, end] = extentOf(seen, 'y');
  const bottom = Math.min(canvas.height, Math.ceil(end));
  for (let row = Math.max(0, Math.floor(top)); row < bottom; row += rowsAtOnce) {
    const height = Math.min(rowsAtOnce, bottom - row);
    const part = within(seen, 'y', row, row + height);
    if (part.length === 0) continue;
    const [first, last] = extentOf(part, 'x');
    const left = Math.floor(first);
    const size = { width: Math.ceil(last) - left + 1, height };
    paintShape(canvas, size, left, row, color, alpha, (shape) => {
      for (const [i, to] of part.entries()) {
        const from = part.at(i - 1) ?? to; // the last, before the first
        addLine(shape, from.x - left, from.y - row, to.x - left, to.y - row);
      }
    });
  }
}

/** Returns the least and the largest coordinate. */
function extentOf(corners: readonly Point[], axis: keyof Point): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const corner of corners) {
    least = Math.min(least, corner[axis]);
    most = Math.max(most, corner[axis]);
  }
  return [least, most];
}

/** Returns the part of a convex polygon between two columns or rows (Sutherland and Hodgman). */
function within(corners: readonly Point[], axis: keyof Point, least: number, most: number): readonly Point[] {
  const [first, last] = extentOf(corners, axis);
  const above = first < least ? cut(corners, axis, least, 1) : corners;
  return last > most ? cut(above, axis, most, -1) : above;
}

/** Returns the part at or above a limit, with `sign` -1 at or below it. */
function cut(corners: readonly Point[], axis: keyof Point, limit: number, sign: 1 | -1): Point[] {
  const kept: Point[] = [];
  for (const [i, to] of corners.entries()) {
    const from = corners.at(i - 1) ?? to; // the last, before the first
    const [before, after] = [sign * (from[axis] - limit), sign * (to[axis] - limit)];
    if (before >= 0 !== after >= 0) {
      const share = before / (before - after);
      const met = { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) };
      met[axis] = limit; // exactly, whatever the rounding
      kept.push(met);
    }
    if (after >= 0) kept.push(to);
  }
  return kept;
}
