import { checkDetection, instancesOf, type ResultFields } from './fields.ts';
import type { RleText } from './mask.ts';

/** One entry of COCO's results format (`loadRes` of pycocotools takes an array of them). */
export interface CocoResult {
  readonly image_id: number | string;
  readonly category_id: number;
  /** x, y, width, height in pixels of the image. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  readonly score: number;
  /** The mask over the whole image. */
  readonly segmentation?: RleText | undefined;
}

/**
 * The instances in COCO's results format. Category ids are the data set's; without them they count from 1.
 *
 * @throws RangeError if detection did not run
 */
export function cocoResults(result: ResultFields, imageId: number | string): CocoResult[] {
  checkDetection(result);
  const ids = result.dataset?.categoryIds;
  return Array.from(instancesOf(result), ({ label, score, box: [x1, y1, x2, y2], mask }) => ({
    image_id: imageId,
    category_id: ids?.[label] ?? label + 1,
    bbox: [x1, y1, x2 - x1, y2 - y1],
    score,
    segmentation: mask?.toRle(),
  }));
}
