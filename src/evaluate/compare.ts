import { ConfigError, DataError } from '../errors.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { type CocoEvaluation, cocoStatNames } from './coco.ts';
import type { ComparedFigure } from './evaluation.ts';
import { randomFrom, resample } from './random.ts';
import { type ResampledFigures, resampledFigures } from './resampled_figures.ts';
import { quantileOf, sampleDeviation } from './statistics.ts';

/**
 * Compares two evaluations on one data set, with intervals by the bootstrap over images: images are drawn with
 * replacement, and the figures of both are computed again from their matchings; nothing is matched again.
 */

/**
 * How a resample is read. `withRepeats` is the bootstrap of the textbooks: an image that is drawn twice counts as two
 * images side by side. `once` takes the set of the images that were drawn, about 63 % of them, as hotcoco does; its
 * intervals are others.
 */
export type ResampleReading = 'withRepeats' | 'once';

/** Options of `compareEvaluations`. */
export interface CompareOptions {
  /** How many times images are drawn. Default 1000. */
  readonly resamples?: number | undefined;
  /** Of the random numbers (xoshiro128**). The same seed gives the same figures. Default 0. */
  readonly seed?: number | undefined;
  /** The share of resamples within the intervals. Default 0.95. */
  readonly confidence?: number | undefined;
  /** Default `withRepeats`. */
  readonly reading?: ResampleReading | undefined;
  /** Positions in `parameters.imageIds` for each resample, in place of random ones. */
  readonly draws?: readonly ArrayLike<number>[] | undefined;
  /** Called after each resample. */
  readonly onResample?: ((done: number, of: number) => void) | undefined;
}

/** A difference is `b` minus `a`; 0 if either has no truth (-1). */
export interface Comparison {
  /** COCO's figures, in its order. */
  readonly figures: readonly ComparedFigure[];
  /** AP of each class, in the order of `parameters.categoryIds`. */
  readonly perClass: readonly ComparedFigure[];
  readonly resamples: number;
  readonly seed: number;
  readonly confidence: number;
  readonly reading: ResampleReading;
  /** COCO's figures of every resample. */
  readonly samples: { readonly a: readonly (readonly number[])[]; readonly b: readonly (readonly number[])[] };
}

/**
 * Compares two evaluations.
 *
 * @throws DataError if they are not of the same images and classes; ConfigError for options out of their range
 */
export const compareEvaluations = (a: CocoEvaluation, b: CocoEvaluation, options: CompareOptions = {}): Comparison =>
  atOnce(compareSlices(a, b, options));

/** `compareEvaluations`, which yields after each resample. */
export function* compareSlices(a: CocoEvaluation, b: CocoEvaluation, options: CompareOptions = {}): Sliced<Comparison> {
  const { seed = 0, confidence = 0.95, reading = 'withRepeats', onResample } = options;
  checkSame(a, b);
  const { imageIds } = a.parameters;
  const resamples = options.draws?.length ?? options.resamples ?? 1000;
  checkOptions(resamples, seed, confidence, options.draws, imageIds.length);
  const random = randomFrom(seed);
  const [figuresOfA, figuresOfB] = [resampledFigures(a), resampledFigures(b)];
  const samples: Record<'a' | 'b', ResampledFigures[]> = { a: [], b: [] };
  for (let i = 0; i < resamples; i++) {
    const drawn = options.draws?.[i] ?? resample(imageIds.length, random);
    const counts = new Int32Array(imageIds.length);
    for (let at = 0; at < drawn.length; at++) counts[drawn[at]!]!++;
    if (reading === 'once') for (const [image, count] of counts.entries()) counts[image] = Math.min(count, 1);
    samples.a.push(figuresOfA(counts));
    samples.b.push(figuresOfB(counts));
    onResample?.(i + 1, resamples);
    yield;
  }
  const compared = (name: string, own: readonly [number, number], figure: (sample: ResampledFigures) => number) =>
    comparedFigure(name, own, samples.a.map(figure), samples.b.map(figure), confidence);
  return {
    figures: cocoStatNames(a.parameters).map((name, i) =>
      compared(name, [a.stats[i]!, b.stats[i]!], ({ stats }) => stats[i]!),
    ),
    perClass: a.perClass.map(({ name, ap }, k) =>
      compared(name, [ap, b.perClass[k]!.ap], ({ classAps }) => classAps[k]!),
    ),
    resamples,
    seed,
    confidence,
    reading,
    samples: { a: samples.a.map(({ stats }) => stats), b: samples.b.map(({ stats }) => stats) },
  };
}

function comparedFigure(
  name: string,
  [a, b]: readonly [number, number],
  samplesA: readonly number[],
  samplesB: readonly number[],
  confidence: number,
): ComparedFigure {
  const differences = samplesA.map((value, i) => differenceOf(value, samplesB[i]!));
  const sorted = [...differences].sort((one, other) => one - other);
  const tail = (1 - confidence) / 2;
  return {
    name,
    a,
    b,
    difference: differenceOf(a, b),
    lower: quantileOf(sorted, tail),
    upper: quantileOf(sorted, 1 - tail),
    standardError: sampleDeviation(differences),
    better: differences.filter((difference) => difference > 0).length / differences.length,
  };
}

const differenceOf = (a: number, b: number): number => (a === -1 || b === -1 ? 0 : b - a);

function checkSame({ parameters: a }: CocoEvaluation, { parameters: b }: CocoEvaluation): void {
  if (a.type !== b.type) throw new DataError(`cannot compare an evaluation of ${a.type} with one of ${b.type}.`);
  const lists = [
    'imageIds',
    'categoryIds',
    'iouThresholds',
    'recallThresholds',
    'maxDetections',
    'areaLabels',
  ] as const;
  for (const list of lists) {
    const [one, other]: readonly (readonly unknown[])[] = [a[list], b[list]];
    if (one!.length === other!.length && one!.every((value, i) => value === other![i])) continue;
    throw new DataError(
      `cannot compare the two evaluations: their ${list} differ. Evaluate both on the same data set with the same options.`,
    );
  }
}

function checkOptions(
  resamples: number,
  seed: number,
  confidence: number,
  draws: CompareOptions['draws'],
  images: number,
): void {
  if (!Number.isInteger(resamples) || resamples < 1 || resamples > 1e6) {
    throw new ConfigError(`compare: resamples must be a whole number from 1 to 1000000, got ${resamples}.`);
  }
  if (!Number.isSafeInteger(seed)) throw new ConfigError(`compare: seed must be a whole number, got ${seed}.`);
  if (!(confidence > 0 && confidence < 1)) {
    throw new ConfigError(`compare: confidence must lie between 0 and 1, got ${confidence}.`);
  }
  for (const [i, drawn] of draws?.entries() ?? []) {
    for (let at = 0; at < drawn.length; at++) {
      if (Number.isInteger(drawn[at]) && drawn[at]! >= 0 && drawn[at]! < images) continue;
      throw new ConfigError(`compare: draw ${i} has the position ${drawn[at]}; there are ${images} images.`);
    }
  }
}
