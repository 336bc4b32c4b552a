import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import { ConfigError } from '../errors.ts';
import { categoryIdsOf, overlapReader, type RegionType, regionsByImage } from './regions.ts';

/** Which class was taken for which: detections matched to objects of any class. */

/** Options of `confusionMatrix`. */
export interface ConfusionOptions {
  readonly type: RegionType;
  /** The overlap from which a detection takes an object. Default 0.5. */
  readonly iou?: number | undefined;
  /** Detections below this score are left out. Default 0.3. */
  readonly score?: number | undefined;
  /** How many detections of an image count, over all classes. Default 100. */
  readonly maxDetections?: number | undefined;
  /** Ids of the classes to count, ascending by default all. Others are left out on both sides. */
  readonly categoryIds?: readonly number[] | undefined;
}

/** Counts of objects and detections by class. */
export interface ConfusionMatrix {
  readonly iou: number;
  readonly score: number;
  /** The classes of rows and columns, ascending, without the background. */
  readonly categoryIds: readonly number[];
  /** Row by row: the class of the object, then that of the detection. The last row and the last column are the background. */
  readonly matrix: readonly (readonly number[])[];
  /** Every decision, image by image: detections by falling score, then the objects that none took. */
  readonly pairs: readonly ConfusionPair[];
}

/** A detection and the object that it took, or one of them alone. */
export interface ConfusionPair {
  /** Position in the list of results, from 0; null: an object that no detection took. */
  readonly result: number | null;
  /** Id of the annotation; null: a detection of the background. */
  readonly truth: number | null;
}

/**
 * Counts confusions. A detection on a crowd is one of the background.
 *
 * @throws ConfigError for a threshold that is not between 0 and 1; DataError for results of unknown images and, with `segm`,
 *   for objects or results without a mask
 */
export function confusionMatrix(
  truth: CocoFile,
  detections: readonly CocoDetection[],
  options: ConfusionOptions,
): ConfusionMatrix {
  const { type, iou: least = 0.5, score = 0.3, maxDetections = 100 } = options;
  if (!(least > 0 && least <= 1))
    throw new ConfigError(`confusion: iou must be more than 0 and at most 1, got ${least}.`);
  if (Number.isNaN(score)) throw new ConfigError('confusion: score must be a number, got NaN.');
  if (!Number.isSafeInteger(maxDetections) || maxDetections < 1) {
    throw new ConfigError(`confusion: maxDetections must be a whole number from 1, got ${maxDetections}.`);
  }
  const categoryIds = [...new Set(options.categoryIds ?? categoryIdsOf(truth))].sort((a, b) => a - b);
  const rows = new Map(categoryIds.map((id, row) => [id, row]));
  const background = categoryIds.length;
  const rowOf = ({ category_id }: { readonly category_id: number }) => rows.get(category_id) ?? -1;
  const matrix = Array.from({ length: background + 1 }, () => new Array<number>(background + 1).fill(0));
  const pairs: ConfusionPair[] = [];
  const overlaps = overlapReader(truth, type);

  for (const image of regionsByImage(truth, detections).sort((a, b) => a.imageId - b.imageId)) {
    const objects = image.truths
      .map((at) => truth.annotations[at]!)
      .filter((one) => !one.iscrowd && rowOf(one) >= 0)
      .sort((a, b) => rowOf(a) - rowOf(b));
    const chosen = image.detections
      .filter((at) => detections[at]!.score >= score && rowOf(detections[at]!) >= 0)
      // equal scores stay in the order of their classes
      .sort((a, b) => detections[b]!.score - detections[a]!.score || rowOf(detections[a]!) - rowOf(detections[b]!))
      .slice(0, maxDetections);
    const { iou } = overlaps(
      chosen.map((at) => [detections[at]!, `result ${at}`]),
      objects.map((one) => [one, `annotation ${one.id}`]),
    );
    const taken = new Uint8Array(objects.length);
    for (const [row, at] of chosen.entries()) {
      let best = -1;
      let value = least;
      for (let j = 0; j < objects.length; j++) {
        const overlap = iou[row * objects.length + j]!;
        if (taken[j] || overlap < value) continue;
        [best, value] = [j, overlap]; // of equal ones the last
      }
      if (best >= 0) taken[best] = 1;
      matrix[best < 0 ? background : rowOf(objects[best]!)]![rowOf(detections[at]!)]!++;
      pairs.push({ result: at, truth: best < 0 ? null : objects[best]!.id });
    }
    for (const [j, object] of objects.entries()) {
      if (taken[j]) continue;
      matrix[rowOf(object)]![background]!++;
      pairs.push({ result: null, truth: object.id });
    }
  }
  return { iou: least, score, categoryIds, matrix, pairs };
}

/** Divides each row of a matrix of counts by its sum; a row without counts stays 0. */
export function rowShares(matrix: readonly (readonly number[])[]): number[][] {
  return matrix.map((row) => {
    const sum = row.reduce((total, count) => total + count, 0);
    return row.map((count) => (sum === 0 ? 0 : count / sum));
  });
}
