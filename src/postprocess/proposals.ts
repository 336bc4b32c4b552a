import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { atOnce, type Sliced } from '../slices.ts';
import type { AnchorLevel } from './anchors.ts';
import { type BoxCoder, boxAt, deltaDecoder, takeBoxes } from './boxes.ts';
import { nms } from './nms.ts';
import { type Best, bestOf, checkFinite, limitOf, logitOf, reachedBy, type Selector, sigmoid } from './scores.ts';

/**
 * Dense heads: the RPN's proposals, and the candidates of every head that scores anchors. Maps are N × (A * K) × height ×
 * width and are read where they lie. The references permute them to height, width, A * K first; an index in this file is
 * an index into that order: `(y * width + x) * channels + channel`.
 */

/** How the candidates of a dense head are chosen. */
export interface DenseOptions {
  /** How many classes each anchor is scored for. */
  readonly classes: number;
  readonly coder: BoxCoder;
  /** How many pairs of anchor and class of a level are decoded. No limit if it is not positive. */
  readonly nmsPre: number;
  /** Boxes whose width or height is not greater are dropped; a negative size keeps all. */
  readonly minSize: number;
  /** Candidates have a greater score than this. By default all are candidates. */
  readonly score?: number | undefined;
  /** Candidates have one of these labels: pairs with others take no place in `nmsPre` and are not read. By default all are candidates. */
  readonly labels?: ReadonlySet<number> | undefined;
}

/** Boxes before non-maximum suppression, level by level, best first within a level. */
export interface Candidates {
  /** n × xyxy in the network's pixels */
  readonly boxes: Float32Array;
  readonly logits: Float32Array;
  readonly labels: Int32Array;
  /** The index of the level that each box comes from. */
  readonly levels: Uint8Array;
}

/**
 * Chooses the best pairs of anchor and class of each level, decodes their boxes and clips them to the image.
 *
 * @param scores per level N × (A * classes) × height × width, logits, the class index running fastest
 * @param deltas per level N × (A * 4) × height × width
 * @param imageSize the network's image before padding
 * @throws ShapeError if maps and anchors do not fit together, RangeError for a number that is not finite
 */
export function* denseCandidates(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  imageSize: Size,
  options: DenseOptions,
  image: number,
): Sliced<Candidates> {
  const { classes, coder, nmsPre, minSize, score = 0, labels: wanted } = options;
  // the sigmoid grows with the logit: everything is decided on logits, and only what stays needs a score
  const threshold = logitOf(score);
  const counts = (channel: number) => !wanted || wanted.has(channel % classes);
  // with a threshold, most values are below it
  const isOpen = !(wanted || score > 0);
  const chosen: { best: Best; decode: AnchorDecoder }[] = [];
  for (const level of headLevels(levels, scores, deltas, classes)) {
    const best = yield* bestOfMap(level.scores, image, limitOf(nmsPre), threshold, counts, isOpen);
    chosen.push({ best, decode: anchorDecoder(level.anchors, level.deltas, image, coder, imageSize) });
  }
  const total = chosen.reduce((sum, { best }) => sum + best.indices.length, 0);
  const boxes = new Float32Array(4 * total);
  const logits = new Float32Array(total);
  const labels = new Int32Array(total);
  const levelOf = new Uint8Array(total);
  let count = 0;
  for (const [level, { best, decode }] of chosen.entries()) {
    for (let i = 0; i < best.indices.length; i++) {
      const index = best.indices[i]!;
      const anchor = Math.floor(index / classes);
      const label = index - anchor * classes;
      decode(boxes, 4 * count, anchor);
      if (!hasSize(boxes, count, minSize)) continue;
      logits[count] = best.values[i]!;
      labels[count] = label;
      levelOf[count++] = level;
    }
  }
  return {
    boxes: boxes.subarray(0, 4 * count),
    logits: logits.subarray(0, count),
    labels: labels.subarray(0, count),
    levels: levelOf.subarray(0, count),
  };
}

/**
 * Pairs anchors and maps of each level. Refuses maps that do not belong to the anchors: one pair of maps per level,
 * `classes` scores and 4 deltas per anchor, equal sizes.
 */
function headLevels(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  classes: number,
) {
  if (scores.length !== levels.length || deltas.length !== levels.length) {
    throw new ShapeError(
      `dense head: ${levels.length} anchor levels need as many maps, ` +
        `got ${scores.length} of scores and ${deltas.length} of deltas.`,
    );
  }
  return levels.map((anchors, i) => {
    const level = { anchors, scores: scores[i]!, deltas: deltas[i]! };
    const [batch, channels, ...size] = level.scores.shape;
    const perPosition = anchors.base.length / 4;
    const expected = [batch, perPosition * 4, ...size].join('×');
    if (channels !== perPosition * classes || level.deltas.shape.join('×') !== expected) {
      throw new ShapeError(
        `dense head, level ${i}: ${perPosition} anchors of ${classes} classes need ` +
          `${perPosition * classes} score channels and deltas ${expected}, ` +
          `got scores ${level.scores.shape.join('×')} and deltas ${level.deltas.shape.join('×')}.`,
      );
    }
    return level;
  });
}

/** How many scores are read in a slice: a few milliseconds. */
const scoresPerSlice = 1 << 20;

/**
 * Selects the `limit` best values greater than `threshold` of one image's map; of equal values those of lower index.
 *
 * @param counts tells which channels are read
 * @param isOpen all values are candidates: most need not be offered
 */
function* bestOfMap(
  map: NDArray,
  image: number,
  limit: number,
  threshold: number,
  counts: (channel: number) => boolean,
  isOpen: boolean,
): Sliced<Best> {
  const [, channels = 0, height = 0, width = 0] = map.shape;
  const positions = height * width;
  const first = image * channels * positions;
  const data = map.data.subarray(first, first + channels * positions);
  const best = bestOf(limit, threshold, isOpen ? reachedBy(limit, data) : threshold);
  let read = 0;
  for (let channel = 0; channel < channels; channel++) {
    if (!counts(channel)) continue;
    if (offerPlane(data, positions, channel, channels, best) !== 0) {
      checkFinite('dense head', `scores ${map.shape.join('×')}`, map.data); // throws: it names the value
    }
    read += positions;
    if (read > scoresPerSlice) {
      read = 0;
      yield;
    }
  }
  return best.take();
}

/** Offers the values of one channel. Returns NaN if any is not finite, else 0. */
function offerPlane(data: Float32Array, positions: number, channel: number, channels: number, best: Selector): number {
  let { bar } = best;
  let meaning = 0;
  // four at a time: a sum of one after another would wait for each addition
  for (let position = 0; position < positions; position += 4) {
    const at = channel * positions + position;
    const rest = positions - position;
    const a = data[at]!;
    const b = rest > 1 ? data[at + 1]! : 0;
    const c = rest > 2 ? data[at + 2]! : 0;
    const d = rest > 3 ? data[at + 3]! : 0;
    meaning += (a + b + c + d) * 0;
    if (!(a >= bar || b >= bar || c >= bar || d >= bar)) continue;
    for (let i = 0; i < 4 && i < rest; i++) {
      const value = data[at + i]!;
      if (value >= bar) best.offer(value, (position + i) * channels + channel);
    }
    ({ bar } = best);
  }
  return meaning;
}

/** Writes the box of the level's anchor number `anchor` to `out[at … at + 3]`. */
type AnchorDecoder = (out: Float32Array, at: number, anchor: number) => void;

/** Returns the decoder of single anchors of a level. Only the anchors that are decoded are made. */
function anchorDecoder(
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
  return (out, at, anchor) => {
    const position = Math.floor(anchor / perPosition);
    const a = anchor - position * perPosition;
    const y = Math.floor(position / width);
    const [shiftX, shiftY] = [(position - y * width) * stride.width, y * stride.height];
    const [x1, y1, x2, y2] = boxAt(base, a);
    const plane = (image * channels + 4 * a) * positions;
    decode(out, at, [x1 + shiftX, y1 + shiftY, x2 + shiftX, y2 + shiftY], deltas.data, plane + position, positions);
  };
}

function hasSize(boxes: Float32Array, index: number, minSize: number): boolean {
  if (minSize < 0) return true; // mmdet's default
  const [x1, y1, x2, y2] = boxAt(boxes, index);
  return x2 - x1 > minSize && y2 - y1 > minSize;
}

/** `test_cfg.rpn` of mmdet. */
export interface ProposalOptions extends Omit<DenseOptions, 'classes' | 'score'> {
  /** A proposal is suppressed if its IoU with a better one of its level is greater. */
  readonly iou: number;
  /** The most proposals of all levels. No limit if it is not positive. */
  readonly max: number;
  /** The worse of two proposals is suppressed whatever their levels. By default only within a level. */
  readonly acrossLevels?: boolean | undefined;
}

/** Boxes in which objects of any class may be. */
export interface Proposals {
  /** n × xyxy in the network's pixels, best first */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
}

/**
 * Returns the RPN's proposals for one image of the batch (mmdet's `RPNHead`): the best anchors of each level, decoded and
 * clipped, NMS within each level, the best of all levels.
 *
 * @param scores per level N × A × height × width, logits
 * @param deltas per level N × (A * 4) × height × width
 * @param imageSize the network's image before padding
 * @throws ShapeError if maps and anchors do not fit together, RangeError for a number that is not finite
 */
export function proposalsFrom(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  imageSize: Size,
  options: ProposalOptions,
  image = 0,
): Proposals {
  return atOnce(proposalSlices(levels, scores, deltas, imageSize, options, image));
}

/** Does what `proposalsFrom` does in slices. */
export function* proposalSlices(
  levels: readonly AnchorLevel[],
  scores: readonly NDArray[],
  deltas: readonly NDArray[],
  imageSize: Size,
  { iou, max, acrossLevels, ...options }: ProposalOptions,
  image = 0,
): Sliced<Proposals> {
  const found = yield* denseCandidates(levels, scores, deltas, imageSize, { ...options, classes: 1 }, image);
  yield;
  const kept = nms(found.boxes, found.logits, { iou, classes: acrossLevels ? undefined : found.levels, max });
  return {
    boxes: takeBoxes(found.boxes, kept),
    scores: Float32Array.from(kept, (i) => sigmoid(found.logits[i]!)),
  };
}
