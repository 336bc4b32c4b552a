import type { CocoFile, NamedResults } from '../data/coco_file.ts';
import type { ImageSet } from '../data/image_set.ts';
import { ConfigError, DataError } from '../errors.ts';
import { inSlices } from '../slices.ts';
import { checkCall, checkResults } from './checked.ts';
import type { CocoType } from './coco_parameters.ts';
import { type CompareOptions, compareSlices } from './compare.ts';
import { dataFacts, type FoundObjects } from './complete.ts';
import type { ComparedImage, ComparisonReport, ShownImage } from './evaluation.ts';
import { measureObjects, type ObjectMeasure } from './measure_objects.ts';
import { type EvaluateResultsOptions, resultsOn } from './results_file.ts';
import { usualShown } from './run.ts';
import { type Evaluated, showObjects } from './shown.ts';

/** Compares two models, or files of results, on one data set. */

/** What one of the two found. */
export interface ComparedResults extends NamedResults {
  /** Files of images that it could not be run on. They are left out for both. */
  readonly failed?: readonly string[] | undefined;
  /** What OKS was measured with, if it was found by a pose model: `keypoints.sigmas` of its evaluation. */
  readonly sigmas?: readonly number[] | undefined;
}

/** Options of `compareResults`. */
export interface CompareResultsOptions
  extends EvaluateResultsOptions,
    Pick<CompareOptions, 'confidence' | 'resamples' | 'seed'> {
  /** By default the first of boxes, masks and keypoints that both have. */
  readonly type?: CocoType | undefined;
}

/**
 * Compares what two models found on a data set: COCO's figures and the AP of each class, with intervals of the difference by
 * drawing images anew (bootstrap), and the images that changed most.
 *
 * @throws DataError as `evaluateResults`, or if the two have nothing in common that can be compared; ConfigError for an
 *   option out of its range
 */
export async function compareResults(
  set: ImageSet,
  a: ComparedResults,
  b: ComparedResults,
  options: CompareResultsOptions = {},
): Promise<ComparisonReport> {
  checkCall('compareResults', set, options);
  for (const side of [a, b]) checkResults('compareResults', side);
  const { signal, onProgress, shown = usualShown, limit } = options;
  const sigmas = options.sigmas ?? commonSigmas(a, b);
  const read = { limit, signal, sigmas };
  const sides = [await resultsOn(a, set, read), await resultsOn(b, set, read)] as const;
  const failed = new Set([...(a.failed ?? []), ...(b.failed ?? [])]);
  const images = sides[0].images.filter(({ row }) => !failed.has(row.file));
  const type = typeOf(options.type, sides, [a.name, b.name], set);
  const kept = new Set(images.map(({ id }) => id));
  const truth = withImages(sides[0].truth, kept);
  const measure = ({ found, keypoints, results }: FoundObjects) => {
    const own = found.filter(({ image_id: id }) => kept.has(id));
    const { measures, notMeasured, notices } = measureObjects(
      { truth, found: own, types: [type], keypoints },
      { truth: set.name, results },
    );
    const [first] = measures;
    if (!first) throw new DataError(notMeasured.map(({ why }) => why).join(' '));
    return { measured: first, found: own, notices };
  };
  const [one, other] = [measure(sides[0]), measure(sides[1])];
  const resamples = options.resamples ?? 1000;
  const { figures, perClass, seed, confidence } = await inSlices(
    compareSlices(one.measured.evaluation, other.measured.evaluation, {
      ...options,
      resamples,
      onResample: (done, total) => onProgress?.({ done, total, text: 'resamples' }),
    }),
    () => (signal ? pauseFor(signal) : undefined),
  );
  const changed = changedImages(images, one.measured, other.measured);
  const worst = changed.slice(0, shown).map(({ image }) => image);
  const shownOf = ({ measured, found }: typeof one) => showObjects(set, worst, measured, { truth, found });
  const notices = [...sides.flatMap((side) => side.notices), ...one.notices, ...other.notices];
  if (failed.size > 0)
    notices.push(`${failed.size} images failed and are left out for both: ${[...failed].join(', ')}.`);
  return {
    data: dataFacts(set, images.length, limit),
    type,
    a: a.name,
    b: b.name,
    resamples,
    seed,
    confidence,
    figures,
    perClass,
    images: changed.map(({ compared }) => compared),
    shown: paired(await shownOf(one), await shownOf(other)),
    notices: [...new Set([...set.notices, ...notices])],
  };
}

/** @throws ConfigError if both have sigmas, and others */
function commonSigmas(a: ComparedResults, b: ComparedResults): readonly number[] | undefined {
  const { sigmas } = a;
  const same =
    !sigmas || !b.sigmas || (sigmas.length === b.sigmas.length && sigmas.every((one, k) => one === b.sigmas?.[k]));
  if (same) return sigmas ?? b.sigmas;
  throw new ConfigError(
    `${a.name} and ${b.name} measure keypoints with different sigmas. Give those of the data set with the option \`sigmas\`.`,
  );
}

/** Hears an abort between resamples. */
async function pauseFor(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(() => resolve()));
  signal.throwIfAborted();
}

function typeOf(
  asked: CocoType | undefined,
  sides: readonly [FoundObjects, FoundObjects],
  names: readonly [string, string],
  set: ImageSet,
): CocoType {
  const both = sides[0].types.filter((type) => sides[1].types.includes(type));
  const [first] = both;
  if (asked === undefined && first !== undefined) return first;
  if (asked !== undefined && both.includes(asked)) return asked;
  const has = sides.map(({ types }, i) => `${names[i]}: ${types.join(', ')}`).join('; ');
  if (asked === undefined) throw new DataError(`the two have nothing in common that can be compared. ${has}.`);
  throw new ConfigError(`${asked} cannot be compared on ${set.name}. Both must have it. ${has}.`);
}

function withImages(truth: CocoFile, kept: ReadonlySet<number | undefined>): CocoFile {
  if (truth.images.every(({ id }) => kept.has(id))) return truth;
  return {
    ...truth,
    images: truth.images.filter(({ id }) => kept.has(id)),
    annotations: truth.annotations.filter(({ image_id: id }) => kept.has(id)),
  };
}

/** Images whose counts differ: the largest change of F1 first, then of false alarms and misses, then the earlier. */
function changedImages(images: readonly Evaluated[], a: ObjectMeasure, b: ObjectMeasure) {
  const list = images.flatMap((image): { readonly image: Evaluated; readonly compared: ComparedImage }[] => {
    const [one, other] = image.id === undefined ? [] : [a.rows.get(image.id), b.rows.get(image.id)];
    if (!one || !other || (one.tp === other.tp && one.fp === other.fp && one.fn === other.fn && one.ap === other.ap)) {
      return [];
    }
    const { id, file } = image.row;
    return [{ image, compared: { id, file, a: one, b: other, change: other.f1 - one.f1 } }];
  });
  const errors = ({ a: one, b: other }: ComparedImage) => Math.abs(one.fp + one.fn - other.fp - other.fn);
  return list.sort(
    ({ compared: x }, { compared: y }) => Math.abs(y.change) - Math.abs(x.change) || errors(y) - errors(x),
  );
}

function paired(a: readonly ShownImage[], b: readonly ShownImage[]): ComparisonReport['shown'] {
  return a.flatMap((one, i) => (b[i] ? [{ a: one, b: b[i] }] : []));
}
