import { ConfigError } from '../errors.ts';
import type { LabelMap } from '../image/raster.ts';
import { type BoundaryScores, boundaryCounter } from './boundary_maps.ts';
import { checkMaps, type LabelRules, labelCodes } from './label_values.ts';
import { meanOf, sumOf } from './statistics.ts';

/**
 * Metrics of semantic segmentation, as mmsegmentation 1.2 defines them (`IoUMetric`), from whole counts of pixels:
 * mmsegmentation adds in float32, whose counts stop growing at 2^24.
 */

/** Options of `labelMapEvaluator`. */
export interface LabelMapOptions extends LabelRules {
  /** Also measures boundary IoU, with boundaries as wide as this share of the image's diagonal. Usual: 0.02. */
  readonly boundary?: number | undefined;
}

/** How figures are computed from the counts. */
export interface LabelMapScoreOptions {
  /** Replaces what is NaN before means are taken. By default NaN stays, and means leave it out. */
  readonly nanToNum?: number | undefined;
  /** The weight of recall in the F-score. Default 1. */
  readonly beta?: number | undefined;
}

/** Shares from 0 to 1. Lists go by class. NaN is 0 / 0 (`null` in JSON); means leave it out. */
export interface LabelMapScores {
  readonly images: number;
  /** Right pixels among all labelled ones. */
  readonly aacc: number;
  readonly miou: number;
  readonly macc: number;
  readonly mdice: number;
  readonly mfscore: number;
  readonly mprecision: number;
  readonly mrecall: number;
  /** IoU weighted by each class's share of the labels. */
  readonly fwiou: number;
  readonly iou: readonly number[];
  /** Right pixels among those labelled with the class; equal to `recall`. */
  readonly acc: readonly number[];
  readonly dice: readonly number[];
  /** Unlike Dice NaN, not 0, for a class that is labelled and predicted but never right. */
  readonly fscore: readonly number[];
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly areas: LabelMapAreas;
  /**
   * Pixels by label (row) and prediction (column); the last of each is "beyond the classes". Undefined for more than
   * 1,024 classes.
   */
  readonly confusion?: readonly (readonly number[])[] | undefined;
  readonly boundary?: BoundaryScores | undefined;
}

/** Pixels by class, added over all images. */
export interface LabelMapAreas {
  readonly intersection: readonly number[];
  readonly union: readonly number[];
  readonly prediction: readonly number[];
  readonly label: readonly number[];
}

/** Takes images one at a time and keeps counts only. */
export interface LabelMapEvaluator {
  /**
   * Adds an image and returns its own figures. Their mean over the images is another number than that of `scores`.
   *
   * @throws DataError if the maps are not of one size
   */
  add(prediction: LabelMap, labels: LabelMap): ImageLabelScores;
  /** Returns the metrics of all images so far. */
  scores(options?: LabelMapScoreOptions): LabelMapScores;
}

/** One image alone; NaN if nothing of it is labelled. */
export interface ImageLabelScores {
  readonly miou: number;
  readonly aacc: number;
}

const mostConfused = 1024;

/**
 * Compares label maps.
 *
 * @throws ConfigError if an option is out of its range
 */
export function labelMapEvaluator(options: LabelMapOptions): LabelMapEvaluator {
  const codes = labelCodes(options);
  const { classes } = options;
  const counter = options.boundary === undefined ? undefined : boundaryCounter(classes, codes, options.boundary);
  const columns = classes + 1; // the last is "beyond the classes"
  const [total, image] = [emptyCounts(columns), emptyCounts(columns)];
  const confusion = classes <= mostConfused ? new Float64Array(columns * columns) : undefined;
  let images = 0;

  const count = (value: number, predicted: number, pixels: number) => {
    const label = codes.label[value]!;
    if (label < 0) return;
    const prediction = codes.prediction[predicted]!;
    image.label[label]! += pixels;
    image.prediction[prediction]! += pixels;
    if (label === prediction) image.intersection[label]! += pixels;
    if (confusion) confusion[label * columns + prediction]! += pixels;
  };

  return {
    add(prediction, labels) {
      checkMaps(prediction, labels);
      for (const list of Object.values(image)) list.fill(0);
      forEachRun(labels.labels, prediction.labels, count);
      for (const name of countNames) {
        for (let i = 0; i < columns; i++) total[name][i]! += image[name][i]!;
      }
      counter?.add(prediction, labels);
      images++;
      const { intersection, union, label } = areasOf(image);
      const iou = intersection.map((both, i) => both / union[i]!);
      return { miou: meanOf(iou), aacc: sumOf(intersection) / sumOf(label) };
    },
    scores({ nanToNum, beta = 1 } = {}) {
      if (!(beta > 0 && beta < Infinity)) throw new ConfigError(`label maps: beta must be more than 0, got ${beta}.`);
      const areas = areasOf(total);
      const rows = confusion && Array.from({ length: columns }, (_, row) => rowOf(confusion, row, columns));
      return { images, ...metricsOf(areas, beta, nanToNum), areas, confusion: rows, boundary: counter?.scores() };
    },
  };
}

const countNames = ['intersection', 'prediction', 'label'] as const;
type Counts = Readonly<Record<(typeof countNames)[number], Float64Array>>;

const emptyCounts = (columns: number): Counts => ({
  intersection: new Float64Array(columns),
  prediction: new Float64Array(columns),
  label: new Float64Array(columns),
});

/** Returns the areas of the classes, without what is beyond them. */
function areasOf(counts: Counts): LabelMapAreas {
  const ofClasses = (list: Float64Array) => Array.from(list.subarray(0, -1));
  const intersection = ofClasses(counts.intersection);
  const prediction = ofClasses(counts.prediction);
  const label = ofClasses(counts.label);
  const union = label.map((pixels, i) => pixels + prediction[i]! - intersection[i]!);
  return { intersection, union, prediction, label };
}

const rowOf = (matrix: Float64Array, row: number, columns: number): number[] =>
  Array.from(matrix.subarray(row * columns, (row + 1) * columns));

/** Visits stretches of pixels with one label and one prediction. Real maps have long ones. */
function forEachRun(
  labels: LabelMap['labels'],
  predictions: LabelMap['labels'],
  visit: (label: number, prediction: number, pixels: number) => void,
): void {
  const { length } = labels;
  for (let start = 0; start < length; ) {
    const [label, prediction] = [labels[start]!, predictions[start]!];
    let end = start + 1;
    while (end < length && labels[end] === label && predictions[end] === prediction) end++;
    visit(label, prediction, end - start);
    start = end;
  }
}

function metricsOf({ intersection, union, prediction, label }: LabelMapAreas, beta: number, nanToNum?: number) {
  const filled = (value: number) => (nanToNum !== undefined && Number.isNaN(value) ? nanToNum : value);
  const share = (of: readonly number[]) => intersection.map((both, i) => both / of[i]!);
  const [iou, recall, precision] = [share(union), share(label), share(prediction)];
  const dice = intersection.map((both, i) => (2 * both) / (prediction[i]! + label[i]!));
  const fscore = precision.map((p, i) => ((1 + beta ** 2) * (p * recall[i]!)) / (beta ** 2 * p + recall[i]!));
  const labelled = sumOf(label);
  // a class without a label has no weight, even if its IoU is NaN
  const weighted = iou.map((value, i) => (label[i] === 0 ? 0 : label[i]! * value));
  const lists = {
    iou: iou.map(filled),
    acc: recall.map(filled),
    dice: dice.map(filled),
    fscore: fscore.map(filled),
    precision: precision.map(filled),
    recall: recall.map(filled),
  };
  return {
    aacc: filled(sumOf(intersection) / labelled),
    miou: meanOf(lists.iou),
    macc: meanOf(lists.acc),
    mdice: meanOf(lists.dice),
    mfscore: meanOf(lists.fscore),
    mprecision: meanOf(lists.precision),
    mrecall: meanOf(lists.recall),
    fwiou: sumOf(weighted) / labelled,
    ...lists,
  };
}
