import type { Size } from '../../../src/arrays.ts';
import { boundaryIou, boundaryOf, boundaryWidth } from '../../../src/evaluate/boundary.ts';
import { type LabelMapOptions, type LabelMapScores, labelMapEvaluator } from '../../../src/evaluate/label_maps.ts';
import { type TopKScores, topKEvaluator } from '../../../src/evaluate/top_k.ts';
import type { LabelMap } from '../../../src/image/raster.ts';
import { rleArea, rleIou, rleOf } from '../../../src/postprocess/rle.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';
import { expectNumbers, type Numbers } from './numbers.ts';

/** Metrics of label maps, of boundaries and of classification against the golden numbers. Counts are exact. */

const tolerance = 1e-12;

/** The fields of `LabelMapScores` under the golden's names. */
const named = (scores: LabelMapScores) => ({
  aAcc: scores.aacc,
  IoU: scores.iou,
  mIoU: scores.miou,
  Acc: scores.acc,
  mAcc: scores.macc,
  Dice: scores.dice,
  mDice: scores.mdice,
  Fscore: scores.fscore,
  mFscore: scores.mfscore,
  Precision: scores.precision,
  mPrecision: scores.mprecision,
  Recall: scores.recall,
  mRecall: scores.mrecall,
  fwIoU: scores.fwiou,
});

const areasOf = ({ areas }: LabelMapScores) => ({
  intersect: areas.intersection,
  union: areas.union,
  prediction: areas.prediction,
  pred: areas.prediction,
  label: areas.label,
});

/** Adds maps as bytes of 8 and of 16 bits: both must give the same. */
function scoresOf(
  options: LabelMapOptions,
  maps: readonly (readonly [prediction: LabelMap, labels: LabelMap])[],
  how: { readonly nanToNum?: number | undefined; readonly beta?: number | undefined } = {},
): LabelMapScores {
  const [bytes, words] = [labelMapEvaluator(options), labelMapEvaluator(options)];
  for (const [prediction, labels] of maps) {
    bytes.add(prediction, labels);
    words.add(wide(prediction), wide(labels));
  }
  const scores = bytes.scores(how);
  if (JSON.stringify(scores) !== JSON.stringify(words.scores(how))) {
    throw new GoldenMismatch('maps of 16 bits give other figures than maps of 8 bits');
  }
  return scores;
}

const wide = ({ height, width, labels }: LabelMap): LabelMap => ({ height, width, labels: Uint16Array.from(labels) });

interface HexMap extends Size {
  readonly hex: string;
}

const mapOf = ({ height, width, hex }: HexMap): LabelMap => ({
  height,
  width,
  labels: Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)),
});

const pairsOf = (predictions: readonly HexMap[], labels: readonly HexMap[]) =>
  predictions.map((prediction, i) => [mapOf(prediction), mapOf(labels[i]!)] as const);

/** Kind `miou_more`: variants with their maps inside the case. */
export async function runLabelMaps({ json }: GoldenCase): Promise<void> {
  for (const one of json.variants) {
    const options = {
      classes: one.num_classes,
      ignore: one.ignore_index,
      reduceZeroLabel: one.reduce_zero_label,
      labelTable: one.label_table && new Map(Object.entries(one.label_table).map(([id, to]) => [Number(id), to])),
    };
    const how = { nanToNum: one.nan_to_num ?? undefined, beta: one.beta };
    const scores = scoresOf(options, pairsOf(one.predictions, one.labels), how);
    expectNumbers(`${one.variant} areas`, areasOf(scores), one.areas);
    expectNumbers(`${one.variant}`, named(scores), one.metrics, tolerance);
    const printed: readonly [string, number | null][] = Object.entries(one.printed_by_mmseg);
    for (const [name, percent] of printed) {
      const share = named(scores)[name as 'mIoU'];
      // mmsegmentation rounds what it counted in float32
      expectNumbers(`${one.variant} in percent: ${name}`, 100 * share, percent, 0.01);
    }
  }
}

/** Kind `miou`: two results, with their maps as tensors. */
export async function runMiou(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const maps = new Map<string, LabelMap>();
  for (const { name } of json.tensors) {
    const { shape, data } = await golden.stored(name);
    maps.set(name, { height: shape[0]!, width: shape[1]!, labels: data as Uint8Array });
  }
  for (const [name, expected] of Object.entries<{ readonly areas: Numbers } & Record<string, Numbers>>(json.results)) {
    const count = [...maps.keys()].filter((key) => key.startsWith(`${name}_pred`)).length;
    const pairs = Array.from(
      { length: count },
      (_, i) => [maps.get(`${name}_pred${i}`)!, maps.get(`${name}_label${i}`)!] as const,
    );
    const options = { classes: json.num_classes, ignore: json.ignore_index, reduceZeroLabel: name === 'reduced' };
    const scores = scoresOf(options, pairs);
    const { areas, ...metrics } = expected;
    expectNumbers(`${name} areas`, areasOf(scores), areas);
    expectNumbers(name, named(scores), metrics, tolerance);
  }
}

/** Kind `boundary`, without its data set: masks, widths and label maps. */
export function expectBoundaries({ json }: GoldenCase): void {
  for (const { about, size, a, b, by_ratio, mask_iou } of json.pairs) {
    const [height, width] = size;
    const [first, second] = [rleOf(a.counts, { height, width }), rleOf(b.counts, { height, width })];
    for (const one of by_ratio) {
      const place = `${about} at ${one.dilation_ratio}`;
      expectNumbers(`${place}: width`, boundaryWidth(first, one.dilation_ratio), one.width);
      expectNumbers(`${place}: a`, boundaryOf(first, one.width).counts, one.a_boundary.counts ?? one.a_boundary);
      expectNumbers(`${place}: b`, boundaryOf(second, one.width).counts, one.b_boundary.counts ?? one.b_boundary);
      const { intersection, union, iou } = boundaryIou(first, second, one.dilation_ratio);
      expectNumbers(place, { intersection, union }, { intersection: one.intersection, union: one.union });
      expectNumbers(`${place}: IoU`, iou, one.boundary_iou, tolerance);
    }
    const both = rleIou([first], [second], [false])[0]!;
    const empty = rleArea(first) + rleArea(second) === 0;
    expectNumbers(`${about}: IoU of the masks`, empty ? Number.NaN : both, mask_iou, tolerance);
  }
  for (const { size, dilation_ratio, width } of json.width_rounding) {
    const found = boundaryWidth({ height: size[0], width: size[1] }, dilation_ratio);
    expectNumbers(`width for ${size.join('×')} at ${dilation_ratio}`, found, width);
  }
  const maps = json.label_maps;
  const options = { classes: maps.num_classes, ignore: maps.ignore_index, boundary: maps.dilation_ratio };
  const { boundary } = scoresOf(options, pairsOf(maps.predictions, maps.labels));
  const { intersection, union } = boundary!;
  expectNumbers('label maps', { intersection, union }, { intersection: maps.intersection, union: maps.union });
  const { iou, miou } = boundary!;
  expectNumbers('label maps', { iou, miou }, { iou: maps.boundary_iou, miou: maps.mean }, tolerance);
}

/** Kind `topk`. */
export async function runTopK({ json }: GoldenCase): Promise<void> {
  for (const one of json.sets) {
    const evaluator = topKEvaluator({ classes: one.num_classes, ks: one.ks });
    const ranked = one.scores.map((scores: number[], i: number) => evaluator.add(scores, one.labels[i]));
    const scores = evaluator.scores();
    const places = { rank_of_label: 'rank', predicted: 'predicted' } as const;
    for (const [name, field] of Object.entries(places)) {
      const found = ranked.map((image: Record<string, number>) => image[field]);
      expectNumbers(`${one.set} ${name}`, found, one[name]);
    }
    expectNumbers(`${one.set} confusion`, scores.confusion, one.confusion);
    expectNumbers(one.set, topKNamed(scores), withoutIndex(one), tolerance);
  }
}

const byK = (top: TopKScores['top']) => Object.fromEntries(top.map(({ k, accuracy }) => [k, accuracy]));

const topKNamed = ({ top, perClass, meanClassAccuracy, macro }: TopKScores) => ({
  top: byK(top),
  per_class: perClass.map((one, index) => ({ ...one, class: index, top: byK(one.top) })),
  mean_class_accuracy: meanClassAccuracy,
  macro,
});

const withoutIndex = ({ top, per_class, mean_class_accuracy, macro }: Record<string, Numbers>): Numbers => ({
  top: top!,
  per_class: per_class!,
  mean_class_accuracy: mean_class_accuracy!,
  macro: macro!,
});
