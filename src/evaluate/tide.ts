import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import { ConfigError } from '../errors.ts';
import { type ErrorType, errorTypes } from './evaluation.ts';
import { overlapReader, type RegionType, regionsByImage } from './regions.ts';
import { type ClassCounts, type CurvePoint, tideAp } from './tide_ap.ts';

/**
 * TIDE (arXiv 2008.08115): why detections are wrong, and how much AP each type of error costs. As dbolya/tide does it,
 * which differs from COCO: the first of equally good objects is taken, all classes share the limit of detections, and a
 * class with detections but without an object counts with 0.
 */

/** Options of `tideErrors`. */
export interface TideOptions {
  readonly type: RegionType;
  /** The IoU from which a detection finds an object. Default 0.5. */
  readonly foreground?: number | undefined;
  /** The IoU up to which a detection is background. Default 0.1. */
  readonly background?: number | undefined;
  /** How many detections of an image count, over all classes. Default 100. */
  readonly maxDetections?: number | undefined;
}

/** AP and gains from 0 to 1. */
export interface TideErrors {
  /** The mean over the classes with an object or a detection; NaN without any. */
  readonly ap: number;
  readonly foreground: number;
  readonly background: number;
  readonly perClass: readonly { readonly categoryId: number; readonly ap: number }[];
  /** The gain in AP if the errors of one type were mended, and the two over all types. */
  readonly gain: Readonly<Record<ErrorType | 'falsePositive' | 'falseNegative', number>>;
  readonly count: Readonly<Record<ErrorType, number>>;
  /** One per result, in their order. */
  readonly labels: readonly TideLabel[];
  /** Ids of the objects that no detection found, nor would with a better box or class. */
  readonly missed: readonly number[];
}

/** What became of a result. */
export interface TideLabel {
  /** `hit`: a true positive. `beyond`: not among the image's first detections. */
  readonly label: 'hit' | 'beyond' | Exclude<ErrorType, 'miss'>;
  /** It lies in a crowd of its class, and counts neither as right nor as wrong. */
  readonly ignored: boolean;
  /** The id of the object that was found, or nearly (`loc`, `cls`). */
  readonly truth?: number | undefined;
  /** What mending a `loc` or `cls` error makes of it: one result of those that name an object finds it. */
  readonly fixed?: 'hit' | 'dropped' | undefined;
  /** The result that has the object of a duplicate. */
  readonly suppressedBy?: number | undefined;
  /** The largest IoU with an object of its class. */
  readonly iou: number;
}

/**
 * Sorts the errors of detections into TIDE's types.
 *
 * @throws ConfigError for thresholds that are not 0 < background ≤ foreground ≤ 1; DataError for results of unknown images
 *   and, with `segm`, for objects or results without a mask
 */
export function tideErrors(truth: CocoFile, detections: readonly CocoDetection[], options: TideOptions): TideErrors {
  const { type, foreground = 0.5, background = 0.1, maxDetections = 100 } = options;
  if (!(background > 0 && background <= foreground && foreground <= 1)) {
    throw new ConfigError(
      `TIDE: the thresholds must be 0 < background ≤ foreground ≤ 1, got background ${background} and ` +
        `foreground ${foreground}.`,
    );
  }
  if (!Number.isSafeInteger(maxDetections) || maxDetections < 1) {
    throw new ConfigError(`TIDE: maxDetections must be a whole number from 1, got ${maxDetections}.`);
  }
  const overlaps = overlapReader(truth, type);
  const tally = newTally(detections.length);
  for (const image of regionsByImage(truth, detections)) {
    const objects = image.truths.filter((at) => !truth.annotations[at]!.iscrowd);
    const crowds = image.truths.filter((at) => truth.annotations[at]!.iscrowd);
    const order = [...image.detections].sort((a, b) => detections[b]!.score - detections[a]!.score);
    const chosen = order.slice(0, maxDetections);
    const columns = [...objects, ...crowds];
    const { iou, inside } = overlaps(
      chosen.map((at) => [detections[at]!, `result ${at}`]),
      columns.map((at) => [truth.annotations[at]!, `annotation ${truth.annotations[at]!.id}`]),
    );
    const compared: Compared = {
      objects: objects.map((at) => truth.annotations[at]!),
      crowds: crowds.map((at) => truth.annotations[at]!.category_id),
      chosen,
      classes: chosen.map((at) => detections[at]!.category_id),
      scores: chosen.map((at) => detections[at]!.score),
      iou: (row, column) => iou[row * columns.length + column]!,
      inCrowd: (row, crowd) => inside[row * columns.length + objects.length + crowd]!,
    };
    labelImage(compared, { foreground, background }, tally);
  }
  return { foreground, background, ...figuresOf(tally) };
}

/** One image: its objects, the results that count, and how much they overlap. */
interface Compared {
  readonly objects: readonly { readonly id: number; readonly category_id: number }[];
  /** Their classes. */
  readonly crowds: readonly number[];
  /** Positions of the results, best first. */
  readonly chosen: readonly number[];
  readonly classes: readonly number[];
  readonly scores: readonly number[];
  iou(row: number, object: number): number;
  inCrowd(row: number, crowd: number): number;
}

/** What is added up over the images. */
interface Tally {
  readonly labels: TideLabel[];
  readonly missed: number[];
  readonly points: CurvePoint[];
  readonly classes: Map<number, ClassCounts>;
  readonly count: Record<ErrorType, number>;
}

const newTally = (results: number): Tally => ({
  labels: Array.from({ length: results }, () => ({ label: 'beyond', ignored: false, iou: 0 })),
  missed: [],
  points: [],
  classes: new Map(),
  count: { cls: 0, loc: 0, both: 0, dupe: 0, bkg: 0, miss: 0 },
});

function classIn({ classes }: Tally, id: number): ClassCounts {
  const known = classes.get(id);
  if (known) return known;
  const made = { truths: 0, missed: 0, unmatched: 0 };
  classes.set(id, made);
  return made;
}

type Thresholds = Readonly<Record<'foreground' | 'background', number>>;

function labelImage(compared: Compared, thresholds: Thresholds, tally: Tally): void {
  const { objects, chosen, classes, scores } = compared;
  const matches = matchesOf(compared, thresholds.foreground);
  const finder = new Map(
    [...matches.entries()].flatMap(([row, object]) => (object < 0 ? [] : [[object, row] as const])),
  );
  const errors = chosen.map((_, row) => (matches[row]! < 0 ? errorOf(compared, row, finder, thresholds) : undefined));
  const promoted = promotedRows(errors, scores, finder);

  for (const [row, at] of chosen.entries()) {
    const error = errors[row];
    const own = bestOf(objects.length, (j) =>
      objects[j]!.category_id === classes[row] ? compared.iou(row, j) : 0,
    ).value;
    const [score, category] = [scores[row]!, classes[row]!];
    if (!error) {
      const { id } = objects[matches[row]!]!;
      tally.labels[at] = { label: 'hit', ignored: false, truth: id, iou: own };
      tally.points.push({ score, category, type: 'hit' });
      classIn(tally, category);
      continue;
    }
    tally.count[error.type]++;
    const ignored = isIgnored(compared, row, thresholds.foreground);
    const object = error.object === undefined ? undefined : objects[error.object];
    const becomes = promoted.has(row) ? (error.type === 'cls' ? object?.category_id : category) : undefined;
    tally.points.push({ score, category, type: error.type, ignored, becomes });
    if (!ignored) classIn(tally, category);
    tally.labels[at] = {
      label: error.type,
      ignored,
      truth: object?.id,
      fixed: object && (becomes === undefined ? 'dropped' : 'hit'),
      suppressedBy: error.suppressor === undefined ? undefined : chosen[error.suppressor],
      iou: own,
    };
  }

  const named = new Set(errors.map((error) => error?.object));
  for (const [j, { id, category_id }] of objects.entries()) {
    const counts = classIn(tally, category_id);
    counts.truths++;
    if (finder.has(j)) continue;
    counts.unmatched++;
    if (named.has(j)) continue;
    counts.missed++;
    tally.count.miss++;
    tally.missed.push(id);
  }
}

/** By score, each detection takes the best free object of its class, the first of equal ones; -1: none. */
function matchesOf({ objects, chosen, classes, iou }: Compared, foreground: number): Int32Array {
  const matches = new Int32Array(chosen.length).fill(-1);
  const taken = new Uint8Array(objects.length);
  for (let row = 0; row < chosen.length; row++) {
    const isFree = (j: number) => !taken[j] && objects[j]!.category_id === classes[row];
    const best = bestOf(objects.length, (j) => (isFree(j) ? iou(row, j) : 0));
    if (best.value < foreground) continue;
    matches[row] = best.at;
    taken[best.at] = 1;
  }
  return matches;
}

/** Returns the first of the largest values. */
function bestOf(length: number, overlap: (j: number) => number): { readonly at: number; readonly value: number } {
  let [at, value] = [0, 0];
  for (let j = 0; j < length; j++) {
    const other = overlap(j);
    if (other > value) [at, value] = [j, other];
  }
  return { at, value };
}

/** An overlap of exactly the threshold does not count with crowds. */
const isIgnored = ({ crowds, classes, inCrowd }: Compared, row: number, foreground: number): boolean =>
  crowds.some((category, crowd) => category === classes[row] && inCrowd(row, crowd) > foreground);

interface FoundError {
  readonly type: Exclude<ErrorType, 'miss'>;
  /** The object that a better box or class would have found. */
  readonly object?: number | undefined;
  /** The row of the detection that has the object of a duplicate. */
  readonly suppressor?: number | undefined;
}

/** Returns the first type that fits. */
function errorOf(
  { objects, classes, iou }: Compared,
  row: number,
  finder: ReadonlyMap<number, number>,
  { foreground, background }: Thresholds,
): FoundError {
  const isOwn = (j: number) => objects[j]!.category_id === classes[row];
  const best = (counts: (j: number) => boolean) => bestOf(objects.length, (j) => (counts(j) ? iou(row, j) : 0));
  const own = best(isOwn);
  if (background <= own.value && own.value <= foreground) return { type: 'loc', object: own.at };
  const other = best((j) => !isOwn(j));
  if (other.value >= foreground) return { type: 'cls', object: other.at };
  const used = best((j) => isOwn(j) && finder.has(j));
  if (used.value >= foreground) return { type: 'dupe', suppressor: finder.get(used.at) };
  return { type: best(() => true).value <= background ? 'bkg' : 'both' };
}

/** Returns the rows that find their object if they are mended: of all that name a free one, that of the highest score. */
function promotedRows(
  errors: readonly (FoundError | undefined)[],
  scores: readonly number[],
  finder: ReadonlyMap<number, number>,
): ReadonlySet<number> {
  const byObject = new Map<number, number>();
  for (const [row, error] of errors.entries()) {
    const object = error?.object;
    if (object === undefined || finder.has(object)) continue;
    const before = byObject.get(object);
    if (before === undefined || scores[before]! < scores[row]!) byObject.set(object, row);
  }
  return new Set(byObject.values());
}

function figuresOf({ labels, missed, points, classes, count }: Tally): Omit<TideErrors, 'foreground' | 'background'> {
  const { ap, perClass, gainOf } = tideAp(points, classes);
  const gain = Object.fromEntries(
    [...errorTypes, 'falsePositive' as const, 'falseNegative' as const].map((fix) => [fix, gainOf(fix)]),
  ) as TideErrors['gain'];
  return { ap, perClass, gain, count, labels, missed };
}
