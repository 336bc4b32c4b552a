import { isObject } from '../values.ts';

/** The boxes of one image in which poses are looked for. The boxes and scores of a detector's result are such. */
export interface Boxes {
  /** n × (x1, y1, x2, y2) in pixels of the image. They may reach beyond it. */
  readonly boxes: ArrayLike<number>;
  /** How sure it is that there is a person, n numbers. The score of a pose is multiplied by it. */
  readonly scores: ArrayLike<number>;
}

/** Boxes as callers write them: lists of four numbers, which count as certain, or arrays with scores. */
export type BoxesOption = Boxes | readonly (readonly number[])[];

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) &&
  Array.prototype.every.call(value, Number.isFinite);

/** Says what is wrong with boxes that a caller gives; undefined if nothing is. */
export function boxesFault(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const wrong = value.findIndex((box) => !(isNumbers(box) && box.length === 4));
    return wrong < 0
      ? undefined
      : `must be a list of boxes [x1, y1, x2, y2] of four finite numbers, and [${wrong}] is not one`;
  }
  if (!isObject(value)) return 'must be a list of boxes [x1, y1, x2, y2], or { boxes, scores } as a result has them';
  const { boxes, scores } = value;
  if (!isNumbers(boxes) || boxes.length % 4 !== 0) {
    return 'must have `boxes` of four finite numbers each, one after the other: x1, y1, x2, y2';
  }
  if (isNumbers(scores) && scores.length === boxes.length / 4) return undefined;
  return `must have \`scores\`, a finite number for each of the ${boxes.length / 4} boxes`;
}

/** Returns a copy of boxes without a fault, in double precision. */
export function boxesOf(value: BoxesOption): Boxes {
  if ('boxes' in value) return { boxes: Float64Array.from(value.boxes), scores: Float64Array.from(value.scores) };
  return { boxes: Float64Array.from(value.flat()), scores: new Float64Array(value.length).fill(1) };
}
