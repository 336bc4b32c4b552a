import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import { foundIn, isObject } from '../../values.ts';
import { readJsonValue } from '../json_value.ts';

/** labelme's JSON of one image, checked. */

/** A label file: one image. */
export interface LabelmeImage {
  readonly imagePath: string | undefined;
  /** The image, base64. */
  readonly imageData: string | undefined;
  readonly size: Size | undefined;
  readonly shapes: readonly LabelmeShape[];
}

/** A shape that somebody drew, points in pixels. */
export interface LabelmeShape {
  readonly label: string;
  readonly type: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly group: number | string | undefined;
  /** A PNG of the rectangle between the points, base64. */
  readonly mask: string | undefined;
  /** For messages: `shape 3 ("nut")`. */
  readonly place: string;
}

const areas = new Set(['polygon', 'rectangle', 'circle', 'mask', 'rotation']);

/** Tells whether a shape is an object, or a part of one: points and lines have no area. */
export const isKept = ({ type, label }: LabelmeShape): boolean => areas.has(type) && label !== '__ignore__';

/** Reads a label file. @throws DataError with the shape and the field */
export function readLabelme(bytes: Uint8Array, name: string): LabelmeImage {
  const value = readJsonValue(bytes, name);
  if (!isObject(value) || !Array.isArray(value.shapes)) {
    throw new DataError(
      `${name}: has no list \`shapes\`, so it is no label file of labelme. Remove it, or choose another format.`,
    );
  }
  const { imagePath, imageData, imageHeight: height, imageWidth: width } = value;
  const isSize = typeof height === 'number' && typeof width === 'number' && height > 0 && width > 0;
  return {
    imagePath: textIn(imagePath, `${name}: imagePath`),
    imageData: textIn(imageData, `${name}: imageData`),
    size: isSize ? { height, width } : undefined,
    shapes: value.shapes.map((shape, i) => shapeOf(shape, `${name}: shape ${i + 1}`)),
  };
}

function textIn(value: unknown, place: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new DataError(`${place}: must be a text, got ${foundIn(value)}.`);
}

function shapeOf(shape: unknown, at: string): LabelmeShape {
  if (!isObject(shape)) throw new DataError(`${at}: must be an object, got ${foundIn(shape)}.`);
  const { label, points, shape_type: type, group_id: group, mask } = shape;
  if (typeof label !== 'string' && typeof label !== 'number') {
    throw new DataError(`${at}: label: must be a text, got ${foundIn(label)}.`);
  }
  const place = `${at} (${`${label}`.slice(0, 80)})`;
  if (!Array.isArray(points)) throw new DataError(`${place}: points: must be a list, got ${foundIn(points)}.`);
  return {
    label: `${label}`,
    type: textIn(type, `${place}: shape_type`) ?? 'polygon',
    points: points.map((point, i) => pointOf(point, `${place}: points[${i}]`)),
    group: typeof group === 'number' || typeof group === 'string' ? group : undefined,
    mask: textIn(mask, `${place}: mask`),
    place,
  };
}

function pointOf(point: unknown, place: string): readonly [number, number] {
  const [x, y] = Array.isArray(point) ? (point as unknown[]) : [];
  if (typeof x === 'number' && typeof y === 'number' && Number.isFinite(x) && Number.isFinite(y)) return [x, y];
  throw new DataError(`${place}: must be two numbers, got ${foundIn(point)}.`);
}
