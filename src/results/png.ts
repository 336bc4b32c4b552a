import type { Size } from '../arrays.ts';
import { encodeGrey16Png, encodeIndexedPng } from '../formats/png_labels.ts';
import { forEachColumnStretch } from '../postprocess/rle.ts';
import { black, colorFor } from '../render/colors.ts';
import type { Result, Segmentation } from './result.ts';

/**
 * A label map as PNG: up to 255 classes 8 bits with the data set's colours as palette, above that 16-bit grey. A pixel's
 * number is its label, and 0 is the first class; 255 (65535 in 16 bits) is a pixel without a class.
 */
export function labelPng({ labels, names, dataset }: Segmentation, { height, width }: Size): Uint8Array {
  const map = { height, width, labels };
  if (names.length > 255) return encodeGrey16Png(map);
  return encodeIndexedPng(
    map,
    names.map((_, label) => colorFor(label, dataset?.colors)),
  );
}

/** Numbers of an 8-bit instance map: 0 is none, 255 is left to mean nothing. */
const fewInstances = 254;

/**
 * Which instance each pixel shows: 0 none, 1 the first (best) of the result, and so on; where masks overlap, the better one.
 * 8 bits with a colour for each up to 254 instances, above that 16-bit grey.
 *
 * @throws RangeError where the model gives no masks, or there are more than 65535
 */
export function instancePng(result: Result): Uint8Array {
  const { masks, imageSize, length } = result;
  if (!masks && length > 0) throw new RangeError('the model gives no masks to write.');
  if (length > 65535) throw new RangeError(`a map holds 65535 instances, not ${length}.`);
  const { height, width } = imageSize;
  const labels = length <= fewInstances ? new Uint8Array(height * width) : new Uint16Array(height * width);
  for (let i = length - 1; i >= 0; i--) {
    const { left, top, rle } = masks![i]!;
    forEachColumnStretch(rle, (x, from, to) => {
      for (let y = top + from; y < top + to; y++) labels[y * width + left + x] = i + 1;
    });
  }
  if (length > fewInstances) return encodeGrey16Png({ height, width, labels });
  return encodeIndexedPng({ height, width, labels }, [black, ...Array.from({ length }, (_, i) => colorFor(i))]);
}
