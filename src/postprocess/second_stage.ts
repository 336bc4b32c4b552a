import { ShapeError } from '../errors.ts';
import type { NDArray } from '../ndarray.ts';
import { type BoxCoder, deltaDecoder, takeBoxes, toOriginal } from './boxes.ts';
import type { Detections } from './detections.ts';
import { limitOf } from './head_maps.ts';
import { nms } from './nms.ts';
import type { NetworkImage } from './single_stage.ts';

/** `test_cfg.rcnn` of mmdet. */
export interface SecondStageOptions {
  readonly coder: BoxCoder;
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  readonly maxPerImage: number;
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
    if (at % columns !== classes && probabilities[at]! > options.scoreThreshold) candidates.push(at);
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
    iouThreshold: options.iouThreshold,
    classes: labels,
    limit: limitOf(options.maxPerImage),
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
