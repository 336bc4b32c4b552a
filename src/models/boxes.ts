import { ConfigError } from '../errors.ts';
import { isObject } from '../values.ts';

/** The boxes of one image in which poses are looked for. The boxes and scores of a detector's result are such. */
export interface Boxes {
  /** n × (x1, y1, x2, y2) in pixels of the image. They may reach beyond it. */
  readonly boxes: ArrayLike<number>;
  /** How sure it is that there is a person, n numbers. The score of a pose is multiplied by it. */
  readonly scores: ArrayLike<number>;
}

/** Boxes as callers write them: lists of four numbers, which count as certain, or arrays with scores. */
export type BoxesOption = Boxes | readonly ArrayLike<number>[];

/** Copies a list of numbers. Undefined for anything else, and if one is not finite in float32, as which it is kept, or missing. */
function numbersOf(value: unknown): Float64Array | undefined {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof DataView))) return undefined;
  const list = value as ArrayLike<unknown>;
  const numbers = new Float64Array(list.length);
  for (let i = 0; i < numbers.length; i++) {
    const one = list[i];
    if (typeof one !== 'number' || !Number.isFinite(Math.fround(one))) return undefined;
    numbers[i] = one;
  }
  return numbers;
}

/**
 * Reads boxes as callers write them, each value once: a getter or another thread cannot change what was checked.
 *
 * @returns a copy in double precision, or the sentence that says what is wrong
 */
export function readBoxes(value: unknown): Boxes | string {
  return Array.isArray(value) ? listed(value) : fields(value);
}

function listed(list: readonly unknown[]): Boxes | string {
  const boxes = new Float64Array(4 * list.length);
  for (let i = 0; i < list.length; i++) {
    const box = numbersOf(list[i]);
    if (box?.length !== 4) {
      return `must be a list of boxes [x1, y1, x2, y2] of four finite numbers, and [${i}] is not one`;
    }
    boxes.set(box, 4 * i);
  }
  return { boxes, scores: new Float64Array(list.length).fill(1) };
}

function fields(value: unknown): Boxes | string {
  if (!isObject(value)) return 'must be a list of boxes [x1, y1, x2, y2], or { boxes, scores } as a result has them';
  const boxes = numbersOf(value.boxes);
  if (!boxes || boxes.length % 4 !== 0) {
    return 'must have `boxes` of four finite numbers each, one after the other: x1, y1, x2, y2';
  }
  const scores = numbersOf(value.scores);
  if (scores?.length === boxes.length / 4) return { boxes, scores };
  return `must have \`scores\`, a finite number for each of the ${boxes.length / 4} boxes`;
}

/** Returns a copy of boxes in double precision. @throws ConfigError for boxes with a fault, which the options of `predict` do not have */
export function boxesOf(value: BoxesOption): Boxes {
  const read = readBoxes(value);
  if (typeof read === 'string') throw new ConfigError(`boxes: ${read}.`);
  return read;
}
