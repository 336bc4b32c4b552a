import type { Size } from '../arrays.ts';
import { ImageError, ShapeError } from '../errors.ts';
import { fillPolygons } from '../postprocess/polygons.ts';
import { type Rle, rleArea, rleBoxXywh, rleFromString, rleOf } from '../postprocess/rle.ts';
import { isObject } from '../values.ts';
import type { Xywh } from './coco_shapes.ts';
import type { HealthCode } from './health_codes.ts';
import { isNumber, shownValue } from './health_document.ts';
import { areaOfPolygon, boxOfPolygons } from './objects.ts';

/** Checks the `segmentation` of an annotation, and measures those that have no fault. */

/** A mask without a fault. */
export interface MeasuredMask {
  /** The exact area of a run-length mask. For polygons the area that COCO's drawing gives; the outlines' own if it draws nothing. */
  area(): number;
  box(): Xywh;
  /** As `box`, without drawing: up to a pixel off at each side. */
  roughBox(): Xywh;
}

/** A fault, as a sentence without the annotation's name. */
export interface MaskFault {
  readonly code: HealthCode;
  text(): string;
}

/** What was found in a `segmentation`. */
export interface CheckedMask {
  /** False for what is spelt as "no mask". */
  readonly present: boolean;
  readonly faults: readonly MaskFault[];
  /** Undefined if there is none, or if it has a fault. */
  readonly measured?: MeasuredMask | undefined;
}

const absent: CheckedMask = { present: false, faults: [] };

const faulty = (code: HealthCode, text: () => string): CheckedMask => ({ present: true, faults: [{ code, text }] });

/**
 * Checks a `segmentation`.
 *
 * @param size of the image; undefined if it is not known
 * @param slack how many pixels an outline may leave the image by
 */
export function checkMask(segmentation: unknown, size: Size | undefined, slack: number): CheckedMask {
  if (segmentation === undefined || segmentation === null) return absent;
  if (Array.isArray(segmentation)) {
    return segmentation.length === 0 ? absent : checkPolygons(segmentation, size, slack);
  }
  if (isObject(segmentation)) return checkRuns(segmentation, size);
  return faulty('bad_value', () => `segmentation must be polygons or runs, got ${shownValue(segmentation)}`);
}

function checkPolygons(polygons: readonly unknown[], size: Size | undefined, slack: number): CheckedMask {
  const faults: MaskFault[] = [];
  const sound: (readonly number[])[] = [];
  for (const [index, polygon] of polygons.entries()) {
    const where = `segmentation[${index}]`;
    if (!Array.isArray(polygon)) {
      // a flat list would repeat this for every number
      return faulty('bad_value', () => `${where} must be a list of coordinates, got ${shownValue(polygon)}`);
    }
    const wrong = polygon.findIndex((value) => !isNumber(value));
    if (wrong >= 0) {
      const text = () => `${where}[${wrong}] must be a finite number, got ${shownValue(polygon[wrong])}`;
      faults.push({ code: 'bad_value', text });
      continue;
    }
    const ring = polygon as readonly number[];
    sound.push(ring);
    if (ring.length % 2 !== 0) {
      faults.push({ code: 'polygon_odd_length', text: () => `${where} has ${ring.length} numbers` });
    }
    if (ring.length < 6) {
      const text = () => `${where} has ${ring.length} numbers; three points are six`;
      faults.push({ code: 'polygon_too_few_points', text });
    }
    const outside = size
      ? ring.findIndex((value, i) => isOutside(value, i % 2 === 0 ? size.width : size.height, slack))
      : -1;
    if (outside >= 0) {
      const text = () =>
        `${where} reaches ${outside % 2 === 0 ? 'x' : 'y'} = ${ring[outside]} in an image of ${size?.width} × ${size?.height}`;
      faults.push({ code: 'polygon_out_of_bounds', text });
    }
  }
  return { present: true, faults, measured: faults.length === 0 ? measuredPolygons(sound, size) : undefined };
}

const isOutside = (value: number, extent: number, slack: number): boolean => value < -slack || value > extent + slack;

/** The most pixels of an image in which polygons are drawn to measure them. */
const mostDrawn = 2 ** 28;

function measuredPolygons(polygons: readonly (readonly number[])[], size: Size | undefined): MeasuredMask {
  let drawn: Rle | undefined;
  const canDraw = size !== undefined && size.width * size.height <= mostDrawn;
  /** Drawn once, and only if somebody asks. */
  const draw = () => {
    drawn ??= canDraw ? fillPolygons(polygons, size) : undefined;
    return drawn && rleArea(drawn) > 0 ? drawn : undefined;
  };
  return {
    area: () => {
      const rle = draw();
      return rle ? rleArea(rle) : polygons.reduce((sum, ring) => sum + areaOfPolygon(ring), 0);
    },
    box: () => {
      const rle = draw();
      return rle ? rleBoxXywh(rle) : outlineBox(polygons);
    },
    roughBox: () => outlineBox(polygons),
  };
}

function outlineBox(polygons: readonly (readonly number[])[]): Xywh {
  const [left, top, right, bottom] = boxOfPolygons(polygons);
  return [left, top, right - left, bottom - top];
}

function checkRuns(runs: Readonly<Record<PropertyKey, unknown>>, image: Size | undefined): CheckedMask {
  const own = (name: string) => (Object.hasOwn(runs, name) ? runs[name] : undefined);
  const [size, counts] = [own('size'), own('counts')];
  const isSize = (value: unknown) => isNumber(value) && Number.isInteger(value) && value >= 0;
  if (!Array.isArray(size) || size.length !== 2 || !size.every(isSize)) {
    return faulty('bad_value', () => `segmentation.size must be [height, width], got ${shownValue(size)}`);
  }
  const [height, width] = size as unknown as readonly [number, number];
  const faults: MaskFault[] = [];
  if (image && (height !== image.height || width !== image.width)) {
    const text = () =>
      `the mask is of [${height}, ${width}], the image of [${image.height}, ${image.width}] (height, width)`;
    faults.push({ code: 'rle_size_mismatch', text });
  }
  const read = readRuns(counts, { height, width });
  if ('code' in read) return { present: true, faults: [...faults, read] };
  const box = () => rleBoxXywh(read);
  const measured = { area: () => rleArea(read), box, roughBox: box };
  return { present: true, faults, measured: faults.length === 0 ? measured : undefined };
}

function readRuns(counts: unknown, size: Size): Rle | MaskFault {
  try {
    if (typeof counts === 'string') return rleFromString(counts, size);
    if (!Array.isArray(counts)) {
      return {
        code: 'bad_value',
        text: () => `segmentation.counts must be a string or a list, got ${shownValue(counts)}`,
      };
    }
    const wrong = counts.findIndex((count) => !isNumber(count) || count < 0 || !Number.isInteger(count));
    if (wrong >= 0) {
      const text = () =>
        `segmentation.counts[${wrong}] must be a whole number of pixels, got ${shownValue(counts[wrong])}`;
      return { code: 'bad_value', text };
    }
    return rleOf(counts as readonly number[], size);
  } catch (error) {
    const text = () => (error as Error).message.replace(/^mask: /, '');
    // a string that was cut may end inside a run
    if (error instanceof ImageError || error instanceof ShapeError) return { code: 'rle_wrong_length', text };
    throw error;
  }
}
