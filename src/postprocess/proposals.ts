import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { AnchorLevel } from './anchors.ts';
import { type BoxCoder, deltaDecoder, takeBoxes } from './boxes.ts';
import { nms } from './nms.ts';
import { type Best, bestOf } from './order.ts';

/**
 * Reading the maps of dense heads, N × (A * K) × height × width, where they lie. The references permute them to H, W, A
 * * K first; an index here is an index into that order: `(y * width + x) * channels + channel`.
 */

/** The `limit` best values greater than `threshold` of one image's map; of equal values those of lower index. */
export function bestOfMap(map: NDArray, image: number, limit: number, threshold = -Infinity): Best {
  const [, channels = 0, height = 0, width = 0] = map.shape;
  const positions = height * width;
  const first = image * channels * positions;
  const { data } = map;
  const best = bestOf(limit, threshold);
  let { bar } = best;
  for (let channel = 0; channel < channels; channel++) {
    const plane = first + channel * positions;
    for (let position = 0; position < positions; position++) {
      const value = data[plane + position]!;
      if (value >= bar) {
        best.offer(value, position * channels + channel);
        ({ bar } = best);
      }
    }
  }
  return best.take();
}

/** Writes the box of the level's anchor number `anchor` to `out[at … at + 3]`. */
export type AnchorDecoder = (out: Float32Array, at: number, anchor: number) => void;

/**
 * Decodes single anchors of a level from its delta map, N × (A * 4) × height × width; anchors are made where they are
 * needed.
 */
export function anchorDecoder(
  { stride, base }: AnchorLevel,
  deltas: NDArray,
  image: number,
  coder: BoxCoder,
  clip: Size,
): AnchorDecoder {
  const decode = deltaDecoder(coder, clip);
  const [, channels = 0, height = 0, width = 0] = deltas.shape;
  const perPosition = base.length / 4;
  const positions = height * width;
  const first = image * channels * positions;
  const { data } = deltas;
  const box = new Float64Array(4);
  return (out, at, anchor) => {
    const position = Math.floor(anchor / perPosition);
    const a = anchor - position * perPosition;
    const y = Math.floor(position / width);
    const shiftX = (position - y * width) * stride.width;
    const shiftY = y * stride.height;
    box[0] = base[4 * a]! + shiftX;
    box[1] = base[4 * a + 1]! + shiftY;
    box[2] = base[4 * a + 2]! + shiftX;
    box[3] = base[4 * a + 3]! + shiftY;
    const plane = first + 4 * a * positions + position;
    decode(
      out,
      at,
      box,
      0,
      data[plane]!,
      data[plane + positions]!,
      data[plane + 2 * positions]!,
      data[plane + 3 * positions]!,
    );
  };
}

/**
 * Refuses maps that do not belong to the anchors: one pair of maps per level, `classes` scores and 4 deltas per anchor,
 * equal sizes.
 */
export function checkHeadMaps(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  classes: number,
): void {
  if (scores.length !== levels.length || deltas.length !== levels.length) {
    throw new ShapeError(
      `dense head: ${levels.length} anchor levels need as many maps, ` +
        `got ${scores.length} of scores and ${deltas.length} of deltas.`,
    );
  }
  levels.forEach(({ base }, i) => {
    const [batch, channels, ...size] = scores[i]!.shape;
    const anchors = base.length / 4;
    const expected = [batch, anchors * 4, ...size].join('×');
    if (channels !== anchors * classes || deltas[i]!.shape.join('×') !== expected) {
      throw new ShapeError(
        `dense head, level ${i}: ${anchors} anchors of ${classes} classes need ` +
          `${anchors * classes} score channels and deltas ${expected}, ` +
          `got scores ${scores[i]!.shape.join('×')} and deltas ${deltas[i]!.shape.join('×')}.`,
      );
    }
  });
}

/** A box counts when both sides are longer than `minSize`; a negative size (mmdet's default) lets all count. */
export function hasSize(boxes: Float32Array, at: number, minSize: number): boolean {
  if (minSize < 0) return true;
  return boxes[at + 2]! - boxes[at]! > minSize && boxes[at + 3]! - boxes[at + 1]! > minSize;
}

/** mmdet writes "no limit" as a number that is not positive. */
export function limitOf(count: number): number {
  return count > 0 ? count : Infinity;
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** `test_cfg.rpn` of mmdet. */
export interface ProposalOptions {
  readonly coder: BoxCoder;
  /** How many anchors of a level go on to decoding. */
  readonly nmsPre: number;
  readonly iou: number;
  readonly max: number;
  /** Boxes go whose width or height is not greater; negative keeps all. */
  readonly minSize: number;
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
  const { coder, minSize } = options;
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
      if (!hasSize(boxes, 4 * count, minSize)) continue;
      logits[count] = values[i]!;
      levelOf[count++] = level;
    }
  });
  const kept = nms(boxes, logits.subarray(0, count), {
    iou: options.iou,
    classes: levelOf,
    limit: limitOf(options.max),
  });
  return { boxes: takeBoxes(boxes, kept), scores: Float32Array.from(kept, (i) => sigmoid(logits[i]!)) };
}
