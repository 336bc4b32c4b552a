import { cocoNames } from '../zoo/index.ts';
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

export function cocoResults(result: Result, imageId: number | string): CocoResult[] {
  const ids = categoryIds(result.names);
  return Array.from(result, ({ label, score, box: [x1, y1, x2, y2], mask }) => ({
    image_id: imageId,
    category_id: ids[label] ?? label + 1,
    bbox: [x1, y1, x2 - x1, y2 - y1],
    score,
    ...(mask && { segmentation: mask.toRle() }),
  }));
}

/** Ids between 1 and 90 that COCO's detection set does not use. */
const gaps = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);
const cocoIds = Array.from({ length: 90 }, (_, i) => i + 1).filter((id) => !gaps.has(id));

/** The data set's category ids of a model's labels: COCO's own where the names are COCO's, 1 to n otherwise. */
export function categoryIds(names: readonly string[]): readonly number[] {
  const isCoco = names.length === cocoNames.length && names.every((name, i) => name === cocoNames[i]);
  return isCoco ? cocoIds : names.map((_, i) => i + 1);
}
