import type { Size } from '../arrays.ts';
import { outlinesOf } from '../postprocess/channels.ts';
import { type Ring, rleRings } from '../postprocess/polygons.ts';
import { leastPointScore } from '../render/index.ts';
import { boxIn, checkDetection, classPixels, hasDetection, instancesOf, type ResultFields } from './fields.ts';
import { isSeen, type Pose, Poses } from './poses.ts';

/** What a labelme file holds beside the shapes. */
export interface LabelmeOptions {
  /** Path of the image, relative to the JSON file. */
  readonly imagePath: string;
  /** The image file as base64, so that labelme needs only the JSON. By default it opens `imagePath`. */
  readonly imageData?: string | undefined;
  /** How far outlines may move, in pixels, for fewer points (see `simplifyRings`). Default 1. */
  readonly tolerance?: number | undefined;
  /** Leave out keypoints below this score. By default 0.3, as drawings do. */
  readonly pointScore?: number | undefined;
}

/** A file of the annotation tool labelme (version 5). */
export interface LabelmeFile {
  readonly version: string;
  readonly flags: Readonly<Record<string, boolean>>;
  readonly shapes: readonly LabelmeShape[];
  readonly imagePath: string;
  readonly imageData: string | null;
  readonly imageHeight: number;
  readonly imageWidth: number;
}

export interface LabelmeShape {
  readonly label: string;
  /** x, y in pixels of the image: pixel (0, 0) reaches from 0 to 1. A rectangle has two opposite corners, a point is one. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Shapes with the same number are parts of one instance (or class, or pose). */
  readonly group_id: number | null;
  readonly description: string;
  readonly shape_type: 'polygon' | 'rectangle' | 'point';
  readonly flags: Readonly<Record<string, boolean>>;
  readonly mask: null;
  /** Unknown to labelme, which keeps such fields. */
  readonly score?: number | undefined;
}

/** The outline of an instance or class: rings, or only a box. */
interface Outline {
  readonly name: string;
  readonly score?: number;
  readonly rings?: readonly Ring[];
  readonly box?: readonly [number, number, number, number];
}

/**
 * Instances as polygons, or as rectangles if the model gives no masks. A model that only segments gives the polygons of its
 * classes. A result with poses gives a rectangle for the box of each, and a point for each keypoint in the image. labelme has no
 * holes: a channel of a hundredth of a pixel leads to each, so that every polygon is valid. What encloses nothing is left out: an empty
 * mask, a box without width or height.
 *
 * @throws RangeError if neither pose nor detection nor segmentation ran
 */
export function labelmeFile(
  result: ResultFields,
  { imagePath, imageData, tolerance = 1, pointScore = leastPointScore }: LabelmeOptions,
): LabelmeFile {
  const { poses, image } = result;
  const { height, width } = image;
  return {
    version: '5.5.0',
    flags: {},
    shapes: poses
      ? [...Poses.from(poses)].flatMap((pose) => shapesOfPose(pose, image, pointScore))
      : outlinesIn(result).flatMap((outline, i) => shapesOf(outline, i, tolerance)),
    imagePath,
    imageData: imageData ?? null,
    imageHeight: height,
    imageWidth: width,
  };
}

function outlinesIn(result: ResultFields): Outline[] {
  const { segmentation, image } = result;
  if (!hasDetection(result) && segmentation) {
    return classPixels(segmentation, image).map(({ name, rle }) => ({ name, rings: rleRings(rle) }));
  }
  checkDetection(result);
  return [...instancesOf(result)].flatMap(({ name, score, box, mask }): Outline[] => {
    if (mask) return [{ name, score, rings: mask.toPolygons() }];
    return boxIn(image, box) ? [{ name, score, box }] : [];
  });
}

function shapesOf({ name, score, rings = [], box }: Outline, i: number, tolerance: number): LabelmeShape[] {
  if (box) return [shapeOf('rectangle', name, cornersOf(box), null, score)];
  const parts = outlinesOf(rings, tolerance);
  return parts.map((ring) => shapeOf('polygon', name, pointsOf(ring), parts.length > 1 ? i : null, score));
}

function shapesOfPose({ index, name, score, box, keypoints }: Pose, size: Size, least: number): LabelmeShape[] {
  const seen = keypoints.filter((keypoint) => isSeen(keypoint, size, least));
  // from middles of pixels to their edges
  const points = seen.map(({ name, x, y, score }) => shapeOf('point', name, [[x + 0.5, y + 0.5]], index, score));
  return boxIn(size, box) ? [shapeOf('rectangle', name, cornersOf(box), index, score), ...points] : points;
}

const shapeOf = (
  shape_type: LabelmeShape['shape_type'],
  label: string,
  points: LabelmeShape['points'],
  group_id: number | null,
  score: number | undefined,
): LabelmeShape => ({ label, points, group_id, description: '', shape_type, flags: {}, mask: null, score });

const cornersOf = ([x1, y1, x2, y2]: Pose['box']): LabelmeShape['points'] => [
  [x1, y1],
  [x2, y2],
];

function pointsOf(ring: Ring): [number, number][] {
  // four decimals: a channel is a hundredth of a pixel wide
  const rounded = ring.map((value) => Number(value.toFixed(4)));
  return Array.from({ length: ring.length / 2 }, (_, i) => [rounded[2 * i]!, rounded[2 * i + 1]!]);
}
