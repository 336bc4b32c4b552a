import { cocoKeypoints } from '../../datasets/keypoints.ts';
import { DataError } from '../../errors.ts';
import type { KeypointNames, LabelledObject } from '../image_set.ts';
import { byCodePoint } from '../paths.ts';
import { isKept, type LabelmeShape } from './labelme_json.ts';

/** Keypoints in labelme's files: points that have the group of an object. */

/** Tells whether a shape is a point that may belong to an object. */
const isGrouped = ({ type, label, group }: LabelmeShape): boolean =>
  type === 'point' && group !== undefined && label !== '__ignore__';

/** Identifies a group within its file: 1 and "1" are two. */
export const groupKey = (group: number | string): string => `${typeof group} ${group}`;

/** Returns the names of the points that belong to an object. */
export function keypointsIn(shapes: readonly LabelmeShape[]): string[] {
  const objects = new Set(shapes.flatMap((shape) => (isKept(shape) ? (shape.group ?? []) : [])));
  return shapes.filter((one) => isGrouped(one) && objects.has(one.group ?? '')).map(({ label }) => label);
}

/** Returns COCO's keypoints if these are among them, so that order and skeleton are known; else the names in order. */
export function keypointNames(found: ReadonlySet<string>): KeypointNames | undefined {
  if (found.size === 0) return undefined;
  const { names, skeleton } = cocoKeypoints;
  if ([...found].every((name) => names.includes(name))) return { names, skeleton };
  return { names: [...found].sort(byCodePoint), skeleton: [] };
}

type Keypoints = NonNullable<LabelledObject['keypoints']>;

/** labelme counts from the edge of the first pixel, keypoints from its middle. */
const half = 0.5;

/**
 * Returns the keypoints of each group that one object has. Of two points with one name the first counts.
 *
 * @param objects how many objects each group has
 * @param onLeftOut hears of a point that cannot be given to an object, and why
 */
export function keypointsByGroup(
  shapes: readonly LabelmeShape[],
  names: readonly string[],
  objects: ReadonlyMap<string, number>,
  onLeftOut: (place: string, why: string) => void,
): ReadonlyMap<string, Keypoints> {
  const groups = new Map<string, Map<string, readonly [number, number]>>();
  for (const shape of shapes) {
    const { label, points, group, place } = shape;
    if (group === undefined || !isGrouped(shape)) continue;
    const [point, ...more] = points;
    if (!point || more.length > 0) throw new DataError(`${place}: a point is one point, got ${points.length} points.`);
    const key = groupKey(group);
    const count = objects.get(key) ?? 0;
    const named = groups.get(key) ?? new Map<string, readonly [number, number]>();
    if (count === 0) onLeftOut(place, `its group ${group} has no object`);
    else if (count > 1) onLeftOut(place, `its group ${group} has ${count} objects`);
    else if (named.has(label)) onLeftOut(place, `its group ${group} has another of this name`);
    else groups.set(key, named.set(label, point));
  }
  const toKeypoints = (found: ReadonlyMap<string, readonly [number, number]>): Keypoints =>
    names.map((name) => {
      const [x, y] = found.get(name) ?? [];
      return x === undefined || y === undefined ? [0, 0, 0] : [x - half, y - half, 2];
    });
  return new Map([...groups].map(([key, found]) => [key, toKeypoints(found)]));
}
