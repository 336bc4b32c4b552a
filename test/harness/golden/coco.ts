import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CocoDetection, CocoFile } from '../../../src/data/coco_file.ts';
import { parseCocoFile, parseCocoResults } from '../../../src/data/coco_json.ts';
import { MoganetError } from '../../../src/errors.ts';
import { type CocoEvaluation, evaluateCoco } from '../../../src/evaluate/coco.ts';
import { keypointSimilarity } from '../../../src/evaluate/coco_keypoints.ts';
import { type CocoMatching, outcomes, takenBy } from '../../../src/evaluate/coco_matching.ts';
import type { CocoOptions, CocoType } from '../../../src/evaluate/coco_parameters.ts';
import { expectTensor, type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Runners of COCO evaluation: every array and figure to the bit. */

// biome-ignore-start lint/suspicious/noExplicitAny: JSON of the cases, whose fields differ by kind

/** Labels as they are, faults and all: the cases have ids that are 0 or given twice. */
export const truthFrom = (source: unknown, name: string): CocoFile =>
  parseCocoFile(source, name, { faults: 'report' }).file;

function fileOf(golden: GoldenCase, file: string): Uint8Array {
  return readFileSync(join(golden.folder, file));
}

/** pycocotools' names of parameters. */
export function optionsFrom(type: CocoType, params: any = {}): CocoOptions {
  const known = [
    'iouThrs',
    'recThrs',
    'maxDets',
    'areaRng',
    'areaRngLbl',
    'useCats',
    'imgIds',
    'catIds',
    'kpt_oks_sigmas',
  ];
  const other = Object.keys(params).find((name) => !known.includes(name));
  if (other) throw new GoldenMismatch(`params: ${other} is not known to this runner`);
  return {
    type,
    iouThresholds: params.iouThrs,
    recallThresholds: params.recThrs,
    maxDetections: params.maxDets,
    areaRanges: params.areaRng,
    areaLabels: params.areaRngLbl,
    useCategories: params.useCats === undefined ? undefined : params.useCats === 1,
    imageIds: params.imgIds,
    categoryIds: params.catIds,
    sigmas: params.kpt_oks_sigmas,
  };
}

/** Compares statistics, arrays, matching and figures per class of each variant of a case. */
export async function runCocoArrays(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const truth = truthFrom(fileOf(golden, json.ground_truth), json.ground_truth);
  for (const variant of json.variants) {
    const results = parseCocoResults(fileOf(golden, variant.results), variant.results);
    const type = variant.iouType ?? json.iouType;
    const evaluation = evaluateCoco(truth, results, optionsFrom(type, variant.params));
    if (variant.variant === 'default' && Object.keys(variant.params).length === 0) {
      expectDefaults(evaluation, json.default_params);
    }
    compareAll(variant.variant, evaluation, variant);
    for (const slice of variant.slices ?? []) compareSlice(variant.variant, evaluation, slice);
  }
}

/** The same with the data inside the case. */
export async function runCocoSmall({ json }: GoldenCase): Promise<void> {
  for (const one of json.sets) {
    const truth = truthFrom(one.ground_truth, `${one.set}: truth`);
    const results = parseCocoResults(one.results, `${one.set}: results`);
    const type = one.iouType ?? json.iouType ?? 'bbox';
    compareAll(one.set, evaluateCoco(truth, results, optionsFrom(type, one.params)), one);
  }
}

/** Inputs that pycocotools fails on: refused with what `how` asks for, or evaluated. */
export async function runCocoRefuse({ json }: GoldenCase): Promise<void> {
  for (const one of json.tests) {
    let evaluation: CocoEvaluation;
    try {
      const results = parseCocoResults(one.results, 'results.json');
      const names = { truth: 'truth.json', results: 'results.json' };
      const truth = truthFrom(one.ground_truth, 'truth.json');
      evaluation = evaluateCoco(truth, results, { type: one.iouType, names });
    } catch (error) {
      if (one.required === 'error') expectMessage(one, error);
      else throw new GoldenMismatch(`${one.test}: was refused: ${error}`);
      continue;
    }
    if (one.required === 'error')
      throw new GoldenMismatch(`${one.test}: was evaluated; it must be refused: ${one.how}`);
    equalLists(`${one.test}: stats`, evaluation.stats, one.expected.stats);
    equal(`${one.test}: precision`, sha256(evaluation.precision), one.expected.precision_sha256);
  }
}

/** Checks that a message says what `how` asks for: names are taken from the data of the test. */
function expectMessage({ test, how, ground_truth, results }: any, error: unknown): void {
  if (!(error instanceof MoganetError)) throw new GoldenMismatch(`${test}: not an error of the package: ${error}`);
  const { message } = error;
  const known = new Set(ground_truth.images.map(({ id }: any) => id));
  const has = (id: unknown, before = '') => new RegExp(`${before}\\b${id}\\b`).test(message);
  const asked: [pattern: RegExp, isSaid: () => boolean][] = [
    [/image id/, () => results.some(({ image_id }: any) => !known.has(image_id) && has(image_id))],
    [/result's index/, () => results.some((_: unknown, i: number) => has(i, 'entry '))],
    [/the field/, () => /score|category_id|image_id|bbox|segmentation|keypoints/.test(message)],
    [/is an array/, () => /array/.test(message)],
    [/annotation id/, () => ground_truth.annotations.some(({ id }: any) => has(id, '(annotation|id) '))],
    [/three points/, () => /three points/.test(message)],
    [/the types there are/, () => /bbox.*segm.*keypoints/.test(message)],
  ];
  const missing = asked.find(([pattern, isSaid]) => pattern.test(how) && !isSaid());
  if (missing) throw new GoldenMismatch(`${test}: "${message}" does not ${how}`);
}

function expectDefaults({ parameters }: CocoEvaluation, expected: any): void {
  equalLists('default iouThrs', parameters.iouThresholds, expected.iouThrs);
  equalLists('default recThrs', parameters.recallThresholds, expected.recThrs);
  equalLists('default maxDets', parameters.maxDetections, expected.maxDets);
  equalLists('default areaRng', parameters.areaRanges.flat(), expected.areaRng.flat());
  equal('default areaRngLbl', parameters.areaLabels.join(), expected.areaRngLbl.join());
  if (expected.kpt_oks_sigmas) equalLists('default sigmas', parameters.sigmas, expected.kpt_oks_sigmas);
}

/** Compares an evaluation with arrays, statistics, matching and figures per class of a variant. */
export function compareAll(what: string, evaluation: CocoEvaluation, expected: any): void {
  equal(`${what}: counts`, evaluation.counts.join(), expected.counts.join());
  for (const one of (expected.eval_imgs ?? []).filter(Boolean)) compareImage(what, evaluation.matching, one);
  if (expected.recall_by_iou_class_area_maxdets) {
    equalLists(`${what}: recall`, evaluation.recall, expected.recall_by_iou_class_area_maxdets.flat(3));
  }
  comparePieces(what, evaluation, expected.sha12_by_class_area_maxdets);
  for (const array of ['precision', 'recall', 'scores'] as const) {
    equal(`${what}: ${array}`, sha256(evaluation[array]), expected.sha256[array]);
  }
  if (expected.sha256.matching)
    equal(`${what}: matching`, hashOfMatching(evaluation.matching), expected.sha256.matching);
  if (expected.stats) equalLists(`${what}: stats`, evaluation.stats, expected.stats);
  for (const [k, row] of expected.per_class.entries()) {
    equalFields(`${what}: per_class[${k}]`, classRow(evaluation, k), row);
  }
}

function classRow({ perClass, parameters }: CocoEvaluation, k: number): Record<string, number> {
  const { categoryId, ap, ap50, ap75, apByArea, arByMax } = perClass[k]!;
  const areas = parameters.areaLabels.map((label, a): [string, number] => [`AP_${label}`, apByArea[a]!]);
  const limits = parameters.maxDetections.map((max, m): [string, number] => [`AR@${max}`, arByMax[m]!]);
  return { category_id: categoryId, AP: ap, AP50: ap50, AP75: ap75, ...Object.fromEntries([...areas, ...limits]) };
}

/** The hash of `[:, :, k, a, m]` names the class, area and limit that differ. */
function comparePieces(what: string, { counts, ...arrays }: CocoEvaluation, expected: any): void {
  const [T, R, K, A, M] = counts;
  for (const array of ['precision', 'scores'] as const) {
    for (const [k, areas] of (expected?.[array] ?? []).entries()) {
      for (const [a, limits] of areas.entries()) {
        for (const [m, hash] of limits.entries()) {
          const values = Float64Array.from(
            { length: T * R },
            (_, tr) => arrays[array][((tr * K + k) * A + a) * M + m]!,
          );
          equal(`${what}: ${array} of class ${k}, area ${a}, limit ${m}`, sha256(values).slice(0, 12), hash);
        }
      }
    }
  }
}

function compareSlice(what: string, { counts, ...arrays }: CocoEvaluation, slice: any): void {
  const [, R, K, A, M] = counts;
  const { iou_index: t, class_index: k, area_index: a, maxdets_index: m } = slice;
  for (const array of ['precision', 'scores'] as const) {
    const values = slice[array].map((_: number, r: number) => arrays[array][(((t * R + r) * K + k) * A + a) * M + m]);
    equalLists(`${what}: ${array} of class ${k}, area ${a}`, values, slice[array]);
  }
}

/** What pycocotools calls `evalImgs`: objects that do not count come last. */
function evaluatedImage(matching: CocoMatching, group: number, area: number) {
  const { parameters, detectionStart, truthStart, truthIds, detectionIndex, scores } = matching;
  const ignored = matching.truthIgnored[area]!;
  const places = (starts: Int32Array) =>
    Array.from({ length: starts[group + 1]! - starts[group]! }, (_, i) => starts[group]! + i);
  const detections = places(detectionStart);
  const truths = places(truthStart).sort((i, j) => ignored[i]! - ignored[j]!);
  const thresholds = [...parameters.iouThresholds.keys()];
  const at = (t: number, d: number) => t * scores.length + d;
  const match = (t: number, d: number) => matching.matches[area]![at(t, d)]!;
  const taken = thresholds.map((t) => takenBy(matching, area, t));
  return {
    dtIds: detections.map((d) => detectionIndex[d]! + 1),
    gtIds: truths.map((g) => truthIds[g]!),
    dtMatches: thresholds.map((t) => detections.map((d) => (match(t, d) < 0 ? 0 : truthIds[match(t, d)]!))),
    gtMatches: thresholds.map((t) => truths.map((g) => (taken[t]![g]! < 0 ? 0 : detectionIndex[taken[t]![g]!]! + 1))),
    dtIgnore: thresholds.map((t) =>
      detections.map((d) => (matching.outcomes[area]![at(t, d)] === outcomes.ignored ? 1 : 0)),
    ),
    gtIgnore: truths.map((g) => ignored[g]!),
    dtScores: detections.map((d) => scores[d]!),
  };
}

/** In the order of pycocotools' `evalImgs`: by class, area range and image. */
export function hashOfMatching(matching: CocoMatching): string {
  const hash = createHash('sha256');
  for (let k = 0; k + 1 < matching.classStart.length; k++) {
    for (const area of matching.parameters.areaRanges.keys()) {
      for (let group = matching.classStart[k]!; group < matching.classStart[k + 1]!; group++) {
        for (const values of Object.values(evaluatedImage(matching, group, area))) hash.update(bytesOf(values.flat()));
      }
    }
  }
  return hash.digest('hex');
}

function compareImage(what: string, matching: CocoMatching, expected: any): void {
  const { imageIds, categoryIds, areaRanges, useCategories } = matching.parameters;
  const k = useCategories ? categoryIds.indexOf(expected.category_id) : 0;
  const area = areaRanges.findIndex((range) => range.join() === expected.aRng.join());
  const groups = [...matching.groupImage.keys()].slice(matching.classStart[k], matching.classStart[k + 1]);
  const group = groups.find((one) => imageIds[matching.groupImage[one]!] === expected.image_id);
  const name = `${what}: image ${expected.image_id}, class ${expected.category_id}, area ${area}`;
  if (group === undefined) throw new GoldenMismatch(`${name} was not evaluated`);
  const actual = evaluatedImage(matching, group, area);
  for (const [field, values] of Object.entries(actual))
    equalLists(`${name}: ${field}`, values.flat(), expected[field].flat());
}

/** The evaluation of the heads' goldens: figures of boxes and masks. */
export async function runCocoEval(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const truth = truthFrom(fileOf(golden, json.ground_truth), json.ground_truth);
  const results = parseCocoResults(fileOf(golden, json.detections), json.detections);
  for (const [name, expected] of Object.entries<any>(json.results)) {
    const type = name as CocoType;
    // as mmdet does: sizes of masks go by the masks
    const detections = type === 'segm' ? results.map((one): CocoDetection => ({ ...one, bbox: undefined })) : results;
    const evaluation = evaluateCoco(truth, detections, { type });
    equalLists(`${type} stats`, evaluation.stats, expected.stats);
    const together = evaluateCoco(truth, detections, { type, useCategories: false });
    equalLists(`${type} stats without classes`, together.stats, expected.stats_useCats0);
    for (const { categoryId, ap, ap50 } of evaluation.perClass) {
      equalFields(`${type} class ${categoryId}`, { AP: ap, AP50: ap50 }, expected.per_class[categoryId]);
    }
    const [T, R, K, A, M] = evaluation.counts;
    const last = (values: Float64Array) =>
      Float32Array.from({ length: T * R * K }, (_, i) => values[i * A * M + M - 1]!);
    const shape = [T, R, K];
    await expectTensor(golden, `${type}_precision_all_100`, { shape, data: last(evaluation.precision) });
    await expectTensor(golden, `${type}_scores_all_100`, { shape, data: last(evaluation.scores) });
    await expectTensor(golden, `${type}_recall`, { shape: [T, K, A, M], data: Float32Array.from(evaluation.recall) });
  }
}

/** Keypoints as the poses' goldens have them, whose results are evaluated as they are. */
export async function runKeypointEval(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const truth = truthFrom(fileOf(golden, json.ground_truth), json.ground_truth);
  const results = parseCocoResults(fileOf(golden, json.detections), json.detections);
  for (const [name, expected] of Object.entries<any>(json.results)) {
    const sigmas = expected.sigmas ?? json.sigmas;
    const evaluation = evaluateCoco(truth, results, { type: 'keypoints', sigmas, maxDetections: [json.max_dets] });
    equalLists(`${name}: stats`, evaluation.stats, expected.stats);
    for (const array of ['precision', 'recall', 'scores'] as const) {
      equal(`${name}: ${array}`, sha256(evaluation[array]), expected[`${array}_sha256`]);
    }
    if (sigmas === json.sigmas) await compareKeypointImages(golden, truth, results, evaluation);
  }
}

/** Compares the similarities of the images, and the matching of those for which the case has it. */
async function compareKeypointImages(
  golden: GoldenCase,
  { annotations }: CocoFile,
  results: readonly CocoDetection[],
  { matching, parameters }: CocoEvaluation,
): Promise<void> {
  const { per_image = [], max_dets, sigmas } = golden.json;
  for (const { image_id: image, oks_shape, ...expected } of per_image) {
    if (oks_shape === null) continue;
    const found = results.filter((one) => one.image_id === image).sort((a, b) => b.score - a.score);
    const detections = found.slice(0, max_dets).map(({ keypoints }) => keypoints ?? []);
    const truths = annotations
      .filter((one) => one.image_id === image)
      .map(({ keypoints = [], bbox, area }) => ({ keypoints, box: () => bbox as any, area: area! }));
    const name = `oks_${image}`;
    const similarities = keypointSimilarity(detections, truths, sigmas);
    await expectTensor(golden, name, { shape: [detections.length, truths.length], data: similarities });
    if (!expected.dt_ids) continue;
    const group = [...matching.groupImage.keys()].find(
      (one) => parameters.imageIds[matching.groupImage[one]!] === image,
    )!;
    const { dtIds, gtIds, gtIgnore, dtMatches, dtIgnore } = evaluatedImage(matching, group, 0);
    equalLists(`image ${image}: dt_ids`, dtIds, expected.dt_ids);
    equalLists(`image ${image}: gt_ids`, gtIds, expected.gt_ids);
    equalLists(`image ${image}: gt_ignored`, gtIgnore, expected.gt_ignored);
    equalLists(`image ${image}: matches at 0.50`, dtMatches[0]!, expected.matches_at_50);
    equalLists(`image ${image}: matches at 0.75`, dtMatches[5]!, expected.matches_at_75);
    equalLists(`image ${image}: dt_ignored at 0.50`, dtIgnore[0]!, expected.dt_ignored_at_50);
  }
}
// biome-ignore-end lint/suspicious/noExplicitAny: JSON of the cases

function bytesOf(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer); // little-endian wherever Node runs
}

export const sha256 = (values: Float64Array): string => createHash('sha256').update(bytesOf(values)).digest('hex');

export function equal(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new GoldenMismatch(`${what}: ${actual}, expected ${expected}`);
}

export function equalLists(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  equal(`${what}: length`, actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) equal(`${what}[${i}]`, actual[i], expected[i]);
}

function equalFields(what: string, actual: Readonly<Record<string, number>>, expected: Record<string, number>): void {
  for (const [field, value] of Object.entries(expected)) equal(`${what}: ${field}`, actual[field], value);
}
