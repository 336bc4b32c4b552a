import type { Size } from '../../arrays.ts';
import type { LabelledObject } from '../image_set.ts';
import { type Box, boxObject, outlineObject } from '../objects.ts';
import { linesOf } from '../text.ts';
import type { YoloConfig } from './yolo_config.ts';

/** Label files of YOLO: a line per object, coordinates as shares of the image's width and height. */

/** What can be wrong with a line. */
export type YoloFault =
  | 'too_few_numbers'
  | 'not_a_number'
  | 'class_not_whole'
  | 'class_out_of_range'
  | 'not_normalised'
  | 'negative_size'
  | 'odd_polygon'
  | 'wrong_keypoints';

/** A line that is left out, and why. */
export interface YoloProblem {
  /** From 1. */
  readonly line: number;
  readonly code: YoloFault;
  readonly reason: string;
}

/** What was read of a label file. */
export interface YoloReading {
  readonly objects: readonly LabelledObject[];
  /** Lines that are left out. */
  readonly problems: readonly YoloProblem[];
}

class Faulty extends Error {
  constructor(
    readonly code: YoloFault,
    reason: string,
  ) {
    super(reason);
  }
}

/** Writers round, and objects reach beyond the image by that much. */
const tolerance = 0.01;

/** Reads a label file. A line that repeats another counts once. */
export function readYoloLabels(
  text: string,
  size: Size,
  { classes, keypoints }: Pick<YoloConfig, 'classes' | 'keypoints'>,
): YoloReading {
  const objects: LabelledObject[] = [];
  const problems: YoloProblem[] = [];
  const seen = new Set<string>();
  for (const [i, line] of linesOf(text).entries()) {
    if (line === '') continue;
    try {
      const values = numbersIn(line, classes.length);
      const key = values.join(' ');
      if (seen.has(key)) continue;
      seen.add(key);
      const place = { id: objects.length + 1, label: values[0]!, place: `line ${i + 1}` };
      objects.push(objectOf(values, place, size, keypoints));
    } catch (fault) {
      if (!(fault instanceof Faulty)) throw fault;
      problems.push({ line: i + 1, code: fault.code, reason: fault.message });
    }
  }
  return { objects, problems };
}

const numberForm = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function numbersIn(line: string, classCount: number): number[] {
  const words = line.split(/[\s,]+/);
  const values = words.map((word) => {
    if (numberForm.test(word)) return Number(word);
    throw new Faulty('not_a_number', `${JSON.stringify(word.slice(0, 40))} is not a number`);
  });
  const [label = 0] = values;
  if (values.length < 5)
    throw new Faulty('too_few_numbers', `${values.length} numbers; a box has class, x, y, width, height`);
  if (!Number.isInteger(label)) throw new Faulty('class_not_whole', `the class ${label} is not a whole number`);
  if (label < 0 || label >= classCount) {
    throw new Faulty('class_out_of_range', `the class ${label} is not one of 0 to ${classCount - 1}`);
  }
  return values;
}

interface Place {
  readonly id: number;
  readonly label: number;
  readonly place: string;
}

function objectOf(
  values: readonly number[],
  place: Place,
  size: Size,
  keypoints: YoloConfig['keypoints'],
): LabelledObject {
  if (keypoints) return poseOf(values, place, size, keypoints);
  if (values.length === 5) return boxObject({ ...place, box: boxOf(values, size) });
  if (values.length % 2 === 0 || values.length < 7) {
    throw new Faulty(
      'odd_polygon',
      `${values.length - 1} coordinates; an outline has pairs of x and y, at least three`,
    );
  }
  const outline = values.slice(1);
  checkShares(outline);
  return outlineObject(place, [outline.map((value, i) => value * (i % 2 === 0 ? size.width : size.height))], size);
}

function boxOf([, x = 0, y = 0, w = 0, h = 0]: readonly number[], { width, height }: Size): Box {
  if (w < 0 || h < 0) throw new Faulty('negative_size', `the size ${w} × ${h} is negative`);
  checkShares([x, y, w, h]);
  return [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height];
}

function checkShares(values: readonly number[]): void {
  const wrong = values.find((value) => !(value >= -tolerance && value <= 1 + tolerance));
  if (wrong !== undefined) {
    throw new Faulty('not_normalised', `${wrong} is not a share of the image: coordinates go from 0 to 1`);
  }
}

function poseOf(
  values: readonly number[],
  place: Place,
  size: Size,
  { count, dimensions }: NonNullable<YoloConfig['keypoints']>,
): LabelledObject {
  const expected = 5 + count * dimensions;
  if (values.length !== expected) {
    throw new Faulty(
      'wrong_keypoints',
      `${values.length} numbers; kpt_shape [${count}, ${dimensions}] needs ${expected}`,
    );
  }
  const points = Array.from({ length: count }, (_, i) => {
    const at = 5 + i * dimensions;
    const [x, y] = [values[at]!, values[at + 1]!];
    // a file with two numbers a point says of none that it is hidden; points that are not there lie at 0, 0
    const visibility = dimensions === 3 ? values[at + 2]! : x === 0 && y === 0 ? 0 : 2;
    if (visibility > 0) checkShares([x, y]);
    return [x * size.width, y * size.height, visibility] as const;
  });
  return boxObject({ ...place, box: boxOf(values, size), keypoints: points });
}
