import type { Raster } from '../image/raster.ts';
import { iouMatrix } from '../postprocess/boxes.ts';
import type { Result } from './result.ts';

/** What the reference finds on a photo, and how a result is held to it. */
export interface ExpectedPhoto {
  readonly photo: string;
  /** Best first, down to a little below `leastScore`. */
  readonly detections: readonly ExpectedDetection[];
  /** A class of a pixel as its red value. */
  readonly labels: Raster;
  /** Where the reference's two best classes are so near that rounding may exchange them. */
  readonly uncertainPixels: number;
}

interface ExpectedDetection {
  readonly label: number;
  readonly score: number;
  /** x1, y1, x2, y2 in pixels of the photo */
  readonly box: readonly number[];
}

/** What an engine finds on the shipped photo, against the reference. */
export interface PhotoCheck {
  readonly passed: boolean;
  readonly photo: string;
  /** Expected detections, and how many of them were found: same class, score within 0.002, IoU of 0.99 or more. */
  readonly expected: number;
  readonly found: number;
  /** Detections that the reference has not. */
  readonly additional: number;
  readonly pixels: number;
  /** Pixels of another class than the reference's; as many as it is uncertain of may be. */
  readonly differentPixels: number;
  readonly uncertainPixels: number;
  /** From the file to the result, in milliseconds. */
  readonly milliseconds: number;
}

const leastScore = 0.3;
const scoreTolerance = 0.002;
const leastIou = 0.99;

export function comparePhoto(result: Result, expected: ExpectedPhoto): PhotoCheck {
  const { photo, uncertainPixels } = expected;
  const all = [...result].map(({ label, score, box }) => ({ label, score, box }));
  const sure = expected.detections.filter(({ score }) => score >= leastScore);
  const partnered = (one: ExpectedDetection, others: readonly ExpectedDetection[]) =>
    others.some((other) => isSame(one, other));
  const found = sure.filter((one) => partnered(one, all)).length;
  const additional = all.filter(
    (one) => one.score >= leastScore + scoreTolerance && !partnered(one, expected.detections),
  ).length;
  const labels = result.segmentation?.labels ?? new Uint8Array(0);
  const pixels = expected.labels.width * expected.labels.height;
  let differentPixels = 0;
  for (let i = 0; i < pixels; i++) if (labels[i] !== expected.labels.data[4 * i]) differentPixels++;
  return {
    passed: found === sure.length && additional === 0 && differentPixels <= uncertainPixels,
    photo,
    expected: sure.length,
    found,
    additional,
    pixels,
    differentPixels,
    uncertainPixels,
    milliseconds: result.timings.total ?? 0,
  };
}

const isSame = (a: ExpectedDetection, b: ExpectedDetection): boolean =>
  a.label === b.label &&
  Math.abs(a.score - b.score) <= scoreTolerance &&
  iouMatrix(Float32Array.from(a.box), Float32Array.from(b.box))[0]! >= leastIou;
