import type { Size } from '../arrays.ts';
import { encodeGrey16Png, encodeIndexedPng } from '../formats/png_write.ts';
import { forEachColumnStretch } from '../postprocess/rle.ts';
import { black, colorFor } from '../render/colors.ts';
import { checkDetection, type ResultFields, type Segmentation } from './fields.ts';

/**
 * A label map as PNG: 8 bits with the data set's colours as palette up to 255 classes, 16-bit grey above. The number of a
 * pixel is its label, and 0 is the first class; 255 (65535 in 16 bits) is a pixel without a class.
 */
export function labelPng({ labels, classes, dataset }: Segmentation, { height, width }: Size): Uint8Array {
  const map = { height, width, labels };
  if (classes.length > 255) return encodeGrey16Png(map);
  return encodeIndexedPng(
    map,
    classes.map((_, label) => colorFor(label, dataset?.colors)),
  );
}

/** Numbers of an 8-bit instance map: 0 is no instance, 255 is left unused. */
const fewInstances = 254;

/**
 * The instance of each pixel: 0 none, 1 the first (best) of the result, and so on. The better one is on top. 8 bits with a
 * colour for each up to 254 instances, 16-bit grey above.
 *
 * @throws RangeError if detection did not run, if the model gives no masks, or if there are more than 65535
 */
export function instancePng(result: ResultFields): Uint8Array {
  checkDetection(result);
  const { masks, image, scores } = result;
  const { length } = scores;
  if (!masks && length > 0) throw new RangeError('the model gives no masks to write.');
  if (length > 65535) throw new RangeError(`the map can number 65535 instances, got ${length}.`);
  const { height, width } = image;
  const labels = length <= fewInstances ? new Uint8Array(height * width) : new Uint16Array(height * width);
  for (const [i, { left, top, rle }] of [...(masks ?? []).entries()].reverse()) {
    forEachColumnStretch(rle, (x, from, to) => {
      for (let y = top + from; y < top + to; y++) labels[y * width + left + x] = i + 1;
    });
  }
  if (length > fewInstances) return encodeGrey16Png({ height, width, labels });
  return encodeIndexedPng({ height, width, labels }, [black, ...Array.from({ length }, (_, i) => colorFor(i))]);
}
