import type { NDArray, Size } from '../ndarray.ts';
import type { AnchorLevel } from './anchors.ts';
import { type BoxCoder, type Scale, takeBoxes, toOriginal } from './boxes.ts';
import type { Detections } from './detections.ts';
import { anchorDecoder, bestOfMap, checkHeadMaps, hasSize, limitOf, sigmoid } from './head_maps.ts';
import { nms } from './nms.ts';

/** `test_cfg` of mmdet's single-stage detectors. */
export interface SingleStageOptions {
  readonly classes: number;
  readonly coder: BoxCoder;
  /** How many pairs of anchor and class of a level go on to decoding. */
  readonly nmsPre: number;
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  readonly maxPerImage: number;
  /** Boxes go whose width or height is not greater; negative keeps all. */
  readonly minBoxSize: number;
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
  const { classes, coder, minBoxSize } = options;
  checkHeadMaps(levels, scores, deltas, classes);
  const threshold = logitOf(options.scoreThreshold);
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
      if (!hasSize(decoded, 4 * count, minBoxSize)) continue;
      logits[count] = values[i]!;
      labels[count++] = indices[i]! - anchor * classes;
    }
  });
  // the reference suppresses in the original's pixels, where axes may be scaled unequally
  const boxes = scale ? toOriginal(decoded, scale) : decoded;
  const kept = nms(boxes, logits.subarray(0, count), {
    iouThreshold: options.iouThreshold,
    classes: labels,
    limit: limitOf(options.maxPerImage),
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
