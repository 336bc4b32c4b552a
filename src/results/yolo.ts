import { outlinesOf } from '../postprocess/channels.ts';
import { joinRings } from '../postprocess/polygons.ts';
import { leastPointScore } from '../render/index.ts';
import { boxIn, checkDetection, type Instance, instancesOf, type ResultFields } from './fields.ts';
import { isSeen, type Keypoint, Poses } from './poses.ts';

/** What a YOLO label file holds. */
export interface YoloOptions {
  /** Outlines instead of boxes. The model must give masks. */
  readonly segments?: boolean | undefined;
  /** How far outlines may move, in pixels, for fewer points (see `simplifyRings`). Default 1. */
  readonly tolerance?: number | undefined;
  /** Write the score at the end of each line, and those of keypoints, as YOLO's predictions do; annotations have none. */
  readonly scores?: boolean | undefined;
  /** Keypoints below this score are not seen. By default 0.3, as in drawings. */
  readonly pointScore?: number | undefined;
}

/**
 * One line per instance: the label, then the box as centre x, centre y, width, height, or with `segments` the outline as x,
 * y, x, y, …. All are fractions of the image's width and height with six digits (0.002 pixels of an image 4000 wide).
 * Labels count from 0. The part outside the image is cut off. An outline is one ring: the format has neither parts nor
 * holes, so slits join the parts, and channels lead to holes. What encloses nothing has no line: an empty mask with `segments`, otherwise a box without
 * width or height in the image.
 *
 * A result with poses has a line for each: 0, the box, then x, y and visibility of each keypoint. It is 2 for one that is seen, with
 * `scores` its score. Any other, and one outside the image, is 0 0 0.
 *
 * @throws RangeError if neither pose nor detection ran, or if outlines are asked for and the model gives no masks
 */
export function yoloText(result: ResultFields, options: YoloOptions = {}): string {
  const { segments = false, tolerance = 1, scores = false, pointScore = leastPointScore } = options;
  const { height, width } = result.image;
  if (segments && result.poses) throw new RangeError('poses have no outlines: leave `segments` out.');
  if (!result.poses) checkDetection(result);
  if (segments && result.scores.length > 0 && !result.masks) {
    throw new RangeError('the model gives no masks: YOLO outlines need them, boxes do not.');
  }
  const across = (x: number) => digits(x / width);
  const down = (y: number) => digits(y / height);
  const outlineOf = ({ mask }: Instance): string[] =>
    joinRings(outlinesOf(mask?.toPolygons() ?? [], tolerance)).map((value, i) =>
      i % 2 === 0 ? across(value) : down(value),
    );
  const boxOf = (box: Instance['box']): string[] => {
    const inside = boxIn(result.image, box);
    if (!inside) return [];
    const [left, top, right, bottom] = inside;
    return [across((left + right) / 2), down((top + bottom) / 2), across(right - left), down(bottom - top)];
  };
  const keypointOf = (keypoint: Keypoint): string[] => {
    const { x, y, score } = keypoint;
    if (!isSeen(keypoint, result.image, pointScore)) return ['0', '0', '0'];
    return [across(Math.max(0, x)), down(Math.max(0, y)), scores ? digits(score) : '2'];
  };
  const lineOf = (label: number, numbers: readonly string[], score: number): string =>
    numbers.length === 0 ? '' : `${[label, ...numbers, ...(scores ? [digits(score)] : [])].join(' ')}\n`;
  if (result.poses) {
    const lines = Array.from(Poses.from(result.poses), ({ box, score, keypoints }) => {
      const numbers = boxOf(box);
      return lineOf(0, numbers.length === 0 ? [] : [...numbers, ...keypoints.flatMap(keypointOf)], score);
    });
    return lines.join('');
  }
  const lines = Array.from(instancesOf(result), (instance) =>
    lineOf(instance.label, segments ? outlineOf(instance) : boxOf(instance.box), instance.score),
  );
  return lines.join('');
}

/** Six decimals, without trailing zeros. */
const digits = (value: number): string => `${Number(value.toFixed(6))}`;
