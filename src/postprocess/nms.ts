import { checkFinite, descendingOrder, limitOf } from './scores.ts';

/** The options of non-maximum suppression. */
export interface NmsOptions {
  /** A box is suppressed if its IoU with a better one of its class is greater than this (not equal). */
  readonly iou: number;
  /** One class per box (or the level, for proposals). Boxes of different classes do not suppress each other. */
  readonly classes?: ArrayLike<number> | undefined;
  /** The most boxes to keep; the search ends there. By default, and if it is not positive, there is no limit. */
  readonly max?: number | undefined;
  /** Compares the share of the smaller box that both cover, instead of the IoU. By default false. */
  readonly ofSmaller?: boolean | undefined;
}

/**
 * Non-maximum suppression. Areas are without +1; the IoU of two boxes without area is 0 / 0 and suppresses nothing.
 * Classes are kept apart exactly. The reference moves each class by an offset in float32 instead.
 *
 * @param boxes n × xyxy
 * @param scores n; of equal scores the lower index comes first
 * @returns the indices of the boxes that stay, best first
 * @throws RangeError for a box or score that is not finite
 */
export function nms(
  boxes: Float32Array,
  scores: Float32Array,
  { iou, classes, max = 0, ofSmaller = false }: NmsOptions,
): Uint32Array {
  checkFinite('nms', 'scores', scores);
  checkFinite('nms', 'boxes', boxes);
  const limit = limitOf(max);
  const buckets = bucketsOf(scores.length, classes);
  // the boxes that stay, x1 y1 x2 y2 area, each class in a separate stretch: boxes to compare lie side by side
  const stay = new Float64Array(5 * scores.length);
  const kept: number[] = [];
  for (const index of descendingOrder(scores)) {
    if (kept.length >= limit) break;
    const x1 = boxes[4 * index]!;
    const y1 = boxes[4 * index + 1]!;
    const x2 = boxes[4 * index + 2]!;
    const y2 = boxes[4 * index + 3]!;
    const area = (x2 - x1) * (y2 - y1);
    const bucket = buckets[index]!;
    let suppressed = false;
    for (let at = bucket.start; at < bucket.end; at += 5) {
      // most pairs are apart
      if (stay[at]! >= x2 || stay[at + 2]! <= x1 || stay[at + 1]! >= y2 || stay[at + 3]! <= y1) continue;
      const width = Math.min(x2, stay[at + 2]!) - Math.max(x1, stay[at]!);
      const height = Math.min(y2, stay[at + 3]!) - Math.max(y1, stay[at + 1]!);
      if (!(width > 0 && height > 0)) continue; // an edge before the other: no area
      const both = width * height;
      const other = stay[at + 4]!;
      if (both / (ofSmaller ? Math.min(area, other) : area + other - both) > iou) {
        suppressed = true;
        break;
      }
    }
    if (suppressed) continue;
    const { end } = bucket;
    stay[end] = x1;
    stay[end + 1] = y1;
    stay[end + 2] = x2;
    stay[end + 3] = y2;
    stay[end + 4] = area;
    bucket.end = end + 5;
    kept.push(index);
  }
  return Uint32Array.from(kept);
}

/** The stretch of `stay` that holds the boxes of one class. */
interface Bucket {
  /** How many boxes the class has. */
  size: number;
  start: number;
  end: number;
}

/** Returns the bucket of each box. Each class gets a stretch as long as it has boxes. */
function bucketsOf(count: number, classes: ArrayLike<number> | undefined): Bucket[] {
  const byClass = new Map<number, Bucket>();
  const buckets = Array.from({ length: count }, (_, i) => {
    const key = classes?.[i] ?? 0;
    const bucket = byClass.get(key) ?? { size: 0, start: 0, end: 0 };
    byClass.set(key, bucket);
    bucket.size++;
    return bucket;
  });
  let next = 0;
  for (const bucket of byClass.values()) {
    bucket.start = bucket.end = next;
    next += 5 * bucket.size;
  }
  return buckets;
}
