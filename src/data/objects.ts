import type { Size } from '../arrays.ts';
import { DataError } from '../errors.ts';
import { fillPolygons } from '../postprocess/polygons.ts';
import { type Rle, rleArea, rleBoxXywh } from '../postprocess/rle.ts';
import type { LabelledObject } from './image_set.ts';

/** Makes labelled objects of what a file states. Masks of outlines are drawn when they are asked for. */

export type Box = LabelledObject['box'];
type Polygons = readonly (readonly number[])[];

/** What a file states about an object, besides its outline. */
export interface Stated extends Omit<LabelledObject, 'area' | 'box' | 'crowd' | 'mask' | 'polygons'> {
  readonly area?: number | undefined;
  readonly box?: Box | undefined;
  readonly crowd?: boolean | undefined;
}

/** Returns the area of a box in square pixels. */
export const areaOfBox = ([x1, y1, x2, y2]: Box): number => (x2 - x1) * (y2 - y1);

/** Makes an object that has a box alone. */
export function boxObject(stated: Stated & { readonly box: Box }): LabelledObject {
  return { ...stated, area: stated.area ?? areaOfBox(stated.box), crowd: stated.crowd ?? false };
}

/** Makes an object of a mask: its box and area are those of the mask, unless the file states them. */
export function maskObject(stated: Stated, mask: Rle): LabelledObject {
  const box = stated.box ?? boxOfMask(mask);
  return { ...stated, box, area: stated.area ?? rleArea(mask), crowd: stated.crowd ?? false, mask };
}

/**
 * Makes an object of its outlines: the box around all points, the area of all parts, and the mask as COCO draws it, unless
 * the file states box or area.
 */
export function outlineObject(stated: Stated, polygons: Polygons, size: Size): LabelledObject {
  const box = stated.box ?? boxOfPolygons(polygons);
  const area = stated.area ?? polygons.reduce((sum, polygon) => sum + areaOfPolygon(polygon), 0);
  return withMask({ ...stated, box, area, crowd: stated.crowd ?? false, polygons }, () => fillPolygons(polygons, size));
}

/** Adds a mask that is drawn when it is first asked for. */
export function withMask(object: Omit<LabelledObject, 'mask'>, draw: () => Rle): LabelledObject {
  let mask: Rle | undefined;
  return Object.defineProperty({ ...object }, 'mask', {
    enumerable: true,
    get: () => {
      mask ??= draw();
      return mask;
    },
  });
}

/** Returns the box around the pixels of a mask. */
export function boxOfMask(mask: Rle): Box {
  const [left, top, width, height] = rleBoxXywh(mask);
  return [left, top, left + width, top + height];
}

/** Returns the box around the points of flat lists x, y, x, y, …: outlines, or boxes. */
export function boxOfPolygons(polygons: Polygons): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const polygon of polygons) {
    for (let i = 0; i + 1 < polygon.length; i += 2) {
      left = Math.min(left, polygon[i]!);
      right = Math.max(right, polygon[i]!);
      top = Math.min(top, polygon[i + 1]!);
      bottom = Math.max(bottom, polygon[i + 1]!);
    }
  }
  return [left, top, right, bottom];
}

/** Returns the box around points, of which further values are passed over. There must be one. */
export const boxOfPoints = (points: readonly (readonly [x: number, y: number, ...unknown[]])[]): Box =>
  boxOfPolygons(points.map(([x, y]) => [x, y]));

/** Returns the area of an outline in square pixels, by the shoelace formula. */
export function areaOfPolygon(polygon: readonly number[]): number {
  let sum = 0;
  const count = Math.floor(polygon.length / 2);
  for (let i = 0; i < count; i++) {
    const next = (i + 1) % count;
    sum += polygon[2 * i]! * polygon[2 * next + 1]! - polygon[2 * next]! * polygon[2 * i + 1]!;
  }
  return Math.abs(sum) / 2;
}

/** No image is longer, and no coordinate of a label belongs this far away. */
const longest = 2 ** 17;
const mostPixels = 2 ** 30;

/** Returns a size that an image can have. @throws DataError for any other */
export function checkSize(size: Size, name: string): Size {
  const { height, width } = size;
  const isPossible = [height, width].every((side) => Number.isInteger(side) && side >= 1 && side <= longest);
  if (isPossible && height * width <= mostPixels) return size;
  throw new DataError(
    `${name}: an image of ${width}×${height} pixels. Sides are whole numbers from 1 to ${longest}, ` +
      `with at most ${mostPixels} pixels in all. Correct the size in the labels.`,
  );
}

/** Drawing an outline takes as long as it is. */
const longestOutline = 2 ** 24;

/** Returns outlines that an image can have. @throws DataError for coordinates that belong to none */
export function checkOutlines(polygons: Polygons, name: string): Polygons {
  let length = 0;
  for (const polygon of polygons) {
    const wrong = polygon.find((value) => !(Math.abs(value) <= longest));
    if (wrong !== undefined)
      throw new DataError(`${name}: ${wrong} is not a coordinate in an image. Correct the outline.`);
    for (let i = 0; i < polygon.length; i++) length += Math.abs(polygon[i]! - polygon[(i + 2) % polygon.length]!);
  }
  if (length <= longestOutline) return polygons;
  throw new DataError(`${name}: an outline ${Math.round(length)} pixels long. Correct the outline.`);
}
