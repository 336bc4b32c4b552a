import { descendingOrder } from './order.ts';

/** Of non-maximum suppression. */
export interface NmsOptions {
  /** A box goes when its IoU with a better one of its class is greater than this (not equal). */
  readonly iou: number;
  /** One class per box (or the level, for proposals); boxes of different classes leave each other alone. */
  readonly classes?: ArrayLike<number>;
  /** How many boxes are wanted at most; the search ends there. */
  readonly limit?: number;
}

/**
 * Non-maximum suppression. Areas are without +1; the IoU of two boxes without area is 0 / 0 and suppresses nothing.
 * Classes are kept apart exactly, where the reference moves each class by an offset in float32.
 *
 * @param boxes n × xyxy
 * @param scores n; equal scores keep the lower index in front
 * @returns the indices of the boxes that stay, best first
 */
export function nms(boxes: Float32Array, scores: Float32Array, options: NmsOptions): Uint32Array {
  const { iou: most, classes, limit = Infinity } = options;
  const order = descendingOrder(scores);
  const { bucketOf, starts } = buckets(scores.length, classes);
  const ends = starts.slice();
  // the boxes that stay, x1 y1 x2 y2 area, each class in its own stretch: what is compared lies side by side
  const stay = new Float64Array(5 * scores.length);
  const kept: number[] = [];
  for (const index of order) {
    if (kept.length >= limit) break;
    const x1 = boxes[4 * index]!;
    const y1 = boxes[4 * index + 1]!;
    const x2 = boxes[4 * index + 2]!;
    const y2 = boxes[4 * index + 3]!;
    const area = (x2 - x1) * (y2 - y1);
    const bucket = bucketOf[index]!;
    const end = 5 * ends[bucket]!;
    let suppressed = false;
    for (let at = 5 * starts[bucket]!; at < end; at += 5) {
      const width = Math.min(x2, stay[at + 2]!) - Math.max(x1, stay[at]!);
      if (!(width > 0)) continue;
      const height = Math.min(y2, stay[at + 3]!) - Math.max(y1, stay[at + 1]!);
      if (!(height > 0)) continue;
      const both = width * height;
      if (both / (area + stay[at + 4]! - both) > most) {
        suppressed = true;
        break;
      }
    }
    if (suppressed) continue;
    stay[end] = x1;
    stay[end + 1] = y1;
    stay[end + 2] = x2;
    stay[end + 3] = y2;
    stay[end + 4] = area;
    ends[bucket]!++;
    kept.push(index);
  }
  return Uint32Array.from(kept);
}

/** Numbers the classes from 0 and gives each a stretch as long as it has boxes. */
function buckets(count: number, classes: ArrayLike<number> | undefined) {
  const bucketOf = new Uint32Array(count);
  const sizes: number[] = [];
  if (!classes) sizes.push(count);
  else {
    const numbers = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      let bucket = numbers.get(classes[i]!);
      if (bucket === undefined) {
        bucket = sizes.length;
        numbers.set(classes[i]!, bucket);
        sizes.push(0);
      }
      bucketOf[i] = bucket;
      sizes[bucket]!++;
    }
  }
  const starts = new Uint32Array(sizes.length);
  for (let bucket = 1; bucket < sizes.length; bucket++) starts[bucket] = starts[bucket - 1]! + sizes[bucket - 1]!;
  return { bucketOf, starts };
}
