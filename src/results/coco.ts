import type { RleText } from './mask.ts';
import type { Result } from './result.ts';

/** One entry of COCO's results format (`loadRes` of pycocotools takes an array of them). */
export interface CocoResult {
  readonly image_id: number | string;
  readonly category_id: number;
  /** x, y, width, height in the image's pixels. */
  readonly bbox: readonly [number, number, number, number];
  readonly score: number;
  /** The mask over the whole image. */
  readonly segmentation?: RleText;
}

/** The instances in COCO's format. Category ids are those of the data set, or 1 to n if it has none. */
export function cocoResults(result: Result, imageId: number | string): CocoResult[] {
  const ids = result.dataset?.categoryIds;
  return Array.from(result, ({ label, score, box: [x1, y1, x2, y2], mask }) => ({
    image_id: imageId,
    category_id: ids?.[label] ?? label + 1,
    bbox: [x1, y1, x2 - x1, y2 - y1],
    score,
    ...(mask && { segmentation: mask.toRle() }),
  }));
}
