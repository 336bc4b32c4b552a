import { outlinesOf } from '../postprocess/channels.ts';
import { joinRings } from '../postprocess/polygons.ts';
import { boxIn, checkDetection, type Instance, instancesOf, type ResultFields } from './fields.ts';

/** What a YOLO label file holds. */
export interface YoloOptions {
  /** Outlines instead of boxes. The model must give masks. */
  readonly segments?: boolean | undefined;
  /** How far outlines may move, in pixels, for fewer points (see `simplifyRings`). Default 1. */
  readonly tolerance?: number | undefined;
  /** Write the score at the end of each line, as YOLO's predictions do; annotations have none. */
  readonly scores?: boolean | undefined;
}

/**
 * One line per instance: the label, then the box as centre x, centre y, width, height, or with `segments` the outline as x,
 * y, x, y, …. All are fractions of the image's width and height with six digits (0.002 pixels of an image 4000 wide).
 * Labels count from 0. The part outside the image is cut off. An outline is one ring: the format has neither parts nor
 * holes, so slits join the parts, and channels lead to holes. What encloses nothing has no line: an empty mask with `segments`, otherwise a box without
 * width or height in the image.
 *
 * @throws RangeError if detection did not run, or if outlines are asked for and the model gives no masks
 */
export function yoloText(result: ResultFields, options: YoloOptions = {}): string {
  checkDetection(result);
  const { segments = false, tolerance = 1, scores = false } = options;
  const { height, width } = result.image;
  if (segments && result.scores.length > 0 && !result.masks) {
    throw new RangeError('the model gives no masks: YOLO outlines need them, boxes do not.');
  }
  const across = (x: number) => digits(x / width);
  const down = (y: number) => digits(y / height);
  const outlineOf = ({ mask }: Instance): string[] =>
    joinRings(outlinesOf(mask?.toPolygons() ?? [], tolerance)).map((value, i) =>
      i % 2 === 0 ? across(value) : down(value),
    );
  const boxOf = ({ box }: Instance): string[] => {
    const inside = boxIn(result.image, box);
    if (!inside) return [];
    const [left, top, right, bottom] = inside;
    return [across((left + right) / 2), down((top + bottom) / 2), across(right - left), down(bottom - top)];
  };
  const lines = Array.from(instancesOf(result), (instance) => {
    const numbers = segments ? outlineOf(instance) : boxOf(instance);
    if (numbers.length === 0) return '';
    return `${[instance.label, ...numbers, ...(scores ? [digits(instance.score)] : [])].join(' ')}\n`;
  });
  return lines.join('');
}

/** Six decimals, without trailing zeros. */
const digits = (value: number): string => `${Number(value.toFixed(6))}`;
