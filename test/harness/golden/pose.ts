import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NDArray } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import { evaluateCoco } from '../../../src/evaluate/coco.ts';
import { decodePng } from '../../../src/formats/png.ts';
import { cropRows } from '../../../src/image/affine.ts';
import { cropMatrix } from '../../../src/image/crop_places.ts';
import { flipBack, mergeFlipped } from '../../../src/postprocess/heatmap_flip.ts';
import { decodeHeatmaps, type HeatmapDecoding } from '../../../src/postprocess/keypoints.ts';
import { oksMatrix, oksNms, poseScores, softOksNms } from '../../../src/postprocess/oks.ts';
import { prepareCrops } from '../at_once.ts';
import { expectTensor, type GoldenCase, GoldenMismatch, inputOf } from '../golden.ts';
import { equal, equalLists, runKeypointEval, sha256, truthFrom } from './coco.ts';

/** Runners of the poses' cases that need no engine, by kind. */
export const runners: Readonly<Record<string, (golden: GoldenCase) => Promise<void>>> = {
  pose_affine: affine,
  pose_decode: decode,
  pose_flip: flip,
  oks_nms: oksRuns,
  keypoint_eval: (golden) => (golden.json.runs ? suppressedEval(golden) : runKeypointEval(golden)),
};

// biome-ignore-start lint/suspicious/noExplicitAny: JSON of the cases, whose fields differ by kind

const isInformative = ({ json }: GoldenCase): boolean => /informative only/i.test(json.note);

/** Expects an error that names what was given; the cases say that it is as good as the reference's answer. */
function expectRefused(what: string, run: () => unknown, named: RegExp): void {
  try {
    run();
  } catch (error) {
    if (error instanceof RangeError && named.test(error.message)) return;
    throw new GoldenMismatch(`${what}: refused with "${error}", which does not say ${named}`);
  }
  throw new GoldenMismatch(`${what}: was not refused`);
}

async function affine(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const [width, height] = json.image_size_wh;
  const size = { height, width };
  const image = decodePng(readFileSync(join(golden.folder, json.image)));
  const bytes = (values: readonly number[] = [0, 0, 0]) =>
    values.map((value) => 255 * value) as [number, number, number];
  const pipeline = {
    size,
    padding: json.padding,
    udp: json.use_udp,
    mean: bytes(json.mean),
    std: bytes(json.std ?? [1, 1, 1]),
  };
  if (isInformative(golden)) {
    for (const { box } of json.rows) {
      expectRefused(`box ${box}`, () => prepareCrops(image, box, pipeline), /no area/);
    }
    return;
  }
  const boxes = json.rows.flatMap((row: any) => row.box);
  const { input, ...places } = prepareCrops(image, boxes, pipeline);
  const crops = new Uint8Array(json.rows.length * height * width * 3);
  for (const [i, row] of json.rows.entries()) {
    const what = `box ${row.box}`;
    equalLists(`${what}: center`, places.centers.slice(2 * i, 2 * i + 2), row.center);
    equalLists(`${what}: scale`, places.scales.slice(2 * i, 2 * i + 2), row.scale);
    const matrix = cropMatrix(places, i, size, json.use_udp);
    expectMatrix(what, matrix, row.matrix.flat());
    cropRows(image, matrix, size, (y, bytesOfRow) => crops.set(bytesOfRow, (i * height + y) * width * 3));
    if (row.uncertain_bytes > 0) throw new UnsupportedError(`${what}: bytes that may differ are not supported`);
  }
  await expectTensor(golden, 'crops', { shape: [json.rows.length, height, width, 3], data: crops });
  const { sum } = golden.tensors.get('crops') as { readonly sum?: number };
  if (sum !== undefined)
    equal(
      'crops: sum',
      crops.reduce((total, byte) => total + byte, 0),
      sum,
    );
  await expectTensor(golden, 'input', input);
}

/** Entries within 1e-9 of their size plus 1e-9 are the same, as the case says. */
function expectMatrix(what: string, actual: Float64Array, expected: readonly number[]): void {
  const same = expected.every((value, i) => Math.abs(actual[i]! - value) <= 1e-9 * Math.abs(value) + 1e-9);
  if (!same || expected.length !== 6) throw new GoldenMismatch(`${what}: matrix ${actual}, expected ${expected}`);
}

/** The words of the cases, which are mmpose's. */
const decodings: Readonly<Record<string, HeatmapDecoding['decode']>> = {
  default: 'quarter',
  unbiased: 'dark',
  megvii: 'megvii',
};

function decodingOf({ post_process, use_udp, target_type, kernel, valid_radius_factor }: any): HeatmapDecoding {
  const decode = use_udp ? 'udp' : post_process === null ? 'none' : decodings[post_process];
  if (!decode) throw new UnsupportedError(`post_process "${post_process}" is not known to this runner`);
  return { decode, blur: kernel, target: targetOf(target_type), offsetRadius: valid_radius_factor };
}

const targetOf = (type: string): 'peak' | 'offset' => (type === 'CombinedTarget' ? 'offset' : 'peak');

async function decode(golden: GoldenCase): Promise<void> {
  const heatmaps = await inputOf(golden, 'heatmaps');
  const places = { centers: (await inputOf(golden, 'center')).data, scales: (await inputOf(golden, 'scale')).data };
  for (const run of golden.json.runs) {
    const options = decodingOf(run);
    if (!heatmaps.data.every(Number.isFinite)) {
      expectRefused(run.tag, () => decodeHeatmaps(heatmaps, places, options), /of heatmaps is NaN/);
      continue;
    }
    const { points, scores } = decodeHeatmaps(heatmaps, places, options);
    const [count, channels] = heatmaps.shape as [number, number];
    const joints = options.target === 'offset' ? channels / 3 : channels;
    if (isInformative(golden)) await resetUnfound(golden, run.tag, points, scores);
    await expectTensor(golden, `keypoints_${run.tag}`, { shape: [count, joints, 2], data: points });
    await expectTensor(golden, `scores_${run.tag}`, { shape: [count, joints], data: scores });
  }
}

/** Takes the reference's points of maps without a positive value, where it has no rule. */
async function resetUnfound(
  golden: GoldenCase,
  tag: string,
  points: Float32Array,
  scores: Float32Array,
): Promise<void> {
  const expected = (await golden.stored(`keypoints_${tag}`)) as NDArray;
  for (const [i, score] of scores.entries()) {
    if (!(score > 0)) points.set(expected.data.subarray(2 * i, 2 * i + 2), 2 * i);
  }
}

async function flip(golden: GoldenCase): Promise<void> {
  const { flip_pairs: flipPairs, target_type } = golden.json;
  const target = targetOf(target_type);
  const heatmaps = await inputOf(golden, 'heatmaps');
  const mirrored = await inputOf(golden, 'mirrored');
  for (const shift of [false, true]) {
    const options = { flipPairs, target, shift };
    const ending = shift ? '_shift' : '';
    await expectTensor(golden, `back${ending}`, flipBack(mirrored, options));
    await expectTensor(golden, `mean${ending}`, mergeFlipped(heatmaps, mirrored, options));
  }
}

/** Splits persons × joints × (x, y, score). */
function splitKeypoints(data: Float32Array) {
  return { points: data.filter((_, i) => i % 3 !== 2), pointScores: data.filter((_, i) => i % 3 === 2) };
}

/** Returns the rows of `indices` of an array with `size` values a row. */
const takeRows = (data: Float32Array, indices: readonly number[], size: number): Float32Array =>
  Float32Array.from(indices.flatMap((i) => [...data.subarray(i * size, (i + 1) * size)]));

async function oksRuns(golden: GoldenCase): Promise<void> {
  const { sigmas, runs } = golden.json;
  const keypoints = (await inputOf(golden, 'keypoints')).data;
  const areas = (await inputOf(golden, 'areas')).data;
  const all = (await inputOf(golden, 'scores')).data;
  const count = areas.length;
  const oks = oksMatrix({ points: splitKeypoints(keypoints).points, areas }, sigmas);
  await expectTensor(golden, 'oks', { shape: [count, count], data: oks });
  for (const { type, threshold, max_dets: max, of, score_per_joint: perJoint, keep } of runs) {
    const rows: number[] = of ?? [...areas.keys()];
    const { points, pointScores } = splitKeypoints(takeRows(keypoints, rows, 3 * sigmas.length));
    const persons = { points, areas: takeRows(areas, rows, 1) };
    const means = poseScores(
      pointScores,
      rows.map(() => 1),
      { visible: Number.NEGATIVE_INFINITY },
    );
    const scores = perJoint ? means : takeRows(all, rows, 1);
    const kept =
      type === 'soft_oks_nms'
        ? softOksNms(persons, scores, { threshold, sigmas, max })
        : oksNms(persons, scores, { threshold, sigmas });
    equalLists(`${type} ${threshold} of ${rows.length}`, kept, keep);
  }
}

/** ComparedPoses of one image: rows of the case's arrays. */
type Rows = readonly number[];

async function suppressedEval(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const keypoints = (await inputOf(golden, 'keypoints')).data;
  const boxes = (await inputOf(golden, 'boxes')).data;
  const imageIds = (await golden.stored('image_ids')).data as Int32Array;
  const byImage = await personsByImage(golden, imageIds);
  const truth = truthFrom(readFileSync(join(golden.folder, json.ground_truth)), json.ground_truth);
  for (const run of json.runs) {
    const kept = byImage.flatMap((rows) => keptOf(rows, keypoints, boxes, json.sigmas, run));
    const results = kept.map(({ row, score }) => ({
      image_id: imageIds[row]!,
      category_id: 1,
      keypoints: Array.from(keypoints.subarray(51 * row, 51 * row + 51)),
      score,
    }));
    const rows = Int32Array.from(kept, ({ row }) => row);
    const scores = Float64Array.from(kept, ({ score }) => score);
    equal(`${run.tag}: kept`, kept.length, run.kept);
    await expectTensor(golden, `keep_${run.tag}`, { shape: [rows.length], data: rows });
    await expectTensor(golden, `score_${run.tag}`, { shape: [rows.length], data: scores });
    if (!run.rle_score) {
      equalLists(`score_${run.tag}`, scores, (await golden.stored(`score_${run.tag}`)).data as Float64Array);
    }
    const options = { type: 'keypoints' as const, sigmas: json.sigmas, maxDetections: [json.max_dets] };
    const evaluation = evaluateCoco(truth, results, options);
    equalLists(`${run.tag}: stats`, evaluation.stats, run.stats);
    equal(`${run.tag}: precision`, sha256(evaluation.precision), run.precision_sha256);
    equal(`${run.tag}: recall`, sha256(evaluation.recall), run.recall_sha256);
  }
}

/** Images in the order in which they first occur; persons by the number of their box, each number once. */
async function personsByImage(golden: GoldenCase, imageIds: Int32Array): Promise<Rows[]> {
  const boxIds = (await golden.stored('bbox_ids')).data as Int32Array;
  const byImage = new Map<number, number[]>();
  for (const [row, image] of imageIds.entries()) byImage.set(image, [...(byImage.get(image) ?? []), row]);
  return [...byImage.values()].map((rows) =>
    rows
      .sort((a, b) => boxIds[a]! - boxIds[b]! || a - b)
      .filter((row, i) => i === 0 || boxIds[row] !== boxIds[rows[i - 1]!]),
  );
}

function keptOf(rows: Rows, keypoints: Float32Array, boxes: Float32Array, sigmas: readonly number[], run: any) {
  const { points, pointScores } = splitKeypoints(takeRows(keypoints, rows, 51));
  const areas = rows.map((row) => boxes[6 * row + 4]!);
  const boxScores = rows.map((row) => boxes[6 * row + 5]!);
  const scoring = { method: run.rle_score ? ('rle' as const) : ('mean' as const), visible: run.vis_thr };
  const scores = poseScores(pointScores, boxScores, scoring);
  const suppress = run.soft_nms ? softOksNms : oksNms;
  const options = { threshold: run.oks_thr, sigmas };
  const kept = run.use_nms ? [...suppress({ points, areas }, scores, options)] : [...rows.keys()];
  return kept.map((i) => ({ row: rows[i]!, score: scores[i]! }));
}
// biome-ignore-end lint/suspicious/noExplicitAny: JSON of the cases
