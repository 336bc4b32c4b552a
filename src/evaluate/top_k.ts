import { ConfigError, DataError } from '../errors.ts';
import { meanOf, sumOf } from './statistics.ts';

/** Accuracy of classification. Equal scores keep the lower index: of several classes with one score, the first is ahead. */

/** Options of `topKEvaluator`. */
export interface TopKOptions {
  readonly classes: number;
  /** The ks to measure. A k beyond the classes is always right. Default 1 and 5. */
  readonly ks?: readonly number[] | undefined;
}

/** Shares from 0 to 1; NaN is 0 / 0 (`null` in JSON). */
export interface TopKScores {
  readonly images: number;
  /** The share of images whose label is among the k best classes, for each k. */
  readonly top: readonly { readonly k: number; readonly accuracy: number }[];
  readonly perClass: readonly TopKClass[];
  /** The mean recall of the classes that have an image. */
  readonly meanClassAccuracy: number;
  /** Means over all classes, where NaN counts as 0. */
  readonly macro: { readonly precision: number; readonly recall: number; readonly f1: number };
  /** Images by label (row) and first class (column). Undefined for more than 2,048 classes. */
  readonly confusion?: readonly (readonly number[])[] | undefined;
}

/** The figures of one class. */
export interface TopKClass {
  /** Images with this label. */
  readonly support: number;
  /** Images whose first class this is. */
  readonly predicted: number;
  /** As `top`, of the images with this label. */
  readonly top: readonly { readonly k: number; readonly accuracy: number }[];
  readonly precision: number;
  readonly recall: number;
  /** 2 tp / (predicted + support). */
  readonly f1: number;
}

/** Where the label stands among the classes of one image. */
export interface RankedLabel {
  /** How many classes are ahead of the label. Right at k if this is less than k. */
  readonly rank: number;
  /** The first class. */
  readonly predicted: number;
}

/** Takes images one at a time and keeps counts only. */
export interface TopKEvaluator {
  /**
   * Adds an image.
   *
   * @param scores one per class: logits or probabilities
   * @throws DataError if a score is NaN, their number is not that of the classes, or the label is no class
   */
  add(scores: ArrayLike<number>, label: number): RankedLabel;
  /** Returns the figures of all images so far. */
  scores(): TopKScores;
}

const mostConfused = 2048;

/**
 * Measures the accuracy of classification.
 *
 * @throws ConfigError if the number of classes or a k is not a whole number from 1
 */
export function topKEvaluator({ classes, ks = [1, 5] }: TopKOptions): TopKEvaluator {
  for (const [what, value] of [['classes', classes], ...ks.map((k) => ['k', k])] as [string, number][]) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ConfigError(`top-k: ${what} must be a whole number from 1, got ${value}.`);
    }
  }
  const counts = { support: new Float64Array(classes), predicted: new Float64Array(classes) };
  const hits = new Float64Array(classes); // the first class is the label
  const right = ks.map(() => new Float64Array(classes));
  const confusion = classes <= mostConfused ? new Float64Array(classes * classes) : undefined;
  let images = 0;

  return {
    add(scores, label) {
      checkScores(scores, label, classes, images);
      const found = rankOf(scores, label);
      counts.support[label]!++;
      counts.predicted[found.predicted]!++;
      if (found.predicted === label) hits[label]!++;
      for (const [i, k] of ks.entries()) if (found.rank < k) right[i]![label]!++;
      if (confusion) confusion[label * classes + found.predicted]!++;
      images++;
      return found;
    },
    scores() {
      const perClass = Array.from({ length: classes }, (_, i): TopKClass => {
        const [support, predicted, hit] = [counts.support[i]!, counts.predicted[i]!, hits[i]!];
        return {
          support,
          predicted,
          top: ks.map((k, at) => ({ k, accuracy: right[at]![i]! / support })),
          precision: hit / predicted,
          recall: hit / support,
          f1: (2 * hit) / (predicted + support),
        };
      });
      const macro = (field: 'precision' | 'recall' | 'f1') =>
        sumOf(perClass.map((one) => (Number.isNaN(one[field]) ? 0 : one[field]))) / classes;
      return {
        images,
        top: ks.map((k, at) => ({ k, accuracy: sumOf(Array.from(right[at]!)) / images })),
        perClass,
        meanClassAccuracy: meanOf(perClass.map(({ recall }) => recall)),
        macro: { precision: macro('precision'), recall: macro('recall'), f1: macro('f1') },
        confusion:
          confusion &&
          Array.from({ length: classes }, (_, row) =>
            Array.from(confusion.subarray(row * classes, (row + 1) * classes)),
          ),
      };
    },
  };
}

function checkScores(scores: ArrayLike<number>, label: number, classes: number, image: number): void {
  if (scores.length !== classes) {
    throw new DataError(`top-k: image ${image} has ${scores.length} scores, but there are ${classes} classes.`);
  }
  if (!Number.isInteger(label) || label < 0 || label >= classes) {
    throw new DataError(`top-k: image ${image} has the label ${label}; labels go from 0 to ${classes - 1}.`);
  }
  for (let i = 0; i < classes; i++) {
    if (typeof scores[i] !== 'number' || Number.isNaN(scores[i])) {
      throw new DataError(
        `top-k: score ${i} of image ${image} is ${scores[i]}, not a number. Look at what computed it.`,
      );
    }
  }
}

/** Compares scores as they are: a softmax would overflow for huge ones. */
function rankOf(scores: ArrayLike<number>, label: number): RankedLabel {
  const score = scores[label]!;
  let rank = 0;
  let predicted = 0;
  for (let i = 0; i < scores.length; i++) {
    const other = scores[i]!;
    if (other > score || (other === score && i < label)) rank++;
    if (other > scores[predicted]!) predicted = i;
  }
  return { rank, predicted };
}
