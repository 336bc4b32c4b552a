import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { atOnce, type Sliced } from '../slices.ts';
import type { AnchorLevel } from './anchors.ts';
import { type BoxCoder, boxAt, deltaDecoder, type Scale, takeBoxes, toOriginal } from './boxes.ts';
import type { CompactMask } from './masks.ts';
import { nms } from './nms.ts';
import { type Candidates, type DenseOptions, denseCandidates } from './proposals.ts';
import { checkFinite, sigmoid, softmaxRows } from './scores.ts';

/** From the outputs of box heads to detections: dense heads, the second stage on regions, and cascades of such stages. */

/** The instances found in one image: parallel arrays, best first, in the original image's pixels. */
export interface Detections {
  /** n × (x1, y1, x2, y2) */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly CompactMask[] | undefined;
}

/** The image as the network saw it, and the way back to the original. */
export interface NetworkImage {
  /** The network's image before padding: boxes are clipped to it. */
  readonly imageSize: Size;
  /** If given, results are in the original image's pixels, else in the network's. */
  readonly scale?: Scale | undefined;
}

/** Which of the scored boxes are detections. */
export interface Thresholds {
  /** Detections have a greater score than this. */
  readonly score: number;
  /** A box is suppressed if its IoU with a better one of its class is greater. */
  readonly iou: number;
  /** The most detections of all classes. No limit if it is not positive. */
  readonly max: number;
  /** Detections have one of these labels, and other boxes do not count towards `max`. By default all labels. */
  readonly labels?: ReadonlySet<number> | undefined;
  /** The worse of two boxes is suppressed whatever their classes. By default only within a class. */
  readonly acrossClasses?: boolean | undefined;
}

/** `test_cfg` of mmdet's single-stage detectors. */
export interface SingleStageOptions extends DenseOptions, Thresholds {
  readonly score: number;
}

/**
 * Returns the detections of a dense head with one sigmoid per class (mmdet's `RetinaHead`): per level the best pairs of
 * anchor and class above the score, NMS per class over all levels.
 *
 * @param scores per level N × (A * classes) × height × width, logits, the class index running fastest
 * @param deltas per level N × (A * 4) × height × width
 * @throws ShapeError if maps and anchors do not fit together, RangeError for a number that is not finite
 */
export function singleStageDetections(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  network: NetworkImage,
  options: SingleStageOptions,
  image = 0,
): Detections {
  return atOnce(singleStageSlices(levels, scores, deltas, network, options, image));
}

/** Does what `singleStageDetections` does in slices. */
export function* singleStageSlices(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  { imageSize, scale }: NetworkImage,
  options: SingleStageOptions,
  image = 0,
): Sliced<Detections> {
  const found = yield* denseCandidates(
    levels,
    scores,
    deltas,
    imageSize,
    { ...options, labels: labelsToScore(options) },
    image,
  );
  yield;
  return singleStageOf(found, scale, options);
}

/** Returns the detections of a dense head for its candidates: NMS on logits, whose order is that of the scores. */
export function singleStageOf(
  found: Pick<Candidates, 'boxes' | 'logits' | 'labels'>,
  scale: Scale | undefined,
  options: Thresholds,
): Detections {
  const { boxes, scores: logits, labels } = suppressed(found.boxes, found.logits, found.labels, scale, options);
  return { boxes, scores: logits.map(sigmoid), labels };
}

/** Returns the labels of the boxes that take part in the suppression: across classes, other classes suppress as well. */
export const labelsToScore = ({ labels, acrossClasses }: Thresholds) => (acrossClasses ? undefined : labels);

/** NMS per class. The reference suppresses in the original's pixels, whose axes may be scaled unequally. */
export function suppressed(
  decoded: Float32Array,
  scores: Float32Array,
  labels: Int32Array,
  scale: Scale | undefined,
  { iou, max, labels: wanted, acrossClasses }: Thresholds,
): Detections {
  const boxes = scale ? toOriginal(decoded, scale) : decoded;
  const kept =
    acrossClasses && wanted
      ? nms(boxes, scores, { iou })
          .filter((i) => wanted.has(labels[i]!))
          .slice(0, max > 0 ? max : undefined)
      : nms(boxes, scores, { iou, classes: acrossClasses ? undefined : labels, max });
  return {
    boxes: takeBoxes(boxes, kept),
    scores: Float32Array.from(kept, (i) => scores[i]!),
    labels: Int32Array.from(kept, (i) => labels[i]!),
  };
}

/** `test_cfg.rcnn` of mmdet. */
export interface SecondStageOptions extends Thresholds {
  readonly coder: BoxCoder;
}

/**
 * Returns the detections of a box head on regions (mmdet's `BBoxHead` and `multiclass_nms`). Every class above the score
 * counts, not only the best one of a region; NMS per class, the best of all classes.
 *
 * @param regions n × xyxy in the network's pixels
 * @param logits n × (classes + 1), the background last; for a cascade the mean of its stages
 * @param deltas n × (classes * 4), or n × 4 of a class-agnostic head
 * @throws ShapeError if the arrays do not fit together, RangeError for a number that is not finite
 */
export function secondStageDetections(
  regions: Float32Array,
  logits: NDArray,
  deltas: NDArray,
  { imageSize, scale }: NetworkImage,
  options: SecondStageOptions,
): Detections {
  const { classes, perRegion } = layoutOf(regions, logits, deltas);
  checkFinite('secondStageDetections', 'regions', regions);
  checkFinite('secondStageDetections', 'logits', logits.data);
  checkFinite('secondStageDetections', 'deltas', deltas.data);
  const columns = classes + 1;
  const probabilities = softmaxRows(logits.data, columns);
  const { score } = options;
  const wanted = labelsToScore(options);
  const candidates: number[] = [];
  for (let i = 0; i < probabilities.length; i++) {
    if (!(probabilities[i]! > score)) continue;
    const label = i % columns;
    if (label !== classes && (!wanted || wanted.has(label))) candidates.push(i);
  }
  const decode = deltaDecoder(options.coder, imageSize);
  const boxes = new Float32Array(4 * candidates.length);
  const scores = Float32Array.from(candidates, (i) => probabilities[i]!);
  const labels = Int32Array.from(candidates, (i) => i % columns);
  for (const [n, i] of candidates.entries()) {
    const region = Math.floor(i / columns);
    const from = region * perRegion + (perRegion === 4 ? 0 : 4 * (i % columns));
    decode(boxes, 4 * n, boxAt(regions, region), deltas.data, from, 1);
  }
  return suppressed(boxes, scores, labels, scale, options);
}

/** How many classes a box head has, and how many deltas per region: 4, or 4 for each class. */
function layoutOf(regions: Float32Array, logits: NDArray, deltas: NDArray) {
  const count = regions.length / 4;
  const columns = logits.data.length > 0 ? logits.data.length / count : 1;
  const perRegion = deltas.data.length > 0 ? deltas.data.length / count : 4;
  if (!Number.isInteger(columns) || (perRegion !== 4 && perRegion !== 4 * (columns - 1))) {
    throw new ShapeError(
      `box head: ${count} regions need logits ${count}×(classes + 1) and deltas ` +
        `${count}×(classes * 4) or ${count}×4, ` +
        `got logits ${logits.shape.join('×')} and deltas ${deltas.shape.join('×')}.`,
    );
  }
  return { classes: columns - 1, perRegion };
}

/**
 * Returns the regions that the next stage of a cascade starts from (Cascade R-CNN, arXiv 1712.00726; mmdet's
 * `regress_by_class`). Each is moved by the deltas of its best class, the background aside. None is dropped, and their
 * order stays.
 *
 * @param regions n × xyxy in the network's pixels
 * @param logits n × (classes + 1), the background last; of equal ones the lower class counts
 * @param deltas n × (classes * 4), or n × 4 of a class-agnostic head
 * @param imageSize the network's image before padding: boxes are clipped to it
 * @throws ShapeError if the arrays do not fit together, RangeError for a number that is not finite
 */
export function refinedRegions(
  regions: Float32Array,
  logits: NDArray,
  deltas: NDArray,
  coder: BoxCoder,
  imageSize: Size,
): Float32Array {
  const { classes, perRegion } = layoutOf(regions, logits, deltas);
  checkFinite('refinedRegions', 'logits', logits.data);
  checkFinite('refinedRegions', 'deltas', deltas.data);
  const decode = deltaDecoder(coder, imageSize);
  const refined = new Float32Array(regions.length);
  for (let i = 0; 4 * i < regions.length; i++) {
    const row = i * (classes + 1);
    const label = perRegion === 4 ? 0 : indexOfHighest(logits.data.subarray(row, row + classes));
    decode(refined, 4 * i, boxAt(regions, i), deltas.data, i * perRegion + 4 * label, 1);
  }
  return refined;
}

/** The index of the highest value, the lowest of equal ones. */
function indexOfHighest(values: Float32Array): number {
  let [index, highest] = [0, -Infinity];
  for (const [i, value] of values.entries()) if (value > highest) [index, highest] = [i, value];
  return index;
}

/** Returns the mean of a cascade's logits, element by element. @throws ShapeError without a stage */
export function meanLogits(stages: readonly NDArray[]): NDArray {
  const [first] = stages;
  if (!first) throw new ShapeError('box head: a mean of logits needs at least one stage, got none.');
  if (stages.length === 1) return first;
  const sum = new Float64Array(first.data.length);
  for (const { data } of stages) {
    data.forEach((value, i) => {
      sum[i]! += value;
    });
  }
  return { shape: first.shape, data: Float32Array.from(sum, (value) => value / stages.length) };
}
