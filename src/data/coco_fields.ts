import { DataError, MoganetError, shortened } from '../errors.ts';
import { rleFromString, rleOf } from '../postprocess/rle.ts';
import { foundIn, isObject } from '../values.ts';
import type { CocoSegmentation } from './coco_file.ts';
import type { Xywh } from './coco_shapes.ts';

/** Checks of the fields that COCO's annotations and results share. */

/** Where an entry stands, for messages: `annotations[3] (id 7)`. Called only if something is wrong. */
export type Place = () => string;

type Fields = Readonly<Record<PropertyKey, unknown>>;

/** Coordinates beyond this belong to no image. */
const farthest = 1e9;
/** Points of polygons are nearer, since their outlines are walked. */
const farthestPoint = 1e6;
/** The most pixels of an image, so that no file can order endless memory. */
const mostPixels = 2 ** 30;

/** Refuses a field. @throws DataError with what it must be and what was found */
export function refuse(place: Place, field: string, must: string, found: unknown): never {
  throw new DataError(`${place()}: ${field} ${must}, got ${foundIn(found)}.`);
}

/** Returns the fields of an entry. @throws DataError if it is none */
export function objectOf(value: unknown, place: Place): Fields {
  if (!isObject(value) || Array.isArray(value))
    throw new DataError(`${place()} must be an object, got ${foundIn(value)}.`);
  return value;
}

/** Returns an id. Those that are not whole, or beyond 2^53, would become other ids. @throws DataError for them */
export function idOf(value: unknown, field: string, place: Place): number {
  if (Number.isSafeInteger(value)) return value as number;
  return refuse(place, field, 'must be a whole number below 2^53', value);
}

/** Returns a number. @throws DataError if it is none, or not finite */
export function numberOf(value: unknown, field: string, place: Place): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return refuse(place, field, 'must be a finite number', value);
}

/** Returns a path below the folder of the images. @throws DataError for one that leaves it */
export function fileNameOf(value: unknown, place: Place): string {
  if (typeof value !== 'string' || value === '') return refuse(place, 'file_name', 'must be a path', value);
  const parts = value.split(/[\\/]/);
  if (value.includes('\0')) return refuse(place, 'file_name', 'must not have a NUL character', value);
  if (parts.includes('..') || parts[0] === '' || /^[a-z]:$/i.test(parts[0] ?? '')) {
    return refuse(place, 'file_name', 'must be a path inside the folder of the images', value);
  }
  return value;
}

/** Returns the size of an image in pixels; undefined if neither is given. @throws DataError for one that no image has */
export function sizeOf(height: unknown, width: unknown, place: Place): readonly [number, number] | undefined {
  if (height === undefined && width === undefined) return undefined;
  const side = (value: unknown, field: string): number =>
    Number.isSafeInteger(value) && (value as number) > 0
      ? (value as number)
      : refuse(place, field, 'must be a whole number of pixels, at least 1', value);
  const [rows, columns] = [side(height, 'height'), side(width, 'width')];
  if (rows * columns > mostPixels) {
    throw new DataError(`${place()}: ${rows}×${columns} pixels are more than any image has (at most ${mostPixels}).`);
  }
  return [rows, columns];
}

/** Returns a box; undefined if it is missing or `[]`. @throws DataError if it is not four numbers */
export function boxOf(value: unknown, place: Place): Xywh | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (!Array.isArray(value) || value.length !== 4) return refuse(place, 'bbox', 'must be four numbers', value);
  for (const number of value) {
    if (typeof number !== 'number' || !(Math.abs(number) <= farthest)) {
      return refuse(place, 'bbox', `must be four numbers within ±${farthest}`, value);
    }
  }
  return value as unknown as Xywh;
}

/** Returns x, y, visibility, …; undefined if they are missing or `[]`. @throws DataError if they are not numbers in threes */
export function keypointsOf(value: unknown, place: Place): readonly number[] | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (!Array.isArray(value) || value.length % 3 !== 0) {
    const found = Array.isArray(value) ? `a list of ${value.length}` : foundIn(value);
    throw new DataError(`${place()}: keypoints must be x, y and visibility of each point, got ${found}.`);
  }
  for (const number of value) {
    if (typeof number !== 'number' || !(Math.abs(number) <= farthest)) {
      return refuse(place, 'keypoints', `must be numbers within ±${farthest}`, number);
    }
  }
  return value as readonly number[];
}

/**
 * Returns polygons or runs; undefined if it is missing or `[]`, which real files have where only a box was drawn.
 *
 * @throws DataError for what `rleOfSegmentation` could not read
 */
export function segmentationOf(value: unknown, place: Place): CocoSegmentation | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : polygonsOf(value, place);
  if (isObject(value)) return runsOf(value, place);
  return refuse(place, 'segmentation', 'must be a list of polygons or an object of run lengths', value);
}

function polygonsOf(polygons: readonly unknown[], place: Place): readonly (readonly number[])[] {
  for (const [i, polygon] of polygons.entries()) {
    const where = `segmentation[${i}]`;
    if (!Array.isArray(polygon)) {
      return refuse(
        place,
        where,
        'must be a polygon: a list of numbers x, y, x, y, … in the list of polygons',
        polygon,
      );
    }
    if (polygon.length < 6 || polygon.length % 2 !== 0) {
      const needs = 'a polygon needs three points, x and y of each';
      throw new DataError(`${place()}: ${where} has ${polygon.length} numbers; ${needs}.`);
    }
    for (const number of polygon) {
      if (typeof number !== 'number' || !(Math.abs(number) <= farthestPoint)) {
        return refuse(place, where, `must have numbers within ±${farthestPoint}`, number);
      }
    }
  }
  return polygons as readonly (readonly number[])[];
}

function runsOf({ size, counts }: Fields, place: Place): CocoSegmentation {
  if (!Array.isArray(size) || size.length !== 2) {
    return refuse(place, 'segmentation.size', 'must be height, width', size);
  }
  const [height, width] = sizeOf(size[0], size[1], () => `${place()}: segmentation.size`) ?? [0, 0];
  if (typeof counts !== 'string' && !Array.isArray(counts)) {
    return refuse(place, 'segmentation.counts', "must be a list of run lengths or COCO's string of them", counts);
  }
  try {
    if (typeof counts === 'string') rleFromString(counts, { height, width });
    else rleOf(counts as readonly number[], { height, width });
  } catch (cause) {
    if (!(cause instanceof MoganetError)) throw cause;
    throw new DataError(`${place()}: segmentation: ${shortenedReason(cause.message)}`, { cause });
  }
  return { size: [height, width], counts: counts as string | readonly number[] };
}

const shortenedReason = (text: string): string => (text.length > 400 ? shortened(text) : text);
