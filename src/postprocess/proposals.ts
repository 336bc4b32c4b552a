import type { NDArray, Size } from '../ndarray.ts';
import type { AnchorLevel } from './anchors.ts';
import { type BoxCoder, takeBoxes } from './boxes.ts';
import { anchorDecoder, bestOfMap, checkHeadMaps, hasSize, limitOf, sigmoid } from './head_maps.ts';
import { nms } from './nms.ts';

/** `test_cfg.rpn` of mmdet. */
export interface ProposalOptions {
  readonly coder: BoxCoder;
  /** How many anchors of a level go on to decoding. */
  readonly nmsPre: number;
  readonly iouThreshold: number;
  readonly maxPerImage: number;
  /** Boxes go whose width or height is not greater; negative keeps all. */
  readonly minBoxSize: number;
}

/** Where objects may be, of whatever class. */
export interface Proposals {
  /** n × xyxy in the network's pixels, best first */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
}

/**
 * The RPN's proposals for one image of the batch (mmdet's `RPNHead`): the best anchors of each level, decoded and
 * clipped, NMS within each level, the best of all levels.
 *
 * @param scores per level N × A × height × width, logits
 * @param deltas per level N × (A * 4) × height × width
 * @param imageSize the network's image before padding
 * @throws ShapeError where maps and anchors do not fit together
 */
export function proposalsFrom(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  imageSize: Size,
  options: ProposalOptions,
  image = 0,
): Proposals {
  checkHeadMaps(levels, scores, deltas, 1);
  const { coder, minBoxSize } = options;
  // the sigmoid grows with the logit: everything is decided on logits, only what stays needs a score
  const best = scores.map((map) => bestOfMap(map, image, limitOf(options.nmsPre)));
  const total = best.reduce((sum, { indices }) => sum + indices.length, 0);
  const boxes = new Float32Array(4 * total);
  const logits = new Float32Array(total);
  const levelOf = new Uint8Array(total);
  let count = 0;
  best.forEach(({ values, indices }, level) => {
    const decode = anchorDecoder(levels[level]!, deltas[level]!, image, coder, imageSize);
    for (let i = 0; i < indices.length; i++) {
      decode(boxes, 4 * count, indices[i]!);
      if (!hasSize(boxes, 4 * count, minBoxSize)) continue;
      logits[count] = values[i]!;
      levelOf[count++] = level;
    }
  });
  const kept = nms(boxes, logits.subarray(0, count), {
    iouThreshold: options.iouThreshold,
    classes: levelOf,
    limit: limitOf(options.maxPerImage),
  });
  return { boxes: takeBoxes(boxes, kept), scores: Float32Array.from(kept, (i) => sigmoid(logits[i]!)) };
}
