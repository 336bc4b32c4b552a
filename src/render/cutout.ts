import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import type { CompactMask } from '../postprocess/detections.ts';
import { spansOf } from './mask_spans.ts';

/**
 * The pixels of a box, cut out: the smallest crop of whole pixels that holds it. With a mask everything outside the mask is
 * transparent black, so nothing of the background is left in the file; inside, the picture's own alpha stays.
 *
 * @param box x1, y1, x2, y2 in pixels of the picture; the part beyond the picture is cut off.
 * @throws ShapeError where the box covers no pixel of the picture, or the mask belongs to a picture of another size.
 */
export function cropInstance(raster: Raster, box: ArrayLike<number>, mask?: CompactMask): Raster {
  const left = Math.max(0, Math.floor(box[0]!));
  const top = Math.max(0, Math.floor(box[1]!));
  const right = Math.min(raster.width, Math.ceil(box[2]!));
  const bottom = Math.min(raster.height, Math.ceil(box[3]!));
  // written so that NaN counts as nothing
  if (!(right > left && bottom > top)) {
    throw new ShapeError(
      `cropInstance: the box (${Array.from(box, (v) => Number(v.toFixed(2))).join(', ')}) covers no pixel of a picture of ` +
        `${raster.width}×${raster.height}. Boxes are x1, y1, x2, y2 in the picture's pixels.`,
    );
  }
  const width = right - left;
  const height = bottom - top;
  const data = new Uint8ClampedArray(width * height * 4);
  if (!mask) {
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * raster.width + left) * 4;
      data.set(raster.data.subarray(from, from + width * 4), y * width * 4);
    }
    return { width, height, data };
  }
  if (mask.imageSize.width !== raster.width || mask.imageSize.height !== raster.height) {
    throw new ShapeError(
      `cropInstance: the mask belongs to a picture of ${mask.imageSize.width}×${mask.imageSize.height} pixels, this one ` +
        `has ${raster.width}×${raster.height}. Cut from the picture that was predicted.`,
    );
  }
  const spans = spansOf(mask, raster);
  for (let column = 0; column + 1 < spans.offsets.length; column++) {
    const x = spans.left + column;
    if (x < left || x >= right) continue;
    for (let i = spans.offsets[column]!; i < spans.offsets[column + 1]!; i++) {
      const end = Math.min(bottom, spans.ends[i]!);
      for (let y = Math.max(top, spans.starts[i]!); y < end; y++) {
        const from = (y * raster.width + x) * 4;
        data.set(raster.data.subarray(from, from + 4), ((y - top) * width + x - left) * 4);
      }
    }
  }
  return { width, height, data };
}
