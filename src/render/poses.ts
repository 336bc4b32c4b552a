import { ShapeError } from '../errors.ts';
import { checkRaster, type Raster } from '../image/raster.ts';
import { alphaOf, type Canvas, canvasFrom, curvePoints } from './canvas.ts';
import type { Color } from './colors.ts';
import { type Point, paintConvex } from './convex.ts';

/** Poses drawn over the image: a line per link of the skeleton, and a disc per keypoint. */

/** The keypoints that a pose consists of. Indices count from 0. */
export interface DrawnKeypoints {
  readonly names: readonly string[];
  /** Pairs of keypoints that a line joins. */
  readonly skeleton: readonly (readonly [from: number, to: number])[];
  /** Pairs of a left and a right keypoint. */
  readonly flipPairs: readonly (readonly [left: number, right: number])[];
}

/** The poses of one image; the first is drawn on top. */
export interface DrawnPoses {
  /** n × keypoints × (x, y) in pixels of the image. The middle of the first pixel is (0, 0), as in the decoding of heatmaps. */
  readonly points: Float32Array;
  /** n × keypoints */
  readonly pointScores: Float32Array;
  readonly keypoints: DrawnKeypoints;
}

/** The part of a body that a keypoint or a link belongs to. `trunk` is the head, too. */
export type BodySide = 'left' | 'right' | 'trunk';

/** How poses are drawn. */
export interface PoseOptions {
  /** Keypoints below this score, and the lines to them, are not drawn. By default 0.3. */
  readonly score?: number | undefined;
  /** The width of lines in pixels of the image. By default a 60th of the longer side of what is seen of the person, at least 1. */
  readonly lineWidth?: number | undefined;
  /** The radius of the discs of keypoints, 0 for none. By default 1.2 of the lines' width, at least 2. */
  readonly pointRadius?: number | undefined;
  /** By default left is green, right blue, head and trunk orange. */
  readonly colors?: Readonly<Record<BodySide, Color>> | undefined;
  /** 0 to 1, by default 1. */
  readonly opacity?: number | undefined;
}

/** Keypoints below this score are not drawn by default, as in mmpose. */
export const leastPointScore = 0.3;

/** The colours of mmpose's drawings, which people know. */
export const poseColors: Readonly<Record<BodySide, Color>> = {
  left: [0, 255, 0],
  right: [0, 128, 255],
  trunk: [255, 153, 51],
};

/**
 * Draws poses on a copy of the image; the first is on top, and in each the keypoints above the lines. Keypoints below the score are left
 * out, with the lines to them; so are lines with an end outside the image. A value that is not finite counts as outside.
 *
 * @throws ShapeError if the arrays do not fit
 */
export function drawPoses(raster: Raster, poses: DrawnPoses, options: PoseOptions = {}): Raster {
  checkRaster(raster);
  const count = checkedCount(poses);
  const { keypoints, points, pointScores } = poses;
  const { colors = poseColors, opacity = 1 } = options;
  const sides = sidesOf(keypoints);
  const perPose = keypoints.names.length;
  const canvas = canvasFrom(raster);
  const alpha = alphaOf(opacity);
  for (let i = count - 1; i >= 0; i--) {
    const person = seenPoints(
      points.subarray(2 * i * perPose, 2 * (i + 1) * perPose),
      pointScores.subarray(i * perPose, (i + 1) * perPose),
      options.score ?? leastPointScore,
    );
    const width = Math.max(
      1,
      options.lineWidth ?? longerSide(person.filter((place) => place && isInside(canvas, place))) / 60,
    );
    const radius = options.pointRadius ?? Math.max(2, 1.2 * width);
    for (const [k, [from, to]] of keypoints.skeleton.entries()) {
      const [a, b] = [person[from], person[to]];
      if (a && b && isInside(canvas, a) && isInside(canvas, b))
        strokeLine(canvas, a, b, width, colors[sides.links[k]!], alpha);
    }
    for (const [k, point] of person.entries()) {
      if (point && radius > 0) fillDisc(canvas, point, radius, colors[sides.points[k]!], alpha);
    }
  }
  return canvas;
}

function checkedCount({ points, pointScores, keypoints: { names, skeleton, flipPairs } }: DrawnPoses): number {
  const perPose = names.length;
  const count = pointScores.length / perPose;
  if (perPose === 0 || !Number.isInteger(count) || points.length !== 2 * pointScores.length) {
    throw new ShapeError(
      `drawPoses: ${points.length / 2} points and ${pointScores.length} scores are not those of poses with ${perPose} keypoints each.`,
    );
  }
  const stray = [...skeleton, ...flipPairs].find((pair) => pair.some((k) => names[k] === undefined));
  if (stray) {
    throw new ShapeError(
      `drawPoses: the pair ${stray.join('-')} names no keypoint. There are keypoints 0 to ${perPose - 1}.`,
    );
  }
  return count;
}

/** The sides of keypoints and links. */
export interface BodySides {
  readonly points: readonly BodySide[];
  readonly links: readonly BodySide[];
}

/**
 * Finds limbs: links that no other way of the skeleton goes around. A limb has the side of its ends, and so have its keypoints. Links of
 * trunk and head are parts of rings (shoulders and hips, eyes and nose), and keypoints without a limb (eyes, ears) are of the head. For
 * COCO's skeleton these are the sides of mmpose's table.
 */
export function sidesOf({ names, skeleton, flipPairs }: DrawnKeypoints): BodySides {
  const paired: BodySide[] = names.map(() => 'trunk');
  for (const [left, right] of flipPairs) {
    paired[left] = 'left';
    paired[right] = 'right';
  }
  const links = skeleton.map((link): BodySide => {
    const ends = new Set(link.map((k) => paired[k]!).filter((side) => side !== 'trunk'));
    const [side = 'trunk'] = ends;
    return ends.size === 1 && !isInRing(skeleton, link) ? side : 'trunk';
  });
  const points = names.map((_, k): BodySide => {
    const hasLimb = skeleton.some((link, i) => links[i] !== 'trunk' && link.includes(k));
    return hasLimb ? paired[k]! : 'trunk';
  });
  return { points, links };
}

/** Tells if the ends of a link are joined without it. */
function isInRing(skeleton: DrawnKeypoints['skeleton'], link: readonly [number, number]): boolean {
  const [start, goal] = link;
  const reached = new Set([start]);
  // a set hands out what is added meanwhile
  for (const at of reached) {
    for (const other of skeleton) {
      if (other === link || !other.includes(at)) continue;
      reached.add(other[0] === at ? other[1] : other[0]);
    }
  }
  return reached.has(goal);
}

/** Returns the positions of keypoints that are drawn. */
const seenPoints = (points: Float32Array, scores: Float32Array, least: number): (Point | undefined)[] =>
  Array.from(scores, (score, k) => {
    const [x, y] = [points[2 * k]! + 0.5, points[2 * k + 1]! + 0.5];
    return score >= Math.fround(least) && Number.isFinite(x) && Number.isFinite(y) ? { x, y } : undefined;
  });

/** Returns the longer side of the rectangle around a person's keypoints. */
function longerSide(person: readonly (Point | undefined)[]): number {
  const seen = person.filter((place) => place !== undefined);
  if (seen.length === 0) return 0;
  const extent = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
  return Math.max(extent(seen.map(({ x }) => x)), extent(seen.map(({ y }) => y)));
}

const isInside = ({ width, height }: Canvas, { x, y }: Point): boolean => x >= 0 && y >= 0 && x <= width && y <= height;

/** Draws a line with straight ends, which the discs of its keypoints cover. */
function strokeLine(canvas: Canvas, a: Point, b: Point, width: number, color: Color, alpha: number): void {
  const length = Math.sqrt((b.x - a.x) ** 2 + (b.y - a.y) ** 2);
  if (length === 0) return;
  const [dx, dy] = [((b.y - a.y) / length) * (width / 2), ((a.x - b.x) / length) * (width / 2)];
  const corners = [
    { x: a.x + dx, y: a.y + dy },
    { x: b.x + dx, y: b.y + dy },
    { x: b.x - dx, y: b.y - dy },
    { x: a.x - dx, y: a.y - dy },
  ];
  paintConvex(canvas, corners, color, alpha);
}

/** The tangent of 22.5 degrees: a circle is drawn as eight arcs. */
const tangent = Math.SQRT2 - 1;
const diagonal = Math.SQRT1_2;
/** Ends of the arcs, and between them the corners of the octagon around the circle. */
const circle = [
  [1, 0, 1, tangent],
  [diagonal, diagonal, tangent, 1],
  [0, 1, -tangent, 1],
  [-diagonal, diagonal, -1, tangent],
  [-1, 0, -1, -tangent],
  [-diagonal, -diagonal, -tangent, -1],
  [0, -1, tangent, -1],
  [diagonal, -diagonal, 1, -tangent],
] as const;

function fillDisc(canvas: Canvas, { x, y }: Point, radius: number, color: Color, alpha: number): void {
  if (x + radius <= 0 || y + radius <= 0 || x - radius >= canvas.width || y - radius >= canvas.height) return;
  const corners = circle.flatMap(([x0, y0, cx, cy], i) => {
    const [x1, y1] = circle[(i + 1) % circle.length]!;
    const at = (value: number, middle: number) => middle + radius * value;
    return curvePoints(at(x0, x), at(y0, y), at(cx, x), at(cy, y), at(x1, x), at(y1, y));
  });
  paintConvex(canvas, corners, color, alpha);
}
