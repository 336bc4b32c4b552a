import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { AnchorLevel } from './anchors.ts';
import { type BoxCoder, deltaDecoder, type Scale, takeBoxes, toOriginal } from './boxes.ts';
import { nms } from './nms.ts';
import { anchorDecoder, bestOfMap, checkHeadMaps, hasSize, limitOf, sigmoid } from './proposals.ts';

/** COCO run lengths: column by column, the first run counts zeros. */
export interface Rle extends Size {
  readonly counts: Uint32Array;
}

/** A mask of one image, kept as its crop: nothing is set outside. `rle` has the crop's size. */
export interface CompactMask {
  readonly imageSize: Size;
  readonly left: number;
  readonly top: number;
  readonly rle: Rle;
}

/** Parallel arrays, best first, in the original image's pixels. */
export interface Detections {
  /** n × (x1, y1, x2, y2) */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly CompactMask[];
}

/** Between the stages of Cascade R-CNN (arXiv 1712.00726). */

/**
 * The regions that the next stage starts from (mmdet's `regress_by_class`): each is moved by the deltas of its best
 * class, the background aside. None is dropped, and none has another order.
 *
 * @param regions n × xyxy in the network's pixels
 * @param logits n × (classes + 1), the background last; of equal ones the lower class counts
 * @param deltas n × (classes * 4), or n × 4 where the head is class-agnostic
 * @param imageSize the network's image before padding: boxes are clipped to it
 * @throws ShapeError where the arrays do not fit together
 */
export function refinedRegions(
  regions: Float32Array,
  logits: NDArray,
  deltas: NDArray,
  coder: BoxCoder,
  imageSize: Size,
): Float32Array {
  const count = regions.length / 4;
  const columns = count > 0 ? logits.data.length / count : 1;
  const perRegion = count > 0 ? deltas.data.length / count : 4;
  if (!Number.isInteger(columns) || (perRegion !== 4 && perRegion !== 4 * (columns - 1))) {
    throw new ShapeError(
      `box head: ${count} regions need logits ${count}×(classes + 1) and deltas ` +
        `${count}×(classes * 4) or ${count}×4, ` +
        `got logits ${logits.shape.join('×')} and deltas ${deltas.shape.join('×')}.`,
    );
  }
  const decode = deltaDecoder(coder, imageSize);
  const refined = new Float32Array(regions.length);
  const { data } = deltas;
  for (let i = 0; i < count; i++) {
    const label = perRegion === 4 ? 0 : bestForeground(logits.data, i * columns, columns - 1);
    const at = i * perRegion + 4 * label;
    decode(refined, 4 * i, regions, 4 * i, data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!);
  }
  return refined;
}

function bestForeground(logits: Float32Array, row: number, classes: number): number {
  let best = 0;
  for (let label = 1; label < classes; label++) if (logits[row + label]! > logits[row + best]!) best = label;
  return best;
}

/** The mean of the stages' logits, element by element. */
export function meanLogits(stages: readonly NDArray[]): NDArray {
  const [first, ...rest] = stages;
  if (rest.length === 0) return first!;
  const data = Float32Array.from(first!.data, (_, i) => {
    let sum = 0;
    for (const stage of stages) sum += stage.data[i]!;
    return sum / stages.length;
  });
  return { shape: first!.shape, data };
}

/** `test_cfg` of mmdet's single-stage detectors. */
export interface SingleStageOptions {
  readonly classes: number;
  readonly coder: BoxCoder;
  /** How many pairs of anchor and class of a level go on to decoding. */
  readonly nmsPre: number;
  readonly score: number;
  readonly iou: number;
  readonly max: number;
  /** Boxes go whose width or height is not greater; negative keeps all. */
  readonly minSize: number;
}

/** The image as the network saw it, and what leads back to the original. */
export interface NetworkImage {
  /** The network's image before padding: boxes are clipped to it. */
  readonly imageSize: Size;
  /** Where given, results are in the original image's pixels, else in the network's. */
  readonly scale?: Scale;
}

/**
 * The detections of a dense head with one sigmoid per class (mmdet's `RetinaHead`): per level the best pairs of anchor
 * and class above the threshold, NMS per class over all levels.
 *
 * @param scores per level N × (A * classes) × height × width, logits, the class index running fastest
 * @param deltas per level N × (A * 4) × height × width
 * @throws ShapeError where maps and anchors do not fit together
 */
export function singleStageDetections(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  { imageSize, scale }: NetworkImage,
  options: SingleStageOptions,
  image = 0,
): Detections {
  const { classes, coder, minSize } = options;
  checkHeadMaps(levels, scores, deltas, classes);
  const threshold = logitOf(options.score);
  const best = scores.map((map) => bestOfMap(map, image, limitOf(options.nmsPre), threshold));
  const total = best.reduce((sum, { indices }) => sum + indices.length, 0);
  const decoded = new Float32Array(4 * total);
  const logits = new Float32Array(total);
  const labels = new Int32Array(total);
  let count = 0;
  best.forEach(({ values, indices }, level) => {
    const decode = anchorDecoder(levels[level]!, deltas[level]!, image, coder, imageSize);
    for (let i = 0; i < indices.length; i++) {
      const anchor = Math.floor(indices[i]! / classes);
      decode(decoded, 4 * count, anchor);
      if (!hasSize(decoded, 4 * count, minSize)) continue;
      logits[count] = values[i]!;
      labels[count++] = indices[i]! - anchor * classes;
    }
  });
  // the reference suppresses in the original's pixels, where axes may be scaled unequally
  const boxes = scale ? toOriginal(decoded, scale) : decoded;
  const kept = nms(boxes, logits.subarray(0, count), {
    iou: options.iou,
    classes: labels,
    limit: limitOf(options.max),
  });
  return {
    boxes: takeBoxes(boxes, kept),
    scores: Float32Array.from(kept, (i) => sigmoid(logits[i]!)),
    labels: Int32Array.from(kept, (i) => labels[i]!),
  };
}

/** The logit whose sigmoid is `probability`; infinite at and beyond 0 and 1. */
function logitOf(probability: number): number {
  if (probability <= 0) return -Infinity;
  return probability >= 1 ? Infinity : Math.log(probability / (1 - probability));
}

/** `test_cfg.rcnn` of mmdet. */
export interface SecondStageOptions {
  readonly coder: BoxCoder;
  readonly score: number;
  readonly iou: number;
  readonly max: number;
}

/**
 * The detections of a box head on regions (mmdet's `BBoxHead` and `multiclass_nms`): every class above the threshold
 * counts, not only the best one of a region; NMS per class, the best of all classes.
 *
 * @param regions n × xyxy in the network's pixels
 * @param logits n × (classes + 1), the background last; for Cascade the mean of its stages
 * @param deltas n × (classes * 4), or n × 4 where the head is class-agnostic
 * @throws ShapeError where the arrays do not fit together
 */
export function secondStageDetections(
  regions: Float32Array,
  logits: NDArray,
  deltas: NDArray,
  { imageSize, scale }: NetworkImage,
  options: SecondStageOptions,
): Detections {
  const count = regions.length / 4;
  const columns = logits.data.length > 0 ? logits.data.length / count : 1;
  const classes = columns - 1;
  const perRegion = deltas.data.length > 0 ? deltas.data.length / count : 4;
  if (!Number.isInteger(columns) || (perRegion !== 4 && perRegion !== 4 * classes)) {
    throw new ShapeError(
      `box head: ${count} regions need logits ${count}×(classes + 1) and deltas ` +
        `${count}×(classes * 4) or ${count}×4, ` +
        `got logits ${logits.shape.join('×')} and deltas ${deltas.shape.join('×')}.`,
    );
  }
  const probabilities = softmaxRows(logits.data, columns);
  const candidates: number[] = [];
  for (let at = 0; at < probabilities.length; at++) {
    if (at % columns !== classes && probabilities[at]! > options.score) candidates.push(at);
  }
  const decode = deltaDecoder(options.coder, imageSize);
  const decoded = new Float32Array(4 * candidates.length);
  const scores = new Float32Array(candidates.length);
  const labels = new Int32Array(candidates.length);
  candidates.forEach((at, i) => {
    const region = Math.floor(at / columns);
    const label = at - region * columns;
    const delta = region * perRegion + (perRegion === 4 ? 0 : 4 * label);
    const { data } = deltas;
    decode(decoded, 4 * i, regions, 4 * region, data[delta]!, data[delta + 1]!, data[delta + 2]!, data[delta + 3]!);
    scores[i] = probabilities[at]!;
    labels[i] = label;
  });
  const boxes = scale ? toOriginal(decoded, scale) : decoded;
  const kept = nms(boxes, scores, {
    iou: options.iou,
    classes: labels,
    limit: limitOf(options.max),
  });
  return {
    boxes: takeBoxes(boxes, kept),
    scores: Float32Array.from(kept, (i) => scores[i]!),
    labels: Int32Array.from(kept, (i) => labels[i]!),
  };
}

function softmaxRows(logits: Float32Array, columns: number): Float64Array {
  const probabilities = new Float64Array(logits.length);
  for (let row = 0; row < logits.length; row += columns) {
    let highest = -Infinity;
    for (let i = row; i < row + columns; i++) highest = Math.max(highest, logits[i]!);
    let sum = 0;
    for (let i = row; i < row + columns; i++) {
      probabilities[i] = Math.exp(logits[i]! - highest);
      sum += probabilities[i]!;
    }
    for (let i = row; i < row + columns; i++) probabilities[i]! /= sum;
  }
  return probabilities;
}
