import type { Size } from '../arrays.ts';
import { fillPolygons } from '../postprocess/polygons.ts';
import { type Rle, rleFromString, rleOf } from '../postprocess/rle.ts';
import type { CocoSegmentation } from './coco_file.ts';
import type { LabelledObject } from './image_set.ts';

/** COCO's spellings of boxes, masks and keypoints, read as what the rest of the package computes with. */

/** A box as COCO writes it, in pixels. */
export type Xywh = readonly [x: number, y: number, width: number, height: number];

/** Tells whether there is a mask: an empty list of polygons is none. */
export const hasMask = (segmentation: CocoSegmentation | undefined): segmentation is CocoSegmentation =>
  segmentation !== undefined && ('counts' in segmentation || segmentation.length > 0);

/**
 * Returns COCO's segmentation as runs: polygons are filled as COCO does and united; runs in either spelling keep the size
 * that they state.
 *
 * @param size of the image, which polygons do not state
 * @throws ShapeError or ImageError for what `parseCocoFile` refuses
 */
export function rleOfSegmentation(segmentation: CocoSegmentation, size: Size): Rle {
  if (!('counts' in segmentation)) return fillPolygons(segmentation, size);
  const { counts, size: stated } = segmentation;
  const own = { height: stated[0], width: stated[1] };
  return typeof counts === 'string' ? rleFromString(counts, own) : rleOf(counts, own);
}

/** Returns COCO's flat list x, y, visibility, … keypoint by keypoint. */
export const keypointTriples = (flat: readonly number[]): NonNullable<LabelledObject['keypoints']> =>
  Array.from({ length: Math.floor(flat.length / 3) }, (_, i) => [flat[3 * i]!, flat[3 * i + 1]!, flat[3 * i + 2]!]);

/** The least score of a keypoint that is shown, as mmpose draws them. */
const leastScore = 0.3;

/** Returns the keypoints of a result as they are shown. The third number is a score, or a visibility of 0, 1 or 2; guesses get 0. */
export const shownTriples = (flat: readonly number[]): NonNullable<LabelledObject['keypoints']> =>
  keypointTriples(flat).map(([x, y, score]) => [x, y, score < leastScore ? 0 : 2]);
