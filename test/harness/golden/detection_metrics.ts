import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CocoDetection, CocoFile } from '../../../src/data/coco_file.ts';
import { type ConfusionPair, confusionMatrix, rowShares } from '../../../src/evaluate/confusion.ts';
import type { RegionType } from '../../../src/evaluate/regions.ts';
import { type TideErrors, type TideLabel, tideErrors } from '../../../src/evaluate/tide.ts';
import type { GoldenCase } from '../golden.ts';
import { expectNumbers, type Numbers } from './numbers.ts';

/** Error types and confusions of detections against the golden numbers. */

/** Reads a file beside the case, or a value that stands in the case itself. */
export const besides = <T>(folder: string, value: T | string): T =>
  typeof value === 'string' ? JSON.parse(readFileSync(join(folder, value), 'utf8')) : value;

const typeNames = { cls: 'Cls', loc: 'Loc', both: 'Both', dupe: 'Dupe', bkg: 'Bkg', miss: 'Miss' } as const;
const labelNames = { ...typeNames, hit: 'TP', beyond: 'beyond max_dets' } as const;

/** Kind `tide`: gains and AP to 1e-9 on the scale of 0 to 100, labels and counts exactly. */
export async function runTide({ json, folder }: GoldenCase): Promise<void> {
  const truth = besides<CocoFile>(folder, json.ground_truth);
  const results = besides<readonly CocoDetection[]>(folder, json.results);
  const type: RegionType = json.mode;
  const maxDetections = json.max_dets_per_image;
  for (const run of json.runs) {
    const { pos_threshold: foreground, background_threshold: background } = run;
    const place = `${foreground}, ${background}`;
    const found = tideErrors(truth, results, { type, foreground, background, maxDetections });
    expectNumbers(place, inPercent(found), pick(run, ['AP', 'AP_by_class', 'dAP', 'special']), 1e-9);
    const counts = Object.entries(typeNames).map(([name, long]) => [long, found.count[name as keyof typeof typeNames]]);
    expectNumbers(`${place} counts`, Object.fromEntries(counts), run.counts);
    expectNumbers(`${place} labels`, found.labels.map(labelText), run.labels.map(completeLabel), 1e-12);
    const missed = [...found.missed].sort((a, b) => a - b);
    expectNumbers(
      `${place} missed_truths`,
      missed,
      [...run.missed_truths].sort((a: number, b: number) => a - b),
    );
    for (const [threshold, ap] of Object.entries<number>(run.AP_by_threshold ?? {})) {
      const options = { type, foreground: Number(threshold), background, maxDetections };
      expectNumbers(`AP at ${threshold}`, 100 * tideErrors(truth, results, options).ap, ap, 1e-9);
    }
  }
}

const pick = <T>(from: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> =>
  Object.fromEntries(names.map((name) => [name, from[name]!]));

function inPercent({ ap, perClass, gain }: TideErrors) {
  const gains = Object.entries(typeNames).map(([name, long]) => [long, 100 * gain[name as keyof typeof typeNames]]);
  return {
    AP: 100 * ap,
    AP_by_class: Object.fromEntries(perClass.map((one) => [one.categoryId, 100 * one.ap])),
    dAP: Object.fromEntries(gains),
    special: { FalsePos: 100 * gain.falsePositive, FalseNeg: 100 * gain.falseNegative },
  };
}

/** What a golden label leaves out. */
const completeLabel = (label: Readonly<Record<string, Numbers>>): Numbers => ({
  ignored: false,
  truth: -1,
  fixed: 'no',
  suppressed_by_result: -1,
  best_iou_same_class: 0,
  ...label,
});

const labelText = ({ label, ignored, truth, fixed, suppressedBy, iou }: TideLabel, result: number) => ({
  result,
  label: labelNames[label],
  ignored,
  truth: truth ?? -1,
  fixed: fixed === 'hit' ? 'true positive' : (fixed ?? 'no'),
  suppressed_by_result: suppressedBy ?? -1,
  best_iou_same_class: iou,
});

/** Kind `confusion`: counts and decisions exactly. */
export async function runConfusion({ json, folder }: GoldenCase): Promise<void> {
  for (const [i, run] of json.runs.entries()) {
    const set = json.sets[run.set];
    const { matrix, pairs, categoryIds } = confusionMatrix(
      besides<CocoFile>(folder, set.ground_truth),
      besides<readonly CocoDetection[]>(folder, set.results),
      {
        type: json.iouType,
        iou: run.iou_threshold,
        score: run.score_threshold,
        maxDetections: run.max_det,
      },
    );
    const place = `run ${i} (${run.set})`;
    expectNumbers(`${place} classes`, categoryIds, run.category_ids);
    expectNumbers(`${place} matrix`, matrix, run.matrix);
    expectNumbers(`${place} shares`, rowShares(matrix), run.row_normalised, 1e-12);
    // -1 in place of null, which would stand for NaN
    if (run.pairs) expectNumbers(`${place} pairs`, pairs.map(decided), run.pairs.map(decided));
  }
}

const decided = ({ result, truth }: ConfusionPair) => ({ result: result ?? -1, truth: truth ?? -1 });
