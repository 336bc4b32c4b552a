import { partsOf, type Ring, rleRings, simplifyRing, withSlits } from '../postprocess/polygons.ts';
import { regionsOf } from './json.ts';
import type { Result } from './result.ts';

/** What a labelme file says beside the shapes. */
export interface LabelmeOptions {
  /** The image as labelme finds it from the JSON file: a path relative to it. */
  readonly imagePath: string;
  /** The image file itself as base64, so that the JSON is all labelme needs; it opens `imagePath` where it is not given. */
  readonly imageData?: string;
  /** How far outlines may be off, in pixels, for fewer points (see `simplifyRing`). Default 1. */
  readonly tolerance?: number;
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
  /** x, y in the image's pixels: pixel (0, 0) reaches from 0 to 1. Of a rectangle two opposite corners. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Shapes with one number are one instance (or class) in several parts. */
  readonly group_id: number | null;
  readonly description: string;
  readonly shape_type: 'polygon' | 'rectangle';
  readonly flags: Readonly<Record<string, boolean>>;
  readonly mask: null;
  /** Not labelme's own; it keeps what it does not know. */
  readonly score?: number;
}

/** What was outlined, and in which way: rings of a mask, or nothing but a box. */
interface Outlined {
  readonly name: string;
  readonly score?: number;
  readonly rings?: readonly Ring[];
  readonly box?: readonly [number, number, number, number];
}

/**
 * Instances as polygons (as rectangles, where the model gives no masks), or, where it finds none, the classes of its map.
 * labelme has no holes: a hole is cut out by a slit from the outline to it and back.
 */
export function labelmeFile(result: Result, { imagePath, imageData, tolerance = 1 }: LabelmeOptions): LabelmeFile {
  const { height, width } = result.imageSize;
  return {
    version: '5.5.0',
    flags: {},
    shapes: outlinedIn(result).flatMap((one, i) => shapesOf(one, i, tolerance)),
    imagePath,
    imageData: imageData ?? null,
    imageHeight: height,
    imageWidth: width,
  };
}

function outlinedIn(result: Result): Outlined[] {
  const { segmentation, imageSize } = result;
  if (result.names.length === 0 && segmentation) {
    return regionsOf(segmentation, imageSize).map(({ name, rle }) => ({ name, rings: rleRings(rle) }));
  }
  return Array.from(result, ({ name, score, box, mask }) =>
    mask ? { name, score, rings: mask.toPolygons() } : { name, score, box },
  );
}

function shapesOf({ name, score, rings, box }: Outlined, i: number, tolerance: number): LabelmeShape[] {
  const shape = (shape_type: LabelmeShape['shape_type'], points: LabelmeShape['points'], group_id: number | null) => ({
    label: name,
    points,
    group_id,
    description: '',
    shape_type,
    flags: {},
    mask: null,
    ...(score !== undefined && { score }),
  });
  if (box) {
    const [x1, y1, x2, y2] = box;
    return [
      shape(
        'rectangle',
        [
          [x1, y1],
          [x2, y2],
        ],
        null,
      ),
    ];
  }
  // parts are told by the pixels' own edges, so simplifying comes after
  const parts = partsOf(rings ?? []).map(({ outer, holes }) =>
    withSlits({
      outer: simplifyRing(outer, tolerance),
      holes: holes.map((hole) => simplifyRing(hole, tolerance)),
    }),
  );
  return parts.map((ring) => shape('polygon', pointsOf(ring), parts.length > 1 ? i : null));
}

function pointsOf(ring: Ring): [number, number][] {
  return Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i]!, ring[2 * i + 1]!]);
}
