import { ndarray } from '../../../src/arrays.ts';
import { forEachPastedColumn, fullRle, maskArea, maskBitmap, pasteMask } from '../../../src/postprocess/masks.ts';
import { rleToString } from '../../../src/postprocess/rle.ts';
import { expectTensor, type GoldenCase, GoldenMismatch, inputOf } from '../golden.ts';

/** Compares probability maps pasted into the image: soft values if stored, pixels, run lengths and areas. */
export async function maskPaste(golden: GoldenCase): Promise<void> {
  const { img_size, threshold, rle, area, uncertain_pixels } = golden.json;
  const imageSize = { height: img_size[0], width: img_size[1] };
  const maps = await inputOf(golden, 'masks');
  const boxes = await inputOf(golden, 'boxes');
  const [count = 0, height = 0, width = 0] = maps.shape;
  const pixels = imageSize.height * imageSize.width;
  const soft = new Float32Array(count * pixels);
  const expected = (await golden.stored('binary')).data;
  for (let i = 0; i < count; i++) {
    const map = { height, width, data: maps.data.subarray(i * height * width, (i + 1) * height * width) };
    const box = boxes.data.subarray(4 * i, 4 * i + 4);
    forEachPastedColumn(map, box, imageSize, (x, top, values) => {
      for (const [y, value] of values.entries()) soft[i * pixels + (top + y) * imageSize.width + x] = value;
    });
    const mask = pasteMask(map, box, imageSize, threshold);
    const allowed = uncertain_pixels?.[i] ?? 0;
    const differing = maskBitmap(mask).reduce((sum, bit, at) => sum + (bit === expected[i * pixels + at] ? 0 : 1), 0);
    if (differing > allowed) {
      throw new GoldenMismatch(`binary: mask ${i} differs in ${differing} pixels, ${allowed} are uncertain`);
    }
    if (differing > 0) continue;
    const counts = rleToString(fullRle(mask));
    if (counts !== rle[i].counts) throw new GoldenMismatch(`rle ${i}: "${counts}", expected "${rle[i].counts}"`);
    if (maskArea(mask) !== area[i]) throw new GoldenMismatch(`area ${i}: ${maskArea(mask)}, expected ${area[i]}`);
  }
  if (golden.tensors.has('soft')) {
    await expectTensor(golden, 'soft', ndarray([count, imageSize.height, imageSize.width], soft));
  }
}
