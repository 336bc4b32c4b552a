import type { CocoDetection, CocoFile } from '../../../src/data/coco_file.ts';
import { boundarySimilarity } from '../../../src/evaluate/boundary.ts';
import { type Calibration, calibrationFigures, calibrationOf } from '../../../src/evaluate/calibration.ts';
import { type CocoEvaluation, evaluateCoco } from '../../../src/evaluate/coco.ts';
import type { CocoOptions } from '../../../src/evaluate/coco_parameters.ts';
import { compareEvaluations, type ResampleReading } from '../../../src/evaluate/compare.ts';
import type { ComparedFigure, MatchCounts } from '../../../src/evaluate/evaluation.ts';
import { imageCounts } from '../../../src/evaluate/image_counts.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';
import { compareAll } from './coco.ts';
import { besides } from './detection_metrics.ts';
import { expectBoundaries } from './label_metrics.ts';
import { expectNumbers, type Numbers } from './numbers.ts';

/** What is read from COCO's evaluation: comparisons, calibration, boundary AP. */

const tolerance = 1e-12;

function evaluationOf(folder: string, json: GoldenCase['json'], results: string, options: CocoOptions): CocoEvaluation {
  return evaluateCoco(
    besides<CocoFile>(folder, json.ground_truth),
    besides<readonly CocoDetection[]>(folder, json[results]),
    options,
  );
}

const readings = { with_repeats: 'withRepeats', once: 'once' } as const satisfies Record<string, ResampleReading>;

/** Kind `compare`: figures bit for bit, intervals to 1e-12. */
export async function runCompare({ json, folder }: GoldenCase): Promise<void> {
  const [a, b] = ['results_a', 'results_b'].map((results) =>
    evaluationOf(folder, json, results, { type: json.iouType }),
  ) as [CocoEvaluation, CocoEvaluation];
  expectNumbers('images', a.parameters.imageIds, json.image_ids);
  expectNumbers('full', { a: a.stats, b: b.stats }, { a: json.full.a, b: json.full.b });
  for (const [name, evaluation] of Object.entries({ a, b })) {
    const counts = imageCounts(evaluation.matching, json.per_image_iou);
    const rows = counts.map((row: MatchCounts, i) => ({ image_id: evaluation.parameters.imageIds[i], ...row }));
    expectNumbers(`per_image ${name}`, rows, json.per_image[name], tolerance);
  }
  const { confidence } = json;
  const drawn: number[][] = json.resamples.map(({ indices }: { indices: number[] }) => indices);
  for (const [name, reading] of Object.entries(readings)) {
    const all = compareEvaluations(a, b, { draws: drawn, reading, confidence });
    for (const [i, resample] of json.resamples.entries()) {
      const { a: ofA, b: ofB } = all.samples;
      const expected = { a: resample[`${name}_a`], b: resample[`${name}_b`] };
      expectNumbers(`resample ${i} ${name}`, { a: ofA[i], b: ofB[i] }, expected);
    }
    const later = compareEvaluations(a, b, { draws: drawn.slice(2), reading, confidence });
    const figures = Object.fromEntries(later.figures.map((figure, i) => [json.names[i], intervalOf(figure)]));
    expectNumbers(`intervals ${name}`, figures, json.intervals[name], tolerance);
    const delta = later.figures.map(({ difference }) => difference);
    expectNumbers('delta', delta, json.full.delta);
    const classes = later.perClass.map((one, k) => ({
      category_id: a.parameters.categoryIds[k],
      AP_a: one.a,
      AP_b: one.b,
      delta: one.difference,
    }));
    expectNumbers('per_class', classes, json.per_class);
  }
}

const intervalOf = ({ lower, upper, better, standardError }: ComparedFigure) => ({
  lower,
  upper,
  prob_positive: better,
  std_err: standardError,
});

const goldenBin = (bin: Calibration['bins'][number], index: number) => ({
  index,
  lower: bin.from,
  upper: bin.to,
  count: bin.count,
  confidence: bin.meanScore,
  accuracy: bin.accuracy,
});

/** Kind `calibration`: counts exactly, the rest to 1e-12. */
export async function runCalibration({ json, folder }: GoldenCase): Promise<void> {
  const evaluation = evaluationOf(folder, json, 'results', { type: json.iouType });
  for (const run of json.runs) {
    const place = `${run.iou_threshold}, ${run.bins_count} bins`;
    const found = calibrationFigures(evaluation, { iou: run.iou_threshold, bins: run.bins_count });
    expectNumbers(place, { results_counted: found.count }, { results_counted: run.results_counted });
    expectNumbers(place, { ece: found.ece, mce: found.mce }, { ece: run.ece, mce: run.mce }, tolerance);
    expectNumbers(`${place}: bins`, found.bins.map(goldenBin), run.bins, tolerance);
    const byClass = found.perClass.map(({ ece }, k) => [evaluation.parameters.categoryIds[k], ece] as const);
    expectNumbers(`${place}: classes`, Object.fromEntries(byClass), run.ece_by_class, tolerance);
  }
  for (const { scores, correct, about, curves } of json.arrays) {
    for (const curve of curves) {
      const { ece, mce, bins } = calibrationOf(scores, correct, curve.bins_count);
      const filled = bins.map(goldenBin).filter(({ count }) => count > 0);
      const found = { ece, mce, bins: filled };
      const expected: Numbers = { ece: curve.ece, mce: curve.mce, bins: curve.bins };
      expectNumbers(`${about}: ${curve.bins_count} bins`, found, expected, tolerance);
    }
  }
  for (const { scores, why } of json.refuse) {
    try {
      calibrationOf(scores, new Array<boolean>(scores.length).fill(true));
    } catch {
      continue;
    }
    throw new GoldenMismatch(`accepted: ${why}`);
  }
}

/** Kind `boundary`: masks, label maps, and the data set bit for bit. */
export async function runBoundary(golden: GoldenCase): Promise<void> {
  expectBoundaries(golden);
  const { dataset } = golden.json;
  const truth = besides<CocoFile>(golden.folder, dataset.ground_truth);
  const sizes = new Map(truth.images.map(({ id, height, width }) => [id, `${height}×${width}`]));
  const all = besides<readonly CocoDetection[]>(golden.folder, dataset.results);
  // the reference leaves out masks of another size than their image
  const results = all.filter(({ image_id, segmentation }) => sizes.get(image_id) === sizeText(segmentation));
  for (const variant of dataset.variants) {
    const found = evaluateCoco(truth, results, {
      type: 'segm',
      maskSimilarity: boundarySimilarity(variant.dilation_ratio),
    });
    compareAll(`data set at ${variant.dilation_ratio}`, found, variant);
  }
}

function sizeText(segmentation: CocoDetection['segmentation']): string {
  return segmentation && 'counts' in segmentation ? segmentation.size.join('×') : '';
}
