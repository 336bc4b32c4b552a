import type { Size } from '../arrays.ts';
import { boxAt, type Scale, takeBoxes } from './boxes.ts';
import type { Detections } from './detections.ts';
import type { CompactMask } from './masks.ts';
import { nms } from './nms.ts';
import type { Window } from './windows.ts';

/** Detections of parts of an image, joined to those of the image. */

/** What is compared with the threshold: the IoU of two boxes (`nms`), or the share of the smaller box that both cover (`ios`). */
export type MergeMethod = 'nms' | 'ios';

/** When two detections are one object, and how many stay. */
export interface MergeOptions {
  readonly merge: MergeMethod;
  /** The worse of two detections of a class is dropped if they share more than this. */
  readonly iou: number;
  /** The most detections. By default no limit. */
  readonly max?: number | undefined;
}

/**
 * Returns the indices of the detections that no inner edge of their part cuts: those whose box ends further from it than the margin. At the
 * edges of the image there is nothing more to see.
 *
 * @param margin in pixels
 */
export function uncut({ boxes, scores }: Detections, part: Window, imageSize: Size, margin: Scale): number[] {
  const left = part.left > 0 ? margin.x : -Infinity;
  const top = part.top > 0 ? margin.y : -Infinity;
  const right = part.left + part.width < imageSize.width ? part.width - margin.x : Infinity;
  const bottom = part.top + part.height < imageSize.height ? part.height - margin.y : Infinity;
  return [...scores.keys()].filter((i) => {
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    return x1 >= left && y1 >= top && x2 <= right && y2 <= bottom;
  });
}

/** Detections in pixels of a part of the image. */
export interface PartDetections {
  readonly part: Window;
  readonly found: Detections;
}

/**
 * Moves detections to their place in the image. Masks stay the crops that they are: no bitmap is made.
 *
 * @returns boxes clipped to the image
 */
export function moved({ boxes, masks, ...rest }: Detections, { top, left }: Window, imageSize: Size): Detections {
  const { height, width } = imageSize;
  const at = boxes.map((value, i) =>
    i % 2 === 0 ? Math.min(Math.max(value + left, 0), width) : Math.min(Math.max(value + top, 0), height),
  );
  const place = (mask: CompactMask): CompactMask => ({
    imageSize,
    left: mask.left + left,
    top: mask.top + top,
    rle: mask.rle,
  });
  return { ...rest, boxes: at, masks: masks?.map(place) };
}

/**
 * Joins detections of parts that overlap, best first; of equal scores the earlier part comes first. The same object in two parts is
 * found twice: the better detection stays.
 *
 * @param parts all with masks, or all without
 */
export function mergeDetections(
  parts: readonly PartDetections[],
  imageSize: Size,
  { merge, iou, max = 0 }: MergeOptions,
): Detections {
  const all = parts.map(({ part, found }) => moved(found, part, imageSize));
  const count = all.reduce((sum, { scores }) => sum + scores.length, 0);
  const boxes = new Float32Array(4 * count);
  const scores = new Float32Array(count);
  const labels = new Int32Array(count);
  let at = 0;
  for (const found of all) {
    boxes.set(found.boxes, 4 * at);
    scores.set(found.scores, at);
    labels.set(found.labels, at);
    at += found.scores.length;
  }
  const kept = nms(boxes, scores, { iou, classes: labels, max, ofSmaller: merge === 'ios' });
  const masks = all.some((found) => found.masks) ? all.flatMap((found) => found.masks ?? []) : undefined;
  return {
    boxes: takeBoxes(boxes, kept),
    scores: Float32Array.from(kept, (i) => scores[i]!),
    labels: Int32Array.from(kept, (i) => labels[i]!),
    masks: masks && Array.from(kept, (i) => masks[i]!),
  };
}
