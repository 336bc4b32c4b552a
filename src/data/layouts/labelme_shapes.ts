import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import { fillPolygons } from '../../postprocess/polygons.ts';
import { encodeBitmap, mergeRles, type Rle, rleArea } from '../../postprocess/rle.ts';
import type { LabelledObject } from '../image_set.ts';
import { decodedLabels } from '../label_maps.ts';
import { areaOfPolygon, type Box, boxOfMask, boxOfPolygons, checkOutlines, withMask } from '../objects.ts';
import { bytesOfBase64 } from '../text.ts';
import { isKept, type LabelmeShape } from './labelme_json.ts';
import { groupKey, keypointsByGroup } from './labelme_points.ts';

/** Objects of labelme's shapes. */

/** One shape as an area. */
interface Part {
  readonly box: Box;
  readonly area: number;
  readonly polygon?: readonly number[] | undefined;
  draw(): Rle;
}

/** Shapes that are one object. */
interface Group {
  readonly label: number;
  readonly place: string;
  /** The group in the file; undefined for a shape by itself. */
  readonly key: string | undefined;
  readonly parts: Part[];
}

/** The meaning of labels in a data set. */
export interface LabelmeNames {
  readonly labelOf: ReadonlyMap<string, number>;
  /** Empty if no object has points. */
  readonly keypoints: readonly string[];
}

/**
 * Returns the objects in order. Shapes of one label and one group are one object, in the position of the first, and points of the group are
 * its keypoints.
 *
 * @param onLeftOut hears of a point that cannot be given to an object, and why
 */
export function objectsIn(
  shapes: readonly LabelmeShape[],
  { labelOf, keypoints: names }: LabelmeNames,
  size: Size,
  name: string,
  onLeftOut: (place: string, why: string) => void,
): LabelledObject[] {
  const groups = new Map<string, Group>();
  for (const [i, shape] of shapes.entries()) {
    const label = labelOf.get(shape.label);
    if (label === undefined || !isKept(shape)) continue;
    const own = shape.group === undefined ? undefined : groupKey(shape.group);
    const key = own === undefined ? `shape ${i}` : `group ${own} ${shape.label}`;
    const group = groups.get(key) ?? { label, place: `shapes[${i}]`, key: own, parts: [] };
    group.parts.push(partOf(shape, size));
    groups.set(key, group);
  }
  const counts = new Map<string, number>();
  for (const { key } of groups.values()) if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  const keypoints = names.length === 0 ? undefined : keypointsByGroup(shapes, names, counts, onLeftOut);
  return [...groups.values()].map(({ label, place, key, parts }, i) =>
    objectOf(parts, { id: i + 1, label, place, keypoints: keypoints?.get(key ?? '') }, name),
  );
}

function objectOf(
  parts: readonly Part[],
  named: Pick<LabelledObject, 'id' | 'keypoints' | 'label' | 'place'>,
  name: string,
): LabelledObject {
  const polygons = parts.flatMap(({ polygon }) => (polygon ? [polygon] : []));
  if (polygons.length === parts.length) checkOutlines(polygons, name);
  const box = boxOfPolygons(parts.map((part) => part.box));
  const area = parts.reduce((sum, part) => sum + part.area, 0);
  const stated = { ...named, box, area, crowd: false };
  const object = polygons.length === parts.length ? { ...stated, polygons } : stated;
  return withMask(object, () =>
    mergeRles(
      parts.map((part) => part.draw()),
      'union',
    ),
  );
}

function partOf(shape: LabelmeShape, size: Size): Part {
  const { type, points, place } = shape;
  if (type === 'mask') return maskPart(shape, size);
  const [first, second] = points;
  if (type === 'circle') {
    if (!first || !second || points.length !== 2) throw wrongPoints(shape, 'a centre and a point on the circle');
    return circlePart(first, second, size);
  }
  if (type === 'rectangle' && points.length === 2 && first && second) {
    const [x1, x2] = [Math.min(first[0], second[0]), Math.max(first[0], second[0])];
    const [y1, y2] = [Math.min(first[1], second[1]), Math.max(first[1], second[1])];
    return polygonPart([x1, y1, x2, y1, x2, y2, x1, y2], size, place);
  }
  if (type === 'rectangle' && points.length !== 4) throw wrongPoints(shape, 'two opposite corners');
  if (points.length < 3) throw wrongPoints(shape, 'at least three points');
  return polygonPart(points.flat(), size, place);
}

const wrongPoints = ({ type, points, place }: LabelmeShape, needs: string) =>
  new DataError(`${place}: a ${type} has ${needs}, got ${points.length} points.`);

function polygonPart(polygon: readonly number[], size: Size, place: string): Part {
  checkOutlines([polygon], place);
  return {
    polygon,
    box: boxOfPolygons([polygon]),
    area: areaOfPolygon(polygon),
    draw: () => fillPolygons([polygon], size),
  };
}

/** Corners of the outline that stands for a circle: its mask is within a hundredth of the circle's area. */
const circleCorners = 64;

/** Box and area are those of the circle. Its mask is drawn as an outline of many corners. */
function circlePart([x, y]: readonly [number, number], [px, py]: readonly [number, number], size: Size): Part {
  const radius = Math.hypot(px - x, py - y);
  const outline = Array.from({ length: circleCorners }, (_, i) => {
    const angle = (2 * Math.PI * i) / circleCorners;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  }).flat();
  return {
    box: [x - radius, y - radius, x + radius, y + radius],
    area: Math.PI * radius ** 2,
    draw: () => fillPolygons([outline], size),
  };
}

/** A bitmap of the rectangle from the first to the last pixel, which both belong to it. What lies outside of the image is cut off. */
function maskPart(shape: LabelmeShape, size: Size): Part {
  const { points, place, mask } = shape;
  const [first, last] = points;
  if (!first || !last || points.length !== 2) throw wrongPoints(shape, 'the first and the last pixel as points');
  if (mask === undefined) throw new DataError(`${place}: a shape of type mask has no mask.`);
  const [left, top] = [Math.trunc(first[0]), Math.trunc(first[1])];
  const map = decodedLabels(bytesOfBase64(mask, `${place}: mask`), `${place}: mask`);
  const [width, height] = [Math.trunc(last[0]) - left + 1, Math.trunc(last[1]) - top + 1];
  if (map.width !== width || map.height !== height) {
    throw new DataError(
      `${place}: the mask is ${map.width}×${map.height}, but its points span ${width}×${height} pixels.`,
    );
  }
  const bitmap = new Uint8Array(size.height * size.width);
  for (let y = Math.max(0, -top); y < Math.min(height, size.height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(width, size.width - left); x++) {
      if (map.labels[y * width + x]) bitmap[(top + y) * size.width + left + x] = 1;
    }
  }
  const rle = encodeBitmap(bitmap, size);
  return { box: boxOfMask(rle), area: rleArea(rle), draw: () => rle };
}
