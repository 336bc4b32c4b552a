import type { Result } from 'moganet';
import { type BodySides, leastPointScore, poseColors } from 'moganet/render';
import type { Context } from './canvas.ts';
import type { Layer } from './layers.ts';
import { cssColor } from './shapes.ts';
import type { Point, View } from './view.ts';

/** Draws the poses of a result on a canvas, as `drawPoses` of the library draws them into pixels. */

type Poses = NonNullable<Result['poses']>;

/** Poses with the sides of their keypoints and links, which are found once. */
export interface PoseScene {
  readonly poses: Poses;
  readonly sides: BodySides;
}

/** A canvas, and the width of lines on it. */
interface PoseTarget {
  readonly context: Context;
  readonly view: View;
  readonly sizes: { readonly line: number };
}

/** Draws all poses, the first on top. Keypoints of a low score are left out, with the lines to them. */
export function paintPoses(
  { context, view: { scale, x, y }, sizes }: PoseTarget,
  { poses, sides }: PoseScene,
  { visible, opacity }: Layer,
): void {
  if (!visible) return;
  context.save();
  context.globalAlpha = opacity;
  context.translate(x, y);
  context.scale(scale, scale);
  for (const { keypoints } of [...poses].reverse()) {
    // the middle of the first pixel is (0, 0), and its corner on the canvas
    const seen = keypoints.map((one) =>
      one.score >= leastPointScore ? { x: one.x + 0.5, y: one.y + 0.5 } : undefined,
    );
    const width = Math.max(longerSide(seen) / 60, (0.75 * sizes.line) / scale);
    context.lineWidth = width;
    for (const [i, [from, to]] of poses.skeleton.entries()) {
      const [a, b] = [seen[from], seen[to]];
      if (!a || !b) continue;
      context.strokeStyle = cssColor(poseColors[sides.links[i] ?? 'trunk']);
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
      context.stroke();
    }
    for (const [k, place] of seen.entries()) {
      if (!place) continue;
      context.fillStyle = cssColor(poseColors[sides.points[k] ?? 'trunk']);
      context.beginPath();
      context.arc(place.x, place.y, 1.2 * width, 0, 2 * Math.PI);
      context.fill();
    }
  }
  context.restore();
}

/** Returns the longer side of the rectangle around a person's keypoints. */
function longerSide(places: readonly (Point | undefined)[]): number {
  const seen = places.filter((place) => place !== undefined);
  const extent = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  return seen.length === 0 ? 0 : Math.max(extent(seen.map(({ x }) => x)), extent(seen.map(({ y }) => y)));
}
