import type { Size } from '../arrays.ts';
import { iouXywh } from '../postprocess/boxes.ts';
import type { Xywh } from './coco_shapes.ts';
import { areaRange, extremeAspect, type HealthCode, leastBoxMaskIou } from './health_codes.ts';
import { fieldOf, idsOf, isNumber, type RawEntry, shownValue } from './health_document.ts';
import type { Report } from './health_findings.ts';
import { checkMask, type MeasuredMask } from './health_mask.ts';

/** The rules about one annotation: its box, mask, area and keypoints. */

/** What the rules about an annotation need beside it. */
export interface AnnotationContext {
  /** The annotation file, for messages. */
  readonly file: string;
  /** Names the annotation in a sentence. */
  readonly name: string;
  /** Undefined if the image is not listed, or has no valid size. */
  readonly size: Size | undefined;
  /** How many keypoints the class has names for. */
  readonly keypoints: number | undefined;
  readonly report: Report;
}

/** Boxes and outlines may leave the image by what is lost in six decimals of a share of it. */
const slackOf = (size: Size | undefined): number => (size ? 2e-6 * Math.max(size.width, size.height) : 0);

/** Tells if the annotation's box cannot be read. Nothing else is said of such an annotation. */
export function hasBadBox(annotation: RawEntry): boolean {
  const box = fieldOf(annotation, 'bbox');
  // an empty list says, as of masks, that there is none
  const isAbsent = box === undefined || (Array.isArray(box) && box.length === 0);
  return !isAbsent && boxOf(annotation) === undefined;
}

/** Returns the annotation's box; undefined if there is none, or if it is not four finite numbers. */
export function boxOf(annotation: RawEntry): Xywh | undefined {
  const box = fieldOf(annotation, 'bbox');
  return Array.isArray(box) && box.length === 4 && box.every(isNumber) ? (box as unknown as Xywh) : undefined;
}

/** Tells if a box has a width and a height. */
export const isProper = ([, , width, height]: Xywh): boolean => width > 0 && height > 0;

/** Checks an annotation whose box can be read, or is absent. */
export function checkAnnotation(
  annotation: RawEntry,
  { file, name, size, keypoints, report }: AnnotationContext,
): void {
  const slack = slackOf(size);
  const say = (code: HealthCode, text: () => string) =>
    report(code, { kind: 'annotation', ids: idsOf(annotation), file, text: () => `${name}: ${text()}` });
  const mask = checkMask(fieldOf(annotation, 'segmentation'), size, slack);
  for (const { code, text } of mask.faults) say(code, text);
  const box = boxOf(annotation);
  const points = checkKeypoints(annotation, keypoints, say);
  if (!box && !mask.present && !points) say('missing_geometry', () => 'neither box nor mask nor keypoints');
  checkFlag(annotation, say);
  if (box && !isProper(box)) {
    say('degenerate_bbox', () => `the box ${shownBox(box)} has a width of ${box[2]} and a height of ${box[3]}`);
    return;
  }
  if (box) checkBox(box, size, slack, mask.measured, say);
  checkArea(annotation, box, mask.measured, say);
}

type Say = (code: HealthCode, text: () => string) => void;

function checkBox(box: Xywh, size: Size | undefined, slack: number, mask: MeasuredMask | undefined, say: Say): void {
  const [x, y, width, height] = box;
  const beyond = size ? Math.max(-x, -y, x + width - size.width, y + height - size.height) : 0;
  if (size && beyond > slack) {
    say('bbox_out_of_bounds', () => {
      const by = beyond < 0.1 ? beyond.toPrecision(1) : shownNumber(beyond);
      return `the box ${shownBox(box)} leaves the image of ${size.width} × ${size.height} by ${by} pixels`;
    });
  }
  const [longer, shorter] = [Math.max(width, height), Math.min(width, height)];
  if (longer > extremeAspect * shorter)
    say('extreme_aspect_ratio', () => `the box is ${shownNumber(width)} × ${shownNumber(height)}`);
  // most boxes fit at first sight: their outlines are not drawn
  const surely = 0.7;
  if (!mask || iouOf(box, mask.roughBox()) >= surely) return;
  const iou = iouOf(box, mask.box());
  if (iou < leastBoxMaskIou) {
    say('bbox_mask_mismatch', () => {
      return `the box ${shownBox(box)} and the mask's, ${shownBox(mask.box())}, have an IoU of ${iou.toFixed(2)}`;
    });
  }
}

const iouOf = (a: Xywh, b: Xywh): number => iouXywh(a, b, [false])[0] ?? 0;

function checkArea(annotation: RawEntry, box: Xywh | undefined, mask: MeasuredMask | undefined, say: Say): void {
  const area = fieldOf(annotation, 'area');
  if (area === undefined) return;
  if (!isNumber(area) || area < 0) {
    say('bad_value', () => `the area must be a number of at least 0, got ${shownValue(area)}`);
    return;
  }
  if (area === 0) {
    if (box) say('zero_area', () => `the area is 0, the box ${box[2]} × ${box[3]}`);
    return;
  }
  const fits = (other: number) => area >= areaRange[0] * other && area <= areaRange[1] * other;
  const boxArea = box && box[2] * box[3];
  if ((boxArea === undefined && !mask) || (boxArea !== undefined && fits(boxArea))) return;
  const maskArea = mask?.area();
  if (maskArea !== undefined && fits(maskArea)) return;
  say('area_mismatch', () => {
    const others = [
      boxArea === undefined ? '' : `the box ${shownNumber(boxArea)}`,
      maskArea === undefined ? '' : `the mask ${shownNumber(maskArea)}`,
    ];
    return `the area is ${area}, but ${others.filter(Boolean).join(', and ')}`;
  });
}

/** @returns whether the annotation has keypoints */
function checkKeypoints(annotation: RawEntry, expected: number | undefined, say: Say): boolean {
  const points = fieldOf(annotation, 'keypoints');
  if (points === undefined || points === null) return false;
  if (!Array.isArray(points)) {
    say('bad_value', () => `keypoints must be a list, got ${shownValue(points)}`);
    return true;
  }
  if (points.length === 0) return false;
  const wrong = points.findIndex((value) => !isNumber(value));
  if (wrong >= 0) {
    say('bad_value', () => `keypoints[${wrong}] must be a finite number, got ${shownValue(points[wrong])}`);
    return true;
  }
  if (points.length % 3 !== 0) {
    say('keypoints_wrong_length', () => `keypoints has ${points.length} numbers, which is no multiple of three`);
    return true;
  }
  if (expected !== undefined && points.length !== 3 * expected) {
    say('keypoints_wrong_length', () => `${points.length / 3} keypoints, but the class has ${expected} names`);
    return true;
  }
  const stated = fieldOf(annotation, 'num_keypoints');
  const labelled = points.filter((value, i) => i % 3 === 2 && value > 0).length;
  if (stated !== undefined && stated !== labelled) {
    say('num_keypoints_mismatch', () => `num_keypoints is ${shownValue(stated)}, but ${labelled} are labelled`);
  }
  return true;
}

function checkFlag(annotation: RawEntry, say: Say): void {
  const crowd = fieldOf(annotation, 'iscrowd');
  if (crowd === undefined || [0, 1, false, true].some((value) => value === crowd)) return;
  say('bad_value', () => `iscrowd must be 0 or 1, got ${shownValue(crowd)}`);
}

const shownNumber = (value: number): string => String(Math.round(100 * value) / 100);

const shownBox = (box: Xywh): string => `[${box.map(shownNumber).join(', ')}]`;

/** Reports a box that is not four finite numbers. */
export function reportBadBox(annotation: RawEntry, { file, name, report }: AnnotationContext): void {
  report('bad_value', {
    kind: 'annotation',
    ids: idsOf(annotation),
    file,
    text: () => `${name}: the box must be four finite numbers, got ${shownValue(fieldOf(annotation, 'bbox'))}`,
  });
}
