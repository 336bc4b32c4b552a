import type { Size } from '../arrays.ts';
import { fillPolygons } from '../postprocess/polygons.ts';
import { type Rle, rleFromString, rleOf } from '../postprocess/rle.ts';
import type { CocoSegmentation } from './coco_file.ts';

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
